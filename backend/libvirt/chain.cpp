#include "backend/libvirt/chain.hpp"

#include <libvirt/virterror.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

Result<std::vector<HeldSnapshot>> hold_snapshots(virDomainPtr domain) {
    std::vector<HeldSnapshot> r;
    virDomainSnapshotPtr* list = nullptr;
    const int n = virDomainListAllSnapshots(domain, &list, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
    if (n < 0) return last_error("list the machine's snapshots");
    std::vector<SnapshotHandle> handles;
    for (int i = 0; i < n; ++i) handles.emplace_back(list[i]);
    std::free(list);
    const std::string uuid = uuid_of(domain);
    for (auto& h : handles) {
        HeldSnapshot s;
        s.name = virDomainSnapshotGetName(h.get());
        s.xml = take(virDomainSnapshotGetXMLDesc(h.get(), VIR_DOMAIN_SNAPSHOT_XML_SECURE));
        if (s.xml.empty()) return last_error("look at the snapshot");
        auto info = read_snapshot(s.xml, uuid);
        if (!info) return info.error();
        auto layout = read_layout(s.xml);
        if (!layout) return layout.error();
        s.info = std::move(*info);
        s.info.current = virDomainSnapshotIsCurrent(h.get(), 0) == 1;
        s.layout = std::move(*layout);
        s.handle = std::move(h);
        r.push_back(std::move(s));
    }
    return r;
}

HeldSnapshot* find_snapshot(std::vector<HeldSnapshot>& all, std::string_view id) {
    for (auto& s : all)
        if (iequals(s.info.id, id)) return &s;
    return nullptr;
}

Error no_snapshot(std::string_view id) {
    return {Status::not_found, "wsvirt.snapshot.unknown", "The machine has no snapshot with this identifier.",
            std::string(id)};
}

Result<void> put_note(virDomainPtr domain, const std::string& xml, const SnapshotNote& note, bool current) {
    auto changed = with_note(xml, note);
    if (!changed) return changed.error();
    const unsigned flags =
        VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | (current ? unsigned{VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT} : 0u);
    const SnapshotHandle s(virDomainSnapshotCreateXML(domain, changed->c_str(), flags));
    if (!s) return last_error("write on the snapshot");
    return {};
}

namespace {
pugi::xml_attribute source_of(pugi::xml_node disk) {
    return disk.child("source").attribute(is_served(disk) ? "name" : "file");
}

// Also a device of the host.
pugi::xml_attribute medium_of(pugi::xml_node disk) {
    const auto file = source_of(disk);
    return file ? file : disk.child("source").attribute("dev");
}

bool only_it_writes_to(pugi::xml_node disk) {
    return std::string_view(disk.attribute("device").as_string("disk")) == "disk" && source_of(disk) &&
           !disk.child("readonly") && !disk.child("shareable");
}

std::vector<SnapshotTarget> targets(std::string_view domain_xml, bool (*wanted)(pugi::xml_node disk)) {
    pugi::xml_document doc;
    std::vector<SnapshotTarget> r;
    if (!doc.load_buffer(domain_xml.data(), domain_xml.size())) return r;
    for (const auto disk : doc.child("domain").child("devices").children("disk"))
        if (const auto medium = medium_of(disk); medium && wanted(disk))
            r.push_back({disk.child("target").attribute("dev").value(), medium.value(), format_of(disk)});
    return r;
}
}  // namespace

std::vector<SnapshotTarget> snapshot_targets(std::string_view domain_xml) {
    return targets(domain_xml, &only_it_writes_to);
}

namespace {
std::vector<std::string> left_out(std::string_view domain_xml, bool (*wanted)(pugi::xml_node disk)) {
    pugi::xml_document doc;
    std::vector<std::string> r;
    doc.load_buffer(domain_xml.data(), domain_xml.size());
    for (const auto disk : doc.child("domain").child("devices").children("disk"))
        if (disk.child("source") && !only_it_writes_to(disk) && wanted(disk))
            r.emplace_back(disk.child("target").attribute("dev").value());
    return r;
}
}  // namespace

std::vector<std::string> left_out(std::string_view domain_xml) {
    return left_out(domain_xml, [](pugi::xml_node) { return true; });
}

bool writes_to_left_out(std::string_view domain_xml) {
    return !left_out(domain_xml, [](pugi::xml_node disk) {
                return !disk.child("readonly") &&
                       std::string_view(disk.attribute("device").value()) != "cdrom";
            }).empty();
}

std::vector<SnapshotTarget> media_targets(std::string_view domain_xml) {
    return targets(domain_xml, [](pugi::xml_node) { return true; });
}

namespace {

void put_file(pugi::xml_node disk, const std::string& path, const std::string& format,
              const DomainOptions& options, const std::string& uuid) {
    const auto socket = disk_socket(options, uuid, disk.child("target").attribute("dev").value(), format);
    set_source(disk, path, socket);
    set_attribute(child(disk, "driver"), "type", socket.empty() ? format : "raw");
    disk.remove_child("backingStore");
}

template <class Edit>
Result<std::string> edit_disks(std::string_view xml, Edit edit) {
    pugi::xml_document doc;
    if (!doc.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8))
        return Error{Status::malformed, "wsvirt.domain.malformed",
                     "The host's description of the machine cannot be read."};
    const auto root = doc.first_child();
    std::vector<pugi::xml_node> domains;
    if (std::string_view(root.name()) == "domain") domains.push_back(root);
    for (const char* name : {"domain", "inactiveDomain"})
        if (root.child(name)) domains.push_back(root.child(name));
    for (const auto& d : domains) {
        const std::string uuid = d.child("uuid").text().get();
        for (auto disk : d.child("devices").children("disk")) edit(disk, uuid);
    }
    return to_text(doc);
}

}  // namespace

