#include "backend/libvirt/secure_boot.hpp"

#include <filesystem>

#include "backend/libvirt/carried_variables.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/target_storage.hpp"

namespace wsvirt::backend::libvirt {

bool needs_other_keys(const MachineSpec& before, const MachineSpec& after) {
    return before.firmware == Firmware::uefi && before.secure_boot != after.secure_boot;
}

Result<std::optional<std::string>> drop_variables(const Core& core, const Session& s, virDomainPtr domain,
                                                  const std::string& domain_xml) {
    if (virDomainIsActive(domain) != 0 || has_saved_file(*core.connector, domain))
        return Error{Status::invalid_state, "wsvirt.firmware.in_use",
                     "Secure boot can be switched on or off only while the machine is off and has no saved "
                     "memory.",
                     "secure_boot"};
    auto variables = read_variables(*core.connector, s.connection, domain_xml);
    if (!variables || !*variables) return variables;
    const std::string path = nvram_path(domain_xml);
    if (core.connector->kind() != HostKind::embedded) {
        if (auto ok = remove_host_file(s.connection, path); !ok) return ok.error();
        return variables;
    }
    std::error_code ec;
    std::filesystem::remove(path, ec);
    if (!ec) return variables;
    return Error{Status::failed, "wsvirt.firmware.variables",
                 "The variables of the machine's firmware, which have to be made anew, cannot be removed.",
                 path, ec.message()};
}

void put_back_variables(const Core& core, const Session& s, const std::string& domain_xml,
                        const std::optional<std::string>& variables) {
    if (!variables) return;
    const std::string path = nvram_path(domain_xml);
    if (core.connector->kind() == HostKind::embedded)
        (void)write_nvram(path, *variables);
    else
        (void)write_host_file(s.connection, path, *variables);
}

}  // namespace wsvirt::backend::libvirt
