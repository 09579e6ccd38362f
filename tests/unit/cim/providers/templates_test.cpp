#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

BOOST_AUTO_TEST_SUITE(templates)

BOOST_AUTO_TEST_CASE(by_instance_id) {
    World w;
    const auto most = w.query(
        "SELECT * FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE 'Microsoft:Definition%Maximum'");
    BOOST_TEST_REQUIRE(most.size() == 1U);
    BOOST_TEST(most[0].uint("VirtualQuantity") == w.hypervisor.host().max_processors);
    BOOST_TEST(w.query("SELECT * FROM Msvm_ResourceAllocationSettingData WHERE ResourceSubType = "
                       "'Microsoft:Hyper-V:Physical "
                       "Disk Drive' AND InstanceID LIKE '%%Default%%'")
                   .size() == 1U);
    BOOST_TEST(w.query("SELECT * FROM Msvm_StorageAllocationSettingData WHERE ResourceSubType = "
                       "'Microsoft:Hyper-V:Virtual Hard "
                       "Disk' AND InstanceID LIKE '%\\\\Default'")
                   .size() == 1U);
}

BOOST_AUTO_TEST_CASE(by_capabilities_and_by_pool) {
    World w;
    for (const char* sub : {"Microsoft:Hyper-V:Memory", "Microsoft:Hyper-V:Synthetic Disk Drive",
                            "Microsoft:Hyper-V:Processor"}) {
        const auto pools = w.query(std::string("SELECT * FROM CIM_ResourcePool WHERE ResourceSubType = '") +
                                   sub + "' AND Primordial = True");
        BOOST_TEST_REQUIRE(pools.size() == 1U, sub);
        const auto pool = pools[0].path("root/virtualization/v2").relative_text();
        const auto capabilities = w.query(
            "ASSOCIATORS OF {" + pool +
            "} WHERE AssocClass = Msvm_ElementCapabilities ResultClass = Msvm_AllocationCapabilities");
        BOOST_TEST_REQUIRE(capabilities.size() == 1U, sub);
        const auto links =
            w.query("REFERENCES OF {" + capabilities[0].path("root/virtualization/v2").relative_text() +
                    "} WHERE ResultClass = Msvm_SettingsDefineCapabilities");
        BOOST_TEST_REQUIRE(links.size() == 4U, sub);
        int standard = 0;
        for (const auto& l : links) {
            const auto role = l.uint("ValueRole"), range = l.uint("ValueRange");
            if (role == 0 && range == 0) ++standard;
            const auto i = w.get(*l.get("PartComponent").as_path());
            BOOST_TEST(i.string("ResourceSubType") == sub);
            BOOST_TEST(i.string("InstanceID")
                           .ends_with(range == 0   ? "Default"
                                      : range == 1 ? "Minimum"
                                      : range == 2 ? "Maximum"
                                                   : "Increment"));
        }
        BOOST_TEST(standard == 1);
    }
    BOOST_TEST(w.query("SELECT * FROM Msvm_ProcessorPool").size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
