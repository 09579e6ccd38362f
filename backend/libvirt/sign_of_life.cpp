#include "backend/libvirt/sign_of_life.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string_view>

namespace wsvirt::backend::libvirt {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::string_view_literals;

constexpr auto look_again = std::chrono::milliseconds(100);

// A call of libvirt's remote protocol that asks how to sign in: length, program, version, procedure, type,
// serial, status.
constexpr auto which_sign_in =
    "\x00\x00\x00\x1c\x20\x00\x80\x86\x00\x00\x00\x01\x00\x00\x00\x42\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"sv;
// A TLS alert: this end has changed its mind.
constexpr auto never_mind = "\x15\x03\x01\x00\x02\x02\x5a"sv;

struct Place {
    std::string host, port;
    std::string_view question;
};

std::optional<Place> place_in(std::string_view uri) {
    const auto scheme_end = uri.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    const auto scheme = uri.substr(0, scheme_end);
    const bool tcp = scheme.ends_with("+tcp");
    if (!tcp && !scheme.ends_with("+tls") && scheme.find('+') != std::string_view::npos) return std::nullopt;
    auto rest = uri.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find_first_of("/?"));
    if (const auto user = rest.rfind('@'); user != std::string_view::npos) rest.remove_prefix(user + 1);
    Place p{{}, tcp ? "16509" : "16514", tcp ? which_sign_in : never_mind};
    const auto bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
    const auto colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    p.host = bracket == std::string_view::npos ? rest.substr(0, colon) : rest.substr(1, bracket - 1);
    if (colon != std::string_view::npos && colon + 1 < rest.size()) p.port = rest.substr(colon + 1);
    return p.host.empty() ? std::nullopt : std::optional(p);
}

struct Socket {
    int fd;
    explicit Socket(int f) : fd(f) {}
    ~Socket() {
        if (fd >= 0) ::close(fd);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

bool ready(int fd, short events, Clock::time_point end, const std::function<bool()>& gives_up) {
    while (Clock::now() < end && !gives_up()) {
        pollfd p{fd, events, 0};
        if (::poll(&p, 1, static_cast<int>(look_again.count())) > 0) return true;
    }
    return false;
}

}  // namespace

bool gives_sign_of_life(const std::string& uri, std::chrono::milliseconds limit,
                        const std::function<bool()>& gives_up) {
    const auto place = place_in(uri);
    if (!place) return true;
    addrinfo hints{}, *raw = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(place->host.c_str(), place->port.c_str(), &hints, &raw) != 0) return true;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(raw, &::freeaddrinfo);
    const auto end = Clock::now() + limit;
    for (const auto* a = raw; a; a = a->ai_next) {
        const Socket s(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol));
        if (s.fd < 0) continue;
        if (::connect(s.fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) continue;
        if (!ready(s.fd, POLLOUT, end, gives_up)) return false;
        int error = 0;
        socklen_t size = sizeof(error);
        ::getsockopt(s.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) continue;
        (void)::send(s.fd, place->question.data(), place->question.size(), MSG_NOSIGNAL);
        return ready(s.fd, POLLIN, end, gives_up);  // an answer, or the end of the connection
    }
    return true;
}

}  // namespace wsvirt::backend::libvirt
