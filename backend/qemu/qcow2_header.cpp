#include "backend/qemu/qcow2_header.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace wsvirt::backend::qemu {

namespace {

constexpr std::size_t header_size = 104, longest_name = 1023, longest_chain = 1024;

class Header {
  public:
    bool read(int fd) {
        return ::pread(fd, bytes_.data(), bytes_.size(), 0) == static_cast<ssize_t>(bytes_.size());
    }
    std::uint32_t u32(std::size_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
    std::uint64_t u64(std::size_t at) const { return number(at, 8); }

  private:
    std::uint64_t number(std::size_t at, std::size_t size) const {
        std::uint64_t n = 0;
        for (std::size_t i = 0; i < size; ++i) n = n << 8 | bytes_[at + i];
        return n;
    }
    std::array<unsigned char, header_size> bytes_{};
};

constexpr std::uint32_t magic = 0x514649fb;

// Fields by their offsets. Whether a table of that size may be at that place of the file.
bool table_fits(std::uint64_t at, std::uint64_t size, std::uint64_t cluster, std::uint64_t file_size) {
    return at % cluster == 0 && at != 0 && at <= file_size && size <= file_size - at;
}

// Whether qemu-img would open it without a word.
bool plain(const Header& h, std::uint64_t file_size) {
    const auto version = h.u32(4), cluster_bits = h.u32(20), l1_entries = h.u32(36);
    if (h.u32(0) != magic || (version != 2 && version != 3) || cluster_bits < 9 || cluster_bits > 21)
        return false;
    const std::uint64_t cluster = std::uint64_t{1} << cluster_bits;
    if (h.u32(32) != 0) return false;  // encrypted
    if (version == 3) {
        const bool features = h.u64(72) != 0;  // a dirty, a corrupt or an unusual image
        if (features || h.u32(96) > 6 || h.u32(100) < header_size || h.u32(100) > cluster) return false;
    }
    const auto size = h.u64(24);
    const auto per_l1_entry = cluster * (cluster / 8);
    if (size % 512 != 0 || size > std::uint64_t{1} << 62) return false;
    if (l1_entries > (32U << 20) / 8 || size / per_l1_entry + (size % per_l1_entry ? 1 : 0) > l1_entries)
        return false;
    if (l1_entries > 0 && !table_fits(h.u64(40), std::uint64_t{l1_entries} * 8, cluster, file_size))
        return false;
    const auto refcounts = std::uint64_t{h.u32(56)} * cluster;
    if (refcounts == 0 || refcounts > 8U << 20 || !table_fits(h.u64(48), refcounts, cluster, file_size))
        return false;
    const auto snapshots = h.u32(60);
    return snapshots == 0 ||
           (snapshots <= 65536 && table_fits(h.u64(64), std::uint64_t{snapshots} * 40, cluster, file_size));
}

// The name of the backing file as qemu-img completes it; nullopt: one that is more than a name of a file.
std::optional<std::string> backing_file(int fd, const Header& h, const std::string& path) {
    const auto at = h.u64(8);
    const std::size_t length = h.u32(16);
    if (at == 0) return std::string();
    if (length == 0 || length > longest_name || at > std::uint64_t{1} << 21) return std::nullopt;
    std::string name(length, '\0');
    if (::pread(fd, name.data(), length, static_cast<off_t>(at)) != static_cast<ssize_t>(length))
        return std::nullopt;
    if (name.find_first_of(std::string_view(":\0", 2)) != std::string::npos) return std::nullopt;
    if (name.front() == '/') return name;
    return path.substr(0, path.rfind('/') + 1) + name;
}

std::uint32_t word(const std::string& bytes, std::size_t at) {
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<unsigned char>(bytes[at + i]);
    return n;
}

// From the extensions between the header and the name of the backing file: each a type, a length and its
// bytes, filled up to eight.
std::string backing_format(int fd, const Header& h) {
    constexpr std::uint32_t wanted = 0xe2792aca;
    constexpr std::size_t old_header = 72;
    const std::uint64_t begin = h.u32(4) == 2 ? old_header : h.u32(100), end = h.u64(8);
    if (end < begin) return {};
    std::string bytes(end - begin, '\0');
    if (::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(bytes.size()))
        return {};
    for (std::size_t at = 0; at + 8 <= bytes.size();) {
        const std::uint32_t type = word(bytes, at);
        const std::size_t length = word(bytes, at + 4);
        if (type == 0 || length > bytes.size() - at - 8) return {};
        if (type == wanted) return bytes.substr(at + 8, length);
        at += 8 + (length + 7) / 8 * 8;
    }
    return {};
}

bool is_vhdx(const std::string& path) {
    constexpr std::string_view mark = "vhdxfile";
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    std::array<char, mark.size()> seen{};
    const bool whole = ::read(fd, seen.data(), seen.size()) == static_cast<ssize_t>(seen.size());
    ::close(fd);
    return whole && std::string_view(seen.data(), seen.size()) == mark;
}

}  // namespace

std::optional<ImageInfo> read_qcow2_header(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::nullopt;
    std::optional<ImageInfo> info;
    struct stat s {};
    Header h;
    if (::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && h.read(fd) &&
        plain(h, static_cast<std::uint64_t>(s.st_size))) {
        if (auto backing = backing_file(fd, h, path)) {
            info.emplace();
            info->path = path;
            info->format = "qcow2";
            info->backing_file = std::move(*backing);
            if (!info->backing_file.empty()) info->backing_format = backing_format(fd, h);
            info->virtual_size = h.u64(24);
            info->actual_size = static_cast<std::uint64_t>(s.st_blocks) * 512;
        }
    }
    ::close(fd);
    return info;
}

bool keeps_data_elsewhere(const std::string& path) {
    constexpr std::uint64_t external_data_file = 4;  // of the incompatible features
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    struct stat s {};
    Header h;
    const bool found = ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && h.read(fd) && h.u32(0) == magic &&
                       h.u32(4) >= 3 && (h.u64(72) & external_data_file) != 0;
    ::close(fd);
    return found;
}

std::string named_below(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return {};
    struct stat s {};
    Header h;
    std::optional<std::string> below;
    if (::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && h.read(fd) && h.u32(0) == magic)
        below = backing_file(fd, h, path);
    ::close(fd);
    return below.value_or(std::string());
}

ImageChain chain_below(const std::string& path, const std::string& format) {
    ImageChain chain{{path}, format};
    while (chain.bottom == "qcow2") {
        const auto info = read_qcow2_header(chain.files.back());
        if (info && info->backing_file.empty()) return chain;
        const bool end = !info || chain.files.size() == longest_chain;
        chain.bottom = end ? "" : info->backing_format;
        if (end) return chain;
        chain.files.push_back(info->backing_file);
        if (chain.bottom.empty() && is_vhdx(info->backing_file)) chain.bottom = "vhdx";
    }
    return chain;
}

}  // namespace wsvirt::backend::qemu
