// TLS for listeners: one immutable OpenSSL context per certificate set. Connections keep the context that
// they began with; a reload makes a new one for those that come later. TLS 1.2 and 1.3 only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.hpp"

struct ssl_ctx_st;

namespace wsvirt::wsman {

struct TlsFiles {
    std::filesystem::path certificate;    // PEM, the chain from the server's own certificate on
    std::filesystem::path key;            // PEM
    std::string minimum_version = "1.2";  // or "1.3"
    bool operator==(const TlsFiles&) const = default;
};

class TlsContext {
  public:
    // Errors: failed, with OpenSSL's message; subject = the file.
    static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ssl_ctx_st* native() const { return context_; }

  private:
    explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
    ssl_ctx_st* context_;
};

}  // namespace wsvirt::wsman
