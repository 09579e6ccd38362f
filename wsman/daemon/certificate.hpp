// The self-signed TLS certificate that is made at first start, for whoever brings none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::wsman {

struct CertificateNames {
    std::vector<std::string> dns;  // the first is the subject's common name
    std::vector<std::string> ip;
};

// `host` (and its fully qualified form where the resolver knows one), localhost, the addresses of every
// interface that is up.
CertificateNames names_of_this_machine(const std::string& host);

// EC P-256, for ten years. The key has mode 0600; both files are replaced as a whole. Errors: failed.
Result<void> make_self_signed(const CertificateNames& names, const std::filesystem::path& certificate,
                              const std::filesystem::path& key);

// Makes the pair where it is absent. True when it did. Errors: failed.
Result<bool> ensure_certificate(const std::string& host, const std::filesystem::path& certificate,
                                const std::filesystem::path& key);

// SHA-256 of the certificate, "AB:CD:..."; "" when it cannot be read.
std::string fingerprint(const std::filesystem::path& certificate);

}  // namespace wsvirt::wsman
