#include "wsman/http/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace wsvirt::wsman {

namespace {

std::string openssl_text() {
    std::string text;
    while (const auto code = ERR_get_error()) {
        char line[256];
        ERR_error_string_n(code, line, sizeof line);
        if (!text.empty()) text += "; ";
        text += line;
    }
    return text;
}

Error tls_error(std::string text, const std::filesystem::path& file) {
    return {Status::failed, "wsvirt.tls.files", std::move(text), file.string(), openssl_text()};
}

// Of the protocols that a client offers in ALPN, HTTP/1.1; no agreement is no error.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
    static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
    ERR_clear_error();
    SSL_CTX* raw = SSL_CTX_new(TLS_server_method());
    if (!raw) return Error{Status::failed, "wsvirt.tls.context", "OpenSSL cannot start.", {}, openssl_text()};
    std::shared_ptr<const TlsContext> context(new TlsContext(raw));
    SSL_CTX_set_min_proto_version(raw, files.minimum_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Idle connections give their record buffers back: thousands of them must cost little.
    SSL_CTX_set_mode(
        raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(raw, 1);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets only: no state here
    SSL_CTX_set_num_tickets(raw, 1);
    SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
    if (SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return tls_error("OpenSSL refuses the cipher list.", files.certificate);
    if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1)
        return tls_error("The TLS certificate cannot be read; check the file and its rights.",
                         files.certificate);
    if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return tls_error("The TLS key cannot be read; check the file and its rights.", files.key);
    if (SSL_CTX_check_private_key(raw) != 1)
        return tls_error("The TLS key does not belong to the certificate.", files.key);
    return context;
}

TlsContext::~TlsContext() {
    SSL_CTX_free(context_);
}

}  // namespace wsvirt::wsman
