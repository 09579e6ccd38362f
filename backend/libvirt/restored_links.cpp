#include "backend/libvirt/restored_links.hpp"

#include <libvirt/virterror.h>

#include <optional>

#include "backend/libvirt/core.hpp"
#include "backend/libvirt/domain_nodes.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "start the machine";

bool is_up(pugi::xml_node nic) {
    return std::string_view(nic.child("link").attribute("state").value()) != "down";
}

// Nothing for an adapter that was given to the machine only while it ran. One that memory from somewhere else
// brought has been made one that leads nowhere (adopt_saved_xml()).
std::optional<bool> shall_be_up(pugi::xml_node nic, pugi::xml_node devices) {
    const std::string_view mac = nic.child("mac").attribute("address").value();
    for (const auto known : devices.children("interface"))
        if (iequals(known.child("mac").attribute("address").value(), mac)) return is_up(known);
    if (std::string_view(nic.attribute("type").value()) == "user") return false;
    return std::nullopt;
}

std::string with_link(pugi::xml_node nic, bool up) {
    pugi::xml_document copy;
    auto changed = copy.append_copy(nic);
    set_attribute(child(changed, "link"), "state", up ? "up" : "down");
    return to_text(changed);
}

// libvirt has no way to change some adapters, which others have given to the machine.
Result<void> update(virDomainPtr domain, const std::string& device) {
    if (virDomainUpdateDeviceFlags(domain, device.c_str(), VIR_DOMAIN_AFFECT_LIVE) == 0) return {};
    const int code = last_error_code();
    if (code == VIR_ERR_OPERATION_UNSUPPORTED || code == VIR_ERR_CONFIG_UNSUPPORTED) return {};
    return last_error(doing);
}

Result<void> set_links(virDomainPtr domain, const std::string& definition, bool stands_still = true) {
    const std::string live = take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE));
    if (live.empty()) return last_error(doing);
    for (const auto& device : link_updates(live, definition, stands_still))
        if (auto ok = update(domain, device); !ok) return ok;
    return {};
}

}  // namespace

std::vector<std::string> link_updates(const std::string& back, const std::string& definition,
                                      bool stands_still) {
    pugi::xml_document mine, theirs;
    if (!mine.load_buffer(back.data(), back.size()) ||
        !theirs.load_buffer(definition.data(), definition.size()))
        return {};
    std::vector<std::string> out;
    const auto wanted = theirs.child("domain").child("devices");
    for (const auto nic : mine.child("domain").child("devices").children("interface")) {
        const auto up = shall_be_up(nic, wanted);
        if (!up || (*up && is_up(nic)) || (!stands_still && *up == is_up(nic))) continue;
        // Memory from somewhere else may have the link up where it says down, and libvirt does not do what
        // it takes for done.
        if (!*up && !is_up(nic)) out.push_back(with_link(nic, true));
        out.push_back(with_link(nic, *up));
    }
    return out;
}

std::string with_links_down(const std::string& memory, const std::string& definition) {
    pugi::xml_document mine, theirs;
    mine.load_buffer(memory.data(), memory.size());
    theirs.load_buffer(definition.data(), definition.size());
    const auto wanted = theirs.child("domain").child("devices");
    for (auto nic : mine.child("domain").child("devices").children("interface"))
        if (!shall_be_up(nic, wanted).value_or(false)) set_attribute(child(nic, "link"), "state", "down");
    return to_text(mine);
}

Result<void> start_with_memory(virDomainPtr domain, const std::string& definition,
                               const std::function<void()>& about_to_pause) {
    const std::string saved = take(virDomainManagedSaveGetXMLDesc(domain, 0));
    if (link_updates(saved, definition).empty()) return checked(virDomainCreate(domain), doing);
    if (about_to_pause) about_to_pause();
    auto ok = checked(virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED), doing);
    if (!ok) return ok;
    ok = set_links(domain, definition);
    if (ok || virDomainManagedSave(domain, VIR_DOMAIN_SAVE_RUNNING) == 0) return ok;
    auto why = ok.error();
    const auto unsaved = last_error("save the machine again");
    if (virDomainIsActive(domain) == 1)
        why.text += " The machine could not be saved again (" + unsaved.text +
                    ") and stays paused: make room for its memory and save it, or turn it off.";
    return why;
}

Result<void> finish_start(virDomainPtr domain, const std::string& definition, bool resume, bool alone) {
    int state = 0, reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) return last_error(doing);
    if (state != VIR_DOMAIN_RUNNING && state != VIR_DOMAIN_PAUSED) return {};
    if (auto ok = set_links(domain, definition, state == VIR_DOMAIN_PAUSED); !ok) return ok;
    // libvirt's reason for one that it was to start paused with its memory.
    const bool as_it_was = alone || reason == VIR_DOMAIN_PAUSED_MIGRATION;
    const bool goes_on = resume && as_it_was && state == VIR_DOMAIN_PAUSED;
    return goes_on ? checked(virDomainResume(domain), doing) : Result<void>();
}

}  // namespace wsvirt::backend::libvirt
