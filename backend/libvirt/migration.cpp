// LibvirtHypervisor: moving machines to another host, and their disks to other files. Migration is managed by
// this process (libvirt's "direct" form): both connections are ours, so the source may be the embedded
// driver.
#include <libvirt/virterror.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "backend/libvirt/carried_disks.hpp"
#include "backend/libvirt/carried_variables.hpp"
#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/disk_servers.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/follower.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/move_storage.hpp"
#include "backend/libvirt/moved_xml.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/parameters.hpp"
#include "backend/libvirt/put_aside.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/target_storage.hpp"
#include "backend/qemu/image.hpp"

namespace wsvirt::backend::libvirt {

using enum MachineState;

namespace {

constexpr const char* doing = "move the machine";
constexpr const char* too_fast =
    "The machine changes its memory faster than it can be sent within the standstill that is allowed.";
constexpr auto cleanup_patience = std::chrono::seconds(3);
constexpr auto cleanup_poll = std::chrono::milliseconds(50);

struct Place {
    virConnectPtr connection;
    std::string name;  // of the host
};

// libvirt's number; VIR_DOMAIN_NOSTATE where it is not.
int state_on(const Place& place, const std::string& uuid) {
    const auto d = find_domain(place.connection, uuid);
    int state = VIR_DOMAIN_NOSTATE;
    if (d) virDomainGetState(d.get(), &state, nullptr, 0);
    return state;
}

unsigned long flags_for(const MigrationRequest& r, MachineState state) {
    unsigned long f = VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
    if (r.live) f |= VIR_MIGRATE_LIVE;
    if (r.tls) f |= VIR_MIGRATE_TLS;
    if (r.compress) f |= VIR_MIGRATE_COMPRESSED;
    if (r.kind == MigrationRequest::Kind::machine_and_storage)
        f |= VIR_MIGRATE_NON_SHARED_DISK;
    else
        f |= VIR_MIGRATE_UNSAFE;  // whether both hosts see the disks was settled by the caller
    if (state == paused) f |= VIR_MIGRATE_PAUSED;
    return f;
}

// The destination takes away what it had begun a moment after the source knows that it failed.
void wait_for_cleanup(virConnectPtr source, virConnectPtr destination, const std::string& uuid) {
    const auto end = std::chrono::steady_clock::now() + cleanup_patience;
    while (find_domain(source, uuid) && find_domain(destination, uuid) &&
           std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(cleanup_poll);
}

// After a failure nobody guesses: both hosts are asked.
Error explain(Error e, const Place& source, const Place& destination, const std::string& machine) {
    for (const auto* place : {&source, &destination}) {
        const int state = state_on(*place, machine);
        if (state != VIR_DOMAIN_NOSTATE && state != VIR_DOMAIN_SHUTOFF) {
            const bool stands_still = state == VIR_DOMAIN_PAUSED;
            e.text += place == &source ? " It goes on " : " It is ";
            e.text += std::string(stands_still ? "being paused" : "running") + " on " + place->name + ".";
            return e;
        }
    }
    for (const auto* place : {&source, &destination})
        if (state_on(*place, machine) == VIR_DOMAIN_SHUTOFF) {
            e.text += " It is off, on " + place->name + ".";
            break;
        }
    return e;
}

// libvirt only knows that the migration was ended; why, we know.
Error lost(Error e, const Place& destination, const std::string& machine) {
    return {Status::unavailable, "wsvirt.migration.lost",
            "The destination, " + destination.name + ", does not answer any more.", machine,
            e.detail.empty() ? e.text : e.detail};
}

// The machine has taken what is in it along.
void remove_here(const CorePtr& core, virConnectPtr source, const std::string& file) {
    std::error_code ec;
    if (core->connector->kind() == HostKind::remote)
        (void)remove_host_file(source, file);
    else
        std::filesystem::remove(file, ec);
}

// libvirt keeps the memory of a machine that is saved apart; such a one does not come here.
Result<void> forget_definition(virDomainPtr d, bool with_variables) {
    return checked(virDomainUndefineFlags(
                       d, with_variables ? VIR_DOMAIN_UNDEFINE_NVRAM : VIR_DOMAIN_UNDEFINE_KEEP_NVRAM),
                   doing);
}

struct Route {
    const CorePtr &core, &other;
    Session& s;
    virConnectPtr there;
    const MigrationRequest& r;

    Place from() const { return {s.connection, core->settings().name}; }
    Place to() const { return {there, other->settings().name}; }
    // The machine has this file there, and that one stays for itself here.
    void note_variables(const std::string& here, const std::string& file) const {
        note_own_variables(core->settings(), r.machine, {core->settings().name, here},
                           {other->settings().name, file});
    }
    Result<void> look_there() const {
        return refresh(there, r.machine, *other->connector, *other->inventory);
    }
    // As libvirt leaves it: it makes the machine permanent before it lets it run.
    bool is_seen_there(Inventory::Ticket before) const {
        const auto m = other->inventory->seen_since(before, r.machine);
        return m && m->persistent && m->state == running;
    }
};

// Whether the host starts the machine; libvirt keeps that beside the definition, and it moves with none.
bool starts_by_itself(const Route& way, virDomainPtr d) {
    if (way.r.new_spec) return way.r.new_spec->autostart;
    int autostart = 0;
    return virDomainGetAutostart(d, &autostart) == 0 && autostart != 0;
}

// The last step, after which it is over there alone. Where the answer is lost it may have been done or not:
// what is there stays, and whoever settles it asks both hosts.
Result<void> forget_what_moved(const Route& way, virDomainPtr d, bool with_variables) {
    auto done = forget_definition(d, with_variables);
    if (done || find_domain(way.s.connection, way.r.machine)) return done;
    if (last_error_code() == VIR_ERR_NO_DOMAIN) return {};
    return Error{
        Status::unavailable, std::string(half_there),
        "The source, " + way.from().name +
            ", does not answer any more; whether it still has the machine will be seen when it does.",
        way.r.machine, done.error().detail};
}

// A machine that is off is its definition and the variables of its firmware. It is forgotten here when both
// are over there.
Result<void> move_definition(const Route& way, virDomainPtr d, const std::string& persistent) {
    const auto& [core, other, s, there, r] = way;
    const std::string xml = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    const auto variables = read_variables(*core->connector, s.connection, xml);
    if (!variables) return variables.error();
    const std::string wanted = with_own_variables(persistent);
    Parameters p;
    p.text(VIR_MIGRATE_PARAM_URI, r.migrate_uri);
    p.text(VIR_MIGRATE_PARAM_DEST_XML, wanted);
    p.text(VIR_MIGRATE_PARAM_PERSIST_XML, wanted);
    const DomainHandle moved(
        virDomainMigrate3(d, there, p.list(), p.count(), VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_OFFLINE));
    Result<void> done = moved ? Result<void>() : Result<void>(last_error(doing));
    Result<bool> written = false;
    bool known = true;  // what became of it
    if (moved) {
        written =
            write_variables(there, take(virDomainGetXMLDesc(moved.get(), VIR_DOMAIN_XML_INACTIVE)),
                            *variables, [&](const auto& file) { way.note_variables(nvram_path(xml), file); });
        if (!written) done = written.error();
        if (done && s.stop.stop_requested()) done = cancelled(doing);
        if (done && starts_by_itself(way, d)) virDomainSetAutostart(moved.get(), 1);
        if (done && r.arrived) done = r.arrived();
        // What was written over there is not the file that is here.
        if (done) done = forget_what_moved(way, d, *written);
        known = done || done.error().message_id != half_there;
        if (!done && known) (void)forget_definition(moved.get(), written.value_or(false));
    }
    if (!done && known) {
        if (virConnectIsAlive(there) != 1) done = lost(done.error(), way.to(), r.machine);
        done = explain(done.error(), way.from(), way.to(), r.machine);
        if (moved && find_domain(there, r.machine)) done.error().message_id = half_there;
    }
    (void)way.look_there();  // or a moment later
    return done;
}

// As libvirt is told of a running machine.
struct Descriptions {
    std::string live;                   // as it is here
    std::string running, persistent;    // as it is to be there, at once and from its next start
    std::vector<SnapshotTarget> files;  // that are copied, as they are called there
    std::string variables;  // of its firmware: a file that is made there; "" = none, or seen by both
};

// What was made over there goes, unless the machine is there yet.
Error not_moved(const Route& way, Error failed, const Descriptions& xml, TargetStorage& storage) {
    wait_for_cleanup(way.s.connection, way.there, way.r.machine);
    const auto rest = find_domain(way.there, way.r.machine);
    if (!rest) storage.remove_new();
    if (!rest && !xml.variables.empty()) (void)remove_host_file(way.there, xml.variables);
    // What is permanent there has arrived, or is somebody else's.
    const bool half = rest && virDomainIsPersistent(rest.get()) == 0;
    Error e = explain(std::move(failed), way.from(), way.to(), way.r.machine);
    // Whoever clears up after it must not believe what was seen before.
    const bool seen = way.look_there().ok();
    if (half || !seen) e.message_id = half_there;
    if (!seen) e.status = Status::unavailable;
    if (!way.s.stop.stop_requested()) return e;
    return {Status::cancelled, half || !seen ? e.message_id : "wsvirt.call.cancelled", e.text, way.r.machine,
            e.detail};
}

// libvirt writes to what it finds there, and would make what it does not find.
Result<void> make_files(TargetStorage& storage, virDomainPtr d, const std::vector<SnapshotTarget>& files) {
    std::vector<std::string> paths;
    for (const auto& file : files) paths.push_back(file.path);
    if (auto ok = storage.prepare(paths); !ok) return ok;
    for (const auto& file : files) {
        virDomainBlockInfo info{};
        auto ok = checked(virDomainGetBlockInfo(d, file.target.c_str(), &info, 0), doing);
        if (ok) ok = storage.make(file.path, file.format, info.capacity);
        if (ok) continue;
        storage.remove_new();
        return ok;
    }
    return {};
}

Result<void> move_running(const Route& way, virDomainPtr d, MachineState state, const Descriptions& xml) {
    const auto& [core, other, s, there, r] = way;
    wait_for_other_job(s, d);
    take_up_after_writing(*core, d);
    if (s.stop.stop_requested()) return cancelled(doing);
    TargetStorage storage(there, other->connector->kind(), r.made);
    if (auto ok = make_files(storage, d, xml.files); !ok) return ok;
    Parameters p;
    p.text(VIR_MIGRATE_PARAM_URI, r.migrate_uri);
    p.text(VIR_MIGRATE_PARAM_DEST_XML, xml.running);
    p.text(VIR_MIGRATE_PARAM_PERSIST_XML, xml.persistent);
    p.number(VIR_MIGRATE_PARAM_BANDWIDTH, r.bandwidth_mib_s);
    if (!xml.files.empty())
        for (const auto& t : snapshot_targets(xml.live)) p.text(VIR_MIGRATE_PARAM_MIGRATE_DISKS, t.target);
    if (!xml.variables.empty()) way.note_variables(nvram_path(xml.live), xml.variables);
    const bool by_itself = starts_by_itself(way, d);  // of one that has moved nobody here knows it
    const auto before = other->inventory->draw();
    auto follower = std::make_unique<Follower>(core, r, s, there);
    const DomainHandle moved(
        virDomainMigrate3(d, there, p.list(), p.count(), static_cast<unsigned>(flags_for(r, state))));
    if (!moved) {
        Error failed = last_error(doing);
        if (follower->gave_up()) failed.text = too_fast;
        // The migration may have failed of it before the follower looked.
        if (follower->lost() || virConnectIsAlive(there) != 1)
            failed = lost(std::move(failed), way.to(), r.machine);
        follower.reset();
        return not_moved(way, std::move(failed), xml, storage);
    }
    follower.reset();
    if (state == paused) run_for_an_instant(*other, moved.get());
    if (!xml.variables.empty()) remove_here(core, s.connection, nvram_path(xml.live));
    if (by_itself) virDomainSetAutostart(moved.get(), 1);
    // What libvirt tells of it has been looked at already; of what we have done it tells nothing.
    const bool told = state == running && !by_itself && way.is_seen_there(before);
    if (!told) (void)way.look_there();  // or a moment later
    return {};
}

Result<Descriptions> descriptions(const Route& way, virDomainPtr d, const std::string& persistent) {
    const auto& options = way.core->domain_options();
    Descriptions xml;
    xml.persistent = persistent;
    xml.live = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE));
    // A running machine keeps its devices; new settings count from the next start.
    MigrationRequest files_only = way.r;
    files_only.new_spec.reset();
    auto running = destination_xml(xml.live, files_only, options);
    if (running && way.r.new_spec) running = with_plugs(*running, *way.r.new_spec);
    if (!running) return running.error();
    xml.running = std::move(*running);
    if (way.r.kind == MigrationRequest::Kind::machine_and_storage) xml.files = snapshot_targets(xml.running);
    // QEMU carries the variables of the firmware and writes them to a file that libvirt makes there, unless
    // both hosts have one and the same.
    const std::string variables = nvram_path(xml.running);
    if (variables.empty()) return xml;
    const auto there = host_has_file(way.there, variables);
    if (!there && there.error().status != Status::not_supported) return there.error();
    if (there && !*there) xml.variables = variables;
    return xml;
}

// Of a machine that is off libvirt moves the definition alone. The disks go before it, so that it never
// stands on anything that is not there.
Result<void> move_with_disks(const Route& way, virDomainPtr d, const std::string& persistent) {
    const auto& [core, other, s, there, r] = way;
    const std::string here = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    TargetStorage storage(there, other->connector->kind(), r.made);
    Carriage what{{}, r.bandwidth_mib_s, [&](const std::string& file, std::uint64_t size) {
                      return storage.make(file, "raw", size);
                  }};
    std::vector<std::string> new_files;
    for (const auto& t : snapshot_targets(here)) {
        const auto to = r.disk_targets.find(t.path);
        new_files.push_back(to == r.disk_targets.end() ? t.path : to->second);
        what.disks.push_back({t.path, new_files.back(), t.format});
    }
    if (auto ok = storage.prepare(new_files); !ok) return ok;
    auto done = carry_disks(*core, s.connection, there, what, {s.deadline, s.stop, s.progress});
    if (done && virDomainIsActive(d) != 0)
        done = Error{Status::invalid_state, "wsvirt.migration.started",
                     "Somebody started the machine while its disks were copied; it stays where it is.",
                     r.machine};
    const auto alone = without_chains(persistent);  // as each copy is
    if (done) done = alone ? move_definition(way, d, *alone) : Result<void>(alone.error());
    const bool half = !done && done.error().message_id == half_there;
    if (!done && !half && !find_domain(there, r.machine)) storage.remove_new();
    if (!done && !way.look_there()) done.error().message_id = half_there;
    return done;
}

Result<void> move_by_state(const Route& way, virDomainPtr d, MachineState state) {
    const auto& [core, other, s, there, r] = way;
    const std::string inactive =
        take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    auto persistent = destination_xml(inactive, r, core->domain_options());
    if (!persistent) return persistent.error();
    if (is_active(state)) {
        auto xml = descriptions(way, d, *persistent);
        return xml ? move_running(way, d, state, *xml) : Result<void>(xml.error());
    }
    if (r.kind == MigrationRequest::Kind::machine_and_storage) return move_with_disks(way, d, *persistent);
    return move_definition(way, d, *persistent);
}

// Nothing of it is here, or it stands still here although it ran: it may be on the other host.
bool may_have_moved(const Route& way, MachineState before) {
    const int now = state_on(way.from(), way.r.machine);
    return now == VIR_DOMAIN_NOSTATE || (now == VIR_DOMAIN_PAUSED && before == running);
}

// The snapshots are known again where the machine is. While that is not certain they stay put aside, and
// whoever finds it out brings them back.
Result<void> move_with_snapshots(const Route& way, virDomainPtr d, MachineState state) {
    const auto& [core, other, s, there, r] = way;
    const SnapshotsAside shown(core->inventory, r.machine);
    const auto aside = put_aside(core->settings(), d, core->domain_options());
    if (!aside) return aside.error();
    auto done = move_by_state(way, d, state);
    if (aside->empty()) return done;
    Result<void> back;
    if (done || !may_have_moved(way, state)) {
        const auto whole = find_domain(done ? there : s.connection, r.machine);
        back =
            whole ? bring_back(core->settings(), whole.get(), *aside, (done ? other : core)->domain_options())
                  : Result<void>(last_error(doing));
        if (done) (void)way.look_there();  // or a moment later
        if (back) return done;
    }
    Error e = done ? back.error() : done.error();
    if (done) e.text = "The machine has moved, but its snapshots are not known there yet. " + e.text;
    e.message_id = half_there;
    return e;
}

Result<void> move_machine(const CorePtr& core, const CorePtr& other, Session& s, virDomainPtr d,
                          const MigrationRequest& r) {
    auto state = state_now(*core->connector, d);
    if (!state) return state.error();
    if (r.kind != MigrationRequest::Kind::machine && virDomainSnapshotNum(d, 0) > 0)
        return Error{Status::invalid_state, "wsvirt.migration.snapshots",
                     "The machine has snapshots and its disks cannot be copied with them; delete them first.",
                     r.machine};
    if (const auto m = core->inventory->machine(r.machine); m && is_active(*state))
        if (auto ok = without_vhd(m->spec, doing); !ok) return ok;
    if (*state == saved)
        return Error{Status::invalid_state, "wsvirt.migration.saved",
                     "The machine is saved and cannot move; start it, or drop its saved state.", r.machine};
    auto destination = other->opener->borrow();
    if (!destination) return destination.error();
    const Route way{core, other, s, destination->get(), r};
    if (find_domain(way.there, r.machine))
        return Error{Status::already_exists, "wsvirt.migration.exists",
                     "The destination has a machine with this identifier already.", r.machine};
    if (last_error_code() != VIR_ERR_NO_DOMAIN) return last_error(doing);  // silent since it was lent
    drop_own_variables(core->settings(), r.machine);                       // of an earlier move
    auto done = move_with_snapshots(way, d, *state);
    const bool certain =
        done || (done.error().message_id != half_there && done.error().status != Status::unavailable);
    if (certain) drop_own_variables(core->settings(), r.machine);
    if (done) other->opener->give_back(std::move(*destination));
    return done;
}

// What became of it, also where the call was given up while the source was only looked at once more; of one
// that was given up before nobody knows what it leaves.
Result<void> known_to_its_end(const CorePtr& core, const Call& call, const MigrationRequest& r,
                              const Change& change, Work work) {
    struct Course {
        std::atomic<bool> begun = false;
        std::mutex mutex;
        std::optional<Result<void>> result;
    };
    const auto course = std::make_shared<Course>();
    auto done = change_machine(core, call, r.machine, change,
                               [course, work = std::move(work)](Session& s, virDomainPtr d) {
                                   course->begun = true;
                                   auto result = work(s, d);
                                   const std::scoped_lock lock(course->mutex);
                                   course->result = result;
                                   return result;
                               });
    if (done || !course->begun) return done;
    const std::scoped_lock lock(course->mutex);
    const auto status = done.error().status;
    const bool given_up = status == Status::cancelled || status == Status::timed_out;
    if (course->result && (given_up || !*course->result)) return *course->result;
    done.error().message_id = half_there;
    return done;
}

}  // namespace

