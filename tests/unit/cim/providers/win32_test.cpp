#include <boost/test/unit_test.hpp>

#include "base/text.hpp"
#include "support/provider_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

struct Fixture : testing::ProviderWorld {
    Instance one(const std::string& wql) {
        auto all = query(wql, "root/cimv2");
        BOOST_REQUIRE_EQUAL(all.size(), 1u);
        return all.front();
    }
};

}  // namespace

// What libvirt's hyperv driver reads when it connects and for nodeinfo, hostname, freecell.
BOOST_FIXTURE_TEST_SUITE(win32, Fixture)

BOOST_AUTO_TEST_CASE(product) {
    const auto p = one("SELECT * FROM Win32_ComputerSystemProduct ");
    BOOST_CHECK(is_guid(p.string("UUID")));
    for (const char* key : {"IdentifyingNumber", "Name", "Version"}) BOOST_CHECK(!p.get(key).is_null());
    BOOST_CHECK(om->get(request("root/cimv2"), p.path("root/cimv2")).ok());
}

BOOST_AUTO_TEST_CASE(computer_system) {
    const auto c = one("SELECT * FROM Win32_ComputerSystem WHERE Name = __SERVER");
    BOOST_CHECK_EQUAL(c.string("Name"), "TESTHOST");
    BOOST_CHECK(!c.string("DNSHostName").empty());
    BOOST_CHECK_EQUAL(c.uint("NumberOfLogicalProcessors"), hypervisor.host().cpus);
    BOOST_CHECK_GT(c.uint("TotalPhysicalMemory"), 1u << 20);
}

BOOST_AUTO_TEST_CASE(operating_system) {
    const auto os = one("SELECT * FROM Win32_OperatingSystem");
    BOOST_CHECK_EQUAL(split(os.string("Version"), '.').size(), 3u);
    BOOST_CHECK_GT(os.uint("FreePhysicalMemory"), 0u);
    BOOST_CHECK_LE(os.uint("FreePhysicalMemory"), os.uint("TotalVisibleMemorySize") * 64);
    BOOST_CHECK_EQUAL(os.uint("OSType"), 36u);
    BOOST_REQUIRE(os.get("LastBootUpTime").as_datetime());
    BOOST_CHECK(*os.get("LastBootUpTime").as_datetime() < *os.get("LocalDateTime").as_datetime());
    BOOST_CHECK_GT(os.uint("NumberOfProcesses"), 0u);
}

BOOST_AUTO_TEST_CASE(processors_of_the_host) {
    const auto all = query(
        "ASSOCIATORS OF {Win32_ComputerSystem.Name='testhost'} WHERE AssocClass = "
        "Win32_ComputerSystemProcessor ResultClass = Win32_Processor",
        "root/cimv2");
    BOOST_REQUIRE_EQUAL(all.size(), std::max(1u, hypervisor.host().sockets));
    BOOST_CHECK_EQUAL(all[0].string("DeviceID"), "CPU0");
    BOOST_CHECK_GT(all[0].uint("NumberOfCores"), 0u);
    BOOST_CHECK_EQUAL(query("ASSOCIATORS OF {Win32_Processor.DeviceID='CPU0'}", "root/cimv2").size(), 1u);
}

BOOST_AUTO_TEST_CASE(virtual_processors_of_running_machines) {
    backend::MachineSpec spec;
    spec.uuid = "11111111-2222-3333-4444-555555555555";
    spec.name = "it's";
    spec.processors = 2;
    BOOST_REQUIRE(hypervisor.define({}, spec).ok());
    const std::string cls = "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor";
    BOOST_CHECK(query("SELECT * FROM " + cls, "root/cimv2").empty());
    BOOST_REQUIRE(hypervisor.start({}, spec.uuid).ok());
    BOOST_CHECK_EQUAL(query("SELECT * FROM " + cls, "root/cimv2").size(), 2u);
    BOOST_CHECK_EQUAL(query("SELECT * FROM " + cls + " WHERE Name = 'it\\'s:Hv VP 1'", "root/cimv2").size(),
                      1u);
    BOOST_CHECK(query("SELECT * FROM " + cls + " WHERE Name = 'it\\'s:Hv VP 2'", "root/cimv2").empty());
}

BOOST_AUTO_TEST_SUITE_END()
