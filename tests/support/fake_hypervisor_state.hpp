// What FakeHypervisor holds; private to its source files.
#pragma once

#include <set>

#include "support/fake_hypervisor.hpp"

namespace wsvirt::testing {

inline bool active(backend::MachineState s) {
    return s == backend::MachineState::running || s == backend::MachineState::paused ||
           s == backend::MachineState::stopping;
}

struct FakeHypervisor::Entry {
    std::shared_ptr<const backend::Machine> machine;
    std::map<std::string, backend::MachineSpec, ILess>
        at_snapshot;  // the machine's own settings at a snapshot
    std::map<std::string, backend::MachineState, ILess> state_at_snapshot;
};

struct FakeHypervisor::State {
    mutable std::mutex mutex;
    std::condition_variable_any changed;
    backend::HostInfo host;
    std::vector<backend::SwitchInfo> switches;
    bool connected = true, ignore_shut_down = false, own_files = false, no_past = false;
    std::string lost_file;
    int next_id = 1;
    std::vector<std::unique_ptr<Entry>> entries;
    std::map<std::string, Error> fail_once, fail_always;
    std::set<std::string> held, late;
    std::vector<std::function<void()>> late_work, given_up_work;
    std::map<std::string, bool> given_up;  // whether it shows
    std::map<std::string, unsigned> calls;
    std::map<std::string, backend::ImageInfo> images;
    std::mutex subscribers_mutex;  // taken after `mutex` was left
    std::map<int, std::function<void(const backend::Event&)>> subscribers;
    int next_subscriber = 0;
};

}  // namespace wsvirt::testing
