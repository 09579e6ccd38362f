#include "cim/providers/virtual_system/storage_rules.hpp"

#include <algorithm>
#include <array>
#include <system_error>

#include "backend/cluster.hpp"
#include "backend/overlay.hpp"
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/serial_rules.hpp"

namespace wsvirt::cim::vs {

namespace fs = std::filesystem;

namespace {

constexpr int longest_chain = 64;

bool below(const fs::path& file, const fs::path& folder) {
    std::error_code ec;
    const auto root = fs::weakly_canonical(folder, ec);
    if (ec) return false;
    auto f = file.begin();
    for (const auto& part : root) {
        if (part.empty()) continue;  // a trailing slash
        if (f == file.end() || *f != part) return false;
        ++f;
    }
    return f != file.end();
}

bool below_any(const fs::path& file, const std::vector<fs::path>& folders) {
    return std::any_of(folders.begin(), folders.end(), [&](const auto& f) { return below(file, f); });
}

Error bad(const char* id, const std::string& property, std::string text) {
    return Error(Status::invalid_parameter, id, std::move(text), property);
}

Error outside(const std::string& path, const std::string& property) {
    return Error(
        Status::access_denied, "wsvirt.disk.outside",
        "\"" + path + "\" lies outside the storage folders of this host; use a path below one of them.",
        property);
}

bool format_fits(Kind k, std::string_view format) {
    return k == Kind::hard_disk ? known_format(format) : format == "raw";
}

Error unfit_format(const std::string& path, std::string_view format) {
    return bad("wsvirt.disk.format", "HostResource",
               "\"" + path + "\" has the format " + std::string(format) +
                   "; only qcow2, raw, vpc (VHD) and vhdx disks can be used. Convert it to one of them.");
}

// As QEMU tells a protocol's name before a file's.
bool names_protocol(const std::string& file) {
    const auto mark = file.find_first_of(":/");
    return mark != std::string::npos && file[mark] == ':';
}

Result<backend::ImageInfo> look_at(Services& services, const std::string& real, const std::string& format) {
    auto image = services.hypervisor.image_info({}, real, format);
    if (image) {
        image->path = real;
        return image;
    }
    auto e = image.error();
    if (e.status == Status::failed) e.status = Status::invalid_parameter;
    e.subject = "HostResource";
    return e;
}

Result<void> check_chain(Services& services, backend::ImageInfo image) {
    for (int depth = 0; !image.backing_file.empty(); ++depth) {
        if (names_protocol(image.backing_file)) return outside(image.backing_file, "HostResource");
        fs::path next(image.backing_file);
        if (next.is_relative()) next = fs::path(image.path).parent_path() / next;
        std::error_code ec;
        const auto real = fs::canonical(next, ec);
        if (ec)
            return bad("wsvirt.disk.parent_missing", "HostResource",
                       "The parent disk \"" + next.string() + "\" does not exist.");
        if (!below_any(real, services.host.media_folders())) return outside(next.string(), "HostResource");
        if (depth >= longest_chain)
            return bad("wsvirt.disk.chain", "HostResource", "The chain of parent disks is too long.");
        if (!fs::is_regular_file(real, ec))
            return bad("wsvirt.disk.no_file", "HostResource",
                       "The parent disk \"" + next.string() + "\" is not a regular file.");
        const auto format = image.backing_format;
        if (!format.empty() && !known_format(format)) return unfit_format(next.string(), format);
        auto info = look_at(services, real.string(), format);
        if (!info) return info.error();
        if (!known_format(info->format)) return unfit_format(next.string(), info->format);
        image = std::move(*info);
    }
    return {};
}

// What an overlay of a snapshot stands on gets merged with it, also when no snapshot names it any more.
bool stands_on(backend::Hypervisor& host, const backend::Disk& disk, const std::string& canonical) {
    fs::path file = disk.path;
    for (int depth = 0; backend::is_overlay(file.native()) && depth < longest_chain; ++depth) {
        const auto image = host.image_info({}, file, "qcow2");
        if (!image || image->backing_file.empty()) return false;
        std::error_code ec;
        file = fs::weakly_canonical(file.parent_path() / image->backing_file, ec);
        if (file == canonical) return true;
    }
    return false;
}

// Several may have a file that all of them share.
std::string user_at(backend::Hypervisor& host, const std::string& canonical, std::string_view except,
                    bool shared) {
    const auto uses = [&](const backend::MachineSpec& s) {
        const auto files = disk_files(s);
        const auto at = files.find(canonical);
        return at != files.end() && !(shared && at->second);
    };
    for (const auto& m : host.machines()) {
        if (iequals(m->spec.uuid, except)) continue;
        if (uses(m->spec)) return m->spec.name;
        for (const auto& s : m->snapshots)
            if (uses(s.spec)) return m->spec.name;
    }
    for (const auto& m : host.machines())
        if (!iequals(m->spec.uuid, except) &&
            std::any_of(m->spec.disks.begin(), m->spec.disks.end(),
                        [&](const auto& d) { return is_exclusive(d) && stands_on(host, d, canonical); }))
            return m->spec.name;
    return {};
}

// The host that a path is meant on: the one that is named, that has the machine, or that is served here.
const HostEntry& place_of(const Services& services, std::string_view machine, std::string_view host) {
    const auto& all = services.hosts;
    if (is_cluster(services) && host.empty()) {
        const auto* place = machine.empty() ? nullptr : backend::place_of(all, machine);
        return place ? *place : all.front();
    }
    const auto which = std::find_if(all.begin(), all.end(), [&](const HostEntry& h) {
        if (!is_cluster(services)) return h.hypervisor == &services.hypervisor;
        return iequals(h.name, host);
    });
    return which == all.end() ? all.front() : *which;
}

struct User {
    std::string machine, host;  // host: of a machine that is elsewhere
};

User find_user(Services& services, const std::string& canonical, std::string_view except, bool shared,
               std::string_view host) {
    if (services.hosts.size() < 2) return {user_at(services.hypervisor, canonical, except, shared), {}};
    const auto& here = place_of(services, except, host);
    if (auto user = user_at(*here.hypervisor, canonical, except, shared); !user.empty())
        return {std::move(user), {}};
    for (const auto& other : services.hosts) {
        if (other.hypervisor == here.hypervisor) continue;
        auto user = user_at(*other.hypervisor, canonical, except, shared);
        if (!user.empty() && export_import::same_on_all(services, canonical, {&here, &other}))
            return {std::move(user), other.name};
    }
    return {};
}

}  // namespace

Result<void> check_path(const std::string& path, const std::string& property) {
    if (has_control_characters(path))
        return bad("wsvirt.disk.path", property,
                   property + " must be a path without line breaks and other control characters.");
    if (path.empty() || path[0] != '/')
        return bad("wsvirt.disk.path", property,
                   "\"" + path + "\" is not an absolute path; begin it with '/'.");
    return {};
}

bool has_control_characters(std::string_view path) {
    constexpr unsigned char space = 0x20, del = 0x7f;
    return std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < space || c == del; });
}

