#include "backend/qemu/overlays.hpp"

#include <filesystem>

#include "backend/qemu/qcow2_header.hpp"

namespace wsvirt::backend::qemu {

namespace fs = std::filesystem;

namespace {

Result<Below> look_into(const std::string& folder) {
    Below below;
    std::error_code ec, gone;
    for (auto e = fs::directory_iterator(folder, ec); !ec && e != fs::directory_iterator(); e.increment(ec))
        if (auto file = named_below(e->path().native()); !file.empty())
            below[e->path().native()] = fs::weakly_canonical(file, gone).native();
    if (!ec || ec == std::errc::no_such_file_or_directory || ec == std::errc::not_a_directory) return below;
    return Error{Status::failed, "wsvirt.folder.read", "The folder cannot be read.", folder, ec.message()};
}

}  // namespace

Result<std::vector<std::string>> search_overlays(const LookInto& look, const std::set<std::string>& files,
                                                 const std::map<std::string, std::string>& disks) {
    std::set<std::string> seen, found;
    std::vector<std::string> folders;
    const auto go_to = [&](const std::string& file) {
        const auto folder = fs::path(file).parent_path().native();
        if (file.starts_with('/') && !file.starts_with("/dev/") && seen.insert(folder).second)
            folders.push_back(folder);
    };
    for (const auto& file : files) go_to(file);
    for (const auto& [file, format] : disks) go_to(file);
    while (!folders.empty()) {
        const auto folder = folders.back();
        folders.pop_back();
        const auto below = look(folder);
        if (!below) return below.error();
        for (const auto& [file, under] : *below) {
            // What a guest has written into its disk is not believed.
            if (const auto disk = disks.find(file); disk != disks.end() && disk->second != "qcow2") continue;
            go_to(under);
            if (files.contains(under) && !files.contains(file)) found.insert(file);
        }
    }
    return std::vector<std::string>(found.begin(), found.end());
}

Result<std::vector<std::string>> overlays_of(const std::vector<std::string>& files,
                                             const std::map<std::string, std::string>& disks) {
    std::set<std::string> wanted;
    std::error_code ec;
    for (const auto& file : files) wanted.insert(fs::weakly_canonical(file, ec).native());
    return search_overlays(&look_into, wanted, disks);
}

}  // namespace wsvirt::backend::qemu
