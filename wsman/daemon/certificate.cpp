#include "wsman/daemon/certificate.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(X509* p) const { X509_free(p); }
    void operator()(BIO* p) const { BIO_free_all(p); }
    void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
    void operator()(BIGNUM* p) const { BN_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Error openssl_error(const std::string& what) {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    return {Status::failed,
            "wsvirt.tls.make",
            "The TLS certificate cannot be made: " + what + ".",
            {},
            text.data()};
}

Error system_error(const fs::path& file) {
    return {Status::failed, "wsvirt.tls.write", "The TLS certificate cannot be written.", file.string(),
            std::strerror(errno)};
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_random_serial(X509* certificate) {
    const Owned<BIGNUM> number(BN_new());
    return number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

Result<Owned<X509>> self_signed(const CertificateNames& names, EVP_PKEY* key) {
    Owned<X509> certificate(X509_new());
    if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
        !set_random_serial(certificate.get()))
        return openssl_error("no memory or no random numbers");
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 3650, 0, nullptr);
    auto* subject = X509_get_subject_name(certificate.get());
    const std::string common =
        (names.dns.empty() ? std::string("localhost") : names.dns.front()).substr(0, 64);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_set_pubkey(certificate.get(), key);
    std::string alternatives;
    for (const auto& name : names.dns) alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
    for (const auto& address : names.ip) alternatives += (alternatives.empty() ? "IP:" : ",IP:") + address;
    if (!add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature") ||
        !add_extension(certificate.get(), NID_ext_key_usage, "serverAuth") ||
        !add_extension(certificate.get(), NID_subject_key_identifier, "hash") ||
        !add_extension(certificate.get(), NID_subject_alt_name, alternatives))
        return openssl_error("a name is not acceptable");
    if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) return openssl_error("it cannot be signed");
    return certificate;
}

Result<void> write_whole(const fs::path& file, const Owned<BIO>& content, mode_t mode) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(content.get(), &data);
    const std::string fresh = file.string() + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return system_error(fresh);
    const bool whole = ::write(fd, data, static_cast<std::size_t>(size)) == size && ::fsync(fd) == 0;
    ::close(fd);
    if (!whole || ::rename(fresh.c_str(), file.c_str()) != 0) return system_error(file);
    return {};
}

bool plain_host_name(std::string_view name) {
    return !name.empty() && name.size() < 254 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '.' || c == '_';
    });
}

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace

CertificateNames names_of_this_machine(const std::string& host) {
    CertificateNames names;
    if (plain_host_name(host)) add_once(names.dns, host);
    addrinfo hints{};
    hints.ai_flags = AI_CANONNAME;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0) {
        if (found && found->ai_canonname && plain_host_name(found->ai_canonname))
            add_once(names.dns, found->ai_canonname);
        ::freeaddrinfo(found);
    }
    add_once(names.dns, "localhost");
    names.ip = {"127.0.0.1", "::1"};
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return names;
    for (const auto* i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || (i->ifa_flags & IFF_UP) == 0) continue;
        std::array<char, INET6_ADDRSTRLEN> text{};
        if (i->ifa_addr->sa_family == AF_INET)
            ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, text.data(),
                        text.size());
        if (i->ifa_addr->sa_family == AF_INET6)
            ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(i->ifa_addr)->sin6_addr, text.data(),
                        text.size());
        add_once(names.ip, text.data());
    }
    ::freeifaddrs(all);
    return names;
}

Result<void> make_self_signed(const CertificateNames& names, const fs::path& certificate,
                              const fs::path& key) {
    const Owned<EVP_PKEY> pair(EVP_EC_gen("P-256"));
    if (!pair) return openssl_error("no key");
    const auto signed_one = self_signed(names, pair.get());
    if (!signed_one) return signed_one.error();
    const Owned<BIO> key_text(BIO_new(BIO_s_mem()));
    const Owned<BIO> certificate_text(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_PKCS8PrivateKey(key_text.get(), pair.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
            1 ||
        PEM_write_bio_X509(certificate_text.get(), signed_one->get()) != 1)
        return openssl_error("it cannot be encoded");
    std::error_code ec;
    fs::create_directories(certificate.parent_path(), ec);
    fs::create_directories(key.parent_path(), ec);
    if (auto done = write_whole(key, key_text, 0600); !done) return done;
    return write_whole(certificate, certificate_text, 0644);
}

Result<bool> ensure_certificate(const std::string& host, const fs::path& certificate, const fs::path& key) {
    if (::access(certificate.c_str(), F_OK) == 0 && ::access(key.c_str(), F_OK) == 0) return false;
    if (auto made = make_self_signed(names_of_this_machine(host), certificate, key); !made)
        return made.error();
    return true;
}

std::string fingerprint(const fs::path& file) {
    const Owned<BIO> in(BIO_new_file(file.c_str(), "r"));
    if (!in) return {};
    const Owned<X509> certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1) return {};
    std::string text;
    constexpr std::string_view hex = "0123456789ABCDEF";
    for (unsigned i = 0; i < size; ++i) {
        if (i > 0) text += ':';
        text += hex[digest[i] >> 4];
        text += hex[digest[i] & 15];
    }
    return text;
}

}  // namespace wsvirt::wsman
