#include "wsman/auth/pam.hpp"

#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace wsvirt::wsman {

namespace {

// Answers every question without echo with the password; a module that asks for more gets nothing.
int converse(int count, const pam_message** messages, pam_response** responses, void* password) {
    if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    auto* answers =
        static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    if (!answers) return PAM_BUF_ERR;
    for (int i = 0; i < count; ++i)
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            answers[i].resp = ::strdup(static_cast<const std::string*>(password)->c_str());
    *responses = answers;
    return PAM_SUCCESS;
}

Error refused() {
    return {Status::access_denied, "wsvirt.auth.denied", "The user name or the password is wrong."};
}

std::optional<Role> role_by_groups(const std::string& user, const std::map<std::string, Role>& group_roles) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16 * 1024);
    if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
        return std::nullopt;
    int count = 256;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(user.c_str(), entry.pw_gid, groups.data(), &count) < 0) {
        groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(user.c_str(), entry.pw_gid, groups.data(), &count) < 0) return std::nullopt;
    }
    groups.resize(static_cast<std::size_t>(count));
    std::optional<Role> best;
    for (const auto& [name, role] : group_roles) {
        group about{};
        group* hit = nullptr;
        std::vector<char> room(64 * 1024);
        if (::getgrnam_r(name.c_str(), &about, room.data(), room.size(), &hit) != 0 || !hit) continue;
        if (std::find(groups.begin(), groups.end(), about.gr_gid) == groups.end()) continue;
        if (!best || role > *best) best = role;
    }
    return best;
}

}  // namespace

Result<Identity> PamAuthenticator::check(std::string_view user_text, std::string_view password_text) {
    const std::string user(user_text);
    std::string password(password_text);
    const pam_conv conversation{converse, &password};
    pam_handle_t* handle = nullptr;
    int code = settings_.folder.empty()
                   ? pam_start(settings_.service.c_str(), user.c_str(), &conversation, &handle)
                   : pam_start_confdir(settings_.service.c_str(), user.c_str(), &conversation,
                                       settings_.folder.c_str(), &handle);
    if (code != PAM_SUCCESS)
        return Error{Status::failed, "wsvirt.auth.pam", "PAM cannot start; check the service's file.",
                     settings_.service, pam_strerror(handle, code)};
    pam_fail_delay(handle, 0);  // the caller delays, without a thread waiting
    code = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (code == PAM_SUCCESS) code = pam_acct_mgmt(handle, PAM_SILENT);
    pam_end(handle, code);
    ::explicit_bzero(password.data(), password.size());
    if (code == PAM_ABORT || code == PAM_SYSTEM_ERR || code == PAM_AUTHINFO_UNAVAIL)
        return Error{Status::failed, "wsvirt.auth.pam", "PAM cannot check the password.", settings_.service,
                     pam_strerror(nullptr, code)};
    if (code != PAM_SUCCESS) return refused();
    const auto by_name = settings_.user_roles.find(user);
    const auto role = by_name != settings_.user_roles.end() ? std::optional(by_name->second)
                                                            : role_by_groups(user, settings_.group_roles);
    if (!role) return refused();
    return make_identity(user, *role);
}

}  // namespace wsvirt::wsman
