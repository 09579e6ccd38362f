// LibvirtHypervisor: what happens to a machine that exists.
#include <libvirt/virterror.h>

#include <algorithm>
#include <thread>

#include "backend/libvirt/disk_servers.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/live.hpp"
#include "backend/libvirt/restored_links.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/libvirt/unfinished_notes.hpp"

namespace wsvirt::backend::libvirt {

using enum MachineState;

namespace {

constexpr const char *doing = "start the machine", *pausing_it = "pause the machine",
                     *resuming_it = "resume the machine", *shutting_down = "shut the machine down";
constexpr auto poll_interval = std::chrono::milliseconds(100);
constexpr unsigned key_hold_ms = 50;
constexpr int most_thaws = 10;         // libvirt gives the agent some seconds for each
constexpr std::size_t most_keys = 16;  // libvirt's limit

// A machine that was defined before the accelerator was known, or on another host, starts with the one that
// works here. Snapshots with memory belong to the accelerator they were made with, so such machines stay.
Result<void> use_accelerator(const CorePtr& core, Session& s, virDomainPtr domain) {
    const DomainOptions options = core->domain_options();
    if (options.domain_type == "test" || has_saved_file(*core->connector, domain) ||
        virDomainSnapshotNum(domain, 0) != 0)
        return {};
    const std::string xml =
        take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    auto read = read_domain(xml);
    if (!read || !read->ours || read->domain_type == options.domain_type) return {};
    auto changed = write_domain(read->kept, options, xml);
    if (!changed) return changed.error();
    const DomainHandle defined(virDomainDefineXML(s.connection, changed->c_str()));
    if (!defined) return last_error(doing);
    return {};
}

// What the machine's disks stand on is told to libvirt where it cannot find it out; saved memory has a
// description of its own, which a deletion that failed half way has left behind the definition.
Result<std::string> tell_chains(Site& w, const DiskServers& servers) {
    const auto before = w.domain_xml();
    if (!before) return before.error();
    const std::string xml = servers.with_chains(*before);
    if (xml != *before)
        if (auto ok = define(w, xml); !ok) return ok.error();
    if (auto ok = move_saved_memory(w); !ok) return ok.error();
    return xml;
}

// What may take longer than libvirt's part of a start: merging files and copying memory.
bool has_to_get_ready(const Core& core, std::string_view uuid) {
    if (applying_was_cut_off(core, uuid)) return true;
    const auto m = core.inventory->machine(uuid);
    return m && (m->state == saved || std::any_of(m->spec.disks.begin(), m->spec.disks.end(),
                                                  [](const Disk& d) { return is_overlay(d.path); }));
}

Result<void> get_ready(const CorePtr& core, Session& s, virDomainPtr domain) {
    Site w(core, s, domain);
    w.merge_until = std::chrono::steady_clock::now() + core->settings().call_limit / 2;
    if (auto ok = finish_applying(w); !ok) return ok;
    // Neither a disk that is full nor one that takes long is a reason not to start: the machine can run on
    // files that are not merged.
    (void)merge_what_waited(w);
    if (s.stop.stop_requested()) return cancelled(doing);
    const auto xml = tell_chains(w, w.servers());
    return xml ? Result<void>() : xml.error();
}

// The end of the service between its coming back with its memory and its getting its links is no reason for
// it to stand still with others. Without room for the note it starts all the same.
std::shared_ptr<void> note_start(const Core& core, Session& s, virDomainPtr domain) {
    Unfinished noted;
    noted.machine = uuid_of(domain);
    noted.id = make_guid();
    noted.links = noted.was_running = true;
    auto done = note_unfinished(core, s, noted);
    return done ? std::move(*done) : std::shared_ptr<void>();
}

// `noted`: to be kept until it runs.
Result<void> create(const CorePtr& core, Session& s, virDomainPtr domain, bool was_saved,
                    std::shared_ptr<void>& noted) {
    const DiskServers servers(*core, s, uuid_of(domain));
    Site w(core, s, domain);
    const auto xml = tell_chains(w, servers);
    if (!xml) return xml.error();
    // Where it has memory QEMU writes what they were into the new file.
    if (awaits_variables(*xml))
        if (const auto ok = renew_variables(*core, s, *xml); !ok) return ok.error();
    auto done = servers.start(*xml);
    const auto about_to_pause = [&] { noted = note_start(*core, s, domain); };
    if (done)
        done = was_saved ? start_with_memory(domain, *xml, about_to_pause)
                         : checked(virDomainCreate(domain), doing);
    if (!done && virDomainIsActive(domain) == 0) servers.stop(*xml);
    if (const auto read = read_domain(*xml); done && read) tune_processors(domain, read->kept.spec);
    return done;
}

int state_of(virDomainPtr domain) {
    int state = VIR_DOMAIN_NOSTATE;
    virDomainGetState(domain, &state, nullptr, 0);
    return state;
}

// As the inventory sees it, which a call brings up to date once more before the guest is said to be silent.
Result<void> wait_until_off(const CorePtr& core, const Call& call, std::string_view uuid, unsigned run) {
    const auto is_off = [&] {
        const auto m = core->inventory->machine(uuid);
        return !m || m->id < 0 || static_cast<unsigned>(m->id) != run;
    };
    const auto last_look = call.deadline - 2 * poll_interval;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    while (!is_off() && !call.stop.stop_requested() && std::chrono::steady_clock::now() < last_look)
        changed.wait_for(lock, call.stop, poll_interval, [] { return false; });
    if (is_off()) return {};
    if (call.stop.stop_requested()) return cancelled(shutting_down);
    (void)change_machine(core, call, uuid, {{shutting_down, {}, false, {}, {}}, {}, {}, false},
                         [](Session&, virDomainPtr) { return Result<void>(); });
    if (is_off()) return {};
    if (!core->inventory->connected()) return host_lost();
    return Error{Status::timed_out, "wsvirt.machine.guest_silent",
                 "The guest did not shut down in time; it may have no operating system that listens. "
                 "Turn the machine off instead."};
}

}  // namespace

Result<void> LibvirtHypervisor::start(const Call& call, std::string_view uuid) {
    if (has_to_get_ready(*core_, uuid)) {
        const Change ready{{doing, {}, true, {}, {}}, {off, saved, crashed}, {}};
        auto ok = change_machine(core_, call, uuid, ready, [core = core_](Session& s, virDomainPtr d) {
            return get_ready(core, s, d);
        });
        if (!ok) return ok;
    }
    const Change change{{doing, {}, false, {}, {}}, {off, saved, crashed}, starting};
    return change_machine(
        core_, call, uuid, change, [core = core_](Session& s, virDomainPtr d) -> Result<void> {
            if (auto ok = use_accelerator(core, s, d); !ok) return ok;
            const bool was_saved = has_saved_file(*core->connector, d);
            std::shared_ptr<void> noted;
            if (auto ok = create(core, s, d, was_saved, noted); !ok) return ok;
            // As does a machine that others saved while it was paused.
            int state = 0;
            if (was_saved && virDomainGetState(d, &state, nullptr, 0) == 0 && state == VIR_DOMAIN_PAUSED)
                return checked(virDomainResume(d), doing);
            return {};
        });
}

// Not gated: turning off must also work while another operation on the machine is stuck.
Result<void> LibvirtHypervisor::power_off(const Call& call, std::string_view uuid) {
    const Change change{
        {"turn the machine off", {}, false, {}, {}}, {running, paused, stopping, crashed}, stopping, false};
    return change_machine(core_, call, uuid, change, [](Session&, virDomainPtr d) -> Result<void> {
        if (virDomainDestroy(d) == 0) return {};
        // It ended by itself a moment before.
        if (last_error_code() == VIR_ERR_OPERATION_INVALID && virDomainIsActive(d) == 0) return {};
        return last_error("turn the machine off");
    });
}

// The guest is waited for outside the workers: many that do not listen would leave none for anything else.
Result<void> LibvirtHypervisor::shut_down(const Call& call, std::string_view uuid) {
    const auto limit = core_->settings().shut_down_limit;
    Call within = call;
    within.deadline = std::min(call.deadline, std::chrono::steady_clock::now() + limit);
    struct Asked {
        std::optional<Transition> shown;
        unsigned run = 0;  // libvirt's id of it
    };
    const auto to = std::make_shared<Asked>();
    auto asked =
        change_machine(core_, within, uuid, {{shutting_down, limit, false, {}, {}}, {running}, {}, false},
                       [core = core_, to](Session&, virDomainPtr d) {
                           to->shown.emplace(core->inventory, uuid_of(d), stopping);
                           to->run = virDomainGetID(d);
                           auto ok = checked(virDomainShutdown(d), shutting_down);
                           if (!ok) to->shown->came_to_nothing();
                           return ok;
                       });
    if (!asked) return asked;
    auto done = wait_until_off(core_, within, uuid, to->run);
    if (!done) to->shown->came_to_nothing();
    return done;
}

// libvirt is asked also when it is so already: it answers when it has done what it was asked before, which
// may have changed that.
Result<void> LibvirtHypervisor::suspend(const Call& call, std::string_view uuid) {
    const auto known = core_->inventory->machine(uuid);
    const auto passing =
        known && known->state == paused ? std::nullopt : std::optional<MachineState>(pausing);
    return change_machine(core_, call, uuid, {{pausing_it, {}, false, {}, {}}, {running, paused}, passing},
                          [core = core_](Session&, virDomainPtr d) -> Result<void> {
                              const bool so_already = state_of(d) != VIR_DOMAIN_RUNNING;
                              auto ok = checked(virDomainSuspend(d), pausing_it);
                              if (ok) stays_paused(*core, uuid_of(d));
                              return so_already && ok ? wrong_state(paused, pausing_it, uuid_of(d)) : ok;
                          });
}

Result<void> LibvirtHypervisor::resume(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{resuming_it, {}, false, {}, {}}, {paused, running}, {}},
        [](Session&, virDomainPtr d) -> Result<void> {
            const int before = state_of(d);
            const bool asleep = before == VIR_DOMAIN_PMSUSPENDED;
            auto ok = checked(asleep ? virDomainPMWakeup(d, 0) : virDomainResume(d), resuming_it);
            const bool so_already = before == VIR_DOMAIN_RUNNING && state_of(d) == VIR_DOMAIN_RUNNING;
            const bool refused =
                !ok && ok.error().status != Status::busy && ok.error().status != Status::unavailable;
            return so_already && refused ? wrong_state(running, resuming_it, uuid_of(d)) : ok;
        });
}

