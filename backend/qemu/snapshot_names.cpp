#include "backend/qemu/snapshot_names.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace wsvirt::backend::qemu {

namespace {

// The header and the snapshot table, as QEMU's docs/interop/qcow2.txt describes them; all numbers big endian.
constexpr std::uint32_t magic = 0x514649fb;
constexpr std::size_t count_at = 60, table_at = 64, header_size = 72;
constexpr std::size_t entry_size = 40, most_snapshots = 65536;

struct File {
    int fd = -1;
    std::string path;
    explicit File(const std::string& p, int flags) : fd(::open(p.c_str(), flags | O_CLOEXEC)), path(p) {}
    ~File() {
        if (fd >= 0) ::close(fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

Error broken(const std::string& path) {
    return {Status::malformed, "wsvirt.image.qcow2", "\"" + path + "\" is not a whole qcow2 disk image.",
            path};
}

Error system_error(const std::string& path) {
    return {Status::failed, "wsvirt.image.read", "\"" + path + "\" could not be read or written.", path,
            std::strerror(errno)};
}

bool read_at(const File& f, std::uint64_t at, char* out, std::size_t n) {
    return ::pread(f.fd, out, n, static_cast<off_t>(at)) == static_cast<ssize_t>(n);
}

std::uint64_t number(const char* at, std::size_t bytes) {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < bytes; ++i) n = n << 8 | static_cast<unsigned char>(at[i]);
    return n;
}

struct Name {
    std::string text;
    std::uint64_t at = 0;
};

Result<std::vector<Name>> names_in(const File& f) {
    if (f.fd < 0) return system_error(f.path);
    std::array<char, header_size> header{};
    if (!read_at(f, 0, header.data(), header.size()) || number(header.data(), 4) != magic)
        return broken(f.path);
    const auto count = number(header.data() + count_at, 4);
    auto at = number(header.data() + table_at, 8);
    if (count > most_snapshots) return broken(f.path);
    std::vector<Name> out;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<char, entry_size> entry{};
        if (!read_at(f, at, entry.data(), entry.size())) return broken(f.path);
        const auto id_size = number(entry.data() + 12, 2), name_size = number(entry.data() + 14, 2);
        const auto extra = number(entry.data() + 36, 4);
        Name n;
        n.at = at + entry_size + extra + id_size;
        n.text.resize(name_size);
        if (!read_at(f, n.at, n.text.data(), n.text.size())) return broken(f.path);
        at = (n.at + name_size + 7) / 8 * 8;
        out.push_back(std::move(n));
    }
    return out;
}

}  // namespace

Result<std::vector<std::string>> snapshot_names(const std::string& path) {
    const File f(path, O_RDONLY);
    auto found = names_in(f);
    if (!found) return found.error();
    std::vector<std::string> out;
    for (auto& n : *found) out.push_back(std::move(n.text));
    return out;
}

Result<void> rename_snapshots(const std::string& path, const std::map<std::string, std::string>& names) {
    const File f(path, O_RDWR);
    auto found = names_in(f);
    if (!found) return found.error();
    for (const auto& [from, to] : names) {
        if (from.size() != to.size())
            return Error{Status::invalid_parameter, "wsvirt.image.snapshot_name",
                         "A snapshot can only get a name of the same length.", from};
        bool there = false;
        for (const auto& n : *found) there |= n.text == from;
        if (!there)
            return Error{Status::not_found, "wsvirt.image.no_snapshot",
                         "\"" + path + "\" does not hold the snapshot " + from + ".", from};
    }
    for (const auto& n : *found) {
        const auto to = names.find(n.text);
        if (to == names.end()) continue;
        if (::pwrite(f.fd, to->second.data(), to->second.size(), static_cast<off_t>(n.at)) !=
            static_cast<ssize_t>(to->second.size()))
            return system_error(path);
    }
    return ::fsync(f.fd) == 0 ? Result<void>() : Result<void>(system_error(path));
}

}  // namespace wsvirt::backend::qemu
