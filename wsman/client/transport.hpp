// One connection to a WS-Man server, over gSOAP's HTTP client: TLS 1.2 or newer with the server's name and
// certificate checked, Basic sign-in, keep-alive. Used by one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace wsvirt::client {

struct Connection {
    std::string url = "https://localhost:5986/wsman";
    std::string user;  // "" sends no credentials
    std::string password;
    std::string ca_file;               // "" = the system's
    bool insecure = false;             // do not check the server's certificate
    std::chrono::seconds timeout{60};  // for connecting, and for each answer beyond the operation's own time
};

enum class Headers { usual, unauthenticated_identify };

class Transport {
  public:
    virtual ~Transport() = default;
    // Posts an envelope and gives the answer's body, also when the answer is a SOAP fault. Errors:
    // unavailable (no connection, TLS), access_denied (HTTP 401, 403), timed_out, failed (other HTTP codes).
    virtual Result<std::string> post(const std::string& envelope, Headers headers) = 0;
};

std::unique_ptr<Transport> make_transport(Connection c);

}  // namespace wsvirt::client
