#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <pugixml.hpp>
#include <string_view>
#include <vector>

#include "backend/libvirt/after_crash.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view question = "{\"execute\":\"qmp_capabilities\",\"id\":\"wsvirt-hears-out\"}\n";
constexpr std::string_view answer = "\"wsvirt-hears-out\"";

std::vector<std::string> monitors(const std::string& run_dir) {
    std::vector<std::string> paths;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator(run_dir, ec)) {
        pugi::xml_document doc;
        if (e.path().extension() != ".xml" || !doc.load_file(e.path().c_str())) continue;
        const auto monitor = doc.child("domstatus").child("monitor");
        if (std::string_view(monitor.attribute("type").value()) == "unix")
            paths.emplace_back(monitor.attribute("path").value());
    }
    return paths;
}

// A connection on which the question was sent; -1 when nobody listens.
int ask(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return -1;
    path.copy(address.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(fd, question.data(), question.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(question.size()))
        return fd;
    ::close(fd);
    return -1;
}

// Everything up to the line that has the mark.
std::string wait_for(int fd, std::string_view mark, Clock::time_point deadline) {
    std::string heard;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd readable{fd, POLLIN, 0};
        if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) <= 0) return {};
        std::array<char, 4096> bytes;
        const auto n = ::read(fd, bytes.data(), bytes.size());
        if (n <= 0) return {};
        heard.append(bytes.data(), static_cast<std::size_t>(n));
        const auto at = heard.find(mark);
        if (at != std::string::npos && heard.find('\n', at) != std::string::npos) return heard;
    }
}

// The line of the answer. more: further members of the question.
std::string ask_more(int fd, const std::string& command, const std::string& more,
                     Clock::time_point deadline) {
    const std::string mark = "\"wsvirt-" + command + "\"";
    const std::string line = "{\"execute\":\"" + command + "\"," + more + "\"id\":" + mark + "}\n";
    if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return {};
    const auto heard = wait_for(fd, mark, deadline);
    const auto at = heard.find(mark);
    if (at == std::string::npos) return {};
    const auto line_before = heard.rfind('\n', at);  // of an event, or of what somebody else has asked
    const auto begin = line_before == std::string::npos ? 0 : line_before + 1;
    return heard.substr(begin, heard.find('\n', at) - begin);
}

// A connection to the QEMU that a note names, which listens to it; -1: there is none.
int talk(const std::string& status, Clock::time_point deadline) {
    pugi::xml_document doc;
    doc.load_buffer(status.data(), status.size());
    const int fd = ask(doc.child("domstatus").child("monitor").attribute("path").value());
    if (fd < 0 || !wait_for(fd, answer, deadline).empty()) return fd;
    ::close(fd);
    return -1;
}

}  // namespace

std::optional<MergesInQemu> merges_in_qemu(const std::string& status, std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    const int fd = talk(status, deadline);
    if (fd < 0) return std::nullopt;
    MergesInQemu r{ask_more(fd, "query-jobs", "", deadline), ask_more(fd, "query-block", "", deadline)};
    ::close(fd);
    return r.jobs.empty() || r.disks.empty() ? std::nullopt : std::optional(std::move(r));
}

void close_nodes(const std::string& status, const std::vector<std::string>& names,
                 std::chrono::milliseconds limit) {
    if (names.empty()) return;
    const auto deadline = Clock::now() + limit;
    const int fd = talk(status, deadline);
    if (fd < 0) return;
    for (const auto& name : names)
        (void)ask_more(fd, "blockdev-del", R"("arguments":{"node-name":")" + name + R"("},)", deadline);
    ::close(fd);
}

void hear_out_monitors(const std::string& run_dir, std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    std::vector<int> asked;
    for (const auto& path : monitors(run_dir))
        if (const int fd = ask(path); fd >= 0) asked.push_back(fd);
    for (const int fd : asked) {
        (void)wait_for(fd, answer, deadline);
        ::close(fd);
    }
}

}  // namespace wsvirt::backend::libvirt
