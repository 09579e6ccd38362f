// File work that more than one room needs: copies that keep holes, and a digest of content that does not
// depend on where the holes are. Blocking; any thread. Only regular files are read. Errors: not_found,
// invalid_parameter (another kind of file), no_space, cancelled, failed (with the system's message in
// detail).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wsvirt {

struct FileWork {
    std::stop_token stop;
    std::function<void(std::uint64_t bytes)> advanced;  // bytes looked at since the last call; may be empty
};

// The data of a regular file, piece by piece, each with its offset; what is between them reads as zeros. Ends
// with the first error of `see`.
Result<void> read_data(
    const std::filesystem::path& file, const FileWork& work,
    const std::function<Result<void>(std::uint64_t at, const char* data, std::size_t size)>& see);

// Copies the data of a regular file; what is a hole stays one. The target must not exist; it is removed again
// on failure, and on disk when this returns.
Result<void> copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to,
                         const FileWork& work);

// SHA-256 in hexadecimal of the file's blocks of 64 KiB that are not all zero, each preceded by its offset,
// and of the file's size: the same for two files of the same content, however sparse.
Result<std::string> content_digest(const std::filesystem::path& file, const FileWork& work);

// What is another when somebody has written to the file since; "" when there is none, or it is a device, of
// which nobody can tell. Links are followed.
std::string write_mark(const std::filesystem::path& file);

// What was written to a file, or which files a folder has, outlives a power cut from here on.
Result<void> flush_to_disk(const std::filesystem::path& file_or_folder);

// Makes what is missing of a folder that another user's QEMU gets files from, whatever the umask says:
// everybody may pass who knows a name in it, and nobody else look into it.
Result<void> make_passable(const std::filesystem::path& folder);

// Writes a small file whole: a temporary file beside it, flushed, renamed.
Result<void> write_file(const std::filesystem::path& file, std::string_view text);
Result<std::string> read_file(const std::filesystem::path& file, std::uint64_t limit);

}  // namespace wsvirt
