#include "wsman/http/stream.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstring>

namespace wsvirt::wsman {

namespace {

IoStep failed_call(IoStep::Kind when_not_ready) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {when_not_ready};
    return {IoStep::Kind::broken};
}

IoStep receive(int fd, char* to, std::size_t room) {
    const auto n = ::recv(fd, to, room, 0);
    if (n < 0) return failed_call(IoStep::Kind::wait_read);
    if (n == 0) return {IoStep::Kind::end};
    return {IoStep::Kind::done, static_cast<std::size_t>(n)};
}

}  // namespace

Stream::Stream(Socket socket, std::shared_ptr<const TlsContext> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (!tls_) return;
    ssl_ = SSL_new(tls_->native());
    if (!ssl_ || SSL_set_fd(ssl_, socket_.native_handle()) != 1) {
        SSL_free(ssl_);
        ssl_ = nullptr;
        close();  // never in the clear instead
        return;
    }
    SSL_set_accept_state(ssl_);
}

Stream::~Stream() {
    SSL_free(ssl_);
}

IoStep Stream::tls_step(int result) {
    if (result > 0) return {IoStep::Kind::done, static_cast<std::size_t>(result)};
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return {IoStep::Kind::wait_read};
        case SSL_ERROR_WANT_WRITE:
            return {IoStep::Kind::wait_write};
        case SSL_ERROR_ZERO_RETURN:
            return {IoStep::Kind::end};
        default:
            met_plain_http_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
            ERR_clear_error();
            return {IoStep::Kind::broken};
    }
}

IoStep Stream::read(char* to, std::size_t room) {
    if (!ssl_) return receive(socket_.native_handle(), to, room);
    std::size_t have = 0;
    for (;;) {  // several small records in one go
        ERR_clear_error();
        const auto step = tls_step(SSL_read(ssl_, to + have, static_cast<int>(room - have)));
        if (step.kind != IoStep::Kind::done) return have > 0 ? IoStep{IoStep::Kind::done, have} : step;
        have += step.bytes;
        if (have == room || SSL_pending(ssl_) == 0) return {IoStep::Kind::done, have};
    }
}

IoStep Stream::read_raw(char* to, std::size_t room) {
    return receive(socket_.native_handle(), to, room);
}

IoStep Stream::write(std::string_view first, std::string_view second) {
    if (!ssl_) {
        std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                                   iovec{const_cast<char*>(second.data()), second.size()}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = second.empty() ? 1 : 2;
        const auto n = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
        if (n < 0) return failed_call(IoStep::Kind::wait_write);
        return {IoStep::Kind::done, static_cast<std::size_t>(n)};
    }
    ERR_clear_error();
    if (first.empty() || second.empty()) {
        const auto part = first.empty() ? second : first;
        return tls_step(
            SSL_write(ssl_, part.data(), static_cast<int>(std::min<std::size_t>(part.size(), 1 << 30))));
    }
    // Head and the beginning of the body in one record. A repeated SSL_write must carry the same bytes, and
    // it does: the caller comes again with what is left, which begins with them.
    std::array<char, SSL3_RT_MAX_PLAIN_LENGTH> record;
    const auto from_first = std::min(first.size(), record.size());
    const auto from_second = std::min(second.size(), record.size() - from_first);
    std::memcpy(record.data(), first.data(), from_first);
    std::memcpy(record.data() + from_first, second.data(), from_second);
    return tls_step(SSL_write(ssl_, record.data(), static_cast<int>(from_first + from_second)));
}

IoStep Stream::handshake() {
    ERR_clear_error();
    return tls_step(SSL_do_handshake(ssl_));
}

void Stream::drop_tls() {
    SSL_free(ssl_);
    ssl_ = nullptr;
}

bool Stream::has_pending() const {
    return ssl_ && SSL_has_pending(ssl_) == 1;
}

Task<bool> Stream::wait(IoStep::Kind what) {
    boost::system::error_code ec;
    const auto side = what == IoStep::Kind::wait_write ? Socket::wait_write : Socket::wait_read;
    co_await socket_.async_wait(side, asio::redirect_error(use_io, ec));
    co_return !ec;
}

void Stream::cancel() {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

bool Stream::peer_closed() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    const int fd = const_cast<Socket&>(socket_).native_handle();
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return true;
    return info.tcpi_state != TCP_ESTABLISHED;
}

void Stream::end_writing() {
    if (ssl_) {
        ERR_clear_error();
        SSL_shutdown(ssl_);  // sends close_notify; the peer's answer is not waited for
        ERR_clear_error();
    }
    ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Stream::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace wsvirt::wsman
