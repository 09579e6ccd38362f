// What passes between the HTTP room and those who answer: plain values, no Beast types, so that the rest of
// wsman compiles without it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/identity.hpp"

namespace wsvirt::wsman {

struct HttpRequest {
    std::string method;  // "POST", "M-POST"
    std::string target;  // path as sent
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  // as it came, decoded from chunks
    std::string peer;  // "127.0.0.1:1234"
    bool tls = false;
    std::optional<Identity> identity;  // absent only where the route allows it (unauthenticated Identify)
    std::string request_id;
    std::stop_token stop;  // the connection is gone or the server stops

    std::string_view header(std::string_view name) const;  // first one, "" when absent; name without case
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type;  // "" = none
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool close = false;
};

// One per route. handle() is called on an I/O thread and must not block: what may block goes to `pool`
// and calls done() from there. done() is called exactly once, from any thread.
class HttpHandler {
  public:
    virtual ~HttpHandler() = default;
    using Done = std::function<void(HttpResponse)>;
    virtual void handle(std::shared_ptr<const HttpRequest> request, Done done) = 0;
    // Whether a request may be answered without sign-in (Identify with WSMANIDENTIFY: unauthenticated).
    // Sees the request without identity; the body is at most the pre-login limit then.
    virtual bool allows_anonymous(const HttpRequest& request) const = 0;
};

// Bounded pool for blocking calls. post() is false when the queue is full (answer: quota fault / 503).
class WorkPool {
  public:
    virtual ~WorkPool() = default;
    virtual bool post(std::function<void()> work) = 0;
};

}  // namespace wsvirt::wsman
