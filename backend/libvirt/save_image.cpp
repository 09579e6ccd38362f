#include "backend/libvirt/save_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/errors.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr std::string_view magic = "LibvirtQemudSave";
constexpr std::string_view partial_magic = "LibvirtQemudPart";
// magic, then 32-bit words in the host's byte order: version, length of the XML part, was running,
// compression, offset of the cookie, 14 unused
constexpr std::size_t header_words = 19;
constexpr std::size_t header_size = 16 + 4 * header_words;
constexpr std::uint32_t most_xml = 64u << 20;
constexpr std::size_t copy_unit = 4u << 20;

Error bad_file(const std::string& file, std::string why) {
    return {Status::malformed, "wsvirt.saved.malformed",
            "The file does not hold the saved memory of a machine.", file, std::move(why)};
}

Error io_error(const std::string& file, int code) {
    const Status s = code == ENOSPC   ? Status::no_space
                     : code == ENOENT ? Status::not_found
                     : code == EACCES ? Status::access_denied
                                      : Status::failed;
    return {s, "wsvirt.saved.file", "The file with the saved memory cannot be read or written.", file,
            std::strerror(code)};
}

using Words = std::array<std::uint32_t, header_words>;

struct File {
    int fd = -1;
    File(const std::string& path, int flags) : fd(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~File() {
        if (fd >= 0) close(fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

bool write_all(int fd, const char* data, std::size_t n) {
    while (n > 0) {
        const auto done = write(fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        data += done;
        n -= static_cast<std::size_t>(done);
    }
    return true;
}

Result<void> copy_stream(const Call& call, int from, int to, std::uint64_t total, const std::string& name) {
    std::string buffer(copy_unit, '\0');
    for (std::uint64_t done = 0;;) {
        if (call.stop.stop_requested()) return cancelled("copy the saved memory");
        if (std::chrono::steady_clock::now() >= call.deadline)
            return deadline_passed("copy the saved memory");
        const auto n = read(from, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io_error(name, errno);
        if (n == 0) break;
        if (!write_all(to, buffer.data(), static_cast<std::size_t>(n))) return io_error(name, errno);
        done += static_cast<std::uint64_t>(n);
        if (call.progress) call.progress({done, std::max(done, total)});
    }
    if (fsync(to) != 0) return io_error(name, errno);
    return {};
}

std::string header_text(const SaveHeader& h, std::uint32_t version) {
    std::string data = h.domain_xml + '\0';
    Words w{};
    if (!h.cookie.empty()) {
        w[4] = static_cast<std::uint32_t>(data.size());
        data += h.cookie + '\0';
    }
    w[0] = version;
    w[1] = static_cast<std::uint32_t>(data.size());
    w[2] = h.was_running ? 1 : 0;
    w[3] = h.compressed;
    std::string r(magic);
    r.append(reinterpret_cast<const char*>(w.data()), sizeof w);
    return r + data;
}

std::string part_of(const std::string& file) {
    return file + ".part";
}

}  // namespace

void remove_save_image(const std::string& file) {
    unlink(part_of(file).c_str());
    unlink(file.c_str());
}

Result<SaveHeader> read_save_header(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return io_error(file, errno);
    std::string head(header_size, '\0');
    in.read(head.data(), header_size);
    if (in.gcount() != static_cast<std::streamsize>(header_size)) return bad_file(file, "too short");
    if (head.starts_with(partial_magic)) return bad_file(file, "the machine was not saved to its end");
    if (!head.starts_with(magic)) return bad_file(file, "wrong magic");
    Words w{};
    std::memcpy(w.data(), head.data() + 16, sizeof w);
    if (w[0] == 0 || w[0] > 2) return bad_file(file, "version " + std::to_string(w[0]));
    if (w[1] == 0 || w[1] > most_xml || w[4] >= w[1]) return bad_file(file, "impossible lengths");
    std::string data(w[1], '\0');
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    if (in.gcount() != static_cast<std::streamsize>(data.size())) return bad_file(file, "too short");
    SaveHeader h;
    h.domain_xml = data.c_str();
    if (w[4] != 0) h.cookie = data.c_str() + w[4];
    h.was_running = w[2] != 0;
    h.compressed = w[3];
    h.stream_offset = header_size + data.size();
    return h;
}

Result<void> copy_save_image(const Call& call, const std::string& from, const std::string& to,
                             const std::function<Result<std::string>(const std::string&)>& edit) {
    auto header = read_save_header(from);
    if (!header) return header.error();
    auto xml = edit(header->domain_xml);
    if (!xml) return xml.error();
    header->domain_xml = std::move(*xml);
    const std::string part = part_of(to);
    const File in(from, O_RDONLY);
    if (in.fd < 0) return io_error(from, errno);
    Result<void> r;
    {
        const File out(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
        if (out.fd < 0) return io_error(to, errno);
        struct stat s {};
        fstat(in.fd, &s);
        const std::string head = header_text(*header, 2);
        lseek(in.fd, static_cast<off_t>(header->stream_offset), SEEK_SET);
        if (!write_all(out.fd, head.data(), head.size()))
            r = io_error(to, errno);
        else
            r = copy_stream(call, in.fd, out.fd, static_cast<std::uint64_t>(s.st_size), to);
    }
    if (r && rename(part.c_str(), to.c_str()) != 0) r = io_error(to, errno);
    if (!r) unlink(part.c_str());
    return r;
}

}  // namespace wsvirt::backend::libvirt
