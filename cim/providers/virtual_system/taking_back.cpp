#include "cim/providers/virtual_system/taking_back.hpp"

#include <chrono>
#include <thread>

#include "cim/om/jobs.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::vs {

namespace {

constexpr auto lock_patience = std::chrono::seconds(600);  // for whoever makes it to be done
constexpr auto poll = std::chrono::milliseconds(200);

std::shared_ptr<JobManager::Guard> wait_for_machine(Services& services, JobContext& job,
                                                    const std::string& guid) {
    const auto end = std::chrono::steady_clock::now() + lock_patience;
    while (!job.stop().stop_requested() && std::chrono::steady_clock::now() < end) {
        if (auto held = services.jobs.lock(guid)) return std::move(*held);
        std::this_thread::sleep_for(poll);
    }
    return nullptr;
}

}  // namespace

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
                                  const auto held = wait_for_machine(services, job, guid);
                                  if (!held)
                                      return Error(
                                          Status::busy, "wsvirt.realize.half_made_busy",
                                          "Other operations on the machine go on; it is taken back later.");
                                  waits.reset();  // what happens from here on is for the next one
                                  return work();
                              });
}

}  // namespace wsvirt::cim::vs
