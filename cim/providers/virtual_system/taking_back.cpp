#include "cim/providers/virtual_system/taking_back.hpp"

#include "cim/providers/machine_wait.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::vs {

void take_back_later(Services& services, const std::string& kind, const std::string& guid,
                     std::function<Result<void>()> work) {
    auto waiting = services.jobs.lock(kind + ' ' + guid);
    if (!waiting) return;
    JobSpec spec;
    spec.caption = "Taking Back a Virtual Machine That Was Not Finished";
    spec.owning_service = "Msvm_VirtualSystemManagementService";
    spec.cancellable = true;
    spec.affected = {{system_path_text(services.host.name, "Msvm_ComputerSystem", guid), {0}}};
    (void)services.jobs.start(std::move(spec),
                              [&services, guid, waits = std::move(*waiting),
                               work = std::move(work)](JobContext& job) mutable -> Result<void> {
                                  const auto held = wait_for_machine(services.jobs, job, guid);
                                  if (!held)
                                      return Error(
                                          Status::busy, "wsvirt.realize.half_made_busy",
                                          "Other operations on the machine go on; it is taken back later.");
                                  waits.reset();  // what happens from here on is for the next one
                                  return work();
                              });
}

}  // namespace wsvirt::cim::vs
