// Bytes of a connection in, one HttpRequest out (RFC 9112, on Boost.Beast's parser). Stops at the end of the
// header, so that the caller can decide about sign-in and the body's limit before any body is taken in.
// One parser per request; not thread safe. What Beast lets through but is ambiguous between two servers
// (repeated singular headers, transfer codings besides chunked, no Host) is refused here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "wsman/http/message.hpp"

namespace wsvirt::wsman {

class RequestParser {
  public:
    enum class State : std::uint8_t { header, body, complete, failed };

    explicit RequestParser(std::uint32_t header_limit);
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    // Takes what it can from `bytes` and says how much; stops once when the header is complete. The rest must
    // come again, with more behind it.
    std::size_t feed(std::string_view bytes);
    State state() const;
    bool begun() const;  // something of the request was taken in

    // After a failure: the answer's status and a sentence for the person at the client.
    unsigned error_status() const;
    std::string_view error_text() const;

    // From the end of the header on.
    HttpRequest& request();
    std::string_view path() const;  // of the target, without query, scheme and authority
    std::optional<std::uint64_t> content_length() const;
    bool expects_continue() const;
    bool keep_alive() const;
    void limit_body(std::uint64_t bytes);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::wsman
