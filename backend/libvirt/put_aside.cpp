#include "backend/libvirt/put_aside.hpp"

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/moving_notes.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "let the snapshots go along";
constexpr const char* kind = "moving-snapshots";

}  // namespace

Result<std::string> put_aside(const Settings& settings, virDomainPtr domain, const DomainOptions& here) {
    const auto machine = uuid_of(domain);
    // Of a move that was cut off and not settled.
    if (auto ok = bring_back(settings, domain, noted_aside(settings, machine), here); !ok) return ok.error();
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
    if (auto ok = note_moving(settings, kind, machine, aside); !ok) return ok.error();
    // Children first and each by itself: libvirt 9 frees them and then reads them when it is told to delete
    // all below one.
    for (auto s = all->rbegin(); s != all->rend(); ++s) {
        if (virDomainSnapshotDelete(s->handle.get(), VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) == 0) continue;
        Error why = last_error(doing);
        (void)bring_back(settings, domain, aside, here);
        return why;
    }
    return aside;
}

Result<void> bring_back(const Settings& settings, virDomainPtr domain, const std::string& aside,
                        const DomainOptions& there) {
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
        const auto xml =
            there.disk_server_dir.empty() ? with_files(to_text(alone)) : Result<std::string>(to_text(alone));
        if (!xml) return xml.error();
        const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                               (current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u);
        const SnapshotHandle made(virDomainSnapshotCreateXML(domain, xml->c_str(), flags));
        if (!made) return last_error(doing);
    }
    drop_moving(settings, kind, uuid_of(domain));
    return {};
}

void forget_aside(const Settings& settings, std::string_view machine) {
    drop_moving(settings, kind, machine);
}

std::string noted_aside(const Settings& settings, std::string_view machine) {
    return noted_moving(settings, kind, machine);
}

}  // namespace wsvirt::backend::libvirt
