#include "base/files.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace wsvirt {

namespace {

constexpr std::size_t block = 64 * 1024;

Error system_error(const std::string& doing, const std::filesystem::path& file) {
    const int e = errno;
    const auto status = e == ENOENT ? Status::not_found : e == ENOSPC ? Status::no_space : Status::failed;
    return Error(status, "wsvirt.file", doing + " \"" + file.string() + "\" failed.", file.string(),
                 std::strerror(e));
}

class Fd {
  public:
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    operator int() const { return fd_; }

  private:
    int fd_;
};

// To read a regular file. Opening a pipe would wait for somebody who writes to it.
Result<void> check_regular(int fd, const std::filesystem::path& file) {
    struct stat s {};
    if (fd < 0) return system_error("Opening", file);
    if (::fstat(fd, &s) != 0) return system_error("Reading", file);
    if (S_ISREG(s.st_mode)) return {};
    return Error(Status::invalid_parameter, "wsvirt.file.kind",
                 "\"" + file.string() + "\" is not a regular file.", file.string());
}

constexpr int to_read = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

// Calls `see` with each run of data, block by block; holes are skipped.
using Seen = std::function<Result<void>(std::uint64_t offset, const char* data, std::size_t size)>;
Result<void> for_each_block(const std::filesystem::path& file, int fd, const FileWork& work,
                            const Seen& see) {
    std::vector<char> buffer(block);
    for (off_t at = 0;;) {
        at = ::lseek(fd, at, SEEK_DATA);
        if (at < 0) return errno == ENXIO ? Result<void>{} : Result<void>(system_error("Reading", file));
        at -= at % static_cast<off_t>(block);
        const off_t hole = ::lseek(fd, at, SEEK_HOLE);
        if (hole < 0) return system_error("Reading", file);
        for (bool first = true; first || at < hole; first = false) {
            if (work.stop.stop_requested())
                return Error(Status::cancelled, "wsvirt.file.cancelled", "The copy was cancelled.",
                             file.string());
            const auto got = ::pread(fd, buffer.data(), block, at);
            if (got < 0) return system_error("Reading", file);
            if (got == 0) return {};
            const auto n = static_cast<std::size_t>(got);
            if (auto r = see(static_cast<std::uint64_t>(at), buffer.data(), n); !r) return r;
            if (work.advanced) work.advanced(n);
            at += got;
        }
    }
}

Result<void> write_all(int fd, const std::filesystem::path& file, const char* data, std::size_t size,
                       off_t at) {
    while (size > 0) {
        const auto put = ::pwrite(fd, data, size, at);
        if (put < 0) {
            if (errno == EINTR) continue;
            return system_error("Writing", file);
        }
        data += put;
        at += put;
        size -= static_cast<std::size_t>(put);
    }
    return {};
}

bool all_zero(const char* data, std::size_t size) {
    return size == 0 || (data[0] == 0 && std::memcmp(data, data + 1, size - 1) == 0);
}

}  // namespace

Result<void> read_data(
    const std::filesystem::path& file, const FileWork& work,
    const std::function<Result<void>(std::uint64_t at, const char* data, std::size_t size)>& see) {
    const Fd in(::open(file.c_str(), to_read));
    if (auto r = check_regular(in, file); !r) return r.error();
    return for_each_block(file, in, work, see);
}

Result<void> copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to,
                         const FileWork& work) {
    const Fd in(::open(from.c_str(), to_read));
    if (auto r = check_regular(in, from); !r) return r.error();
    const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (out < 0) return system_error("Creating", to);
    const auto copy = [&]() -> Result<void> {
        struct stat s {};
        if (::fstat(in, &s) != 0) return system_error("Reading", from);
        if (::ftruncate(out, s.st_size) != 0) return system_error("Writing", to);
        auto r = for_each_block(from, in, work, [&](std::uint64_t at, const char* data, std::size_t n) {
            return all_zero(data, n) ? Result<void>{} : write_all(out, to, data, n, static_cast<off_t>(at));
        });
        if (!r) return r;
        return ::fsync(out) == 0 ? Result<void>{} : Result<void>(system_error("Writing", to));
    };
    auto r = copy();
    if (!r) ::unlink(to.c_str());
    return r;
}

