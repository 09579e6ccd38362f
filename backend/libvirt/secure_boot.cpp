#include "backend/libvirt/secure_boot.hpp"

#include <filesystem>

#include "backend/libvirt/carried_variables.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "backend/libvirt/target_storage.hpp"

namespace wsvirt::backend::libvirt {

namespace {

std::string with_note(const std::string& domain_xml, const char* value) {
    pugi::xml_document doc;
    if (!doc.load_string(domain_xml.c_str(), pugi::parse_full)) return domain_xml;
    set_attribute(find_spec(doc.child("domain").child("metadata")), variables_note, value);
    return to_text(doc);
}

Result<std::optional<std::string>> drop_variables(const Core& core, const Session& s,
                                                  const std::string& domain_xml) {
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

}  // namespace

bool needs_other_keys(const MachineSpec& before, const MachineSpec& after) {
    return before.firmware == Firmware::uefi && before.secure_boot != after.secure_boot;
}

Result<void> check_variables_unused(const Core& core, virDomainPtr domain) {
    if (virDomainIsActive(domain) == 0 && !has_saved_file(*core.connector, domain)) return {};
    return Error{Status::invalid_state, "wsvirt.firmware.in_use",
                 "Secure boot can be switched on or off only while the machine is off and has no saved "
                 "memory.",
                 "secure_boot"};
}

std::string awaiting_variables(const std::string& domain_xml) {
    return with_note(domain_xml, "new");
}

std::string awaiting_no_variables(const std::string& domain_xml) {
    return awaits_variables(domain_xml) ? with_note(domain_xml, "") : domain_xml;
}

bool awaits_variables(const std::string& domain_xml) {
    if (domain_xml.find(variables_note) == std::string::npos) return false;
    pugi::xml_document doc;
    doc.load_string(domain_xml.c_str(), pugi::parse_full);
    return bool(find_spec(doc.child("domain").child("metadata")).attribute(variables_note));
}

Result<std::optional<std::string>> renew_variables(const Core& core, const Session& s,
                                                   const std::string& domain_xml) {
    auto gone = drop_variables(core, s, domain_xml);
    // A note that stays makes the next start look for variables that are not there.
    if (gone) (void)DomainHandle(virDomainDefineXML(s.connection, with_note(domain_xml, "").c_str()));
    return gone;
}

std::string fitting_variables_of(const std::string& before, const std::string& domain_xml) {
    const auto old = read_domain(before), now = read_domain(domain_xml);
    if (!old || !now || now->kept.spec.firmware != Firmware::uefi) return domain_xml;
    const bool other = needs_other_keys(old->kept.spec, now->kept.spec) || awaits_variables(before);
    return other ? awaiting_variables(domain_xml) : awaiting_no_variables(domain_xml);
}

void settle_variables(const Core& core, const Session& s, virDomainPtr domain) {
    const std::string xml =
        take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    int state = 0;
    if (!awaits_variables(xml) || virDomainGetState(domain, &state, nullptr, 0) < 0) return;
    if (state == VIR_DOMAIN_RUNNING)
        (void)DomainHandle(virDomainDefineXML(s.connection, with_note(xml, "").c_str()));
    else if (virDomainIsActive(domain) == 0)
        (void)renew_variables(core, s, xml);
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
