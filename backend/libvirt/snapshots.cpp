// LibvirtHypervisor: taking snapshots and changing what is written on them. Snapshots live inside the disks
// where all of them are qcow2 and QEMU can do that, with memory and tree in libvirt's care; otherwise each is
// a set of overlays, which libvirt 9 can take but not go back to, so chain.hpp does that.
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "backend/libvirt/disk_servers.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/kept_memory.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "backend/qemu/qcow2_header.hpp"

namespace wsvirt::backend::libvirt {

using enum MachineState;

namespace {

constexpr const char* doing = "take the snapshot";
constexpr auto death_seen = std::chrono::seconds(5);

// The snapshots that a machine has. Their descriptions, which take long to write and to read, are not needed.
struct Old {
    std::vector<std::string> ids;
    bool external = false;  // one at least
};

Result<Old> look_at_old(virDomainPtr domain) {
    Old r;
    virDomainSnapshotPtr* list = nullptr;
    const int n = virDomainListAllSnapshots(domain, &list, 0);
    if (n < 0) return last_error("list the machine's snapshots");
    const std::string uuid = uuid_of(domain);
    for (int i = 0; i < n; ++i) {
        const SnapshotHandle s(list[i]);
        r.ids.push_back(snapshot_id(uuid, virDomainSnapshotGetName(s.get())));
    }
    std::free(list);
    const int external = virDomainListAllSnapshots(domain, nullptr, VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL);
    if (external < 0) return last_error("list the machine's snapshots");
    r.external = external > 0;
    return r;
}

// Inside the disks: all qcow2, no snapshot outside, and no UEFI variables, which QEMU cannot keep inside; nor
// in an overlay that is still to be merged, where that can be done. libvirt leaves nothing out that is
// written to.
bool can_be_internal(const Core& core, const ReadDomain& domain, const std::string& xml,
                     const std::vector<SnapshotTarget>& disks, const Old& old) {
    const bool merges = !core.connector->save_dir().empty();
    return domain.kept.spec.firmware == Firmware::bios && !disks.empty() && !old.external &&
           !writes_to_left_out(xml) && std::all_of(disks.begin(), disks.end(), [&](const auto& d) {
               return d.format == "qcow2" && !(merges && is_overlay(d.path));
           });
}

struct Plan {
    NewSnapshot xml;
    unsigned flags = 0;
    bool internal = false;
    bool served = false;         // disks that libvirt makes no overlays for by itself
    bool keep_memory = false;    // what the snapshot promises
    bool freeze_around = false;  // freeze by ourselves: libvirt cannot with internal snapshots
    std::string saved_file;      // for the memory of a machine that is saved
};

std::string memory_dir(const Core& core, const std::vector<SnapshotTarget>& disks) {
    if (!core.connector->save_dir().empty() && !core.settings().state_dir.empty()) {
        const std::string dir = core.settings().state_dir + "/snapshots";
        std::error_code ec;
        std::filesystem::create_directories(dir, ec);
        return dir;
    }
    return disks.empty() ? "" : std::filesystem::path(disks.front().path).parent_path().native();
}

Error out_of_reach(const std::string& machine) {
    return {Status::not_supported, "wsvirt.snapshot.saved",
            "The saved memory of this machine cannot be reached on its host; start the machine before the "
            "snapshot is taken, or drop its saved state.",
            machine};
}

// Where the memory of a machine that is saved goes. It names the files of the disks, so on a host where it
// cannot be changed these must stay.
Result<void> plan_saved(const Core& core, const SnapshotRequest& request, MachineState state,
                        const std::vector<SnapshotTarget>& disks, Plan& p) {
    if (state != saved || core.connector->kind() == HostKind::test) return {};
    if (core.connector->save_dir().empty() && !p.internal && !disks.empty())
        return out_of_reach(request.machine);
    if (!request.memory) return {};
    p.saved_file = memory_copy(core, p.xml.name, disks);
    return p.saved_file.empty() ? Result<void>(out_of_reach(request.machine)) : Result<void>();
}

Result<Plan> make_plan(Core& core, const SnapshotRequest& request, const ReadDomain& domain,
                       const std::string& xml, MachineState state, const Old& old) {
    Plan p;
    p.xml.name = to_upper(request.id);
    const auto disks = snapshot_targets(xml);
    p.served = std::any_of(disks.begin(), disks.end(), [&](const auto& d) {
        const auto bottom = qemu::chain_below(d.path, d.format).bottom;
        return !disk_socket(core.domain_options(), request.machine, d.target, bottom).empty();
    });
    const bool live = is_active(state);
    const bool test = core.connector->kind() == HostKind::test;
    p.keep_memory = request.memory && !request.quiesce && live;
    p.internal = test || (!p.served && can_be_internal(core, domain, xml, disks, old));
    if (auto ok = plan_saved(core, request, state, disks, p); !ok) return ok.error();
    const auto overlays = overlay_paths(disks, p.xml.name);
    for (const auto& d : disks)
        p.xml.disks.push_back({d.target, p.internal ? "" : overlays.at(d.target), false});
    for (const auto& target : left_out(xml)) p.xml.disks.push_back({target, "", true});
    if (p.internal) {
        p.xml.internal_memory = live;  // QEMU cannot leave memory out of a snapshot inside a disk
        p.freeze_around = request.quiesce && live;
        return p;
    }
    if (p.served) p.flags |= VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
    if (!p.keep_memory) {
        p.flags |= VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC;
        if (request.quiesce && live) p.flags |= VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE;
        return p;
    }
    const std::string dir = memory_dir(core, disks);
    if (dir.empty())
        return Error{Status::not_supported, "wsvirt.snapshot.no_place",
                     "There is no place for the memory of a machine without disks on this host.",
                     request.machine};
    p.xml.memory_file = dir + "/" + p.xml.name + ".mem";
    return p;
}

// One of a machine that is off and that libvirt does not take by itself: it has no disks, so that there are
// only settings, or disks that libvirt cannot make overlays for.
std::string known_snapshot_xml(const NewSnapshot& snapshot, const std::string& parent,
                               const std::string& domain_xml) {
    pugi::xml_document doc, domain;
    const std::string text = new_snapshot_xml(snapshot);
    doc.load_buffer(text.data(), text.size());
    auto root = doc.child("domainsnapshot");
    if (std::all_of(snapshot.disks.begin(), snapshot.disks.end(), [](const auto& d) { return d.excluded; }))
        root.remove_child("disks");
    set_text(root, "state", "shutoff");
    set_text(root, "creationTime", std::to_string(now_us() / 1'000'000));
    if (!parent.empty()) set_text(child(root, "parent"), "name", parent);
    domain.load_buffer(domain_xml.data(), domain_xml.size());
    root.append_copy(domain.child("domain"));
    return to_text(doc);
}

// Of what the disks are now, for the plan's overlays.
Result<void> make_overlays(Site& w, const Plan& plan, const std::string& domain_xml) {
    const bool active = w.active();
    if (!active) w.servers().stop(w.servers().with_chains(domain_xml));
    for (const auto& t : snapshot_targets(domain_xml))
        for (const auto& d : plan.xml.disks) {
            if (d.target != t.target || d.overlay.empty()) continue;
            ImageSpec overlay{d.overlay, "qcow2", ImageSpec::Kind::differencing, 0, t.path, 0};
            overlay.source_in_use = active;
            overlay.parent_format = t.format;
            if (auto ok = w.tool.create(w.call, overlay); !ok) return ok;
        }
    return {};
}

// The overlays of a machine that is off become its disks once libvirt knows the snapshot.
Result<void> stand_on(Site& w, const Plan& plan, const std::string& domain_xml) {
    std::map<std::string, std::string> files;
    for (const auto& d : plan.xml.disks)
        if (!d.overlay.empty()) files[d.target] = d.overlay;
    auto xml = with_disk_files(domain_xml, files);
    if (!xml) return xml.error();
    return define(w, *xml);
}

Result<SnapshotHandle> create(const Core& core, virDomainPtr d, const Plan& plan, const std::string& xml,
                              const std::string& uuid) {
    if (plan.freeze_around && virDomainFSFreeze(d, nullptr, 0, 0) < 0)
        return no_agent(uuid, last_error(doing));
    SnapshotHandle s(virDomainSnapshotCreateXML(d, xml.c_str(), plan.flags));
    std::optional<Error> error;
    if (!s) {
        const int code = last_error_code();
        error = last_error(doing);
        const bool agent =
            code == VIR_ERR_AGENT_UNRESPONSIVE || error->detail.find("guest agent") != std::string::npos;
        if (agent) error = no_agent(uuid, *error);
    }
    if (plan.freeze_around) virDomainFSThaw(d, nullptr, 0, 0);
    if (error) return *error;
    if (!plan.xml.memory_file.empty()) run_for_an_instant(core, d);
    return s;
}

// What libvirt makes a snapshot of has the note of it already, where that is all that is to be done: to write
// it on the snapshot afterwards takes longer. Not where libvirt may finish without us what nobody waits for
// any more: there only what we have seen made gets a note. Whether it could be.
bool note_beforehand(const Core& core, virDomainPtr d, const Plan& plan, MachineState state,
                     const std::string& domain_xml, const SnapshotNote& note) {
    if (!plan.internal || !is_active(state) || core.connector->kind() != HostKind::embedded) return false;
    const std::string machine = noted_machine(domain_xml, plan.xml.name, note);
    return !machine.empty() &&
           virDomainSetMetadata(d, VIR_DOMAIN_METADATA_ELEMENT, machine.c_str(), metadata_prefix,
                                metadata_uri, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) == 0;
}

Result<void> write_note(virDomainPtr d, virDomainSnapshotPtr made, const SnapshotNote& note) {
    const std::string xml = take(virDomainSnapshotGetXMLDesc(made, VIR_DOMAIN_SNAPSHOT_XML_SECURE));
    return put_note(d, xml, note, true);
}

// The saved memory belongs to the snapshot of a saved machine.
Result<void> keep_saved(Site& w, const Plan& plan, SnapshotNote& note) {
    if (plan.saved_file.empty()) return {};
    note.saved_file = plan.saved_file;
    return copy_memory(w, w.saved_path(), plan.saved_file);
}

// A machine whose files belong to somebody else keeps its variables.
Result<void> keep_nvram(Site& w, const std::string& domain_xml, const std::string& to, SnapshotNote& note) {
    const std::string own = nvram_path(domain_xml);
    if (!w.local() || own.empty() || to.empty() || !is_nvram_ours(own)) return {};
    auto content = read_nvram(domain_xml);
    if (!content) return content.error();
    note.nvram_file = to;
    return write_nvram(to, *content);
}

// All that taking the snapshot may leave behind.
Unfinished left_overs(const Core& core, const std::string& machine, const Plan& plan, MachineState state) {
    Unfinished u;
    u.machine = to_upper(machine);
    u.id = plan.xml.name;
    u.was_running = state == running;
    u.frozen = plan.freeze_around;
    u.frozen |= (plan.flags & VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE) != 0;
    for (const auto& d : plan.xml.disks)
        if (!d.overlay.empty()) u.files.push_back(d.overlay);
    for (const std::string& file :
         {plan.xml.memory_file, plan.saved_file, kept_file(core, plan.xml.name, ".nvram")})
        if (!file.empty()) u.files.push_back(file);
    return u;
}

// Files that only this snapshot would have needed, when nothing came of it. A host that does not answer may
// finish it all the same: then they stay, as noted, until it answers. The overlays of one elsewhere are its
// own.
void remove_files(Site& w, const Unfinished& u) {
    std::set<std::string> used;
    const auto add = [&](const std::string& xml) {
        for (auto& t : snapshot_targets(xml)) used.insert(std::move(t.path));
        return !xml.empty();
    };
    const auto all = hold_snapshots(w.domain);
    const auto own = w.domain_xml();
    if (!all || !own || !add(*own) || !add(take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE))))
        return;
    for (const auto& s : *all)
        for (auto& file : files_of(s.layout)) used.insert(std::move(file));
    if (!w.answers()) return;
    for (const auto& file : u.files)
        if (!used.contains(file) && !(w.elsewhere() && is_overlay(file))) (void)remove_memory(w, file);
}

