// What a connection decides once it has a request's header: is there such a route, who asks, and may the body
// come. The cheap and telling refusals come first; nothing of the body is read before sign-in.
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include "base/text.hpp"
#include "wsman/auth/basic.hpp"
#include "wsman/http/connection.hpp"
#include "wsman/http/response.hpp"

namespace wsvirt::wsman {

namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

}  // namespace

bool Connection::basic_allowed() const {
    return stream_.is_tls() || listener_->settings.allow_basic || peer_.loopback;
}

HttpResponse Connection::challenge(unsigned status, std::string_view text) const {
    if (!basic_allowed())
        return refusal(403, "Passwords are not taken over unencrypted HTTP here; use the https:// address.");
    auto response = refusal(status, text);
    std::string realm = "Basic realm=\"";
    for (const char c : shared_.sign_in.settings().realm)
        if (c != '"' && c != '\\') realm += c;
    response.headers.emplace_back("WWW-Authenticate", realm + "\", charset=\"UTF-8\"");
    return response;
}

Connection::Verdict Connection::judge() {
    route_ = shared_.find_route(parser_->path());
    if (!route_) return {refusal(404, "There is no service at this path; WS-Management is at /wsman.")};
    const auto& request = parser_->request();
    const auto& methods = route_->methods;
    if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
        auto response = refusal(405, "Use " + joined(methods) + " here.");
        response.headers.emplace_back("Allow", joined(methods));
        return {response};
    }
    // A browser says with Origin that a page of somebody sends this, with the passwords that it keeps.
    if (!request.header("Origin").empty())
        return {refusal(403, "Pages in a browser cannot use this service; use a WS-Management client.")};
    return judge_sign_in();
}

Connection::Verdict Connection::judge_sign_in() {
    auto& request = parser_->request();
    const auto authorization = request.header("Authorization");
    if (authorization.empty()) {
        if (route_->handler->allows_anonymous(request)) return {};
        // A body that would be refused with sign-in too is refused at once.
        if (parser_->content_length().value_or(0) > shared_.settings.limits.body_bytes)
            return judge_content();
        return {challenge(401, "Sign in to use this service.")};
    }
    if (!basic_allowed()) return {challenge(401, {})};
    if (!iequals(scheme_of(authorization), "Basic"))
        return {challenge(401, "This scheme of sign-in is not offered here; use Basic.")};
    digest_ = shared_.sign_in.digest(authorization);
    if (remembered_ && remembered_->generation == shared_.sign_in.generation() &&
        same_digest(remembered_->digest, digest_) && phase_since_ < remembered_->until) {
        request.identity = remembered_->who;
        return {};
    }
    remembered_.reset();
    const auto generation = shared_.sign_in.generation();
    if (auto who = shared_.sign_in.remembered(digest_)) {
        request.identity = *who;
        remembered_ = Remembered{digest_, *who, generation,
                                 Clock::now() + shared_.sign_in.settings().remember_connection};
        return {};
    }
    authorization_ = authorization;
    Verdict verdict;
    verdict.must_verify = true;
    return verdict;
}

// Whoever answers sees who asks, never with what.
void Connection::drop_credentials() {
    auto& headers = parser_->request().headers;
    for (auto& [name, value] : headers)
        if (iequals(name, "Authorization")) {
            OPENSSL_cleanse(value.data(), value.size());
            value.clear();
        }
}

Task<void> Connection::verify_sign_in(Verdict& verdict) {
    using Kind = SignIn::Outcome::Kind;
    verdict.must_verify = false;
    outcome_.reset();
    set_phase(Phase::handling, std::chrono::milliseconds::max());
    const auto generation = shared_.sign_in.generation();
    shared_.sign_in.verify(digest_, std::move(authorization_), peer_.address,
                           [self = shared_from_this()](SignIn::Outcome outcome) mutable {
                               Connection::signed_in(std::move(self), std::move(outcome));
                           });
    authorization_.clear();
    while (!outcome_ && !aborted_) co_await pause(std::chrono::milliseconds::max());
    if (!outcome_) co_return;
    switch (outcome_->kind) {
        case Kind::accepted:
            parser_->request().identity = *outcome_->who;
            remembered_ = Remembered{digest_, *outcome_->who, generation,
                                     Clock::now() + shared_.sign_in.settings().remember_connection};
            co_return;
        case Kind::denied:
            verdict.refusal = challenge(401, "The user name or the password is wrong.");
            verdict.delay = outcome_->wait;
            co_return;
        case Kind::blocked: {
            const auto seconds = std::chrono::ceil<std::chrono::seconds>(outcome_->wait).count();
            verdict.refusal = refusal(429, "There were too many failed sign-ins from this address; wait " +
                                               std::to_string(seconds) + " s.");
            verdict.refusal->headers.emplace_back("Retry-After", std::to_string(seconds));
            co_return;
        }
        case Kind::busy:
            verdict.refusal = refusal(503, "Too many sign-ins are being checked; try again later.");
            verdict.refusal->headers.emplace_back("Retry-After", "2");
            co_return;
        case Kind::broken:
            verdict.refusal = refusal(503, "Sign-in does not work at the moment; see the server's log.");
            co_return;
    }
}

Connection::Verdict Connection::judge_content() {
    const auto& request = parser_->request();
    const auto& limits = shared_.settings.limits;
    const auto coding = trim(request.header("Content-Encoding"));
    if (!coding.empty() && !iequals(coding, "identity"))
        return {refusal(415, "Send the body without Content-Encoding.")};
    if (istarts_with(trim(request.header("Content-Type")), "multipart/related"))
        return {refusal(415, "Attachments (multipart/related) are not taken; send a plain SOAP envelope.")};
    const auto most = request.identity ? limits.body_bytes : limits.anonymous_body_bytes;
    if (const auto length = parser_->content_length(); length && *length > most) {
        count_size(413);
        return {refusal(413, "The request's body is larger than " + std::to_string(most) + " bytes.")};
    }
    parser_->limit_body(most);
    return {};
}

void Connection::log_answer(const HttpResponse& response) const {
    if (!spdlog::should_log(spdlog::level::debug)) return;
    spdlog::debug("wsvirt.http.answer connection={:x} request={:x} peer={} status={} bytes={}", id_,
                  requests_, peer_.text, response.status, response.body.size());
}

}  // namespace wsvirt::wsman