bool known_format(std::string_view format) {
    static constexpr std::array<std::string_view, 4> known{"qcow2", "raw", "vpc", "vhdx"};
    return std::find(known.begin(), known.end(), format) != known.end();
}

Result<std::string> check_existing(const std::vector<fs::path>& folders, const std::string& path,
                                   const std::string& property) {
    if (auto r = check_path(path, property); !r) return r.error();
    std::error_code ec;
    const auto real = fs::canonical(path, ec);
    if (ec) {
        // Do not tell what exists outside the folders.
        if (!below_any(fs::path(path).lexically_normal(), folders)) return outside(path, property);
        return Error(Status::not_found, "wsvirt.disk.missing", "There is no file \"" + path + "\".",
                     property);
    }
    if (!below_any(real, folders)) return outside(path, property);
    if (!fs::is_regular_file(real, ec))
        return bad("wsvirt.disk.no_file", property, "\"" + path + "\" is not a regular file.");
    return real.string();
}

Result<std::string> check_folder(const std::vector<fs::path>& folders, const std::string& path,
                                 const std::string& property) {
    if (auto r = check_path(path, property); !r) return r.error();
    std::error_code ec;
    auto real = fs::weakly_canonical(path, ec);
    if (!ec && !real.has_filename()) real = real.parent_path();
    if (ec || !below_any(real, folders)) return outside(path, property);
    if (fs::exists(real, ec) && !fs::is_directory(real, ec))
        return bad("wsvirt.disk.folder_missing", property, "\"" + path + "\" is no folder.");
    return real.string();
}