bool answers_monitor(virDomainPtr d) {
    char* answer = nullptr;
    const bool ok = virDomainQemuMonitorCommand(d, R"({"execute":"query-status"})", &answer, 0) == 0;
    std::free(answer);
    return ok;
}

// A QEMU that dies may have written it before it could say so; libvirt takes a moment to see that it is dead.
void remove_from_dead(Site& w, const Plan& plan) {
    if (!plan.internal || !w.local() || (w.active() && answers_monitor(w.domain))) return;
    w.call = {};  // also when the caller has gone
    const auto end = std::chrono::steady_clock::now() + death_seen;
    while (w.active() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!w.active()) (void)remove_from_disks(w, plan.xml.name);
}

// The machine may stand on the overlays although libvirt could not write the snapshot down.
void leave_overlays(Site& w, const Unfinished& u) {
    w.call = {};
    w.session.stop = {};  // also when the caller has gone
    if (!w.local()) return;
    auto used = live_files(w);
    const auto own = w.domain_xml();
    if (!used || !own) return;
    for (auto& t : snapshot_targets(*own)) used->insert(std::move(t.path));
    if (std::any_of(u.files.begin(), u.files.end(), [&](const auto& f) { return used->contains(f); }))
        (void)tidy_files(w, {});
}

// A snapshot that was made but cannot stay.
void take_back(Site& w, const Unfinished& u) {
    w.call = {};
    w.session.stop = {};  // also when the caller has gone
    auto all = hold_snapshots(w.domain);
    if (!all) return;
    if (const auto* s = find_snapshot(*all, u.id)) (void)remove_snapshot(w, *s);
    remove_files(w, u);
}

