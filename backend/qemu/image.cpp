#include "backend/qemu/image.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "backend/qemu/process.hpp"
#include "backend/qemu/qcow2_header.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::qemu {

namespace fs = std::filesystem;

namespace {

Error from_message(const std::string& message, const std::string& doing, const std::string& subject) {
    const auto has = [&](std::string_view part) { return message.find(part) != std::string::npos; };
    if (has("No space left on device") || has("File too large"))
        return {Status::no_space, "wsvirt.image.no_space",
                "Cannot " + doing + ": the disk of the host is full.", subject, message};
    if (has("No such file or directory"))
        return {Status::not_found, "wsvirt.image.missing",
                "Cannot " + doing + ": the file, its folder or its parent image does not exist.", subject,
                message};
    if (has("Permission denied") || has("Read-only file system"))
        return {Status::access_denied, "wsvirt.image.access",
                "Cannot " + doing + ": wsvirt may not use the file or folder.", subject, message};
    if (has(" lock"))
        return {Status::busy, "wsvirt.image.in_use",
                "Cannot " + doing + ": the image is in use by a machine or another program.", subject,
                message};
    if (has("does not support resize") || has("not supported") || has("Unknown file format"))
        return {Status::not_supported, "wsvirt.image.unsupported",
                "Cannot " + doing + ": qemu-img cannot do this with the image's format.", subject, message};
    return {Status::failed, "wsvirt.image.failed", "Cannot " + doing + ".", subject, message};
}

Result<void> check_path(const std::string& path) {
    if (path.starts_with('/') && path.find('\0') == std::string::npos) return {};
    return Error{Status::invalid_parameter, "wsvirt.image.path", "The path of an image must be absolute.",
                 path};
}

Error exists(const std::string& path) {
    return {Status::already_exists, "wsvirt.image.exists",
            "A file with this name exists already; choose another name.", path};
}

// qemu-img leaves holes in fixed VHD and VHDX files; fixed means that the space is there.
Result<void> allocate(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct stat s {};
    int failed = fd < 0 || fstat(fd, &s) != 0 ? errno : 0;
    if (failed == 0 && fallocate(fd, 0, 0, s.st_size) != 0 && errno != EOPNOTSUPP) failed = errno;
    if (fd >= 0) close(fd);
    return failed == 0 ? Result<void>() : from_message(std::strerror(failed), "create the disk image", path);
}

bool known_format(const std::string& f) {
    return f == "qcow2" || f == "raw" || f == "vpc" || f == "vhdx";
}

// A temporary name beside a file, noted for as long as this lives. What has it by then is removed.
class Part {
  public:
    Part(const std::string& path, const std::string& journal_dir) {
        const std::string id = make_guid();
        part_ = fs::path(path).parent_path() / (".wsvirt-" + id + ".part");
        if (journal_dir.empty()) return;
        note_ = fs::path(journal_dir) / id;
        std::error_code ec;
        fs::create_directories(journal_dir, ec);
        std::ofstream(note_, std::ios::binary) << part_.native();
    }
    ~Part() {
        std::error_code ec;
        fs::remove(part_, ec);
        if (!note_.empty()) fs::remove(note_, ec);
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    const std::string& path() const { return part_.native(); }

  private:
    fs::path part_, note_;
};

}  // namespace

Result<std::vector<std::string>> creation_options(const ImageSpec& spec) {
    using Kind = ImageSpec::Kind;
    if (!known_format(spec.format))
        return Error{Status::not_supported, "wsvirt.image.format",
                     "Images can be qcow2, raw, vpc (VHD) or vhdx.", spec.format};
    if (spec.kind == Kind::differencing && spec.format != "qcow2")
        return Error{Status::not_supported, "wsvirt.image.differencing",
                     "Differencing disks can only be made in qcow2 format on this host; QEMU cannot write "
                     "differencing "
                     "VHD or VHDX files.",
                     spec.format};
    std::string o;
    if (spec.format == "vpc")
        o = std::string("subformat=") + (spec.kind == Kind::fixed ? "fixed" : "dynamic") + ",force_size=on";
    if (spec.format == "vhdx")
        o = std::string("subformat=") + (spec.kind == Kind::fixed ? "fixed" : "dynamic");
    if ((spec.format == "raw" || spec.format == "qcow2") && spec.kind == Kind::fixed)
        o = "preallocation=falloc";
    if (spec.block_size != 0) {
        const char* const name = spec.format == "vhdx"    ? "block_size"
                                 : spec.format == "qcow2" ? "cluster_size"
                                                          : nullptr;
        if (!name)
            return Error{Status::not_supported, "wsvirt.image.block_size",
                         "Images of this format have no block size.", spec.format};
        o += (o.empty() ? "" : ",") + std::string(name) + "=" + std::to_string(spec.block_size);
    }
    if (o.empty()) return std::vector<std::string>{};
    return std::vector<std::string>{"-o", o};
}

std::optional<double> take_progress(std::string& output) {
    const auto end = output.rfind("/100%)");
    if (end == std::string::npos) return std::nullopt;
    const auto open = output.rfind('(', end);
    std::optional<double> r;
    if (open != std::string::npos) {
        char* stop = nullptr;
        const std::string number = output.substr(open + 1, end - open - 1);
        const double v = std::strtod(number.c_str(), &stop);
        if (stop && *stop == '\0' && !number.empty()) r = v;
    }
    output.erase(0, end + 6);
    return r;
}

Result<std::string> ImageTool::run(const Call& call, const Run& what) const {
    std::vector<std::string> all{program_};
    all.insert(all.end(), what.arguments.begin(), what.arguments.end());
    std::string pending;
    std::function<void(std::string_view)> watch;
    if (what.total > 0 && call.progress)
        watch = [&](std::string_view part) {
            pending += part;
            if (const auto percent = take_progress(pending))
                call.progress({static_cast<std::uint64_t>(
                                   std::llround(static_cast<double>(what.total) * *percent / 100)),
                               what.total});
        };
    auto r = run_program(call, all, watch);
    if (!r) return r.error();
    if (r->exit_code != 0) {
        std::string message(trim(r->err));
        if (message.empty()) message = "qemu-img ended with code " + std::to_string(r->exit_code);
        return from_message(message, what.doing, what.subject);
    }
    return std::move(r->out);
}

Result<void> ImageTool::make_whole(const std::string& path,
                                   const std::function<Result<void>(const std::string&)>& make) const {
    std::error_code ec;
    if (fs::exists(fs::symlink_status(path, ec))) return exists(path);
    const Part part(path, journal_dir_);
    Result<void> r = make(part.path());
    if (r && renameat2(AT_FDCWD, part.path().c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
        const int why = errno;
        r = why == EEXIST ? exists(path) : from_message(std::strerror(why), "name the image", path);
    }
    return r;
}

void ImageTool::remove_left_overs() const {
    std::error_code ec;
    if (journal_dir_.empty()) return;
    for (const auto& e : fs::directory_iterator(journal_dir_, ec)) {
        std::ifstream in(e.path(), std::ios::binary);
        const std::string part((std::istreambuf_iterator<char>(in)), {});
        std::error_code ignored;
        if (part.starts_with('/') && part.ends_with(".part")) {
            end_orphans(program_, part);
            fs::remove(part, ignored);
        }
        fs::remove(e.path(), ignored);
    }
}

Result<ImageInfo> ImageTool::info(const Call& call, const std::string& path,
                                  const std::string& format) const {
    if (auto ok = check_path(path); !ok) return ok.error();
    const bool told = known_format(format);
    if (!told || format == "qcow2") {
        if (auto known = read_qcow2_header(path)) return std::move(*known);
        // Before qemu-img, which would open that file too.
        if (keeps_data_elsewhere(path))
            return Error{Status::invalid_parameter, "wsvirt.image.data_file",
                         "The disk image \"" + path +
                             "\" keeps its data in another file, which is not supported; convert it to one "
                             "file with \"qemu-img convert\" and use that.",
                         path};
    }
    std::vector<std::string> arguments{"info", "-U", "--output=json"};
    if (told) arguments.insert(arguments.end(), {"-f", format});
    arguments.push_back(path);
    auto out = run(call, {std::move(arguments), "read the disk image", path});
    if (!out) return out.error();
    return parse_info(*out, path, told);
}

Result<void> ImageTool::create(const Call& call, const ImageSpec& spec) const {
    if (auto ok = check_path(spec.path); !ok) return ok;
    auto options = creation_options(spec);
    if (!options) return options.error();
    std::vector<std::string> arguments{"create", "-q", "-f", spec.format};
    arguments.insert(arguments.end(), options->begin(), options->end());
    std::uint64_t size = spec.size;
    if (spec.kind == ImageSpec::Kind::differencing) {
        auto parent = info(call, spec.parent, spec.parent_format);
        if (!parent) return parent.error();
        arguments.insert(arguments.end(), {"-b", spec.parent, "-F", parent->format});
        if (spec.source_in_use) arguments.emplace_back("-u");
        if (size == 0) size = parent->virtual_size;
    }
    if (size == 0)
        return Error{Status::invalid_parameter, "wsvirt.image.size", "A new disk image needs a size.",
                     spec.path};
    return make_whole(spec.path, [&](const std::string& part) -> Result<void> {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {part, std::to_string(size)});
        auto r = run(call, {std::move(all), "create the disk image", spec.path});
        if (!r) return r.error();
        return spec.kind == ImageSpec::Kind::fixed ? allocate(part) : Result<void>();
    });
}

Result<void> ImageTool::convert(const Call& call, const std::string& from, const ImageSpec& to,
                                std::uint64_t most,
                                const std::function<Result<void>(const std::string& copy)>& whole) const {
    if (auto ok = check_path(to.path); !ok) return ok;
    auto source = info(call, from, to.source_format);
    if (!source) return source.error();
    auto options = creation_options(to);
    if (!options) return options.error();
    std::vector<std::string> arguments{"convert", "-p", "-f", source->format, "-O", to.format};
    if (to.source_in_use) arguments.emplace_back("-U");
    if (most != 0) arguments.insert(arguments.end(), {"-r", std::to_string(most)});
    if (!to.from_snapshot.empty())
        arguments.insert(arguments.end(),
                         {"-l", "snapshot.name=" + replace_all(to.from_snapshot, ",", ",,")});
    arguments.insert(arguments.end(), options->begin(), options->end());
    if (to.kind == ImageSpec::Kind::differencing) {
        // A relative name stays one in the image, so that the two can move together.
        const auto place = fs::path(to.path).parent_path() / to.parent;
        auto parent = info(call, place.string(), to.parent_format);
        if (!parent) return parent.error();
        arguments.insert(arguments.end(), {"-B", to.parent, "-F", parent->format});
    }
    if (to.changes_only) return write_changes(call, *source, to);
    auto r = make_whole(to.path, [&](const std::string& part) -> Result<void> {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {from, part});
        auto done = run(call, {std::move(all), "copy the disk image", from,
                               std::max<std::uint64_t>(1, source->virtual_size)});
        if (!done) return done.error();
        return whole ? whole(part) : Result<void>();
    });
    if (r && call.progress) call.progress({source->virtual_size, source->virtual_size});
    return r;
}

