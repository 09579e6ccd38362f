#include <set>

#include "base/text.hpp"
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

// As Windows Admin Center asks.
BOOST_AUTO_TEST_CASE(migration_settings_by_the_capabilities) {
    World w;
    const auto found = w.query(
        "associators of "
        "{Msvm_VirtualSystemMigrationCapabilities.InstanceID=\"Microsoft:MigrationCapabilities\"}"
        " where resultclass = Msvm_VirtualSystemMigrationSettingData");
    std::set<std::uint64_t> types;
    for (const auto& i : found) types.insert(i.uint("MigrationType"));
    BOOST_TEST(types == (std::set<std::uint64_t>{32768, 32769, 32770, 32771, 32772}),
               boost::test_tools::per_element());
    const auto services = w.query(
        "ASSOCIATORS OF {Msvm_VirtualSystemMigrationCapabilities.InstanceID="
        "'Microsoft:MigrationCapabilities'} WHERE AssocClass = Msvm_ElementCapabilities");
    BOOST_TEST_REQUIRE(services.size() == 1U);
    BOOST_TEST(services[0].string("Name") == "migrationwmi");
    for (const auto& l :
         w.query("REFERENCES OF {" + found.at(0).path("root/virtualization/v2").relative_text() +
                 "} WHERE ResultClass = Msvm_SettingsDefineCapabilities")) {
        BOOST_TEST(l.uint("ValueRole", 9) == 0U);
        BOOST_TEST(l.uint("ValueRange", 9) == 0U);
    }
}

// As New-VM makes a machine: the one default of the management service's capabilities, with a name.
BOOST_AUTO_TEST_CASE(a_machine_like_the_default_settings) {
    World w;
    std::vector<Instance> standard, boot;
    for (const auto& l : w.query("REFERENCES OF {Msvm_VirtualSystemManagementCapabilities.InstanceID="
                                 "'Microsoft:VirtualSystemManagementCapabilities'} WHERE ResultClass = "
                                 "Msvm_SettingsDefineCapabilities")) {
        BOOST_TEST(l.uint("ValueRange", 9) == 0U);
        (l.uint("ValueRole", 9) == 0U ? standard : boot).push_back(w.get(*l.get("PartComponent").as_path()));
    }
    BOOST_TEST(boot.size() == 3U);
    for (const auto& t : boot) BOOST_TEST(!t.string("SecureBootTemplateId").empty());
    BOOST_TEST_REQUIRE(standard.size() == 1U);
    auto& wanted = standard[0];
    BOOST_TEST(wanted.get("VirtualSystemIdentifier").is_null());
    BOOST_TEST(wanted.string("VirtualSystemSubType") == "Microsoft:Hyper-V:SubType:1");
    const auto defined = [&] {
        const auto r = w.call(w.vsms(), "DefineSystem", {{"SystemSettings", Value(wanted)}});
        BOOST_TEST_REQUIRE(w.done(r) == 0U, w.text_of(r) + w.last_text);
        return w.spec(r.out.get("ResultingSystem").as_path()->key_string("Name"));
    };
    wanted.set("ElementName", "first");
    const auto first = defined();
    BOOST_TEST(first.name == "first");
    wanted.set("ElementName", "second");
    wanted.set("VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2");
    const auto second = defined();
    BOOST_TEST(!iequals(first.uuid, second.uuid));
    BOOST_TEST(first.serial_number != second.serial_number);
    BOOST_TEST((second.firmware == backend::Firmware::uefi));
}

// Clients look them up by ElementName, or put the InstanceID together from the GUID.
BOOST_AUTO_TEST_CASE(of_secure_boot_by_their_identifiers) {
    World w;
    for (const auto& [name, guid] :
         {std::pair("MicrosoftWindows", "1734c6e8-3154-4dda-ba5f-a874cc483422"),
          std::pair("MicrosoftUEFICertificateAuthority", "272e7447-90a4-4563-a4b9-8e4ab00526ce"),
          std::pair("OpenSourceShieldedVM", "4292ae2b-ee2c-42b5-a969-dd8f8689f6f3")}) {
        const auto found =
            w.get_setting("Msvm_VirtualSystemSettingData",
                          R"(Microsoft:Definition\VirtualSystem\SecureBootTemplateId\)" + std::string(guid));
        BOOST_TEST(found.string("ElementName") == name);
        BOOST_TEST(found.string("SecureBootTemplateId") == guid);
        const auto named = w.query(
            std::string("SELECT * FROM Msvm_VirtualSystemSettingData WHERE ElementName = '") + name + "'");
        BOOST_TEST_REQUIRE(named.size() == 1U);
        BOOST_TEST(named[0].string("InstanceID") == found.string("InstanceID"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
