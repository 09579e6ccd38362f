// What snapshots leave behind: files that nothing needs any more are removed or merged with the one that
// stands on them.
#include <libvirt/virterror.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/foreign_overlays.hpp"
#include "backend/libvirt/moving_notes.hpp"
#include "backend/libvirt/put_aside.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr auto block_job_poll = std::chrono::milliseconds(100);
// libvirt writes down how a merge ended when it hears of it from QEMU.
constexpr auto news_patience = std::chrono::seconds(2);

void add_files(pugi::xml_node layer, std::set<std::string>& files) {
    for (; layer; layer = layer.child("backingStore"))
        for (const char* what : {"file", "name"})
            if (const auto file = layer.child("source").attribute(what)) files.insert(file.value());
}

Error not_merged(const std::string& frozen, const std::string& why) {
    return {
        Status::failed, "wsvirt.snapshot.merge",
        "What was written since the snapshot could not be merged into the file below. Nothing is lost: the "
        "machine goes on with both files, and they are merged before its next start, where that is quick, or "
        "when the next snapshot is deleted. See that there is room and that the file can be written to.",
        frozen, why};
}

// A merge that failed is over for libvirt like one that ended well: what the machine stands on tells them
// apart.
Result<void> see_merged(const Site& w, const std::string& target, const std::string& upper,
                        const Error& if_not, std::chrono::steady_clock::duration patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto live = live_files(w, target);
        if (!live) return live.error();
        if (!live->empty() && !live->contains(upper)) return {};
        if (std::chrono::steady_clock::now() >= until) return if_not;
        std::this_thread::sleep_for(block_job_poll);
    }
}

Result<void> wait_for_merge(Site& w, const std::string& target, const std::string& frozen,
                            const std::string& upper, bool pivot) {
    std::string why;
    for (;;) {
        virDomainBlockJobInfo info{};
        const int n = virDomainGetBlockJobInfo(w.domain, target.c_str(), &info, 0);
        if (n < 0) return last_error("merge the disk");
        if (n == 0) return see_merged(w, target, upper, not_merged(frozen, why), news_patience);
        w.session.progress({info.cur, info.end});
        if (pivot && info.end > 0 && info.cur == info.end) {
            if (virDomainBlockJobAbort(w.domain, target.c_str(), VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
                return see_merged(w, target, upper, not_merged(frozen, why), news_patience);
            why = last_error("merge the disk").detail;
        }
        if (w.session.stop.stop_requested()) {
            virDomainBlockJobAbort(w.domain, target.c_str(), 0);
            return see_merged(w, target, upper, cancelled("merge the disk"), {});
        }
        std::this_thread::sleep_for(block_job_poll);
    }
}

// Writes what `upper` holds into the frozen file below it. `active`: upper is what the running machine writes
// to; `in_use`: the running machine reads through it.
Result<void> merge(Site& w, const std::string& target, const std::string& frozen, const std::string& upper,
                   bool active, bool in_use) {
    if (in_use) {
        take_up_after_writing(*w.core, w.domain);
        const unsigned flags = active ? unsigned{VIR_DOMAIN_BLOCK_COMMIT_ACTIVE} : 0u;
        if (virDomainBlockCommit(w.domain, target.c_str(), frozen.c_str(), upper.c_str(), 0, flags) < 0)
            return last_error("merge the disk");
        return wait_for_merge(w, target, frozen, upper, active);
    }
    Call call = w.call;
    call.deadline = std::min(call.deadline, w.merge_until);
    if (w.merge_stop.stop_possible()) call.stop = w.merge_stop;
    return w.tool.commit(call, upper);
}

// After a merge the file `upper` is called `frozen`: in the settings, in snapshots and in files based on it.
Result<void> rename_everywhere(Site& w, const std::vector<HeldSnapshot>& all, const Chain& chain,
                               const std::string& upper, const SnapshotTarget& frozen, bool in_use) {
    const std::map<std::string, SnapshotTarget> names{{upper, frozen}};
    const auto named = [&](const std::string& xml) {
        const auto targets = snapshot_targets(xml);
        return std::any_of(targets.begin(), targets.end(), [&](const auto& t) { return t.path == upper; });
    };
    const auto own = w.domain_xml();
    if (!own) return own.error();
    if (named(*own)) {
        auto changed = with_renamed_files(*own, names, w.core->domain_options());
        if (!changed) return changed.error();
        if (auto ok = define(w, *changed); !ok) return ok;
    }
    for (const auto& s : all) {
        if (!named(s.layout.domain_xml)) continue;
        auto changed = with_renamed_files(s.xml, names, w.core->domain_options());
        if (!changed) return changed.error();
        if (auto ok = write_back(w, *changed, s.info.current); !ok) return ok;
    }
    if (!in_use)
        for (const auto& [path, backing] : chain)
            if (backing == upper)
                if (auto ok = w.tool.rebase(w.call, path, frozen.path, frozen.format, false); !ok) return ok;
    return {};
}

bool stands_on(const Chain& chain, std::string upper, const std::string& lower) {
    while (upper != lower && !upper.empty()) {
        const auto below = chain.find(upper);
        upper = below == chain.end() ? "" : below->second;
    }
    return !upper.empty();
}

// Below a machine that runs, files that are served wait until it is off. Where the machine stands on the
// overlay, but through others, QEMU would write that those stand on something that nobody could find the
// served file by. Where it does not, qemu-img could not open the served file.
bool must_wait(const Site& w, const std::string& own, const Chain& chain, const std::string& frozen,
               const std::string& upper) {
    if (!w.active()) return false;
    const std::string live = take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE));
    if (live.empty()) return true;
    const auto served = served_files(live);
    const auto is_served = [&](const std::string& path) {
        return std::any_of(served.begin(), served.end(), [&](const auto& f) { return f.path == path; });
    };
    const auto tops = snapshot_targets(own);
    if (std::any_of(tops.begin(), tops.end(), [&](const auto& t) { return t.path == upper; })) return false;
    if (std::any_of(tops.begin(), tops.end(), [&](const auto& t) { return stands_on(chain, t.path, upper); }))
        return is_served(frozen);
    return std::any_of(served.begin(), served.end(),
                       [&](const auto& f) { return stands_on(chain, upper, f.path); });
}