Result<void> LibvirtHypervisor::migrate(const Call& call, const MigrationRequest& request,
                                        Hypervisor& destination) {
    const Change change{
        {doing, {}, true, abort_migration(core_, request.machine), core_->settings().migration_grace},
        {off, running, paused, saved},
        {}};
    if (const auto m = core_->inventory->machine(request.machine))
        if (auto ok = without_vhdx(m->spec, doing); !ok) return ok;
    if (auto ok = check_whole(call, request.machine); !ok) return ok;
    if (request.kind == MigrationRequest::Kind::storage && core_->connector->kind() == HostKind::remote)
        return Error{
            Status::not_supported, "wsvirt.migration.other_host",
            "The files of this host are not reached from here; ask the service of that host, or move "
            "the machine together with its disks.",
            request.machine};
    if (request.kind == MigrationRequest::Kind::storage)
        return known_to_its_end(core_, call, request, change,
                                [core = core_, request](Session& s, virDomainPtr d) {
                                    return move_storage(core, s, d, request);
                                });
    auto* const other = dynamic_cast<LibvirtHypervisor*>(&destination);
    if (!other || other == this)
        return Error{Status::invalid_parameter, "wsvirt.migration.destination",
                     "The destination is not another host that machines can move to.", request.destination};
    if (other->core_->connector->kind() == HostKind::embedded ||
        other->core_->connector->kind() == HostKind::test)
        return Error{Status::not_supported, "wsvirt.migration.embedded",
                     "Machines can move to a host only when libvirtd runs there.", request.destination};
    return known_to_its_end(core_, call, request, change,
                            [core = core_, there = other->core_, request](Session& s, virDomainPtr d) {
                                return move_machine(core, there, s, d, request);
                            });
}

}  // namespace wsvirt::backend::libvirt
