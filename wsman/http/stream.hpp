// One accepted socket, plain or TLS, without blocking: "try now" calls, and waits that a coroutine can await.
// OpenSSL works on the socket itself (no memory BIOs), so an idle TLS connection holds no record buffers.
// Internal to wsman/http: includes Asio. Used on its I/O thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string_view>

#include "wsman/http/tls.hpp"

struct ssl_st;

namespace wsvirt::wsman {

namespace asio = boost::asio;
using IoExecutor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, IoExecutor>;
using use_io_t = asio::use_awaitable_t<IoExecutor>;
constexpr use_io_t use_io;
template <class T = void>
using Task = asio::awaitable<T, IoExecutor>;

struct IoStep {
    enum class Kind : std::uint8_t { done, wait_read, wait_write, end, broken } kind;
    std::size_t bytes = 0;
};

class Stream {
  public:
    Stream(Socket socket, std::shared_ptr<const TlsContext> tls);  // null: plain
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool is_tls() const { return ssl_ != nullptr; }
    Socket& socket() { return socket_; }

    IoStep read(char* to, std::size_t room);
    // Writes what goes of the two parts, in one system call where it can.
    IoStep write(std::string_view first, std::string_view second);
    IoStep handshake();
    // After a failed handshake: the client spoke HTTP instead of TLS.
    bool met_plain_http() const { return met_plain_http_; }
    void drop_tls();           // what follows is written in the clear
    bool has_pending() const;  // bytes that read() gives without the socket becoming readable

    Task<bool> wait(IoStep::Kind what);  // false: cancelled or broken
    void cancel();                       // ends a wait
    bool peer_closed() const;            // the peer has ended its side
    void end_writing();                  // close_notify and FIN; reading goes on, raw
    IoStep read_raw(char* to, std::size_t room);
    void close();

  private:
    IoStep tls_step(int result);

    Socket socket_;
    std::shared_ptr<const TlsContext> tls_;
    ssl_st* ssl_ = nullptr;
    bool met_plain_http_ = false;
};

}  // namespace wsvirt::wsman