// Others may have changed since our settings were written whether libvirt starts the machine by itself.
SnapshotNote note_for(virDomainPtr d, const SnapshotRequest& request, const ReadDomain& domain,
                      const Plan& plan, MachineState state) {
    SnapshotNote note;
    int autostart = 0;
    if (virDomainGetAutostart(d, &autostart) == 0) note.autostart = autostart != 0;
    note.attributes = domain.kept.spec.attributes;
    erase_snapshot_notes(note.attributes);  // an earlier version may have left it the ones of an import
    for (const auto& [k, v] : request.attributes) note.attributes[k] = v;
    note.attributes[std::string(snapshot_name)] = request.name;
    note.created_us = now_us();
    note.disks_only = plan.internal && is_active(state) && !plan.keep_memory;
    return note;
}

// libvirt would do the same for snapshots inside the disks, but it writes them down twice until our note is
// on them.
bool made_by_us(const Core& core, const Plan& plan, MachineState state, const std::string& domain_xml) {
    if (is_active(state) || core.connector->kind() == HostKind::test) return false;
    const auto disks = snapshot_targets(domain_xml);
    if (plan.served || disks.empty()) return true;
    if (!plan.internal || core.connector->save_dir().empty()) return false;
    return std::all_of(disks.begin(), disks.end(),  // libvirt's system daemon may write where we may not
                       [](const auto& d) { return access(d.path.c_str(), R_OK | W_OK) == 0; });
}

