#include "backend/libvirt/put_aside.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr const char* doing = "let the snapshots go along";
constexpr unsigned without_content =
    VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY | VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN;

fs::path note_of(const Settings& settings, std::string_view machine) {
    if (settings.state_dir.empty()) return {};
    return fs::path(settings.state_dir) / "moving-snapshots" / to_upper(machine);
}

Result<void> note(const Settings& settings, std::string_view machine, const std::string& aside) {
    const auto file = note_of(settings, machine);
    if (file.empty()) return {};
    std::error_code ec;
    fs::create_directories(file.parent_path(), ec);
    return write_file(file, aside);
}

void forget_note(const Settings& settings, std::string_view machine) {
    std::error_code ec;
    if (const auto file = note_of(settings, machine); !file.empty()) fs::remove(file, ec);
}

}  // namespace

Result<std::string> put_aside(const Settings& settings, virDomainPtr domain) {
    const auto machine = uuid_of(domain);
    // Of a move that was cut off and not settled.
    if (auto ok = bring_back(settings, domain, noted_aside(settings, machine)); !ok) return ok.error();
    auto all = hold_snapshots(domain);
    if (!all) return all.error();
    if (all->empty()) return std::string();
    pugi::xml_document doc;
    auto root = doc.append_child("snapshots");
    for (const auto& s : *all) {
        pugi::xml_document one;
        if (!one.load_string(s.xml.c_str(), pugi::parse_full))
            return Error{Status::failed, "wsvirt.snapshot.malformed",
                         "The host's description of the snapshot cannot be read.", s.info.id};
        auto copy = root.append_copy(one.document_element());
        if (s.info.current) copy.append_attribute("current").set_value(true);
    }
    std::string aside = to_text(doc);
    if (auto ok = note(settings, machine, aside); !ok) return ok.error();
    for (const auto& s : *all) {
        if (!s.info.parent.empty() || virDomainSnapshotDelete(s.handle.get(), without_content) == 0) continue;
        Error why = last_error(doing);
        (void)bring_back(settings, domain, aside);
        return why;
    }
    return aside;
}

Result<void> bring_back(const Settings& settings, virDomainPtr domain, const std::string& aside) {
    if (aside.empty()) return {};
    pugi::xml_document doc;
    if (!doc.load_string(aside.c_str(), pugi::parse_full))
        return Error{Status::failed, "wsvirt.snapshot.aside",
                     "What was noted of the machine's snapshots before it moved cannot be read.",
                     uuid_of(domain)};
    for (auto one : doc.child("snapshots").children("domainsnapshot")) {  // parents come first
        const bool current = one.attribute("current").as_bool();
        one.remove_attribute("current");
        pugi::xml_document alone;
        alone.append_copy(one);
        const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                               (current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u);
        const SnapshotHandle made(virDomainSnapshotCreateXML(domain, to_text(alone).c_str(), flags));
        if (!made) return last_error(doing);
    }
    forget_note(settings, uuid_of(domain));
    return {};
}

std::string noted_aside(const Settings& settings, std::string_view machine) {
    const auto file = note_of(settings, machine);
    if (file.empty()) return {};
    auto text = read_file(file, std::numeric_limits<std::uint64_t>::max());
    return text ? std::move(*text) : std::string();
}

}  // namespace wsvirt::backend::libvirt
