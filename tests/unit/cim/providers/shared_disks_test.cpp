// Disks of machines on other hosts: the same file where both hosts see it, and another one of an equal name.
#include <filesystem>
#include <set>

#include "cim/om/store.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t used = 32774;

struct Shared : TwoHosts {
    const std::string disk = image("there.qcow2");
    std::string guid = define({{"ElementName", Value("here")}});
    std::string drive = drive_of(guid);

    backend::MachineSpec with(const std::string& path) {
        backend::MachineSpec spec;
        spec.uuid = make_guid();
        spec.name = "of the other host";
        spec.disks.resize(1);
        spec.disks[0].path = path;
        return spec;
    }
    std::uint32_t add_code(const std::string& path) {
        const auto r = add(guid, disk_in(drive, path));
        const auto code = done(r);
        last_text = text_of(r);
        return code;
    }
    bool no_marks() const {
        for (const auto& e : fs::directory_iterator(folder / "disks"))
            if (e.path().filename().string().starts_with(".wsvirt-")) return false;
        return store->count("shared_mark").value_or(9) == 0U;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shared_disks, Shared)

BOOST_AUTO_TEST_CASE(a_file_that_a_machine_of_another_host_has_is_in_use) {
    BOOST_TEST_REQUIRE(second.define({}, with(disk)).ok());
    BOOST_TEST(add_code(disk) == used);
    BOOST_TEST(last_text.find("of the other host") != std::string::npos, last_text);
    BOOST_TEST(last_text.find("hvB") != std::string::npos, last_text);
    BOOST_TEST(no_marks());
    // Nor does a new machine get it.
    const char* rasd = "Msvm_ResourceAllocationSettingData";
    auto its = disk_in("drive", disk);
    BOOST_TEST_REQUIRE(its.set("Parent", "drive"));
    const auto machines = hypervisor.machines().size();
    const auto r =
        call(vsms(), "DefineSystem",
             {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", {{"ElementName", "x"}}))},
              {"ResourceSettings",
               list({make(rasd, {{"InstanceID", "controller"},
                                 {"ResourceType", 6U},
                                 {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"}}),
                     make(rasd, {{"InstanceID", "drive"},
                                 {"ResourceType", 17U},
                                 {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                                 {"Parent", "controller"}}),
                     its})}});
    BOOST_TEST(World::code(r) == used, text_of(r));
    BOOST_TEST(hypervisor.machines().size() == machines);
}

// Both have it, or one alone.
BOOST_AUTO_TEST_CASE(a_file_is_shared_by_those_who_say_so) {
    const auto raw = image("both.raw", "raw");
    const auto shared = [&](const std::string& in, const std::string& path) {
        auto medium = disk_in(in, path);
        BOOST_TEST_REQUIRE(medium.set("PersistentReservationsSupported", true));
        return medium;
    };
    const auto first = added(guid, shared(drive, raw));
    const auto other = define({{"ElementName", Value("other")}});
    const auto its_drive = drive_of(other);
    auto r = add(other, disk_in(its_drive, raw));
    BOOST_TEST(done(r) == used);
    BOOST_TEST(text_of(r).find("here") != std::string::npos, text_of(r));
    BOOST_TEST_REQUIRE(done(add(other, shared(its_drive, raw))) == 0U, last_text);
    // Now it cannot be taken away from the other.
    const auto alone = get_setting("Msvm_StorageAllocationSettingData", first);
    auto changed = alone;
    BOOST_TEST_REQUIRE(changed.set("PersistentReservationsSupported", false));
    BOOST_TEST(done(call(vsms(), "ModifyResourceSettings", {{"ResourceSettings", list({changed})}})) == used);
    BOOST_TEST(hypervisor.machine(guid)->spec.disks.at(0).shareable);
    // libvirt lets nothing else be shared.
    r = add(guid, shared(drive_of(guid), disk));
    BOOST_TEST(code(r) == 32773U);
    BOOST_TEST(text_of(r).find("raw") != std::string::npos, text_of(r));
}

BOOST_AUTO_TEST_CASE(a_planned_system_is_not_realized_with_a_disk_of_another_host) {
    const auto r = call(vsms(), "DefinePlannedSystem",
                        {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", {}))}});
    BOOST_TEST_REQUIRE(done(r) == 0U);
    const auto planned = r.out.get("ResultingSystem").as_path()->key_string("Name");
    guid = planned;
    drive = drive_of(planned);
    BOOST_TEST_REQUIRE(add_code(disk) == 0U, last_text);
    const auto realize = [&] {
        return done(call(vsms(), "RealizePlannedSystem",
                         {{"PlannedSystem", Value(vs::system_path("Msvm_PlannedComputerSystem", planned))}}));
    };
    const auto other = with(disk);
    BOOST_TEST_REQUIRE(second.define({}, other).ok());
    BOOST_TEST(realize() == 32773U);
    BOOST_TEST(last_text.find("of the other host") != std::string::npos, last_text);
    BOOST_TEST(!hypervisor.machine(planned));
    second.remove_behind_back(other.uuid);
    BOOST_TEST(realize() == 0U);
}

BOOST_AUTO_TEST_CASE(another_file_of_the_same_name_is_free) {
    BOOST_TEST_REQUIRE(second.define({}, with(disk)).ok());
    second.has_own_files(true);
    BOOST_TEST(add_code(disk) == 0U, last_text);
    BOOST_TEST(no_marks());
}

BOOST_AUTO_TEST_CASE(what_a_silent_host_does_not_show_is_free) {
    BOOST_TEST_REQUIRE(second.define({}, with(disk)).ok());
    second.set_connected(false);
    BOOST_TEST(add_code(disk) == 0U, last_text);
    BOOST_TEST(second.calls("has_file") == 0U);
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_of_hosts_that_use_no_such_name) {
    BOOST_TEST_REQUIRE(second.define({}, with(image("others.qcow2"))).ok());
    BOOST_TEST(add_code(disk) == 0U, last_text);
    BOOST_TEST(second.calls("has_file") == 0U);
}

// A machine may have it on two hosts for a moment: it is its own.
BOOST_AUTO_TEST_CASE(a_machine_may_keep_the_disk_that_it_has_elsewhere) {
    auto spec = with(disk);
    spec.uuid = guid;
    BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    BOOST_TEST(add_code(disk) == 0U, last_text);
}

BOOST_AUTO_TEST_SUITE_END()