Result<std::string> check_place(const std::vector<fs::path>& folders, const std::string& path,
                                const std::string& property) {
    if (auto r = check_path(path, property); !r) return r.error();
    const fs::path wanted(path);
    const auto name = wanted.filename();
    if (name.empty() || name == "." || name == "..")
        return bad("wsvirt.disk.path", property, "\"" + path + "\" does not name a file.");
    std::error_code ec;
    const auto folder = fs::canonical(wanted.parent_path(), ec);
    if (ec) {
        if (!below_any(wanted.lexically_normal(), folders)) return outside(path, property);
        return bad("wsvirt.disk.folder_missing", property,
                   "There is no folder \"" + wanted.parent_path().string() + "\".");
    }
    const auto real = folder / name;
    if (!below_any(real, folders)) return outside(path, property);
    return real.string();
}

std::string user_of(Services& services, const std::string& canonical, std::string_view except, bool shared) {
    return find_user(services, canonical, except, shared, {}).machine;
}

Result<void> check_unused(Services& services, const std::string& canonical, const std::string& path,
                          std::string_view machine, bool shared, std::string_view host) {
    const auto user = find_user(services, canonical, machine, shared, host);
    if (user.machine.empty()) return {};
    const auto where = user.host.empty() ? std::string() : " on the host \"" + user.host + "\"";
    return Error(Status::busy, "wsvirt.disk.in_use",
                 "\"" + path + "\" is in use by the virtual machine \"" + user.machine + "\"" + where + ".",
                 "HostResource");
}

Error in_another_drive(const std::string& path, const std::string& property) {
    return Error(Status::busy, "wsvirt.disk.in_use",
                 "\"" + path + "\" is in another drive of the same virtual machine.", property);
}

Result<Medium> check_medium(Services& services, const std::string& path, const MediumUse& use) {
    const std::string property = "HostResource";
    auto real = check_existing(services.host.media_folders(), path, property);
    if (!real) {
        if (use.later && real.error().status == Status::not_found) return Medium{path, {}};
        auto e = real.error();
        if (e.status == Status::not_found) e.status = Status::invalid_parameter;
        return e;
    }
    if (use.kind != Kind::dvd_disk && !use.later)
        if (auto r = check_unused(services, *real, path, use.machine, use.shared, use.host); !r)
            return r.error();
    const auto unfit = [&](std::string_view format) {
        return bad("wsvirt.disk.format", property,
                   "\"" + path + "\" has the format " + std::string(format) + ", which does not fit a " +
                       std::string(info(use.kind).caption) + ".");
    };
    if (!use.format.empty() && !format_fits(use.kind, use.format)) return unfit(use.format);
    if (!use.later)
        if (auto r = check_no_log(services, *real, path, use.machine); !r) return r.error();
    auto image = look_at(services, *real, std::string(use.format));
    if (!image) return image.error();
    if (!format_fits(use.kind, image->format)) return unfit(image->format);
    const auto format = image->format;
    if (auto r = check_chain(services, std::move(*image)); !r) return r.error();
    return Medium{*real, format};
}

}  // namespace wsvirt::cim::vs
