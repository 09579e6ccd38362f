// What the parts of the libvirt room share about one host. Held by shared_ptr, because a worker that is stuck
// in libvirt may outlive the Hypervisor.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "backend/hypervisor.hpp"
#include "backend/libvirt/connector.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/inventory.hpp"
#include "backend/libvirt/observe.hpp"
#include "backend/libvirt/opener.hpp"
#include "backend/libvirt/workers.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::qemu {
class ImageTool;
}

namespace wsvirt::backend::libvirt {

// One change of a machine's definition, disks or place at a time. Waits for its turn until the deadline.
class Gates {
  public:
    using Pass = std::shared_ptr<void>;  // leaves when dropped
    // gives_way: is asked to stop where another one waits for what this one has.
    Result<Pass> enter(const Call& call, std::string_view uuid,
                       const std::stop_source& gives_way = std::stop_source(std::nostopstate));

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable_any changed;
        std::map<std::string, std::stop_source> inside;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct Core {
    std::shared_ptr<Connector> connector;
    std::shared_ptr<Inventory> inventory = std::make_shared<Inventory>();
    std::unique_ptr<Workers> workers;
    std::unique_ptr<Opener> opener;  // of connections beside those of the workers
    Gates gates;
    std::mutex mutex;  // for the rest
    HostInfo host;
    std::vector<SwitchInfo> switches;
    DomainOptions options;
    std::mutex recovering;  // held while what was cut off is finished or taken back
    // Told of an operation that could not clear up after itself. Set before the first one.
    std::function<void()> left_unfinished;

    const Settings& settings() const { return connector->settings(); }
    DomainOptions domain_options() {
        const std::lock_guard lock(mutex);
        return options;
    }
};

using CorePtr = std::shared_ptr<Core>;

using Work = std::function<Result<void>(Session&, virDomainPtr)>;

// Runs work on one machine and makes the inventory current before it answers, also after a failure.
struct Change {
    Ask ask;
    std::initializer_list<MachineState> from;  // allowed states; empty = any
    std::optional<MachineState> passing;       // shown meanwhile
    bool gated = true;
    std::stop_source gives_way{std::nostopstate};  // is asked to stop where another one waits for the machine
};
// undo: takes it back when the caller had been told of a failure by the time it was done.
Result<void> change_machine(const CorePtr& core, const Call& call, std::string_view uuid,
                            const Change& change, Work work, std::function<void(Session&)> undo = {});

// The state as libvirt says it now.
Result<MachineState> state_now(const Connector& connector, virDomainPtr domain);
Error wrong_state(MachineState state, const std::string& doing, std::string_view uuid);
const char* word_for(MachineState state);
bool is_active(MachineState state);  // QEMU exists

// Asks libvirt to end what runs on the machine, from a worker of its own.
std::function<void()> abort_job(const CorePtr& core, std::string_view uuid);

inline Result<void> checked(int libvirt_result, const std::string& doing) {
    if (libvirt_result < 0) return last_error(doing);
    return {};
}

// Whether libvirt starts the machine by itself.
Result<void> set_autostart(virDomainPtr domain, bool on);

qemu::ImageTool image_tool(const Core& core);

// Fills core.host, core.switches and the accelerator; on the watcher's thread.
void look_at_host(Core& core, virConnectPtr connection);
// Fills what is known without a connection.
void look_at_files(Core& core);

}  // namespace wsvirt::backend::libvirt