Result<void> LibvirtHypervisor::save(const Call& call, std::string_view uuid) {
    const Change change{
        {"save the machine", {}, true, abort_job(core_, uuid), {}}, {running, paused}, saving};
    // Whoever starts it wants it to run, also when it was paused; and so it does with nobody watching.
    return change_machine(core_, call, uuid, change, [core = core_](Session&, virDomainPtr d) {
        take_up_after_writing(*core, d);
        return checked(virDomainManagedSave(d, VIR_DOMAIN_SAVE_RUNNING), "save the machine");
    });
}

Result<void> LibvirtHypervisor::discard_saved_state(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{"drop the saved state", {}, false, {}, {}}, {saved}, {}},
        [core = core_](Session&, virDomainPtr d) { return drop_saved_file(*core->connector, d); });
}

Result<void> LibvirtHypervisor::reset(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{"reset the machine", {}, false, {}, {}}, {running, paused}, {}, false},
        [](Session&, virDomainPtr d) { return checked(virDomainReset(d, 0), "reset the machine"); });
}

Result<void> LibvirtHypervisor::reboot(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{"reboot the machine", {}, false, {}, {}}, {running}, {}, false},
        [](Session&, virDomainPtr d) { return checked(virDomainReboot(d, 0), "reboot the machine"); });
}