// What is merged into the file below loses the snapshots inside it.
bool holds_snapshots(const std::vector<HeldSnapshot>& all, const std::string& file) {
    return std::any_of(all.begin(), all.end(), [&](const auto& s) {
        const auto targets = snapshot_targets(s.layout.domain_xml);
        return !s.info.external &&
               std::any_of(targets.begin(), targets.end(), [&](const auto& t) { return t.path == file; });
    });
}

// Nothing below it is missing.
bool is_whole(const Chain& chain, std::string file) {
    while (!file.empty()) {
        const auto below = chain.find(file);
        if (below == chain.end()) return false;
        file = below->second;
    }
    return true;
}

// What a file that is not there may stand on, to be spared: it may come back.
std::set<std::string> below_missing(const Chain& known, const std::set<std::string>& missing) {
    std::set<std::string> r;
    for (const auto& gone : missing) {
        for (auto f = known.find(gone); f != known.end(); f = known.find(f->second)) r.insert(f->first);
        for (const auto& [path, backing] : known)
            if (may_stand_on(gone, path)) r.insert(path);
    }
    return r;
}

// A frozen file that is as it was for no snapshot any more, and the one overlay that stands on it. Snapshots
// inside the file are none of what is written into it.
std::optional<std::pair<std::string, std::string>> mergeable(const Site& w, const std::string& own,
                                                             const Chain& chain,
                                                             const std::set<std::string>& held,
                                                             const std::vector<HeldSnapshot>& all,
                                                             bool but_what_waits) {
    std::set<std::string> named;
    const auto add = [&](const std::string& xml) {
        for (auto& t : snapshot_targets(xml)) named.insert(std::move(t.path));
    };
    add(own);
    for (const auto& s : all)
        if (s.info.external) add(s.layout.domain_xml);
    for (const auto& [frozen, below] : chain) {
        if (named.contains(frozen) || held.contains(frozen) || !is_whole(chain, frozen)) continue;
        std::vector<std::string> above;
        for (const auto& [path, backing] : chain)
            if (backing == frozen) above.push_back(path);
        if (above.size() == 1 && is_overlay(above[0]) && !holds_snapshots(all, above[0]) &&
            !(but_what_waits && must_wait(w, own, chain, frozen, above[0])))
            return std::pair(frozen, above[0]);
    }
    return std::nullopt;
}

