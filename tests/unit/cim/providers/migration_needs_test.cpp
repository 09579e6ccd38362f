// What a disk was copied from, where somebody else needs it: nobody loses what it stands on.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "cim/providers/methods.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

struct Original : TwoHosts {
    // On its own host, or with its machine.
    static constexpr unsigned kinds[] = {32769U, 32771U};

    Given wishes(unsigned type, const char* keep = nullptr) const {
        Given wanted{{"MigrationType", type}};
        if (keep) wanted.emplace_back(keep, true);
        return {{"MigrationSettingData", settings(wanted)}, {"NewResourceSettingData", disk_at(copy)}};
    }
    MethodResult move(unsigned type, const char* keep = nullptr) {
        return to_host(guid, wishes(type, keep), type == 32769U ? nullptr : "hvB");
    }
    // Refused both before it and when it is asked for.
    void check_refused(const std::string& why) {
        for (const unsigned type : kinds) {
            BOOST_TEST(code(move(type)) == 32774U);
            auto ask = wishes(type);
            ask.emplace_back("ComputerSystem", system(guid));
            if (type != 32769U) ask.emplace_back("DestinationHost", Value("hvB"));
            const auto r = call(service(), "CheckVirtualSystemIsMigratable", ask);
            BOOST_TEST(done(r) == 32774U);
            BOOST_TEST(last_text.find(why) != std::string::npos, last_text);
            BOOST_TEST(last_text.find("RetainVhdCopiesOnSource") != std::string::npos, last_text);
        }
        BOOST_TEST(hypervisor.calls("migrate") == 0U);
        BOOST_TEST(there());
    }
    // No more of it than what says so: a header of version 2 and the name that it leads to.
    std::string overlay() const {
        constexpr std::size_t header = 104, name_at = 15, name_length = 19;
        std::string bytes("QFI\xfb\0\0\0\2", 8);
        bytes.resize(header, '\0');
        bytes[name_at] = header;
        bytes[name_length] = static_cast<char>(original.size());
        const auto path = (folder / "disks" / "child.qcow2").string();
        std::ofstream(path, std::ios::binary) << bytes << original;
        return path;
    }
    backend::MachineSpec other_with(const std::string& path) const {
        backend::MachineSpec other;
        other.uuid = make_guid();
        other.name = "other";
        other.disks = {backend::Disk{}};
        other.disks[0].path = path;
        return other;
    }
    bool there() const { return std::filesystem::exists(original); }
    bool has_job(const MethodResult& r, unsigned state) {
        return get(*r.out.get("Job").as_path()).uint("JobState") == state;
    }
    void wait_for_all() {
        for (const auto& id : jobs.ids()) (void)jobs.wait(id, std::chrono::seconds(60));
    }

    std::string guid = machine(), original = disk_path, copy = (folder / "disks" / "copy.qcow2").string();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(migration_needs, Original)

BOOST_AUTO_TEST_CASE(a_disk_that_another_one_stands_on_is_not_taken_away) {
    const auto child = overlay();
    check_refused("\"" + child + "\" needs it");
    BOOST_TEST_REQUIRE(hypervisor.define({}, other_with(child)).ok());
    check_refused("the disk \"" + child + "\" of the virtual machine \"other\" needs it");
}

BOOST_AUTO_TEST_CASE(a_disk_that_another_machine_has_too_is_not_taken_away) {
    auto other = other_with(original);
    other.disks[0].read_only = true;
    BOOST_TEST_REQUIRE(hypervisor.define({}, other).ok());
    check_refused("the virtual machine \"other\" needs it");
}

BOOST_AUTO_TEST_CASE(a_disk_that_a_planned_system_names_is_not_taken_away) {
    const auto planned = other_with(original);
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({planned, {}}).ok());
    check_refused("the planned system \"other\" needs it");
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).remove(planned.uuid).ok());
    hypervisor.hold("migrate");
    const auto r = move(32771U);
    BOOST_TEST_REQUIRE(vs::PlannedSystems(services).add({planned, {}}).ok());  // meanwhile
    hypervisor.release("migrate");
    (void)done(r);
    BOOST_TEST(last_text.find("the planned system \"other\" needs it") != std::string::npos, last_text);
    BOOST_TEST(there());
}

