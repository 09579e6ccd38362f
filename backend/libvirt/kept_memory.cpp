#include "backend/libvirt/kept_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "backend/libvirt/folder_view.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/save_image.hpp"
#include "backend/libvirt/target_storage.hpp"

namespace wsvirt::backend::libvirt {

std::string memory_copy(const Core& core, const std::string& id, const std::vector<SnapshotTarget>& disks) {
    constexpr const char* ending = ".saved";
    if (!core.connector->save_dir().empty()) return kept_file(core, id, ending);
    const std::string dir = core.connector->host_save_dir();
    if (dir.empty()) return {};
    const auto beside =
        disks.empty() ? dir : std::filesystem::path(disks.front().path).parent_path().native();
    return beside + "/" + id + ending;
}

Result<void> copy_memory(Site& w, const std::string& from, const std::string& to) {
    if (!w.local()) {
        if (w.session.stop.stop_requested()) return cancelled("copy the saved memory");
        return copy_host_file(w.session.connection, from, to, w.core->settings().call_limit);
    }
    unlink(to.c_str());
    if (link(from.c_str(), to.c_str()) == 0) return {};
    const Call call{w.session.deadline, w.session.stop, w.session.progress};
    return copy_save_image(call, from, to, [](const std::string& xml) -> Result<std::string> { return xml; });
}

Result<void> remove_memory(const Core& core, virConnectPtr connection, const std::string& file) {
    if (core.connector->save_dir().empty())
        return remove_host_file(connection, file, core.settings().call_limit);
    remove_save_image(file);
    if (file.ends_with(".nvram")) remove_half_written_nvram(file);
    return {};
}

Result<void> remove_memory(Site& w, const std::string& file) {
    return remove_memory(*w.core, w.session.connection, file);
}

Result<bool> has_memory(Site& w, const std::string& file) {
    if (!w.local()) return host_has_file(w.session.connection, file);
    if (access(file.c_str(), F_OK) == 0) return true;
    const int why = errno;
    if (why == ENOENT) return false;
    return Error{
        Status::failed, "wsvirt.snapshot.memory_unseen",
        "The file \"" + file + "\" cannot be looked at; see that its storage is there and who may read it.",
        file, std::strerror(why)};
}

std::string MemoryAside::place(const Site& w) {
    return w.core->connector->host_save_dir().empty() ? "" : w.saved_path() + ".before";
}

bool MemoryAside::is_needed(const Site& w) {
    return !place(w).empty() && !w.active() && has_saved_file(*w.core->connector, w.domain);
}

Result<void> MemoryAside::keep() {
    if (!is_needed(w_)) return {};
    auto done = copy_memory(w_, w_.saved_path(), place(w_));
    kept_ = done.ok();
    return done;
}

namespace {

bool is_noted(const Site& w, const std::vector<std::string>& files) {
    const auto aside = MemoryAside::place(w);
    return !aside.empty() && std::find(files.begin(), files.end(), aside) != files.end();
}

bool has_folder_of(const Site& w, const std::string& file) {
    if (!w.local()) return !FolderView(w.session.connection, file).missing();
    std::error_code ec;
    return std::filesystem::is_directory(std::filesystem::path(file).parent_path(), ec);
}

// Gone after it had been put back, unless its storage is not there either.
Result<void> was_put_back(const Site& w) {
    const auto aside = MemoryAside::place(w);
    if (has_saved_file(*w.core->connector, w.domain) || has_folder_of(w, aside)) return {};
    return Error{Status::failed, "wsvirt.snapshot.former_unseen",
                 "The folder with the memory that the machine had before is not there.", aside};
}

}  // namespace

Result<void> put_memory_back(Site& w, const std::vector<std::string>& files) {
    // Not beneath a machine that may have been given its memory: it would start with this one next.
    if (!is_noted(w, files) || w.active()) return {};
    const auto there = has_memory(w, MemoryAside::place(w));
    if (!there) return there.error();
    return *there ? copy_memory(w, MemoryAside::place(w), w.saved_path()) : was_put_back(w);
}

Result<bool> memory_is_back(Site& w, const std::vector<std::string>& files) {
    if (!is_noted(w, files) || !MemoryAside::is_needed(w)) return false;
    const auto there = has_memory(w, MemoryAside::place(w));
    if (!there) return there.error();
    return !*there;
}

MemoryAside::~MemoryAside() {
    // What a silent host has cut off may need it yet; it is noted.
    if (kept_ && w_.answers()) (void)remove_memory(w_, place(w_));
}

}  // namespace wsvirt::backend::libvirt