Result<void> merge_one(Site& w, const std::vector<HeldSnapshot>& all, Chain& chain, const std::string& frozen,
                       const std::string& upper) {
    auto info = w.tool.info(w.call, upper, "qcow2");
    if (info && info->backing_format.empty()) {
        info = w.tool.info(w.call, frozen);
        if (info) info->backing_format = info->format;
    }
    if (!info) return info.error();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    std::string target;
    bool in_use = false, top = false;
    for (const auto& t : snapshot_targets(*own))
        if (stands_on(chain, t.path, upper)) {
            target = t.target;
            in_use = w.active();
            top = t.path == upper;
        }
    if (auto ok = merge(w, target, frozen, upper, top, in_use); !ok) return ok;
    return rename_everywhere(w, all, chain, upper, {target, frozen, info->backing_format}, in_use);
}

}  // namespace

Result<std::set<std::string>> live_files(const Site& w, std::string_view target) {
    const std::string xml = take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE));
    pugi::xml_document doc;
    if (xml.empty() || !doc.load_buffer(xml.data(), xml.size())) return last_error("look at the machine");
    std::set<std::string> files;
    const auto domain = doc.child("domain");
    if (!domain.attribute("id")) return files;
    for (const auto disk : domain.child("devices").children("disk")) {
        if (!target.empty() && target != disk.child("target").attribute("dev").value()) continue;
        add_files(disk, files);
        if (target.empty()) add_files(disk.child("mirror"), files);
    }
    return files;
}

namespace {

constexpr const char* unmerged = "unmerged-files";  // the folder of the notes

// As much as the file takes, beside the other. A merge that cannot succeed would take the last room from the
// machine, and memory that could not follow would keep it from starting.
bool has_room(const std::string& file, const std::string& beside) {
    struct stat s {};
    std::error_code ec;
    const auto there = std::filesystem::space(beside, ec);
    constexpr std::uintmax_t block = 512;
    return !ec && stat(file.c_str(), &s) == 0 &&
           static_cast<std::uintmax_t>(s.st_blocks) * block <= there.available;
}

Result<void> merge_all(Site& w, Chain chain, bool& waits) {
    std::set<std::pair<std::string, std::string>> tried;
    for (;;) {
        auto all = hold_snapshots(w.domain);
        if (!all) return all.error();
        const auto own = w.domain_xml();
        if (!own) return own.error();
        const auto named = tops_of(*own, *all);
        std::set<std::string> missing;
        auto now = read_chain(w.call, w.tool, named, &missing);
        if (!now) return now.error();
        chain.insert(now->begin(), now->end());
        auto held = held_by_others(*w.core, uuid_of(w.domain), chain);
        held.merge(below_missing(chain, missing));
        auto kept = live_files(w);
        if (!kept) return kept.error();
        kept->insert(held.begin(), held.end());
        remove_unneeded(chain, *now, *kept);
        chain = std::move(*now);
        const auto pair = mergeable(w, *own, chain, held, *all, w.active());
        if (!pair) {
            waits = w.active() && mergeable(w, *own, chain, held, *all, false);
            break;
        }
        if (!tried.insert(*pair).second) return not_merged(pair->first, pair->second + " still stands on it");
        if (auto ok = merge_one(w, *all, chain, pair->first, pair->second); !ok) return ok;
    }
    const auto xml = w.domain_xml();
    if (!xml) return xml.error();
    if (!lists_missing_files(*xml)) return {};
    auto changed = without_chains(*xml);
    if (!changed) return changed.error();
    return define(w, *changed);
}

}  // namespace

bool is_unmerged(const Core& core, std::string_view machine) {
    return !noted_moving(core.settings(), unmerged, machine).empty();
}

