// Asks the guest to shut down or restart. There while the machine runs and the component is enabled.
#include "backend/hypervisor.hpp"
#include "cim/providers/virtual_system/computer_writer.hpp"
#include "cim/providers/virtual_system/devices.hpp"
#include "cim/providers/virtual_system/state_change.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::uint32_t not_ready = 32780, shutting_down = 32782;

// The change runs as a job; the methods have no Job parameter, so that it has started is all they say.
Result<MethodResult> initiate(const MethodCall& call, std::uint16_t requested) {
    auto machine = vs::machine_of_device(call);
    if (!machine) return MethodResult(32775);
    const auto guid = (*machine)->spec.uuid;
    for (const auto& j : vs::running_jobs_of(call.services.jobs, guid))
        if (j.job_type == job_type::shut_down) return MethodResult(shutting_down);
    if ((*machine)->state != backend::MachineState::running) return MethodResult(not_ready);
    auto started = vs::change_state(call, guid, requested);
    if (!started) return started;
    return MethodResult(started->return_value.uint_or(0) == 4096
                            ? 0U
                            : static_cast<std::uint32_t>(started->return_value.uint_or(32768)));
}

Result<MethodResult> initiate_shutdown(const MethodCall& call) {
    return initiate(call, 4);
}
Result<MethodResult> initiate_reboot(const MethodCall& call) {
    return initiate(call, 10);
}

constexpr MethodEntry methods[] = {{"InitiateShutdown", &initiate_shutdown},
                                   {"InitiateReboot", &initiate_reboot}};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ShutdownComponent(Services& services) {
    return vs::make_device_provider(services, methods);
}

}  // namespace wsvirt::cim