Result<void> ImageTool::with_flat_copy(
    const Call& call, const std::string& path,
    const std::function<Result<void>(const std::string& copy)>& use) const {
    auto source = info(call, path);
    if (!source) return source.error();
    const Part copy(path, journal_dir_);
    auto made = run(call, {{"convert", "-p", "-f", source->format, "-O", source->format, path, copy.path()},
                           "copy the disk image",
                           path,
                           std::max<std::uint64_t>(1, source->virtual_size)});
    return made ? use(copy.path()) : Result<void>(made.error());
}

// An empty overlay of the source that is put on another parent takes over what differs there.
Result<void> ImageTool::write_changes(const Call& call, const ImageInfo& source, const ImageSpec& to) const {
    const auto place = fs::path(to.path).parent_path() / to.parent;
    const auto parent = info(call, place.string(), to.parent_format);
    if (!parent) return parent.error();
    return make_whole(to.path, [&](const std::string& part) -> Result<void> {
        auto made = run(call, {{"create", "-q", "-f", "qcow2", "-b", source.path, "-F", source.format, part},
                               "copy the disk image",
                               source.path});
        if (!made) return made.error();
        auto r = run(call, {{"rebase", "-p", "-f", "qcow2", "-b", to.parent, "-F", parent->format, part},
                            "copy the disk image",
                            source.path,
                            std::max<std::uint64_t>(1, source.virtual_size)});
        return r ? Result<void>() : r.error();
    });
}

