// Holds a running machine still while its disks are copied, and lets it go on afterwards: paused, or (when
// its memory is wanted) saved and started again; where its applications are to be consistent, its file
// systems are frozen meanwhile. What it was is noted in the Store before it is stopped, so that a program
// that was killed meanwhile lets it go on when it is back; what a host does not answer to, or has not done
// yet, is tried again when the host is back or has done it, unless somebody has changed its state since. One
// thread at a time.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cim/om/services.hpp"
#include "cim/providers/export_import/export_plan.hpp"

namespace wsvirt::cim::export_import {

class Stillness {
  public:
    Stillness(Services& services, const ExportPlan& plan) : services_(services), plan_(plan) {}
    Stillness(const Stillness&) = delete;
    Stillness& operator=(const Stillness&) = delete;
    ~Stillness() { (void)release(); }

    Result<void> begin(const backend::Call& call);
    // Whether nobody else let it run or stopped it since the export was planned, but for what ended before
    // begin(), which asks this itself. What its host, or the service's connection to it, did not tell shows
    // in the files. Errors: invalid_state, unavailable.
    Result<void> check() const;
    // Does not look at the job's stop token: a machine runs again after a cancelled export too. The machine
    // goes on once; what could not be written down, as on a full disk, is when it is called again.
    Result<void> release();

  private:
    Services& services_;
    const ExportPlan& plan_;
    std::string note_;  // what is noted of the machine; "" = nothing
    std::optional<Result<void>> gone_on_;
    // What it is while its files are copied.
    struct Rest {
        backend::MachineState state;
        int id;
        std::shared_ptr<std::atomic<bool>> ended;
        std::shared_ptr<void> watch;
        std::map<std::string, std::string> files = {};  // those that are copied, as they were
    };
    std::optional<Rest> rest_;

    Result<void> hold(const backend::Call& call);
    void watch();
    std::map<std::string, std::string> own_files_now() const;
};

// Somebody has said what the machine is to be: nothing that an export noted of it counts any more. Gives what
// was forgotten, to be noted again where nothing came of it.
std::string forget_held(Services& services, const std::string& guid);
void note_held_again(Services& services, const std::string& guid, const std::string& forgotten);

// Lets go what a program that was killed held, each machine by a job of its own, on whichever host it is;
// waits some seconds for them. Machines that are gone or went on are left alone.
void release_held_machines(Services& services);
// From then on, when a host is back; for as long as what it gives is kept.
std::vector<std::shared_ptr<void>> watch_held_machines(Services& services);

}  // namespace wsvirt::cim::export_import
