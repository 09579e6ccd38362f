#include "cim/providers/virtual_system/machine_folders.hpp"

#include <filesystem>

namespace wsvirt::cim::vs {

Result<void> make_folders(const Services& services, const backend::MachineSpec& spec) {
    const auto pipes = services.host.data_root / "pipes";
    for (const auto& p : spec.serial_ports) {
        if (std::filesystem::path(p.path).parent_path() != pipes) continue;
        std::error_code ec;
        std::filesystem::create_directories(pipes, ec);
        if (ec)
            return Error(Status::failed, "wsvirt.serial.folder",
                         "The folder for serial port pipes cannot be made.", pipes.string(), ec.message());
    }
    return {};
}

}  // namespace wsvirt::cim::vs