Result<void> LibvirtHypervisor::inject_nmi(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{"interrupt the machine", {}, false, {}, {}}, {running}, {}, false},
        [](Session&, virDomainPtr d) { return checked(virDomainInjectNMI(d, 0), "interrupt the machine"); });
}

Result<void> LibvirtHypervisor::freeze(const Call& call, std::string_view uuid) {
    return change_machine(core_, call, uuid,
                          {{"freeze the guest's file systems", {}, false, {}, {}}, {running}, {}, false},
                          [](Session&, virDomainPtr d) -> Result<void> {
                              if (virDomainFSFreeze(d, nullptr, 0, 0) >= 0) return {};
                              return no_agent(uuid_of(d), last_error("freeze the guest's file systems"));
                          });
}

Result<void> LibvirtHypervisor::thaw(const Call& call, std::string_view uuid) {
    return change_machine(
        core_, call, uuid, {{"thaw the guest's file systems", {}, true, {}, {}}, {running}, {}, false},
        [](Session& s, virDomainPtr d) -> Result<void> {
            // A guest that stood still a moment ago may not listen yet.
            for (int tries = 1;; ++tries) {
                if (virDomainFSThaw(d, nullptr, 0, 0) >= 0) return {};
                auto why = last_error("thaw the guest's file systems");
                if (tries == most_thaws || virDomainIsActive(d) != 1 || s.stop.stop_requested()) return why;
                std::this_thread::sleep_for(poll_interval);
            }
        });
}

Result<void> LibvirtHypervisor::send_keys(const Call& call, std::string_view uuid,
                                          const std::vector<unsigned>& keycodes) {
    if (keycodes.empty() || keycodes.size() > most_keys)
        return Error{Status::invalid_parameter, "wsvirt.keys.count",
                     "Between 1 and " + std::to_string(most_keys) + " keys can be pressed at once.",
                     "keycodes"};
    return change_machine(core_, call, uuid, {{"press keys", {}, false, {}, {}}, {running}, {}, false},
                          [keys = keycodes](Session&, virDomainPtr d) mutable {
                              return checked(virDomainSendKey(d, VIR_KEYCODE_SET_WIN32, key_hold_ms,
                                                              keys.data(), static_cast<int>(keys.size()), 0),
                                             "press keys");
                          });
}

}  // namespace wsvirt::backend::libvirt
