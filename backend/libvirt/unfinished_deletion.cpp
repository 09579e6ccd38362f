#include "backend/libvirt/unfinished_deletion.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/qemu/image.hpp"
#include "backend/qemu/snapshot_names.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr int most_tries = 100;
constexpr auto try_again = std::chrono::milliseconds(100);

// Merges that QEMU goes on with are broken off; they are begun again.
Result<void> end_merges(Site& w) {
    const auto own = w.domain_xml();
    if (!own) return own.error();
    for (const auto& t : snapshot_targets(*own)) {
        wait_for_qemu(w, t.target);
        virDomainBlockJobInfo info{};
        if (w.active() && virDomainGetBlockJobInfo(w.domain, t.target.c_str(), &info, 0) > 0)
            virDomainBlockJobAbort(w.domain, t.target.c_str(), 0);
    }
    return {};
}

// A file that cannot be looked at is not gone for that.
Result<bool> is_there(const std::string& path) {
    std::error_code ec;
    const bool there = fs::exists(path, ec);
    if (ec)
        return Error{
            Status::failed, "wsvirt.snapshot.unseen",
            "A file of the machine's snapshots cannot be looked at; see that its storage is there and "
            "that the service may read it.",
            path, ec.message()};
    return there;
}

// A file that is not there any more has been merged, and what the snapshot is based on since is right.
Result<void> put_bases_back(Site& w, const Unfinished& u) {
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    for (const auto& s : *all) {
        auto targets = snapshot_targets(s.layout.domain_xml);
        const auto before = targets;
        for (const auto& [name, base] : u.bases)
            for (auto& t : targets) {
                if (name != s.name || base.target != t.target) continue;
                const auto there = is_there(base.path);
                if (!there) return there.error();
                if (*there) t = base;
            }
        if (targets == before) continue;
        auto xml = with_targets(s.xml, targets, w.core->domain_options());
        if (!xml) return xml.error();
        if (auto ok = write_back(w, *xml, s.info.current); !ok) return ok;
    }
    return {};
}

// The files that QEMU merged into the one below without us: what stood on them stands on that one now. Two
// files on one are not enough to tell, they may be branches.
Result<std::map<std::string, SnapshotTarget>> merged_files(Site& w, const Unfinished& u) {
    std::map<std::string, SnapshotTarget> merged;
    for (const auto& [path, stood_on] : u.chain) {
        const auto below = u.chain.find(stood_on);
        if (below == u.chain.end() || below->second.empty()) continue;
        const auto upper = is_there(path), lower = is_there(stood_on);
        if (!upper || !lower) return (upper ? lower : upper).error();
        if (!*upper || !*lower) continue;
        const auto info = w.tool.info(w.call, path, is_overlay(path) ? "qcow2" : "");
        if (!info) return info.error();
        if (info->backing_file != below->second) continue;
        std::string format = info->backing_format;
        if (format.empty()) {
            const auto base = w.tool.info(w.call, below->second);
            if (!base) return base.error();
            format = base->format;
        }
        merged[stood_on] = {"", below->second, format};
    }
    return merged;
}

Result<void> forget_merged(Site& w, const Unfinished& u) {
    const auto merged = merged_files(w, u);
    if (!merged) return merged.error();
    if (merged->empty()) return {};
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    for (const auto& s : *all) {
        const auto targets = snapshot_targets(s.layout.domain_xml);
        if (std::none_of(targets.begin(), targets.end(),
                         [&](const auto& t) { return merged->contains(t.path); }))
            continue;
        auto xml = with_renamed_files(s.xml, *merged, w.core->domain_options());
        if (!xml) return xml.error();
        if (auto ok = write_back(w, *xml, s.info.current); !ok) return ok;
    }
    return {};
}

// The disks may have lost it already, some or all of them.
Result<void> finish_deleting(Site& w, const HeldSnapshot& s) {
    if (s.info.external || w.elsewhere()) return remove_snapshot(w, s);
    bool in_disks = false;
    for (const auto& t : snapshot_targets(s.layout.domain_xml)) {
        const auto names = qemu::snapshot_names(t.path);
        if (!names || std::find(names->begin(), names->end(), s.name) == names->end()) continue;
        in_disks = true;
        if (w.active()) continue;
        if (auto ok = w.tool.snapshot(w.call, 'd', s.name, t.path); !ok) return ok;
    }
    remove_files_of(w, s.layout);
    const unsigned flags = w.active() && in_disks ? 0u : unsigned{VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY};
    return checked(virDomainSnapshotDelete(s.handle.get(), flags), "delete the snapshot");
}

// When a merge is through libvirt notes what the machine stands on before it notes what it will start with.
Result<void> start_from_what_it_stands_on(Site& w, const Unfinished& u) {
    if (!w.active()) return {};
    const std::string live_xml = take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE));
    if (live_xml.empty()) return last_error("look at the machine");
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const auto live = snapshot_targets(live_xml);
    auto next = snapshot_targets(*own);
    const auto before = next;
    for (auto& t : next)
        for (const auto& now : live)
            if (const auto below = u.chain.find(t.path);
                now.target == t.target && below != u.chain.end() && below->second == now.path)
                t = now;
    if (next == before) return {};
    auto xml = with_targets(*own, next, w.core->domain_options());
    if (xml) xml = with_forms_of(live_xml, *xml, w.core->domain_options());
    return xml ? define(w, *xml) : Result<void>(xml.error());
}

}  // namespace

void wait_for_qemu(Site& w, const std::string& target) {
    for (int tries = 0; tries < most_tries && virDomainIsActive(w.domain) == 1; ++tries) {
        virDomainBlockStatsStruct stats{};
        if (virDomainBlockStats(w.domain, target.c_str(), &stats, sizeof stats) == 0) return;
        std::this_thread::sleep_for(try_again);
    }
}

Result<void> finish_deletions(Site& w, const Unfinished& u) {
    if (u.deleted.empty()) return {};
    if (auto ok = end_merges(w); !ok) return ok;
    if (auto ok = start_from_what_it_stands_on(w, u); !ok) return ok;
    if (auto ok = put_bases_back(w, u); !ok) return ok;
    if (auto ok = forget_merged(w, u); !ok) return ok;
    for (const auto& id : u.deleted) {
        auto all = hold_snapshots(w.domain);
        if (!all) return all.error();
        if (const auto* s = find_snapshot(*all, id))
            if (auto ok = finish_deleting(w, *s); !ok) return ok;
    }
    return {};
}

}  // namespace wsvirt::backend::libvirt