// Of a machine that is off, inside its disks or without any. libvirt hears of it when it is whole.
Result<void> take_inside(Site& w, const Plan& plan, const std::string& xml, const std::string& domain_xml,
                         SnapshotNote note) {
    const std::string& id = plan.xml.name;
    Result<void> ok;
    // qemu-img is not stopped half-way: it would leave clusters behind that nothing uses.
    for (const auto& t : snapshot_targets(domain_xml))
        if (ok) ok = w.tool.snapshot({w.session.deadline, {}, {}}, 'c', id, t.path);
    if (ok) ok = keep_saved(w, plan, note);
    if (ok) ok = keep_nvram(w, domain_xml, kept_file(*w.core, id, ".nvram"), note);
    if (ok && w.session.stop.stop_requested()) ok = cancelled(doing);
    if (ok) ok = put_note(w.domain, xml, note, true);
    if (ok) return {};
    w.call = {};  // also when the caller has gone
    if (!w.answers()) return ok;
    (void)remove_from_disks(w, id);
    for (const auto& file : {note.saved_file, note.nvram_file})
        if (!file.empty()) (void)remove_memory(w, file);
    return ok;
}

// A machine that an earlier version started, or whose disk moved while it ran, may have it as a file yet.
Result<void> same_forms(Site& w) {
    const auto& options = w.core->domain_options();
    if (options.disk_server_dir.empty() || !w.active()) return {};
    const auto before = w.domain_xml();
    if (!before) return before.error();
    auto xml = with_forms_of(take(virDomainGetXMLDesc(w.domain, VIR_DOMAIN_XML_SECURE)), *before, options);
    if (!xml) return xml.error();
    return served_files(*xml) == served_files(*before) ? Result<void>() : define(w, *xml);
}