// Two hosts may see the same folder, or have different files of one name.
BOOST_AUTO_TEST_CASE(a_disk_that_a_machine_of_another_host_has) {
    BOOST_TEST_REQUIRE(second.define({}, other_with(original)).ok());
    check_refused("the virtual machine \"other\" on the host \"hvB\" needs it");
    second.has_own_files(true);
    (void)done(move(32769U));
    BOOST_TEST(last_text.find("as a machine of another host has a disk of this name") != std::string::npos,
               last_text);
    BOOST_TEST(there());
}

BOOST_AUTO_TEST_CASE(it_moves_where_the_original_is_to_stay) {
    const auto child = overlay();
    for (const char* keep : {"RetainVhdCopiesOnSource", "AvoidRemovingVHDs"}) {
        copy = (folder / "disks" / (std::string(keep) + ".qcow2")).string();
        BOOST_TEST(done(move(keep[0] == 'R' ? 32769U : 32771U, keep)) == 0U, last_text);
        BOOST_TEST(there());
        BOOST_TEST(std::filesystem::exists(copy));
    }
    BOOST_TEST(second.machine(guid) != nullptr);
}

BOOST_AUTO_TEST_CASE(what_somebody_comes_to_need_meanwhile_stays) {
    for (const unsigned type : kinds) {
        if (type == 32771U) {
            guid = machine("next");
            original = disk_path;
            copy = (folder / "disks" / "next-copy.qcow2").string();
        }
        hypervisor.hold("migrate");
        const auto r = move(type);
        BOOST_TEST_REQUIRE(code(r) == 4096U);
        const auto child = overlay();
        hypervisor.release("migrate");
        (void)done(r);
        BOOST_TEST(has_job(r, 32768U));
        BOOST_TEST(last_text.find("\"" + original + "\" stays on \"testhost\"") != std::string::npos,
                   last_text);
        BOOST_TEST(last_text.find(child) != std::string::npos, last_text);
        BOOST_TEST(there());
        BOOST_TEST(store->count("migration_left").value() == 0U);
        std::filesystem::remove(child);
    }
}

// No answer is no answer.
BOOST_AUTO_TEST_CASE(while_it_is_not_known_who_needs_it_it_stays) {
    const auto watching = cim::watch(services);
    // A folder that cannot be read.
    const auto loop = folder / "loop";
    std::filesystem::create_symlink("loop", loop);
    BOOST_TEST_REQUIRE(hypervisor.define({}, other_with((loop / "disk.qcow2").string())).ok());
    const auto r = move(32771U);
    (void)done(r);
    BOOST_TEST(has_job(r, 32768U));
    BOOST_TEST(second.machine(guid) != nullptr);
    BOOST_TEST(there());
    BOOST_TEST(store->count("migration_left").value() == 1U);
    std::filesystem::remove(loop);
    const auto child = overlay();
    hypervisor.set_connected(false);
    hypervisor.set_connected(true);
    wait_for_all();
    BOOST_TEST(there());
    BOOST_TEST(store->count("migration_left").value() == 0U);
}

// Disks move one after the other, and the first may have its new place when the next one fails.
BOOST_AUTO_TEST_CASE(what_moved_before_a_failure_is_not_left_twice) {
    start(guid);
    hypervisor.hold("migrate");
    hypervisor.fail_next("migrate", Error(Status::no_space, "wsvirt.libvirt", "It is full."));
    const auto r = move(32769U);
    half_copied(copy);
    auto moved = hypervisor.machine(guid)->spec;
    moved.disks.at(0).path = copy;
    BOOST_TEST_REQUIRE(hypervisor.redefine({}, moved).ok());
    hypervisor.release("migrate");
    BOOST_TEST(done(r) == 32768U);
    BOOST_TEST(!there());
    BOOST_TEST(std::filesystem::exists(copy));
}

BOOST_AUTO_TEST_SUITE_END()
