// A host of libvirt's test driver, which has machines but no QEMU.
#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "backend/libvirt/libvirt_hypervisor.hpp"

namespace wsvirt::testing {

inline std::unique_ptr<backend::Hypervisor> open_test(const std::string& state_dir = "") {
    backend::libvirt::Settings s;
    s.uri = "test:///default";
    s.state_dir = state_dir;
    s.name = "here";
    auto h = backend::libvirt::open_libvirt(s);
    BOOST_REQUIRE_MESSAGE(h, (h ? "" : h.error().full_text()));
    return std::move(*h);
}

inline bool is_running(const backend::Hypervisor& h, const std::string& machine) {
    return h.machine(machine)->state == backend::MachineState::running;
}

}  // namespace wsvirt::testing