Result<void> ImageTool::resize(const Call& call, const std::string& path, std::uint64_t new_size) const {
    auto now = info(call, path);
    if (!now) return now.error();
    std::vector<std::string> arguments{"resize", "-q", "-f", now->format};
    if (new_size < now->virtual_size) arguments.push_back("--shrink");
    arguments.insert(arguments.end(), {path, std::to_string(new_size)});
    auto r = run(call, {std::move(arguments), "change the size of the disk image", path});
    return r ? Result<void>() : r.error();
}

Result<void> ImageTool::snapshot(const Call& call, char action, const std::string& name,
                                 const std::string& path) const {
    if (auto ok = check_path(path); !ok) return ok;
    auto r = run(call, {{"snapshot", "-q", std::string("-") + action, name, path},
                        "change the snapshots of the disk image",
                        path});
    return r ? Result<void>() : r.error();
}

Result<void> ImageTool::commit(const Call& call, const std::string& path) const {
    auto now = info(call, path);
    if (!now) return now.error();
    auto r = run(call, {{"commit", "-q", "-d", "-f", now->format, path}, "merge the disk image", path});
    return r ? Result<void>() : r.error();
}

Result<void> ImageTool::rebase(const Call& call, const std::string& path, const std::string& backing,
                               const std::string& backing_format, bool same_content) const {
    if (auto ok = check_path(path); !ok) return ok;
    auto now = info(call, path);
    if (!now) return now.error();
    std::vector<std::string> arguments{"rebase", "-f", now->format};
    if (same_content)
        arguments.insert(arguments.end(), {"-p"});
    else
        arguments.push_back("-u");
    arguments.insert(arguments.end(), {"-b", backing});
    if (!backing.empty()) arguments.insert(arguments.end(), {"-F", backing_format});
    arguments.push_back(path);
    auto r = run(call, {std::move(arguments), "change the parent of the disk image", path,
                        same_content ? std::max<std::uint64_t>(1, now->virtual_size) : 0});
    return r ? Result<void>() : r.error();
}

}  // namespace wsvirt::backend::qemu
