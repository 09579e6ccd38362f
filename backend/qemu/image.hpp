// Disk images through qemu-img: look, create, convert, resize. Paths must be absolute: then neither
// qemu-img's options nor its protocol prefixes ("nbd:...") can be mistaken for one. A new image is written
// under a temporary name in the same folder and renamed when it is whole; after a failure nothing is left,
// after the end of this program what was half made is removed by the next one (see remove_left_overs). Sizes
// in bytes. Blocking; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::qemu {

class ImageTool {
  public:
    // journal_dir: where names of unfinished files are noted; "" = nowhere.
    explicit ImageTool(std::string program = "qemu-img", std::string journal_dir = {})
        : program_(std::move(program)), journal_dir_(std::move(journal_dir)) {}

    // Removes what a program that was killed left unfinished. Call once, before any other.
    void remove_left_overs() const;

    // format: what the image is, where somebody else could have made it look like another; "" = look. A qcow2
    // file that has its data in another one is refused (invalid_parameter): its header could name any file.
    Result<ImageInfo> info(const Call& call, const std::string& path, const std::string& format = {}) const;
    Result<void> create(const Call& call, const ImageSpec& spec) const;
    // most: bytes a second; 0 = as fast as it goes. whole: is told of the copy when it is whole, before it
    // has its name; after an error nothing is left.
    Result<void> convert(const Call& call, const std::string& from, const ImageSpec& to,
                         std::uint64_t most = 0,
                         const std::function<Result<void>(const std::string& copy)>& whole = {}) const;
    // A copy that stands on no other file, in the format of the image and beside it; it is there for as long
    // as `use` takes, and what a kill leaves of it goes like what is half made.
    Result<void> with_flat_copy(const Call& call, const std::string& path,
                                const std::function<Result<void>(const std::string& copy)>& use) const;
    Result<void> resize(const Call& call, const std::string& path, std::uint64_t new_size) const;
    // Internal snapshots of a qcow2 file: 'c'reate, 'a'pply, 'd'elete.
    Result<void> snapshot(const Call& call, char action, const std::string& name,
                          const std::string& path) const;
    // Writes the data of an image into its backing file.
    Result<void> commit(const Call& call, const std::string& path) const;
    // Names another file as the backing file. same_content: the image takes over what differs; otherwise the
    // caller vouches that the new backing file has the same content.
    Result<void> rebase(const Call& call, const std::string& path, const std::string& backing,
                        const std::string& backing_format, bool same_content) const;

  private:
    struct Run {
        std::vector<std::string> arguments;
        std::string doing, subject;
        std::uint64_t total = 0;  // bytes, for progress; 0 = no progress
    };
    Result<std::string> run(const Call& call, const Run& what) const;
    Result<void> write_changes(const Call& call, const ImageInfo& source, const ImageSpec& to) const;
    // Runs `make` with a temporary name beside the path and gives it its name when that went well.
    Result<void> make_whole(const std::string& path,
                            const std::function<Result<void>(const std::string&)>& make) const;
    std::string program_, journal_dir_;
};

// "-o" and its value for a new image; empty when the format needs none. not_supported for what qemu-img
// cannot do.
Result<std::vector<std::string>> creation_options(const ImageSpec& spec);
// The last complete "(12.34/100%)" in the output, removed with all before it.
std::optional<double> take_progress(std::string& output);
// told: qemu-img was told the format.
Result<ImageInfo> parse_info(const std::string& json, const std::string& path, bool told = false);
// "fixed", "dynamic", "differencing" or "" of a VHD or VHDX file, which qemu-img does not tell.
std::string read_subformat(const std::string& path, const std::string& format);

}  // namespace wsvirt::backend::qemu
