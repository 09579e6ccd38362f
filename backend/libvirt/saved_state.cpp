// LibvirtHypervisor: saved memory as a file of its own. It works where the files of the host's libvirt can be
// reached: the embedded driver and the system's libvirt on this machine.
#include <libvirt/virterror.h>
#include <unistd.h>

#include <filesystem>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/save_image.hpp"

namespace wsvirt::backend::libvirt {

namespace {

Error not_here() {
    return {Status::not_supported, "wsvirt.saved.remote",
            "The saved memory of machines on this host cannot be reached from here; start the machine and "
            "shut it "
            "down first."};
}

}  // namespace

Result<void> LibvirtHypervisor::export_saved_state(const Call& call, std::string_view uuid,
                                                   const std::string& to_file) {
    const std::string dir = core_->connector->save_dir();
    if (dir.empty()) return not_here();
    const Change change{{"export the saved memory", {}, true, {}, {}}, {MachineState::saved}, {}};
    return change_machine(core_, call, uuid, change, [dir, to_file](Session& s, virDomainPtr d) {
        const Call inner{s.deadline, s.stop, s.progress};
        return copy_save_image(inner, dir + "/" + virDomainGetName(d) + ".save", to_file,
                               [](const std::string& xml) -> Result<std::string> { return xml; });
    });
}

Result<void> LibvirtHypervisor::import_saved_state(const Call& call, std::string_view uuid,
                                                   const std::string& from_file) {
    const std::string dir = core_->connector->save_dir();
    if (dir.empty()) return not_here();
    const Change change{{"import the saved memory", {}, true, {}, {}}, {MachineState::off}, {}};
    return change_machine(
        core_, call, uuid, change, [dir, from_file](Session& s, virDomainPtr d) -> Result<void> {
            const std::string definition =
                take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
            if (definition.empty()) return last_error("import the saved memory");
            std::error_code ec;
            std::filesystem::create_directories(dir, ec);
            const Call inner{s.deadline, s.stop, s.progress};
            // libvirt looks for this file when the machine starts.
            return copy_save_image(inner, from_file, dir + "/" + virDomainGetName(d) + ".save",
                                   [&](const std::string& xml) { return adopt_saved_xml(xml, definition); });
        });
}

Result<void> LibvirtHypervisor::import_nvram(const Call& call, std::string_view uuid,
                                             const std::string& from_file) {
    if (core_->connector->save_dir().empty()) return not_here();
    return change_machine(
        core_, call, uuid, {{"import the firmware's variables", {}, false, {}, {}}, {MachineState::off}, {}},
        [from_file](Session&, virDomainPtr d) -> Result<void> {
            const auto to =
                nvram_path(take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)));
            return to.empty() ? Result<void>{} : copy_nvram(from_file, to);
        });
}

Result<std::uint64_t> LibvirtHypervisor::saved_state_size(const Call& call, std::string_view uuid) {
    const std::string dir = core_->connector->save_dir();
    if (dir.empty()) return not_here();
    auto size = std::make_shared<std::uint64_t>(0);
    const Change change{{"look at the saved memory", {}, false, {}, {}}, {MachineState::saved}, {}, false};
    auto done =
        change_machine(core_, call, uuid, change, [dir, size](Session&, virDomainPtr d) -> Result<void> {
            const auto file = dir + "/" + virDomainGetName(d) + ".save";
            std::error_code ec;
            *size = std::filesystem::file_size(file, ec);
            if (!ec) return {};
            return Error{Status::not_found, "wsvirt.saved.file",
                         "The file with the saved memory cannot be read or written.", file, ec.message()};
        });
    if (!done) return done.error();
    return *size;
}

// libvirt remembers what it saved itself, but starts a machine from any file that is there.
bool has_saved_file(const Connector& connector, virDomainPtr domain, bool off) {
    if (virDomainHasManagedSaveImage(domain, 0) == 1) return true;
    if (connector.host_save_dir().empty()) return false;
    const std::string dir = connector.save_dir();
    if (dir.empty()) return off && !take(virDomainManagedSaveGetXMLDesc(domain, 0)).empty();
    return access((dir + "/" + virDomainGetName(domain) + ".save").c_str(), F_OK) == 0;
}

Result<void> drop_saved_file(const Connector& connector, virDomainPtr domain) {
    const std::string dir = connector.save_dir();
    const bool known =
        dir.empty() ? has_saved_file(connector, domain) : virDomainHasManagedSaveImage(domain, 0) == 1;
    if (known) return checked(virDomainManagedSaveRemove(domain, 0), "drop the saved state");
    if (!dir.empty()) remove_save_image(dir + "/" + virDomainGetName(domain) + ".save");
    return {};
}

}  // namespace wsvirt::backend::libvirt
