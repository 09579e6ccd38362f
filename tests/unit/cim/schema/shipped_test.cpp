// The MOF files that wsvirt ships: complete, consistent, and with the keys that real hosts have.
#include <boost/test/unit_test.hpp>
#include <set>

#include "cim/schema/repository.hpp"
#include "tests/unit/cim/schema/key_tables.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

const Schema& shipped() {
    static const auto loaded = Schema::load(WSVIRT_SOURCE_DIR "/schemas");
    BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().text));
    return *loaded;
}

std::set<std::string, ILess> keys_of(const Class& c) {
    std::set<std::string, ILess> r;
    for (const auto slot : c.key_slots()) r.insert(c.properties()[slot]->name);
    return r;
}

template <std::size_t N>
std::size_t compare_keys(const Namespace& ns, const char* const (&table)[N]) {
    std::size_t compared = 0;
    for (const std::string_view line : table) {
        const auto colon = line.find(':');
        std::set<std::string, ILess> keys;
        for (const auto& k : split(line.substr(0, colon), ' '))
            if (!k.empty()) keys.insert(k);
        for (const auto& name : split(line.substr(colon + 1), ' ')) {
            if (name.empty()) continue;
            const auto c = ns.find(name);
            BOOST_TEST_CONTEXT(name) {
                BOOST_REQUIRE(c);
                BOOST_TEST(c->name() == name);
                BOOST_TEST(keys_of(*c) == keys, boost::test_tools::per_element());
            }
            ++compared;
        }
    }
    return compared;
}

// References may lead to another namespace: profiles in root/interop conform systems of v2.
bool known(std::string_view name) {
    for (const auto* ns : shipped().all())
        if (ns->find(name)) return true;
    return false;
}

void check_feature(const Namespace& ns, const Feature& f) {
    BOOST_TEST_CONTEXT(f.name) {
        if (f.type == Type::reference) BOOST_TEST(known(f.ref_class), f.ref_class << " is referred to");
        if (!f.embedded_class.empty())
            BOOST_TEST(ns.find(f.embedded_class), f.embedded_class << " is embedded");
        const auto *map = find_qualifier(f.qualifiers, "ValueMap"),
                   *names = find_qualifier(f.qualifiers, "Values");
        if (map && names) BOOST_TEST(map->as_array()->size() == names->as_array()->size());
        if (names && f.type != Type::string) BOOST_TEST(map);
    }
}

const Namespace& v2() {
    return *shipped().find("root/virtualization/v2");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shipped_schema)

BOOST_AUTO_TEST_CASE(every_hyperv_class_is_there_with_its_keys) {
    BOOST_TEST(compare_keys(v2(), test::hyperv_keys) == 442u);
}

BOOST_AUTO_TEST_CASE(every_dmtf_class_is_there_with_its_keys) {
    BOOST_TEST(compare_keys(*shipped().find("root/interop"), test::dmtf_keys) == 222u);
}

BOOST_AUTO_TEST_CASE(everything_named_exists) {
    for (const auto* ns : shipped().all()) {
        for (const auto& c : ns->classes()) {
            BOOST_TEST_CONTEXT(ns->name() << " " << c->name()) {
                for (const auto* p : c->properties()) check_feature(*ns, *p);
                for (const auto* m : c->methods()) {
                    BOOST_TEST(m->return_type.has_value());
                    for (const auto& p : m->parameters) check_feature(*ns, p);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(associations_have_two_ends) {
    std::size_t hyperv = 0;
    for (const auto& c : v2().associations()) {
        BOOST_TEST(c->reference_slots().size() == 2u, c->name());
        hyperv += c->name().starts_with("Msvm_") || c->name().starts_with("CIM_") ? 1 : 0;
    }
    BOOST_TEST(hyperv >= 78u);
    for (const auto& c : shipped().find("root/interop")->associations())
        BOOST_TEST(c->reference_slots().size() >= 2u, c->name());
}

BOOST_AUTO_TEST_CASE(namespaces_share_their_classes) {
    const auto* cluster = shipped().find("root/HyperVCluster/v2");
    const auto* v1 = shipped().find("root/virtualization");
    BOOST_REQUIRE(cluster && v1);
    for (const auto& c : v2().classes()) BOOST_TEST((cluster->find(c->name()) == c), c->name());
    BOOST_TEST((v1->find("Msvm_ComputerSystem") == v2().find("Msvm_ComputerSystem")));
    BOOST_TEST(v1->classes().size() == v2().classes().size());
}

BOOST_AUTO_TEST_CASE(snapshot_methods_of_v1) {
    const auto service = shipped().find("root/virtualization")->find("Msvm_VirtualSystemManagementService");
    BOOST_REQUIRE(service);
    for (const auto* name : {"CreateVirtualSystemSnapshot", "ApplyVirtualSystemSnapshot",
                             "RemoveVirtualSystemSnapshot", "RemoveVirtualSystemSnapshotTree"}) {
        const auto* m = service->method(name);
        BOOST_REQUIRE_MESSAGE(m, name);
        BOOST_TEST((m->parameter("Job") && m->parameter("Job")->out && !m->parameter("Job")->in));
        BOOST_TEST(!v2().find("Msvm_VirtualSystemManagementService")->method(name));
    }
    BOOST_TEST(service->method("DefineSystem"));
}

BOOST_AUTO_TEST_CASE(the_seed_method) {
    const auto* m = v2().find("Msvm_VirtualSystemManagementService")->method("DefineSystem");
    BOOST_REQUIRE(m);
    const auto* settings = m->parameter("SystemSettings");
    BOOST_TEST((settings && settings->in && settings->embedded_class == "Msvm_VirtualSystemSettingData"));
    const auto* resources = m->parameter("ResourceSettings");
    BOOST_TEST((resources && resources->array && resources->type == Type::string));
    const auto* made = m->parameter("ResultingSystem");
    BOOST_TEST((made && made->out && !made->in && made->type == Type::reference));
    BOOST_REQUIRE(find_qualifier(m->qualifiers, "ValueMap"));
    const auto summary = v2().find("Msvm_VirtualSystemManagementService")->method("GetSummaryInformation");
    BOOST_TEST((summary->parameter("SummaryInformation")->type == Type::instance));
}

BOOST_AUTO_TEST_CASE(types_that_pages_got_wrong) {
    BOOST_TEST((v2().find("Msvm_ComputerSystem")->property("InstallDate")->type == Type::datetime));
    BOOST_TEST((v2().find("Msvm_DVDDrive")->property("CreationClassName")->type == Type::string));
    BOOST_TEST((v2().find("Msvm_VideoHead")->property("EnabledState")->type == Type::uint16));
    BOOST_TEST(!v2().find("Msvm_ComputerSystem")->property("InstanceID")->key);
    BOOST_TEST(v2().find("Msvm_ConcreteJob")->property("InstanceID")->key);
}

BOOST_AUTO_TEST_CASE(windows_classes) {
    const auto* ns = shipped().find("ROOT\\CIMV2");
    BOOST_REQUIRE(ns);
    for (const auto* name : {"Win32_ComputerSystem", "Win32_ComputerSystemProduct", "Win32_OperatingSystem",
                             "Win32_Processor", "Win32_ComputerSystemProcessor", "CIM_DataFile",
                             "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor"}) {
        BOOST_REQUIRE_MESSAGE(ns->find(name), name);
        BOOST_TEST(!ns->find(name)->key_slots().empty());
    }
    const auto event = ns->find("__InstanceModificationEvent");
    BOOST_TEST((event && event->is_indication()));
}

BOOST_AUTO_TEST_SUITE_END()
