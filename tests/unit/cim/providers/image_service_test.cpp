#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

struct Setup {
    World w;
    ObjectPath service = vs::service_path("testhost", "Msvm_ImageManagementService", "vhdsvc");
    std::string in_folder(const char* name) const { return (w.folder / "disks" / name).string(); }
    MethodResult create(const Given& settings) {
        return w.call(
            service, "CreateVirtualHardDisk",
            {{"VirtualDiskSettingData", Value(w.make("Msvm_VirtualHardDiskSettingData", settings))}});
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(image_service)

BOOST_FIXTURE_TEST_CASE(makes_each_format, Setup) {
    for (const auto& [name, format] : std::vector<std::pair<const char*, Value>>{
             {"a.vhdx", Value(3)}, {"a.vhd", Value(2)}, {"a.qcow2", Value()}, {"a.raw", Value()}}) {
        auto r = create(
            {{"Path", in_folder(name)}, {"Type", 3}, {"Format", format}, {"MaxInternalSize", 1 << 20}});
        BOOST_TEST(w.done(r) == 0U, name << w.text_of(r));
        BOOST_TEST(std::filesystem::exists(in_folder(name)));
    }
    auto child = create({{"Path", in_folder("b.qcow2")}, {"Type", 4}, {"ParentPath", in_folder("a.qcow2")}});
    BOOST_TEST(w.done(child) == 0U, w.text_of(child));
    auto r = w.call(service, "GetVirtualHardDiskSettingData", {{"Path", in_folder("b.qcow2")}});
    BOOST_TEST(World::code(r) == 0U);
    const auto* i = r.out.get("SettingData").as_instance();
    BOOST_TEST_REQUIRE(i);
    BOOST_TEST(i->uint("Type") == 4U);
    BOOST_TEST(i->string("ParentPath") == in_folder("a.qcow2"));
}

BOOST_FIXTURE_TEST_CASE(refuses_by_name, Setup) {
    struct Case {
        Given given;
        unsigned code;
        const char* named;
    };
    w.image("there.qcow2");
    for (const auto& c : std::vector<Case>{
             {{{"Path", "/etc/x.qcow2"}, {"MaxInternalSize", 1 << 20}}, 32769, "/etc/x.qcow2"},
             {{{"Path", in_folder("../x.qcow2")}, {"MaxInternalSize", 1 << 20}}, 32769, "x.qcow2"},
             {{{"Path", in_folder("x.txt")}, {"MaxInternalSize", 1 << 20}}, 32773, "Path"},
             {{{"Path", in_folder("x\ny.qcow2")}, {"MaxInternalSize", 1 << 20}}, 32773, "line break"},
             {{{"Path", in_folder("x.vhdx")}, {"Format", 2}, {"MaxInternalSize", 1 << 20}}, 32773, "Format"},
             {{{"Path", in_folder("x.qcow2")}}, 32773, "MaxInternalSize"},
             {{{"Path", in_folder("x.qcow2")}, {"MaxInternalSize", 1000}}, 32773, "MaxInternalSize"},
             {{{"Path", in_folder("x.qcow2")}, {"Type", 9}, {"MaxInternalSize", 1 << 20}}, 32773, "Type"},
             {{{"Path", in_folder("x.qcow2")}, {"Type", 4}}, 32773, "ParentPath"},
             {{{"Path", in_folder("x.vhdx")}, {"Type", 4}, {"ParentPath", in_folder("there.qcow2")}},
              32770,
              "qcow2"},
             {{{"Path", in_folder("x.qcow2")}, {"LogicalSectorSize", 4096}, {"MaxInternalSize", 1 << 20}},
              32773,
              "LogicalSectorSize"},
         }) {
        auto r = create(c.given);
        BOOST_TEST(World::code(r) == c.code, c.named);
        BOOST_TEST(w.text_of(r).find(c.named) != std::string::npos, w.text_of(r));
    }
    BOOST_TEST(World::code(create({{"Path", in_folder("there.qcow2")}, {"MaxInternalSize", 1 << 20}})) != 0U);
    BOOST_TEST(World::code(w.call(service, "GetVirtualHardDiskState", {{"Path", in_folder("none.qcow2")}})) ==
               32779U);
}

BOOST_FIXTURE_TEST_CASE(resizes_and_converts, Setup) {
    const auto path = w.image("r.qcow2");
    BOOST_TEST(w.done(w.call(service, "ResizeVirtualHardDisk",
                             {{"Path", path}, {"MaxInternalSize", 2 << 20}})) == 0U);
    BOOST_TEST(World::code(w.call(service, "ResizeVirtualHardDisk",
                                  {{"Path", path}, {"MaxInternalSize", 512}})) == 32773U);
    auto r = w.call(service, "ConvertVirtualHardDisk",
                    {{"SourcePath", path},
                     {"VirtualDiskSettingData",
                      Value(w.make("Msvm_VirtualHardDiskSettingData",
                                   {{"Path", in_folder("c.vhdx")}, {"Format", 3}, {"Type", 3}}))}});
    BOOST_TEST(w.done(r) == 0U, w.text_of(r));
    BOOST_TEST(std::filesystem::exists(in_folder("c.vhdx")));
    BOOST_TEST(World::code(w.call(service, "MergeVirtualHardDisk",
                                  {{"SourcePath", path}, {"DestinationPath", path}})) == 32770U);
}

// Snapshots were made for the disk as it is, and nothing else works on the machine meanwhile.
BOOST_FIXTURE_TEST_CASE(a_disk_of_a_machine_is_resized_while_nothing_else_needs_it, Setup) {
    const auto path = w.image("m.qcow2");
    const auto guid = w.define({{"ElementName", "owner"}});
    auto spec = w.spec(guid);
    spec.disks.resize(1);
    spec.disks[0].path = path;
    BOOST_TEST_REQUIRE(w.hypervisor.redefine({}, spec).ok());
    unsigned size = 2 << 20;
    const auto resized = [&] {
        return w.done(
            w.call(service, "ResizeVirtualHardDisk", {{"Path", path}, {"MaxInternalSize", size *= 2}}));
    };
    BOOST_TEST(resized() == 0U, w.last_text);
    auto other = w.jobs.lock(guid);
    BOOST_TEST_REQUIRE(other.ok());
    BOOST_TEST(resized() == 32774U);
    other->reset();
    BOOST_TEST_REQUIRE(w.done(w.request_state(guid, 2)) == 0U);
    BOOST_TEST(resized() == 32774U);
    BOOST_TEST_REQUIRE(w.done(w.request_state(guid, 3)) == 0U);
    BOOST_TEST_REQUIRE(w.hypervisor.snapshot({}, {guid, make_guid(), false, false, "before", {}}).ok());
    const auto r = w.call(service, "ResizeVirtualHardDisk", {{"Path", path}, {"MaxInternalSize", size}});
    BOOST_TEST(World::code(r) == 32774U);
    BOOST_TEST(w.text_of(r).find("snapshots") != std::string::npos, w.text_of(r));
    const auto snapshot = w.hypervisor.machine(guid)->snapshots.at(0).id;
    BOOST_TEST_REQUIRE(w.hypervisor.delete_snapshot({}, guid, snapshot, false).ok());
    BOOST_TEST(resized() == 0U, w.last_text);
}

// The copy would show what the source stands on.
BOOST_FIXTURE_TEST_CASE(a_conversion_reads_no_file_outside_the_folders, Setup) {
    const auto path = w.image("s.qcow2"), base = w.image("base.qcow2");
    std::ofstream(w.folder / "secret") << "secret";
    const auto convert = [&](const char* to) {
        return w.done(w.call(service, "ConvertVirtualHardDisk",
                             {{"SourcePath", path},
                              {"VirtualDiskSettingData", Value(w.make("Msvm_VirtualHardDiskSettingData",
                                                                      {{"Path", in_folder(to)}}))}}));
    };
    BOOST_TEST_REQUIRE(w.hypervisor.rebase_image({}, path, (w.folder / "secret").string(), "raw").ok());
    BOOST_TEST(convert("1.qcow2") == 32769U);
    for (const char* format : {"vmdk", "luks"}) {
        BOOST_TEST_REQUIRE(w.hypervisor.rebase_image({}, path, base, format).ok());
        BOOST_TEST(convert("1.qcow2") == 32773U);
    }
    BOOST_TEST(!std::filesystem::exists(in_folder("1.qcow2")));
    BOOST_TEST_REQUIRE(w.hypervisor.rebase_image({}, path, base, "qcow2").ok());
    BOOST_TEST(convert("1.qcow2") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
