// Addresses that the service chooses: from MinimumMacAddress to MaximumMacAddress, none twice, and no call
// waits for one that is not there.
#include <thread>

#include "base/text.hpp"
#include "cim/providers/virtual_system/mac_address.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"
#include "tests/unit/cim/providers/planned_codes.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

struct Range : Codes {
    std::uint32_t set(const char* low, const char* high) {
        return code(
            "ModifyServiceSettings",
            {{"SettingData", Value(w.make("Msvm_VirtualSystemManagementServiceSettingData",
                                          {{"MinimumMacAddress", low}, {"MaximumMacAddress", high}}))}});
    }
    Instance nic() const {
        return w.make(
            "Msvm_SyntheticEthernetPortSettingData",
            {{"ResourceType", 10}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"}});
    }
    void is_full(const MethodResult& r) {
        BOOST_TEST(w.done(r) == 32768U);
        BOOST_TEST(w.text_of(r).find("MinimumMacAddress") != std::string::npos, w.text_of(r));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(mac_range)

BOOST_FIXTURE_TEST_CASE(a_range_that_is_full_is_said, Range) {
    BOOST_TEST(set("00155D010203", "00155D010203") == 0U);
    const auto guid = machine();
    w.added(guid, nic());
    BOOST_TEST(w.spec(guid).nics.at(0).mac == "00:15:5d:01:02:03");
    is_full(w.add(guid, nic()));
    is_full(
        call("DefineSystem", {{"SystemSettings", settings()}, {"ResourceSettings", World::list({nic()})}}));
    const auto like = World::settings_of(guid);
    is_full(call("DefineSystem", {{"SystemSettings", settings()}, {"ReferenceConfiguration", Value(like)}}));
    is_full(call("ImportSystemDefinition", import_of(exported(guid, "full"), true)));
    BOOST_TEST(set("00155D010203", "00155D010204") == 0U);
    w.added(guid, nic());
    BOOST_TEST(w.spec(guid).nics.at(1).mac == "00:15:5d:01:02:04");
}

BOOST_FIXTURE_TEST_CASE(a_range_has_no_multicast_addresses, Range) {
    BOOST_TEST(set("00FFFFFFFFFF", "020000000000") == 32773U);
    BOOST_TEST(set("00155DFF0000", "00155d00ffff") == 32773U);
    BOOST_TEST(set("02155d000000", "02FFFFFFFFFF") == 0U);
}

// Each fits what is there before them, both together do not.
BOOST_FIXTURE_TEST_CASE(two_calls_at_once_leave_a_range, Range) {
    const auto end = [&](const char* property, const char* address) {
        Arguments in;
        in.set("SettingData",
               Value(w.make("Msvm_VirtualSystemManagementServiceSettingData", {{property, Value(address)}})));
        return in;
    };
    for (int round = 0; round < 100; ++round) {
        BOOST_TEST_REQUIRE(set("00155D000010", "00155D000060") == 0U);
        auto low = end("MinimumMacAddress", "00155D000050"), high = end("MaximumMacAddress", "00155D000020");
        std::thread other(
            [&] { (void)w.om.invoke(w.request(), w.vsms(), "ModifyServiceSettings", std::move(low)); });
        (void)w.om.invoke(w.request(), w.vsms(), "ModifyServiceSettings", std::move(high));
        other.join();
        const auto range = vs::mac_range(w.services);
        BOOST_TEST_REQUIRE(range.low <= range.high, range.low << " " << range.high);
    }
}

// One that an older service has kept may have.
BOOST_AUTO_TEST_CASE(the_last_free_address_is_found) {
    std::set<std::string, ILess> taken{"00:ff:ff:ff:ff:ff"};
    BOOST_TEST(vs::free_mac("00FFFFFFFFFF", "020000000000", taken).value_or("") == "02:00:00:00:00:00");
    taken.insert("02:00:00:00:00:00");
    BOOST_TEST(!vs::free_mac("00FFFFFFFFFF", "020000000000", taken));
    taken.clear();
    for (const char* last : {"0", "1", "2", "3"})
        for (char c : std::string("0123456789abcdef"))
            if (std::string(last) + c != "2a") taken.insert("00:15:5D:00:00:" + std::string(last) + c);
    BOOST_TEST(vs::free_mac("00155D000000", "00155D00003F", taken).value_or("") == "00:15:5d:00:00:2a");
}

BOOST_AUTO_TEST_SUITE_END()
