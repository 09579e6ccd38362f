#include "backend/libvirt/foreign_overlays.hpp"

#include <algorithm>
#include <filesystem>

#include "backend/qemu/qcow2_header.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

std::set<std::string> beside(const std::set<std::string>& ours) {
    std::set<fs::path> folders;
    for (const auto& file : ours) folders.insert(fs::path(file).parent_path());
    std::set<std::string> r;
    std::error_code ec;
    for (const auto& folder : folders)
        for (auto e = fs::directory_iterator(folder, ec); !ec && e != fs::directory_iterator();
             e.increment(ec))
            if (is_overlay(e->path().native())) r.insert(e->path().native());
    return r;
}

}  // namespace

std::set<std::string> held_by_others(const Core& core, std::string_view machine,
                                     const std::set<std::string>& ours) {
    Formats tops;
    for (const auto& file : beside(ours))
        if (!ours.contains(file)) tops.emplace(file, "qcow2");
    for (const auto& m : core.inventory->machines()) {
        if (iequals(m->spec.uuid, machine)) continue;
        for (const auto& d : m->spec.disks) tops.emplace(d.path, d.format);
        for (const auto& s : m->snapshots)
            for (const auto& d : s.spec.disks) tops.emplace(d.path, d.format);
    }
    std::set<std::string> r;
    for (const auto& [top, format] : tops) {
        const auto files = qemu::chain_below(top, format).files;
        r.insert(std::find_if(files.begin(), files.end(), [&](const auto& f) { return ours.contains(f); }),
                 files.end());
    }
    return r;
}

std::set<std::string> held_by_others(const Core& core, std::string_view machine, const Chain& ours) {
    std::set<std::string> files;
    for (const auto& [path, backing] : ours) files.insert(path);
    return held_by_others(core, machine, files);
}

}  // namespace wsvirt::backend::libvirt
