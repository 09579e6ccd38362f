#include "cim/codec/export_definition.hpp"

#include <algorithm>
#include <pugixml.hpp>

#include "base/text.hpp"
#include "base/xml_writer.hpp"

namespace wsvirt::cim {

namespace {

constexpr const char* root_name = "VirtualSystemExport";

void write_file(pugi::xml_node parent, const char* element, const ExportDefinition::File& f) {
    auto n = parent.append_child(element);
    n.append_attribute("Source").set_value(f.source.c_str());
    n.append_attribute("Path").set_value(f.path.c_str());
    if (!f.format.empty()) n.append_attribute("Format").set_value(f.format.c_str());
    n.append_attribute("Size").set_value(static_cast<unsigned long long>(f.size));
    n.append_attribute("Digest").set_value(f.digest.c_str());
    if (f.base.empty()) return;
    n.append_attribute("Base").set_value(f.base.c_str());
    n.append_attribute("BaseSize").set_value(static_cast<unsigned long long>(f.base_size));
    n.append_attribute("BaseDigest").set_value(f.base_digest.c_str());
}

ExportDefinition::File read_file(const pugi::xml_node& n) {
    return {n.attribute("Source").value(),       n.attribute("Path").value(),
            n.attribute("Format").value(),       n.attribute("Size").as_ullong(),
            n.attribute("Digest").value(),       n.attribute("Base").value(),
            n.attribute("BaseSize").as_ullong(), n.attribute("BaseDigest").value()};
}

Error bad(std::string id, std::string text) {
    return Error(Status::malformed, std::move(id), std::move(text), "SystemDefinitionFile");
}

// Relative, and going nowhere but down.
bool stays_inside(const std::string& path) {
    if (path.empty() || path.front() == '/') return false;
    for (const auto& part : split(path, '/'))
        if (part.empty() || part == "." || part == "..") return false;
    return true;
}

unsigned version_of(const ExportDefinition& d) {
    const auto of_its_own = [](const auto& s) {
        return s.external || !s.name.empty() || !s.memory.empty() || !s.firmware.empty() ||
               !s.hardware.empty();
    };
    const auto based = [](const auto& f) { return !f.base.empty(); };
    const bool plain = d.firmware.empty() && std::none_of(d.disks.begin(), d.disks.end(), based) &&
                       std::none_of(d.snapshots.begin(), d.snapshots.end(), of_its_own);
    return plain ? 1 : export_format_version;
}

// Every export has them, and without them nothing tells what became of a file on the way.
Result<void> check_file(const ExportDefinition::File& f) {
    if (!stays_inside(f.path))
        return bad("wsvirt.import.path",
                   "The definition file names the file \"" + f.path + "\", which is not below its folder.");
    if (f.digest.empty() || (!f.base.empty() && f.base_digest.empty()))
        return bad("wsvirt.import.digest",
                   "The definition file has no " + std::string(f.digest.empty() ? "Digest" : "BaseDigest") +
                       " of \"" + f.path +
                       "\"; take it as the export has written it, or export the machine again.");
    return {};
}

Result<void> check(const ExportDefinition& d) {
    if (!is_guid(d.id) || d.settings.empty())
        return bad("wsvirt.import.incomplete", "The definition file names no virtual system.");
    std::vector<const std::vector<ExportDefinition::File>*> lists{&d.disks, &d.saved_state, &d.firmware};
    for (const auto& s : d.snapshots) lists.insert(lists.end(), {&s.memory, &s.firmware});
    for (const auto* files : lists)
        for (const auto& f : *files)
            if (auto r = check_file(f); !r) return r;
    for (const auto& s : d.snapshots)
        if (!is_guid(s.id) || s.settings.empty())
            return bad("wsvirt.import.snapshot",
                       "The definition file has a snapshot without identifier or settings.");
    return {};
}

}  // namespace

std::string export_definition_to_text(const ExportDefinition& d) {
    pugi::xml_document doc;
    auto root = doc.append_child(root_name);
    root.append_attribute("Version").set_value(version_of(d));
    root.append_attribute("Producer").set_value(d.producer.c_str());
    root.append_attribute("Host").set_value(d.host.c_str());
    root.append_attribute("Created").set_value(static_cast<long long>(d.created_us));
    auto system = root.append_child("System");
    system.append_attribute("Id").set_value(d.id.c_str());
    system.append_attribute("Name").set_value(d.name.c_str());
    system.append_child("Settings").text().set(d.settings.c_str());
    for (const auto& f : d.disks) write_file(system, "Disk", f);
    for (const auto& f : d.saved_state) write_file(system, "SavedState", f);
    for (const auto& f : d.firmware) write_file(system, "FirmwareVariables", f);
    for (const auto& s : d.snapshots) {
        auto n = system.append_child("Snapshot");
        n.append_attribute("Id").set_value(s.id.c_str());
        if (!s.name.empty()) n.append_attribute("Name").set_value(s.name.c_str());
        n.append_attribute("Parent").set_value(s.parent.c_str());
        n.append_attribute("Created").set_value(static_cast<long long>(s.created_us));
        n.append_attribute("HasMemory").set_value(s.has_memory);
        n.append_attribute("Current").set_value(s.current);
        if (s.external) n.append_attribute("External").set_value(true);
        n.append_child("Settings").text().set(s.settings.c_str());
        if (!s.hardware.empty()) n.append_child("Hardware").text().set(s.hardware.c_str());
        for (const auto& f : s.memory) write_file(n, "SavedState", f);
        for (const auto& f : s.firmware) write_file(n, "FirmwareVariables", f);
    }
    std::string text;
    XmlWriter out(text);
    doc.save(out, "  ");
    return text;
}

Result<ExportDefinition> export_definition_from_text(std::string_view text) {
    pugi::xml_document doc;
    const auto parsed = doc.load_buffer(text.data(), text.size(), pugi::parse_default & ~pugi::parse_doctype);
    const auto root = doc.child(root_name);
    if (!parsed || !root)
        return bad(
            "wsvirt.import.no_definition",
            "The file is no definition of an exported virtual system; choose the .xml file in the folder "
            "\"Virtual Machines\" of the export.");
    const auto version = root.attribute("Version").as_uint();
    if (version == 0 || version > export_format_version)
        return bad("wsvirt.import.version", "The export has the format version \"" +
                                                std::string(root.attribute("Version").value()) +
                                                "\", which this version of wsvirt cannot read.");
    const auto system = root.child("System");
    ExportDefinition d;
    d.producer = root.attribute("Producer").value();
    d.host = root.attribute("Host").value();
    d.created_us = root.attribute("Created").as_llong();
    d.id = to_upper(system.attribute("Id").value());
    d.name = system.attribute("Name").value();
    d.settings = system.child("Settings").text().get();
    for (const auto& n : system.children("Disk")) d.disks.push_back(read_file(n));
    for (const auto& n : system.children("SavedState")) d.saved_state.push_back(read_file(n));
    for (const auto& n : system.children("FirmwareVariables")) d.firmware.push_back(read_file(n));
    for (const auto& n : system.children("Snapshot")) {
        ExportDefinition::Snapshot s{
            to_upper(n.attribute("Id").value()), to_upper(n.attribute("Parent").value()),
            n.attribute("Created").as_llong(),   n.attribute("HasMemory").as_bool(),
            n.attribute("Current").as_bool(),    n.child("Settings").text().get(),
            n.attribute("External").as_bool(),   {}};
        s.name = n.attribute("Name").value();
        s.hardware = n.child("Hardware").text().get();
        for (const auto& f : n.children("SavedState")) s.memory.push_back(read_file(f));
        for (const auto& f : n.children("FirmwareVariables")) s.firmware.push_back(read_file(f));
        d.snapshots.push_back(std::move(s));
    }
    if (auto r = check(d); !r) return r.error();
    return d;
}

}  // namespace wsvirt::cim
