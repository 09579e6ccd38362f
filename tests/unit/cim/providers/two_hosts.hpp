// A World with a second host, "hvB", and what tests of migration call.
#pragma once

#include <filesystem>
#include <fstream>
#include <thread>

#include "cim/providers/virtual_system/elements.hpp"
#include "tests/unit/cim/providers/world.hpp"

#define REFUSED(answer, number)                                                         \
    do {                                                                                \
        const auto r_ = (answer);                                                       \
        BOOST_TEST(code(r_) == (number), code(r_) << ": " << text_of(r_) << last_text); \
        BOOST_TEST(!text_of(r_).empty());                                               \
    } while (false)

namespace wsvirt::cim::provider_test {

class TwoHosts : public World {
  public:
    TwoHosts() {
        HostEntry local, other;
        local.name = "testhost";
        local.hypervisor = &hypervisor;
        other.name = "hvB";
        other.hypervisor = &second;
        other.uri = "qemu+tcp://10.99.0.2/system";
        other.migration_uri = "qemu+tcp://hvb.example.com/system";
        services.hosts = {local, other};
    }

    // A third host, "hvC".
    void add_host(testing::FakeHypervisor& third) {
        auto entry = services.hosts.back();
        entry.name = "hvC";
        entry.hypervisor = &third;
        entry.uri = entry.migration_uri = "qemu+tcp://hvc.example.com/system";
        services.hosts.push_back(entry);
    }

    static ObjectPath service() {
        return vs::service_path("testhost", "Msvm_VirtualSystemMigrationService", "migrationwmi");
    }
    static Value system(const std::string& guid) {
        return Value(vs::system_path("Msvm_ComputerSystem", guid));
    }
    static Value host(const std::string& name) { return Value(vs::system_path("Msvm_ComputerSystem", name)); }
    Value settings(const Given& given) const {
        return Value(make("Msvm_VirtualSystemMigrationSettingData", given));
    }
    MethodResult to_host(const std::string& guid, Given more = {}, const char* where = "hvB") {
        more.emplace_back("ComputerSystem", system(guid));
        if (where) more.emplace_back("DestinationHost", Value(where));
        return call(service(), "MigrateVirtualSystemToHost", more);
    }
    MethodResult to_system(const std::string& guid, Given more = {}, const char* where = "hvB") {
        more.emplace_back("ComputerSystem", system(guid));
        more.emplace_back("DestinationSystem", host(where));
        return call(service(), "MigrateVirtualSystemToSystem", more);
    }
    JobRecord job_of(const MethodResult& r) const {
        const auto* path = r.out.get("Job").as_path();
        BOOST_TEST_REQUIRE(path);
        const auto record = jobs.find(path->key_string("InstanceID"));
        BOOST_TEST_REQUIRE(record.has_value());
        return *record;
    }
    // A new SCSI controller's first drive; its InstanceID.
    std::string drive_of(const std::string& guid) {
        const auto controller = added(guid, make("Msvm_ResourceAllocationSettingData",
                                                 {{"ResourceType", 6U},
                                                  {"ResourceSubType", Value("Microsoft:Hyper-V:Synthetic "
                                                                            "SCSI Controller")}}));
        return added(
            guid, make("Msvm_ResourceAllocationSettingData",
                       {{"ResourceType", 17U},
                        {"ResourceSubType", Value("Microsoft:Hyper-V:Synthetic Disk Drive")},
                        {"Parent", Value(parent_text("Msvm_ResourceAllocationSettingData", controller))}}));
    }
    Instance disk_in(const std::string& drive, const std::string& path) const {
        return make("Msvm_StorageAllocationSettingData",
                    {{"ResourceType", 31U},
                     {"ResourceSubType", Value("Microsoft:Hyper-V:Virtual Hard Disk")},
                     {"Parent", Value(parent_text("Msvm_ResourceAllocationSettingData", drive))},
                     {"HostResource", texts({path})}});
    }
    // A machine with one SCSI disk; its GUID.
    std::string machine(const std::string& name = "traveller") {
        const auto guid = define({{"ElementName", Value(name)}});
        const auto drive = drive_of(guid);
        disk_path = image(name + ".qcow2");
        disk_id = added(guid, disk_in(drive, disk_path));
        return guid;
    }
    void start(const std::string& guid) { BOOST_TEST_REQUIRE(done(request_state(guid, 2)) == 0U); }
    // What a migration that is held has written so far.
    void half_copied(const std::string& copy) const {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!std::filesystem::exists(copy) && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::ofstream(copy) << "half";
    }
    // The InstanceID of what is in one of the machine's drives.
    std::string medium_id(const std::string& guid, std::size_t disk) const {
        const auto m = hypervisor.machine(guid);
        const auto kind = vs::medium_kind(m->spec.disks.at(disk));
        return vs::setting_id(guid, vs::device_data(m->spec, {kind, static_cast<unsigned>(disk)}));
    }
    Value disk_at(const std::string& path) const {
        return list({make("Msvm_StorageAllocationSettingData",
                          {{"InstanceID", Value(disk_id)}, {"HostResource", texts({path})}})});
    }

    testing::FakeHypervisor second{"hvB"};
    std::string disk_path, disk_id;
};

}  // namespace wsvirt::cim::provider_test
