#include "cim/providers/virtual_system/machine_folders.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::vs {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_socket_path = 107;  // sockaddr_un

fs::path pipes_folder(const Services& services) {
    return services.host.data_root / "pipes";
}

bool plain(const std::string& name) {
    return !name.empty() && name.size() <= longest_name && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
           });
}

// The data folder is also where the service has its users, keys, jobs and libvirt's files: besides the pipes
// only files that are not its own may be made there, and none in its folders.
bool is_our_own(const Services& services, const fs::path& place) {
    std::error_code ec;
    const auto root = fs::canonical(services.host.data_root, ec);
    if (ec || place.parent_path() != root) {
        const auto relative = place.lexically_relative(root);
        const bool below = !ec && !relative.empty() && *relative.begin() != "..";
        const auto& allowed = services.host.storage_folders;
        return below && std::none_of(allowed.begin(), allowed.end(), [&](const auto& f) {
                   const auto inside = place.lexically_relative(fs::canonical(f, ec));
                   return !inside.empty() && *inside.begin() != "..";
               });
    }
    const auto name = place.filename().string();
    return name == "users" || name == "log" || name.starts_with("wsvirt") || name.starts_with("libvirt");
}

}  // namespace

Result<void> make_folders(const Services& services, const backend::MachineSpec& spec) {
    const auto pipes = pipes_folder(services);
    for (const auto& p : spec.serial_ports) {
        if (fs::path(p.path).parent_path() != pipes) continue;
        std::error_code ec;
        fs::create_directories(pipes, ec);
        if (ec)
            return Error(Status::failed, "wsvirt.serial.folder",
                         "The folder for serial port pipes cannot be made.", pipes.string(), ec.message());
    }
    return {};
}

Result<std::string> pipe_socket(const Services& services, const std::string& name,
                                const std::string& property) {
    if (!plain(name))
        return Error(Status::invalid_parameter, "wsvirt.serial.pipe",
                     "The name of a pipe may have up to 64 letters, digits, '-', '_' and '.'.", property);
    auto path = (pipes_folder(services) / name).string();
    if (path.size() > longest_socket_path)
        return Error(Status::invalid_parameter, "wsvirt.serial.pipe",
                     "The name of the pipe is too long: its socket would be \"" + path + "\".", property);
    return path;
}

Result<std::string> check_serial(const Services& services, const std::string& path,
                                 const std::string& property) {
    const fs::path wanted(path);
    if (wanted.parent_path() == pipes_folder(services))  // which is made when the machine is
        return pipe_socket(services, wanted.filename().string(), property);
    auto folders = services.host.storage_folders;
    folders.push_back(services.host.data_root);
    auto place = check_place(folders, path, property);
    if (place && is_our_own(services, *place))
        return Error(Status::access_denied, "wsvirt.serial.own",
                     "\"" + path + "\" belongs to the service itself; choose another file.", property);
    return place;
}

}  // namespace wsvirt::cim::vs