Result<void> tidy_files(Site& w, Chain chain) {
    const auto& settings = w.core->settings();
    const std::string machine = uuid_of(w.domain);
    // libvirt does not know the snapshots of a machine whose move was cut off.
    bool waits = !noted_aside(settings, machine).empty();
    auto done = waits ? Result<void>() : merge_all(w, std::move(chain), waits);
    if (done && !waits) {
        drop_moving(settings, unmerged, machine);
        return done;
    }
    const auto noted = note_moving(settings, unmerged, machine, settings.name + "\n");
    const bool put_off = !done && done.error().status == Status::timed_out &&
                         std::chrono::steady_clock::now() >= w.merge_until;
    return put_off && noted ? Result<void>() : done;
}

void remove_outdated(Site& w, const Chain& before) {
    const auto all = hold_snapshots(w.domain);
    const auto own = w.domain_xml();
    if (before.empty() || !all || !own) return;
    const auto after = read_chain(w.call, w.tool, tops_of(*own, *all));
    auto kept = live_files(w);
    if (!after || !kept) return;
    Chain known = before;
    known.insert(after->begin(), after->end());
    kept->merge(held_by_others(*w.core, uuid_of(w.domain), known));
    remove_unneeded(before, *after, *kept);
}

Chain overlays_on(Site& w, const HeldSnapshot& s, const std::vector<HeldSnapshot>& all) {
    Chain r;
    const auto own = w.domain_xml();
    if (s.info.external || !w.local() || !own) return r;
    const auto tops = snapshot_targets(*own), below = snapshot_targets(s.layout.domain_xml);
    if (std::none_of(tops.begin(), tops.end(), [](const auto& t) { return is_overlay(t.path); })) return r;
    std::set<std::string> missing;
    const auto chain = read_chain(w.call, w.tool, tops_of(*own, all), &missing);
    if (!chain) return r;
    for (const auto& [path, backing] : *chain)
        if (is_overlay(path) && std::any_of(below.begin(), below.end(), [&](const auto& t) {
                return path != t.path && stands_on(*chain, path, t.path);
            }))
            r.emplace(path, backing);
    return r;
}

void forget_unmerged(const Core& core, std::string_view machine) {
    drop_moving(core.settings(), unmerged, machine);
}

std::vector<std::string> unmerged_machines(const Core& core) {
    std::vector<std::string> r;
    const auto& settings = core.settings();
    std::error_code ec;
    if (!settings.state_dir.empty())
        for (const auto& e : std::filesystem::directory_iterator(settings.state_dir + "/" + unmerged, ec))
            if (const std::string machine = e.path().filename();
                noted_moving(settings, unmerged, machine) == settings.name + "\n")
                r.push_back(machine);
    return r;
}

Result<void> merge_what_waited(Site& w) {
    // What that may become again stands on files that nothing else names.
    if (applying_was_cut_off(*w.core, uuid_of(w.domain))) return {};
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const std::string xml = w.servers().with_chains(*own);
    if (!w.local() || (served_files(xml).empty() && !is_unmerged(*w.core, uuid_of(w.domain)))) return {};
    auto all = hold_snapshots(w.domain);
    if (!all) return all.error();
    auto chain = read_chain(w.call, w.tool, tops_of(xml, *all));
    if (!chain) return chain.error();
    const auto held = held_by_others(*w.core, uuid_of(w.domain), *chain);
    const auto pair = mergeable(w, xml, *chain, held, *all, w.active());
    if (!pair) forget_unmerged(*w.core, uuid_of(w.domain));
    if (!pair || !has_room(pair->second, pair->first)) return {};
    const std::string memory = w.saved_path();
    if (has_saved_file(*w.core->connector, w.domain) && !has_room(memory, memory)) return {};
    const auto noted = begun_deletion(w, *all, {});
    if (!noted) return noted.error();
    const auto journal = note_unfinished(*w.core, w.session, *noted);
    if (!journal) return journal.error();
    return tidy_files(w, std::move(*chain));
}

}  // namespace wsvirt::backend::libvirt
