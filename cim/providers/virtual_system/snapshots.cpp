#include "cim/providers/virtual_system/snapshots.hpp"

#include "base/text.hpp"

namespace wsvirt::cim::vs {

namespace {

using backend::SnapshotInfo;

constexpr std::int64_t second = 1'000'000;

const SnapshotInfo* find(const backend::Machine& m, const std::string& id) {
    for (const auto& s : m.snapshots)
        if (iequals(s.id, id)) return &s;
    return nullptr;
}

std::int64_t applied_at(const SnapshotInfo& s) {
    const auto it = s.spec.attributes.find(snapshot_applied);
    return it == s.spec.attributes.end() ? 0 : parse_int(it->second).value_or(0);
}

// Whether the machine stands on `base` or on what was taken on top of it since.
bool stands_on(const backend::Machine& m, const SnapshotInfo& current, const SnapshotInfo& base,
               std::int64_t since_us) {
    std::size_t steps = 0;
    for (const auto* s = &current; s && steps <= m.snapshots.size(); s = find(m, s->parent), ++steps) {
        if (s == &base) return true;
        if (s->created_us < since_us / second * second) return false;  // others' have whole seconds only
    }
    return false;
}

}  // namespace

bool keeps_memory(const SnapshotInfo& s) {
    return s.has_memory && !s.spec.attributes.contains(snapshot_memory_cleared);
}

bool is_recovery(const SnapshotInfo& s) {
    const auto it = s.spec.attributes.find(snapshot_type);
    return it != s.spec.attributes.end() && it->second == std::to_string(recovery_snapshot);
}

const SnapshotInfo* noted_applied(const backend::Machine& m) {
    const SnapshotInfo* noted = nullptr;
    for (const auto& s : m.snapshots)
        if (applied_at(s) > (noted ? applied_at(*noted) : 0)) noted = &s;
    return noted;
}

const SnapshotInfo* last_applied(const backend::Machine& m) {
    const SnapshotInfo *current = nullptr, *newest = nullptr;
    for (const auto& s : m.snapshots) {
        if (s.current) current = &s;
        if (!newest || s.created_us > newest->created_us) newest = &s;
    }
    const SnapshotInfo* const noted = noted_applied(m);
    if (!current) return noted;
    // Not what it stands on: somebody else went back to a snapshot since, with other tools.
    if (noted) return stands_on(m, *current, *noted, applied_at(*noted)) ? noted : current;
    // The same when newer ones exist, unless they did when the one that was applied was deleted.
    return newest->created_us > std::max(current->created_us, -applied_at(*current)) ? current : nullptr;
}

}  // namespace wsvirt::cim::vs
