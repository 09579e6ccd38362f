#include "cim/providers/export_import/stillness.hpp"

#include "backend/hypervisor.hpp"
#include "cim/om/store.hpp"

namespace wsvirt::cim::export_import {

using backend::MachineState;

namespace {

constexpr std::string_view kind = "export_held";
// What the machine was; it is paused meanwhile, or saved.
constexpr std::string_view running_now_paused = "running, paused", running_now_saved = "running, saved",
                           paused_now_saved = "paused, saved";

Result<void> go_on(backend::Hypervisor& hypervisor, const std::string& guid, std::string_view note) {
    const auto m = hypervisor.machine(guid);
    if (!m) return {};
    if (note == running_now_paused)
        return m->state == MachineState::paused ? hypervisor.resume({}, guid) : Result<void>{};
    if (m->state != MachineState::saved) return {};
    if (auto r = hypervisor.start({}, guid); !r) return r;
    return note == paused_now_saved ? hypervisor.suspend({}, guid) : Result<void>{};
}

}  // namespace

Result<void> Stillness::begin(const backend::Call& call) {
    if (!plan_.live) return {};
    const auto& guid = plan_.machine().spec.uuid;
    const bool paused = plan_.machine().state == MachineState::paused;
    const bool save = plan_.wishes.live == ExportWishes::saved_state;
    if (paused && !save) return {};
    const auto note = !save ? running_now_paused : paused ? paused_now_saved : running_now_saved;
    if (auto r = services_.store.put(kind, guid, note); !r) return r;
    held_ = true;
    return save ? services_.hypervisor.save(call, guid) : services_.hypervisor.suspend(call, guid);
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
    for (const auto& row : *rows) {
        (void)go_on(services.hypervisor, row.key, row.text);
        (void)services.store.erase(kind, row.key);
    }
}

}  // namespace wsvirt::cim::export_import