Result<void> take_snapshot(const CorePtr& core, Session& session, virDomainPtr d,
                           const SnapshotRequest& request) {
    Site w(core, session, d);
    if (!applying_was_cut_off(*core, request.machine)) session.snapshot_added = to_upper(request.id);
    if (auto ok = finish_applying(w); !ok) return ok;
    auto state = state_now(*core->connector, d);
    if (!state) return state.error();
    const auto old = look_at_old(d);
    if (!old) return old.error();
    if (std::find(old->ids.begin(), old->ids.end(), to_upper(request.id)) != old->ids.end())
        return Error{Status::already_exists, "wsvirt.snapshot.exists",
                     "The machine has a snapshot with this identifier already.", request.id};
    if (auto ok = same_forms(w); !ok) return ok;
    const auto own = w.domain_xml();
    if (!own) return own.error();
    const std::string& domain_xml = *own;
    auto domain = read_domain(domain_xml);
    if (!domain) return domain.error();
    auto plan = make_plan(*core, request, *domain, domain_xml, *state, *old);
    if (!plan) return plan.error();
    MachineSpec titled;
    titled.name = request.name;
    plan->xml.title = title_for(titled);
    std::string xml = new_snapshot_xml(plan->xml);
    const bool by_us = made_by_us(*core, *plan, *state, domain_xml);
    if (by_us) {
        const SnapshotHandle parent(virDomainSnapshotCurrent(d, 0));
        xml = known_snapshot_xml(plan->xml, parent ? virDomainSnapshotGetName(parent.get()) : "", domain_xml);
        plan->flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT;
    }
    SnapshotNote note = note_for(d, request, *domain, *plan, *state);
    Unfinished unfinished = left_overs(*core, request.machine, *plan, *state);
    unfinished.stands_on = standing(d);
    const auto journal = note_unfinished(*core, session, unfinished);
    if (!journal) return journal.error();
    if (by_us && !plan->served) return take_inside(w, *plan, xml, domain_xml, std::move(note));
    std::optional<TakingSnapshot> taking;
    if (is_active(*state)) taking.emplace(core->inventory, request.machine);
    take_up_after_writing(*core, d);
    const bool was_noted = note_beforehand(*core, d, *plan, *state, domain_xml, note);
    Result<void> ready;
    if (plan->served) ready = make_overlays(w, *plan, domain_xml);
    auto made = ready ? create(*core, d, *plan, xml, request.machine) : Result<SnapshotHandle>(ready.error());
    if (!made) {
        taking.reset();  // what follows may take long
        (void)refresh(session.connection, request.machine, *core->connector, *core->inventory);
        remove_from_dead(w, *plan);
        remove_files(w, unfinished);
        leave_overlays(w, unfinished);
        return made.error();
    }
    Result<void> noted;
    if (by_us && plan->served) noted = stand_on(w, *plan, domain_xml);
    if (noted) noted = keep_saved(w, *plan, note);
    if (noted) noted = keep_nvram(w, domain_xml, kept_file(*core, plan->xml.name, ".nvram"), note);
    if (noted && *state == saved) noted = move_saved_memory(w);
    if (noted && session.stop.stop_requested()) noted = cancelled(doing);
    if (noted && !was_noted) noted = write_note(d, made->get(), note);
    if (!noted) {
        taking.reset();
        take_back(w, unfinished);
        return noted.error();
    }
    return {};
}

}  // namespace