Result<std::string> with_disk_files(std::string_view xml,
                                    const std::map<std::string, std::string>& file_of_target) {
    return edit_disks(xml, [&](pugi::xml_node disk, const std::string& uuid) {
        const auto it = file_of_target.find(disk.child("target").attribute("dev").value());
        if (it != file_of_target.end()) put_file(disk, it->second, "qcow2", {}, uuid);
    });
}

Result<std::string> with_targets(std::string_view xml, const std::vector<SnapshotTarget>& targets,
                                 const DomainOptions& options) {
    return edit_disks(xml, [&](pugi::xml_node disk, const std::string& uuid) {
        for (const auto& t : targets)
            if (t.target == disk.child("target").attribute("dev").value())
                put_file(disk, t.path, t.format, options, uuid);
    });
}

Result<std::string> with_renamed_files(std::string_view xml,
                                       const std::map<std::string, SnapshotTarget>& by_old_path,
                                       const DomainOptions& options) {
    return edit_disks(xml, [&](pugi::xml_node disk, const std::string& uuid) {
        const auto it = by_old_path.find(medium_of(disk).value());
        if (it != by_old_path.end()) put_file(disk, it->second.path, it->second.format, options, uuid);
    });
}

Result<std::string> with_files(std::string_view xml) {
    bool any = false;
    auto changed = edit_disks(xml, [&any](pugi::xml_node disk, const std::string& uuid) {
        if (stands_on_served(disk)) any |= disk.remove_child("backingStore");
        if (!is_served(disk)) return;
        put_file(disk, std::string(source_of(disk).value()), format_of(disk), {}, uuid);
        any = true;
    });
    return changed && !any ? std::string(xml) : std::move(changed);
}

Result<std::string> with_forms_of(std::string_view running_xml, std::string_view xml,
                                  const DomainOptions& options) {
    pugi::xml_document doc;
    doc.load_buffer(running_xml.data(), running_xml.size(), pugi::parse_default, pugi::encoding_utf8);
    const auto running = doc.child("domain").child("devices");
    return edit_disks(xml, [&](pugi::xml_node disk, const std::string& uuid) {
        const std::string_view target = disk.child("target").attribute("dev").value();
        const std::string path = source_of(disk).value(), format = format_of(disk);
        for (const auto now : running.children("disk"))
            if (target == now.child("target").attribute("dev").value() && source_of(now).value() == path &&
                format_of(now) == format && is_served(now) != is_served(disk))
                put_file(disk, path, format, is_served(now) ? options : DomainOptions{}, uuid);
    });
}

Result<std::string> without_chains(std::string_view domain_xml) {
    return edit_disks(domain_xml,
                      [](pugi::xml_node disk, const std::string&) { disk.remove_child("backingStore"); });
}

bool lists_missing_files(std::string_view domain_xml) {
    pugi::xml_document doc;
    doc.load_buffer(domain_xml.data(), domain_xml.size());
    for (const auto disk : doc.child("domain").child("devices").children("disk"))
        for (auto below = disk.child("backingStore"); below; below = below.child("backingStore")) {
            const char* const file = below.child("source").attribute("file").value();
            if (*file && access(file, F_OK) != 0) return true;
        }
    return false;
}

namespace {
std::string overlay_of(const std::string& stem, std::string_view id) {
    return stem + "." + to_upper(id) + ".qcow2";
}

std::string stem_of(const std::string& path) {
    if (is_overlay(path)) return path.substr(0, path.size() - overlay_ending);
    const fs::path p(path);
    return (p.parent_path() / p.stem()).native();
}
}  // namespace

std::string overlay_path(const std::string& path, std::string_view id) {
    return overlay_of(stem_of(path), id);
}

std::map<std::string, std::string> overlay_paths(const std::vector<SnapshotTarget>& disks,
                                                 std::string_view id) {
    std::set<std::string> stems;
    for (const auto& d : disks) stems.insert(stem_of(d.path));
    std::map<std::string, std::string> r;
    for (const auto& d : disks)
        r[d.target] = stems.size() == disks.size() ? overlay_path(d.path, id) : overlay_of(d.path, id);
    return r;
}

bool may_stand_on(std::string upper, const std::string& lower) {
    while (is_overlay(upper)) {
        upper = stem_of(upper);
        if (lower == upper || stem_of(lower) == upper) return true;
    }
    return false;
}

Result<Chain> read_chain(const Call& call, const qemu::ImageTool& tool, const Formats& tops,
                         std::set<std::string>* missing) {
    Chain r;
    for (const auto& top : tops) {
        auto [path, format] = std::pair<std::string, std::string>(top);
        while (!path.empty() && !r.contains(path)) {
            if (missing && access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
                missing->insert(path);
                break;
            }
            auto info = tool.info(call, path, format);
            if (!info) return info.error();
            r[path] = info->backing_file;
            path = info->backing_file;
            format = info->backing_format;
        }
    }
    return r;
}

Formats tops_of(std::string_view domain_xml, const std::vector<HeldSnapshot>& snapshots) {
    Formats r;
    for (const auto& t : snapshot_targets(domain_xml)) r.emplace(t.path, t.format);
    for (const auto& s : snapshots)
        for (const auto& t : snapshot_targets(s.layout.domain_xml)) r.emplace(t.path, t.format);
    return r;
}

void remove_unneeded(const Chain& before, const Chain& after, const std::set<std::string>& held) {
    std::error_code ec;
    for (const auto& [path, backing] : before)
        if (!after.contains(path) && !held.contains(path) && is_overlay(path)) fs::remove(path, ec);
}

}  // namespace wsvirt::backend::libvirt
