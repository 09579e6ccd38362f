#include "cim/providers/virtual_system/planned_systems.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/recovery.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr std::string_view system_kind = "planned", snapshot_kind = "planned_snapshot";

// A snapshot's own facts travel as attributes of its spec; these names are ours alone.
constexpr const char* parent_key = "PlannedSnapshot.Parent";
constexpr const char* created_key = "PlannedSnapshot.Created";
constexpr const char* memory_key = "PlannedSnapshot.Memory";
constexpr const char* current_key = "PlannedSnapshot.Current";
constexpr const char* external_key = "PlannedSnapshot.External";
constexpr const char* memory_file_key = "PlannedSnapshot.MemoryFile";
constexpr const char* nvram_file_key = "PlannedSnapshot.NvramFile";

std::string take(backend::Attributes& a, const char* key) {
    auto node = a.extract(key);
    return node.empty() ? std::string() : std::move(node.mapped());
}

Result<void> write_snapshots(Services& services, const PlannedSystem& p) {
    for (const auto& s : p.snapshots) {
        auto spec = s.spec;
        spec.attributes[parent_key] = s.parent;
        spec.attributes[created_key] = std::to_string(s.created_us);
        if (s.has_memory) spec.attributes[memory_key] = "1";
        if (s.current) spec.attributes[current_key] = "1";
        if (s.external) spec.attributes[external_key] = "1";
        if (!s.memory_file.empty()) spec.attributes[memory_file_key] = s.memory_file;
        if (!s.nvram_file.empty()) spec.attributes[nvram_file_key] = s.nvram_file;
        auto text = services.hypervisor.spec_to_text(spec);
        if (!text) return text.error();
        if (auto r = services.store.put(snapshot_kind, to_upper(p.spec.uuid) + '/' + s.id, *text); !r)
            return r;
    }
    return {};
}

Result<void> erase_snapshots(Store& store, const std::string& guid) {
    auto rows = store.list(snapshot_kind, guid + '/');
    if (!rows) return rows.error();
    for (const auto& row : *rows) {
        if (!row.key.starts_with(guid + '/')) break;
        if (auto r = store.erase(snapshot_kind, row.key); !r) return r.error();
    }
    return {};
}

std::shared_ptr<const PlannedSystem> read(Services& services, const std::string& key,
                                          const std::string& text) {
    auto spec = services.hypervisor.spec_from_text(text);
    if (!spec) return nullptr;
    auto p = std::make_shared<PlannedSystem>();
    p->spec = std::move(*spec);
    auto rows = services.store.list(snapshot_kind, key + '/');
    if (!rows) return p;
    for (const auto& row : *rows) {
        if (!row.key.starts_with(key + '/')) break;
        auto snapshot_spec = services.hypervisor.spec_from_text(row.text);
        if (!snapshot_spec) continue;
        backend::SnapshotInfo s;
        s.id = row.key.substr(key.size() + 1);
        s.spec = std::move(*snapshot_spec);
        s.parent = take(s.spec.attributes, parent_key);
        s.created_us = parse_int(take(s.spec.attributes, created_key)).value_or(0);
        s.has_memory = take(s.spec.attributes, memory_key) == "1";
        s.current = take(s.spec.attributes, current_key) == "1";
        s.external = take(s.spec.attributes, external_key) == "1";
        s.memory_file = take(s.spec.attributes, memory_file_key);
        s.nvram_file = take(s.spec.attributes, nvram_file_key);
        p->snapshots.push_back(std::move(s));
    }
    return p;
}

Error no_such(std::string_view guid) {
    return Error(
        Status::not_found, "wsvirt.planned.missing",
        "There is no planned system " + std::string(guid) + "; it may have been realized or destroyed.",
        std::string(guid));
}

}  // namespace

std::vector<std::shared_ptr<const PlannedSystem>> PlannedSystems::all() const {
    std::vector<std::shared_ptr<const PlannedSystem>> out;
    auto rows = services_.store.list(system_kind);
    if (!rows) return out;
    for (const auto& row : *rows)
        if (auto p = read(services_, row.key, row.text)) out.push_back(std::move(p));
    return out;
}

std::shared_ptr<const PlannedSystem> PlannedSystems::find(std::string_view guid) const {
    const auto key = to_upper(guid);
    auto text = services_.store.get(system_kind, key);
    if (!text || !*text) return nullptr;
    return read(services_, key, **text);
}

bool PlannedSystems::is_gone(std::string_view guid) const {
    const auto text = services_.store.get(system_kind, to_upper(guid));
    return text && !*text;
}

Result<void> PlannedSystems::add(const PlannedSystem& p) {
    const auto key = to_upper(p.spec.uuid);
    if (host_with(services_, key))
        return Error(Status::already_exists, "wsvirt.planned.machine_exists",
                     "A virtual machine with the identifier " + key + " exists already.", key);
    auto text = services_.hypervisor.spec_to_text(p.spec);
    if (!text) return text.error();
    return services_.store.transaction([&]() -> Result<void> {
        if (auto r = services_.store.insert(system_kind, key, *text); !r) return r;
        return write_snapshots(services_, p);
    });
}

Result<void> PlannedSystems::replace(const PlannedSystem& p) {
    const auto key = to_upper(p.spec.uuid);
    auto text = services_.hypervisor.spec_to_text(p.spec);
    if (!text) return text.error();
    return services_.store.transaction([&]() -> Result<void> {
        auto there = services_.store.get(system_kind, key);
        if (!there) return there.error();
        if (!*there) return no_such(key);
        if (auto r = services_.store.put(system_kind, key, *text); !r) return r;
        if (auto r = erase_snapshots(services_.store, key); !r) return r;
        return write_snapshots(services_, p);
    });
}

Result<void> PlannedSystems::remove(std::string_view guid) {
    const auto key = to_upper(guid);
    return services_.store.transaction([&]() -> Result<void> {
        auto gone = services_.store.erase(system_kind, key);
        if (!gone) return gone.error();
        if (!*gone) return no_such(key);
        return erase_snapshots(services_.store, key);
    });
}

}  // namespace wsvirt::cim::vs
