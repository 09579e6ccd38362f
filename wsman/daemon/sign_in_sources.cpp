#include "wsman/daemon/sign_in_sources.hpp"

#include <spdlog/spdlog.h>

namespace wsvirt::wsman {

SignInSources::SignInSources(const Config& config)
    : users_(std::make_shared<UserFileAuthenticator>(config.auth.users_file)),
      known_version_(users_->version()) {
    std::vector<std::shared_ptr<Authenticator>> sources{users_};
    if (config.pam.enabled)
        sources.push_back(std::make_shared<PamAuthenticator>(
            PamSettings{config.pam.service, config.pam.config_dir, config.pam.groups, config.pam.users}));
    const auto& a = config.auth;
    SignInSettings settings;
    settings.realm = a.realm;
    settings.remember = a.remember;
    settings.remember_connection = a.remember_connection;
    settings.remembered = a.remembered;
    settings.threads = a.threads;
    settings.queue = a.queue;
    settings.failures.burst = a.failures;
    settings.failures.refill = a.failure_refill;
    settings.failures.first_delay = a.failure_delay;
    settings.failures.longest_delay = a.longest_failure_delay;
    sign_in_ = std::make_unique<SignIn>(std::move(sources), settings);
}

void SignInSources::refresh() {
    std::string problem;
    users_->refresh(&problem);
    if (users_->version() == known_version_) return;  // a sign-in may have read the file before us
    known_version_ = users_->version();
    sign_in_->forget_all();
    if (problem.empty())
        spdlog::info("wsvirt.users.read the user file changed");
    else
        spdlog::error("wsvirt.users.file {}", problem);
}

void SignInSources::reload() {
    refresh();
    sign_in_->forget_all();
}

}  // namespace wsvirt::wsman
