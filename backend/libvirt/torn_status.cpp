#include "backend/libvirt/torn_status.hpp"

#include "backend/libvirt/domain_nodes.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* merge = "active-commit";

std::string_view text_of(pugi::xml_node node, const char* attribute) {
    return node.attribute(attribute).value();
}

// The layer of the disk that QEMU knows by this name.
pugi::xml_node layer_of(pugi::xml_node disk, std::string_view name) {
    for (auto layer = disk.child("backingStore"); layer; layer = layer.child("backingStore")) {
        const auto names = layer.child("source").child("privateData").child("nodenames");
        for (const auto node : names.children("nodename"))
            if (text_of(node, "type") == "format" && text_of(node, "name") == name) return layer;
    }
    return {};
}

// Where the disk will stand when the merge is through: without it libvirt does not survive breaking it off.
bool add_mirror(pugi::xml_node disk, pugi::xml_node job) {
    const auto base = layer_of(disk, text_of(job.child("base"), "node"));
    if (!base) return false;
    auto mirror = disk.insert_child_before("mirror", disk.child("target"));
    mirror.append_attribute("type").set_value(base.attribute("type").value());
    mirror.append_attribute("job").set_value(merge);
    mirror.append_copy(base.child("format"));
    auto source = mirror.append_copy(base.child("source"));
    if (base.attribute("index")) source.append_attribute("index").set_value(base.attribute("index").value());
    return true;
}

void add_nodes(pugi::xml_node layer, std::vector<std::string>& names) {
    const auto nodes = layer.child("source").child("privateData").child("nodenames");
    for (const char* type : {"format", "storage"})
        for (const auto node : nodes.children("nodename"))
            if (text_of(node, "type") == type) names.emplace_back(text_of(node, "name"));
}

// QEMU has gone over to the base already.
bool stand_on_base(pugi::xml_node disk, pugi::xml_node job, std::vector<std::string>& left) {
    const auto base = layer_of(disk, text_of(job.child("base"), "node"));
    if (!base) return false;
    for (auto layer = disk; layer != base; layer = layer.child("backingStore")) add_nodes(layer, left);
    auto old = disk.child("backingStore");  // with the base in it
    disk.attribute("type").set_value(base.attribute("type").value());
    disk.child("driver").attribute("type").set_value(base.child("format").attribute("type").value());
    auto source = disk.insert_copy_before(base.child("source"), old);
    if (base.attribute("index")) source.append_attribute("index").set_value(base.attribute("index").value());
    if (const auto below = base.child("backingStore")) disk.insert_copy_before(below, old);
    disk.remove_child("source");
    disk.remove_child(old);
    disk.remove_child("mirror");
    job.parent().remove_child(job);
    return true;
}

// libvirt has lost its name.
bool name_mirror(pugi::xml_node mirror, pugi::xml_node job) {
    if (!text_of(mirror, "job").empty()) return false;
    mirror.attribute("job").set_value(merge);
    if (text_of(job, "state") == "pivoting" && !mirror.attribute("ready"))
        mirror.append_attribute("ready").set_value("pivot");
    return true;
}

bool forget_merge(pugi::xml_node disk, pugi::xml_node job) {
    disk.remove_child("mirror");
    return job.parent().remove_child(job);
}

bool says(const std::string& answer, std::string_view name, std::string_view value) {
    return answer.find('"' + std::string(name) + "\": \"" + std::string(value) + '"') != std::string::npos;
}

// An error says nothing of what goes on.
bool answers(const MergesInQemu& qemu) {
    const auto returns = [](const std::string& answer) {
        return answer.find("\"return\":") != std::string::npos;
    };
    return returns(qemu.jobs) && returns(qemu.disks);
}

bool mend(pugi::xml_node disk, pugi::xml_node job, const std::optional<MergesInQemu>& qemu,
          std::vector<std::string>& left) {
    auto mirror = disk.child("mirror");
    if (!job) return mirror && text_of(mirror, "job").empty() && disk.remove_child(mirror);
    if (qemu && !says(qemu->jobs, "id", text_of(job, "name"))) {
        const bool done = says(qemu->disks, "node-name", text_of(job.child("base"), "node"));
        return (done && stand_on_base(disk, job, left)) || forget_merge(disk, job);
    }
    return mirror ? name_mirror(mirror, job) : add_mirror(disk, job) || forget_merge(disk, job);
}

}  // namespace

bool notes_merges(std::string_view status) {
    return status.find("<mirror ") != std::string_view::npos ||
           status.find("<blockjob ") != std::string_view::npos;
}

std::optional<MendedStatus> mended_status(std::string_view status, const std::optional<MergesInQemu>& asked) {
    const auto qemu = asked && answers(*asked) ? asked : std::nullopt;
    pugi::xml_document doc;
    if (!doc.load_buffer(status.data(), status.size(), pugi::parse_full)) return std::nullopt;
    auto root = doc.child("domstatus");
    bool changed = false;
    MendedStatus r;
    for (auto disk : root.child("domain").child("devices").children("disk")) {
        pugi::xml_node job;
        for (auto j : root.child("blockjobs").children("blockjob"))
            if (text_of(j, "type") == merge &&
                text_of(j.child("disk"), "dst") == text_of(disk.child("target"), "dev"))
                job = j;
        changed |= mend(disk, job, qemu, r.left);
    }
    if (!changed) return std::nullopt;
    r.text = to_text(doc);
    return r;
}

}  // namespace wsvirt::backend::libvirt
