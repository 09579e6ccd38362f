// What a migration has left of a machine that may have gone on since.
#pragma once

#include <filesystem>
#include <fstream>

#include "cim/providers/recovery.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

namespace wsvirt::cim::provider_test {

using backend::MachineState;

// A migration from testhost to hvB, of a machine that is nowhere yet.
struct GoneOn : TwoHosts {
    GoneOn() {
        add_host(third);
        std::filesystem::create_directories(folder / "disks");
        for (const auto& file : {original, copy}) std::ofstream(file) << "disk";
    }
    static void on(testing::FakeHypervisor& h, const std::string& disk, MachineState s = MachineState::off) {
        backend::MachineSpec spec;
        spec.uuid = guid;
        spec.name = "gone on";
        spec.disks = {backend::Disk{}};
        spec.disks[0].path = disk;
        BOOST_TEST_REQUIRE(h.define({}, spec).ok());
        if (s != MachineState::off) BOOST_TEST_REQUIRE(h.start({}, guid).ok());
    }
    // What is known of it: "0", "1 at_source" ...
    void note(const std::string& rest, const std::string& marks = {}) {
        const auto text = "testhost\nhvB\n" + rest + '\n' + copy + "\n\n" + original + "\n\n" +
                          testing::FakeHypervisor::mark_of(copy) + ' ' + copy + "\n\n" + marks;
        BOOST_TEST_REQUIRE(store->put("migration_left", std::string(guid) + " hvB", text).ok());
    }
    void wait_for_all() {
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    }
    void clear_up() {
        const auto watching = cim::watch(services);
        wait_for_all();
    }
    bool is_named(const std::string& file) {
        bool named = false;
        for (const auto& id : jobs.ids()) {
            const auto job = jobs.find(id);
            for (const auto& e : job->errors) named |= e.message.find(file) != std::string::npos;
        }
        return named;
    }
    std::uint64_t left() { return store->count("migration_left").value(); }
    static bool there(const std::string& file) { return std::filesystem::exists(file); }

    static constexpr const char* guid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01";
    std::string original = (folder / "disks" / "original.qcow2").string();
    std::string copy = (folder / "disks" / "copy.qcow2").string();
    testing::FakeHypervisor third{"hvC"};
};

}  // namespace wsvirt::cim::provider_test