Result<std::string> content_digest(const std::filesystem::path& file, const FileWork& work) {
    const Fd in(::open(file.c_str(), to_read));
    if (auto r = check_regular(in, file); !r) return r.error();
    struct stat s {};
    if (::fstat(in, &s) != 0) return system_error("Reading", file);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> md(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    EVP_DigestInit_ex(md.get(), EVP_sha256(), nullptr);
    const auto add_number = [&](std::uint64_t n) {
        const auto text = std::to_string(n) + ':';
        EVP_DigestUpdate(md.get(), text.data(), text.size());
    };
    add_number(static_cast<std::uint64_t>(s.st_size));
    auto r = for_each_block(file, in, work,
                            [&](std::uint64_t at, const char* data, std::size_t n) -> Result<void> {
                                if (all_zero(data, n)) return {};
                                add_number(at);
                                EVP_DigestUpdate(md.get(), data, n);
                                return {};
                            });
    if (!r) return r.error();
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    EVP_DigestFinal_ex(md.get(), sum.data(), &size);
    std::string out;
    constexpr std::string_view hex = "0123456789abcdef";
    for (unsigned i = 0; i < size; ++i) {
        out += hex[sum[i] >> 4];
        out += hex[sum[i] & 15];
    }
    return out;
}

Result<void> flush_to_disk(const std::filesystem::path& file_or_folder) {
    const Fd fd(::open(file_or_folder.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd < 0) return system_error("Opening", file_or_folder);
    if (::fsync(fd) == 0 || errno == EINVAL || errno == EROFS)
        return {};  // some file systems have no such call
    return system_error("Writing", file_or_folder);
}

std::string write_mark(const std::filesystem::path& file) {
    // Opening it makes a network file system ask its server. Not more than a look at a device or a pipe.
    const Fd opened(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat s {};
    const int known = opened < 0 ? ::stat(file.c_str(), &s) : ::fstat(opened, &s);
    if (known != 0 || !S_ISREG(s.st_mode)) return {};
    return std::to_string(s.st_dev) + ':' + std::to_string(s.st_ino) + ':' + std::to_string(s.st_size) + ':' +
           std::to_string(s.st_mtim.tv_sec) + '.' + std::to_string(s.st_mtim.tv_nsec);
}

Result<void> make_passable(const std::filesystem::path& folder) {
    constexpr mode_t mode = 0711;
    std::filesystem::path made;
    for (const auto& part : folder) {
        made /= part;
        std::error_code ec;
        if (std::filesystem::is_directory(made, ec)) continue;
        if (::mkdir(made.c_str(), mode) != 0) {
            if (errno == EEXIST && std::filesystem::is_directory(made, ec)) continue;  // just now
            return system_error("Making the folder", made);
        }
        if (::chmod(made.c_str(), mode) != 0) return system_error("Making the folder", made);
    }
    return {};
}

Result<void> write_file(const std::filesystem::path& file, std::string_view text) {
    auto temporary = file;
    temporary += ".new";
    {
        const Fd out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (out < 0) return system_error("Creating", temporary);
        auto r = write_all(out, temporary, text.data(), text.size(), 0);
        if (r && ::fsync(out) != 0) r = system_error("Writing", temporary);
        if (!r) {
            ::unlink(temporary.c_str());
            return r;
        }
    }
    if (::rename(temporary.c_str(), file.c_str()) == 0) return {};
    auto e = system_error("Renaming", temporary);
    ::unlink(temporary.c_str());
    return e;
}

Result<std::string> read_file(const std::filesystem::path& file, std::uint64_t limit) {
    const Fd in(::open(file.c_str(), to_read));
    if (auto r = check_regular(in, file); !r) return r.error();
    std::string text;
    std::array<char, 16384> buffer{};
    for (;;) {
        const auto got = ::read(in, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("Reading", file);
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > limit)
            return Error(Status::invalid_parameter, "wsvirt.file.large",
                         "\"" + file.string() + "\" is larger than " + std::to_string(limit) + " bytes.",
                         file.string());
    }
}

}  // namespace wsvirt
