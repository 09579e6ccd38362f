#include "cim/providers/export_import/stillness.hpp"

#include <algorithm>

#include "backend/hypervisor.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::export_import {

using backend::MachineState;

namespace {

constexpr std::string_view kind = "export_held";
// What the machine was; it is paused meanwhile, or saved.
constexpr std::string_view running_now_paused = "running, paused", running_now_saved = "running, saved",
                           paused_now_saved = "paused, saved", running_now_frozen = "running, frozen";
// Most machines go on within this time, and then nobody sees them stand still.
constexpr std::chrono::milliseconds patience_at_start{10'000};

bool was_running(std::string_view note) {
    return note != paused_now_saved;
}

bool was_saved(std::string_view note) {
    return note == paused_now_saved || note == running_now_saved;
}

// A program that was killed while it stopped the machine or let it go on may have left it paused in any case.
Result<void> go_on(backend::Hypervisor& hypervisor, const std::string& guid, std::string_view note) {
    const auto m = hypervisor.machine(guid);
    if (!m) return {};
    if (m->state == MachineState::paused) {
        auto r = was_running(note) ? hypervisor.resume({}, guid) : Result<void>{};
        return r && note == running_now_frozen ? hypervisor.thaw({}, guid) : r;
    }
    if (m->state == MachineState::running && note == running_now_frozen) return hypervisor.thaw({}, guid);
    if (m->state != MachineState::saved || !was_saved(note)) return {};
    if (auto r = hypervisor.start({}, guid); !r) return r;
    return was_running(note) ? Result<void>{} : hypervisor.suspend({}, guid);
}

// As a job, since memory that is read back from a disk takes its time. When it fails the machine stays as it
// is, and the job says why.
Result<std::string> let_go(Services& services, const std::string& guid, const std::string& note) {
    JobSpec spec;
    spec.job_type = job_type::restore;
    spec.caption = "Restoring Virtual Machine";
    spec.owning_service = "Msvm_VirtualSystemManagementService";
    spec.busy_key = guid;
    spec.affected = {{vs::system_path_text(services.host.name, "Msvm_ComputerSystem", guid), {0}}};
    return services.jobs.start(std::move(spec), [&services, guid, note](JobContext&) -> Result<void> {
        auto r = go_on(services.hypervisor, guid, note);
        auto forgotten = services.store.erase(kind, guid);
        if (!r) return r;
        return forgotten ? Result<void>{} : Result<void>(forgotten.error());
    });
}

}  // namespace

Result<void> Stillness::begin(const backend::Call& call) {
    if (!plan_.live) return {};
    const auto& guid = plan_.machine().spec.uuid;
    const bool paused = plan_.machine().state == MachineState::paused;
    const bool save = plan_.wishes.live == ExportWishes::saved_state;
    const bool freeze = plan_.wishes.live == ExportWishes::application_consistent;
    if (paused && !save) return {};
    const auto note = freeze   ? running_now_frozen
                      : !save  ? running_now_paused
                      : paused ? paused_now_saved
                               : running_now_saved;
    if (auto r = services_.store.put(kind, guid, note); !r) return r;
    held_ = true;
    if (save) return services_.hypervisor.save(call, guid);
    if (freeze)
        if (auto r = services_.hypervisor.freeze(call, guid); !r) return r;
    return services_.hypervisor.suspend(call, guid);
}

Result<void> Stillness::release() {
    if (!std::exchange(held_, false)) return {};
    const auto& guid = plan_.machine().spec.uuid;
    auto note = services_.store.get(kind, guid);
    if (!note) return note.error();
    if (!*note) return {};
    auto r = go_on(services_.hypervisor, guid, **note);
    auto forgotten = services_.store.erase(kind, guid);
    if (!r) return r;
    return forgotten ? Result<void>{} : Result<void>(forgotten.error());
}

void release_held_machines(Services& services) {
    auto rows = services.store.list(kind);
    if (!rows) return;
    std::vector<std::string> jobs;
    for (const auto& row : *rows)
        if (auto id = let_go(services, row.key, row.text)) jobs.push_back(std::move(*id));
    const auto until = std::chrono::steady_clock::now() + patience_at_start;
    for (const auto& id : jobs) {
        const auto left = until - std::chrono::steady_clock::now();
        services.jobs.wait(id, std::max(std::chrono::milliseconds(0),
                                        std::chrono::duration_cast<std::chrono::milliseconds>(left)));
    }
}

}  // namespace wsvirt::cim::export_import