void run_for_an_instant(const Core& core, virDomainPtr d) {
    int state = 0;
    if (virDomainGetState(d, &state, nullptr, 0) != 0 || state != VIR_DOMAIN_PAUSED) return;
    Unfinished paused;
    paused.machine = uuid_of(d);
    paused.id = make_guid();
    paused.paused = true;
    const auto journal = note_unfinished(core, {virDomainGetConnect(d), {}, {}, {}}, paused);
    if (virDomainResume(d) == 0) virDomainSuspend(d);
}

void take_up_after_writing(const Core& core, virDomainPtr d) {
    int state = 0;
    if (virDomainGetState(d, &state, nullptr, 0) != 0 || state != VIR_DOMAIN_PAUSED) return;
    char* answer = nullptr;
    virDomainQemuMonitorCommand(d, R"({"execute":"query-status"})", &answer, 0);
    if (take(answer).find("\"postmigrate\"") != std::string::npos) run_for_an_instant(core, d);
}

std::string kept_file(const Core& core, const std::string& id, const char* ending) {
    const std::string dir = memory_dir(core, {});
    return dir.empty() ? "" : dir + "/" + id + ending;
}

Result<SnapshotInfo> LibvirtHypervisor::snapshot(const Call& call, const SnapshotRequest& request) {
    if (!is_guid(request.id))
        return Error{Status::invalid_parameter, "wsvirt.snapshot.id",
                     "A snapshot needs a GUID as identifier.", "id"};
    const Change change{
        {doing, {}, true, abort_job(core_, request.machine), {}}, {off, running, paused, saved}, {}};
    auto done = change_machine(
        core_, call, request.machine, change,
        [core = core_, request](Session& s, virDomainPtr d) { return take_snapshot(core, s, d, request); });
    if (!done) return done.error();
    if (const auto m = core_->inventory->machine(request.machine))
        for (const auto& s : m->snapshots)
            if (iequals(s.id, request.id)) return s;
    return Error{Status::failed, "wsvirt.snapshot.lost",
                 "The snapshot was taken, but the host does not list it.", request.id};
}

Result<void> LibvirtHypervisor::modify_snapshot(const Call& call, std::string_view uuid,
                                                const SnapshotInfo& changed) {
    return change_machine(core_, call, uuid, {{"write on the snapshot", {}, false, {}, {}}, {}, {}},
                          [changed](Session&, virDomainPtr d) -> Result<void> {
                              auto all = hold_snapshots(d);
                              if (!all) return all.error();
                              const HeldSnapshot* const s = find_snapshot(*all, changed.id);
                              if (!s) return no_snapshot(changed.id);
                              SnapshotNote note = s->layout.note;
                              note.attributes = changed.spec.attributes;
                              note.created_us = s->info.created_us;
                              return put_note(d, s->xml, note, s->info.current);
                          });
}

}  // namespace wsvirt::backend::libvirt
