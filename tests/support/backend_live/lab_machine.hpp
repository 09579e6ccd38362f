// A machine of the shared embedded host that is removed at the end of its scope, and what tests do with it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>

#include "support/backend_live/embedded_host.hpp"
#include "support/ok.hpp"

namespace wsvirt::testing {

inline EmbeddedHost& host() {
    return EmbeddedHost::shared();
}
inline backend::Hypervisor& hv() {
    return host().hypervisor();
}

struct LabMachine {
    backend::MachineSpec spec;
    explicit LabMachine(backend::MachineSpec s = host().bare()) : spec(std::move(s)) {
        OK(hv().define(within(30), spec));
    }
    ~LabMachine() { host().remove(spec.uuid); }
    LabMachine(const LabMachine&) = delete;
    LabMachine& operator=(const LabMachine&) = delete;
    std::shared_ptr<const backend::Machine> now() const { return hv().machine(spec.uuid); }
    backend::MachineState state() const { return now()->state; }
    const std::string& id() const { return spec.uuid; }
    const std::string& disk() const { return now()->spec.disks.at(0).path; }
};

bool eventually(const std::function<bool()>& what, int seconds = patience);
// The first 64 KiB of an image that no machine uses.
void write_pattern(const std::string& image, int pattern);
bool has_pattern(const std::string& image, int pattern);

}  // namespace wsvirt::testing
