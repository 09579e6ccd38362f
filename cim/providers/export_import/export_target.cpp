#include "cim/providers/export_import/export_target.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cim/providers/export_import/export_plan.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace fs = std::filesystem;

namespace {

Error unfit(Status status, std::string id, const char* property, std::string text) {
    return Error(status, std::move(id), std::move(text), property);
}

// A machine's name as a folder's name.
std::string folder_name(const backend::MachineSpec& spec) {
    std::string out;
    for (const char c : spec.name) {
        const auto u = static_cast<unsigned char>(c);
        out += u < 0x20 || u == 0x7f || c == '/' || c == '\\' ? '_' : c;
    }
    out = std::string(trim(out));
    while (out.size() > 200) {  // at a character's start
        out.pop_back();
        while (!valid_utf8(out)) out.pop_back();
    }
    return out.empty() || out.front() == '.' ? spec.uuid : out;
}

// A folder that is being written has such a name, and goes when that fails.
Result<void> check_names(const fs::path& target) {
    for (const auto& part : target)
        if (part.string().starts_with(partial_mark))
            return unfit(Status::invalid_parameter, "wsvirt.export.partial_name", "ExportDirectory",
                         std::string("Names that begin with \"") + partial_mark +
                             "\" are those of unfinished exports; choose another ExportDirectory.");
    return {};
}

Result<fs::path> place_for(const Services& services, const std::string& directory, bool subdirectory,
                           const backend::MachineSpec& spec) {
    auto text = directory;
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    for (const auto& part : split(text, '/'))
        if (part == "..")
            return unfit(Status::invalid_parameter, "wsvirt.export.dots", "ExportDirectory",
                         "ExportDirectory must not contain \"..\".");
    if (subdirectory) {
        // The folder for it may be new too.
        std::error_code none;
        if (!fs::exists(fs::symlink_status(text, none))) {
            auto parent = vs::check_place(services.host.export_folders, text, "ExportDirectory");
            if (!parent) return parent.error();
            if (auto r = check_names(*parent); !r) return r.error();
            return fs::path(*parent) / folder_name(spec);
        }
        text += '/' + folder_name(spec);
    }
    auto place = vs::check_place(services.host.export_folders, text, "ExportDirectory");
    if (!place) return place.error();
    if (auto r = check_names(*place); !r) return r.error();
    std::error_code ec;
    const auto there = fs::symlink_status(*place, ec);
    const bool empty_folder = !subdirectory && fs::is_directory(there) && fs::is_empty(*place, ec);
    if (fs::exists(there) && !empty_folder)
        return unfit(Status::already_exists, "wsvirt.export.exists", "ExportDirectory",
                     "\"" + *place + "\" exists already; remove it or choose another ExportDirectory.");
    return fs::path(*place);
}

bool is_export(const fs::path& folder) {
    std::error_code ec;
    for (auto i = fs::directory_iterator(folder / machines_folder, ec); !ec && i != fs::directory_iterator();
         i.increment(ec))
        if (i->path().extension() == ".xml") return true;
    return false;
}

// Whoever moves or removes an export does so with its folder.
Result<void> check_around(const Services& services, const fs::path& target) {
    const auto& roots = services.host.export_folders;
    const auto is_root = [&](const fs::path& folder) {
        return std::any_of(roots.begin(), roots.end(), [&](const auto& root) {
            std::error_code ec;
            return fs::equivalent(folder, root, ec);
        });
    };
    for (auto folder = target.parent_path(); folder.has_relative_path() && !is_root(folder);
         folder = folder.parent_path())
        if (is_export(folder))
            return unfit(
                Status::invalid_parameter, "wsvirt.export.inside", "ExportDirectory",
                "\"" + folder.string() +
                    "\" is another export, of this machine or another one; choose an ExportDirectory "
                    "that does not lie in it.");
    return {};
}

}  // namespace

Result<fs::path> target_of(const Services& services, const std::string& directory, bool subdirectory,
                           const backend::MachineSpec& spec) {
    auto place = place_for(services, directory, subdirectory, spec);
    if (place)
        if (auto r = check_around(services, *place); !r) return r.error();
    return place;
}

}  // namespace wsvirt::cim::export_import
