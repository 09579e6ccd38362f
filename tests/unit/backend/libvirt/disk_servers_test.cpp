#include "backend/libvirt/disk_servers.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <pugixml.hpp>

#include "backend/libvirt/chain.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
namespace fs = std::filesystem;

namespace {

constexpr const char* uuid = "0f0e0d0c-0b0a-4908-8706-050403020100";
constexpr const char* id = ".11111111-2222-4333-8444-555555555555.qcow2";

struct Folder {
    fs::path path = "/tmp/wsvirt-served-" + make_guid();
    Folder() { fs::create_directories(path); }
    ~Folder() { fs::remove_all(path); }
    std::string operator/(const std::string& name) const { return path / name; }
};

void create(const std::string& path, const std::string& format, const std::string& parent = {},
            const std::string& parent_format = {}) {
    std::vector<std::string> all{"qemu-img", "create", "-q", "-f", format};
    if (!parent.empty()) all.insert(all.end(), {"-b", parent, "-F", parent_format});
    all.insert(all.end(), {path, "8M"});
    auto done = qemu::run_program({}, all);
    BOOST_REQUIRE((done && done->exit_code == 0));
}

libvirt::DomainOptions serving() {
    libvirt::DomainOptions o;
    o.disk_server_dir = "/run/w/nbd";
    return o;
}

std::string socket_of(const std::string& target, const std::string& format) {
    return "/run/w/nbd/" + std::string(uuid) + "-" + target + "." + format + ".sock";
}

std::string domain_with(const std::string& file) {
    return "<domain><uuid>" + std::string(uuid) +
           "</uuid><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source "
           "file='" +
           file + "'/><target dev='sda' bus='scsi'/></disk></devices></domain>";
}

pugi::xml_node disk_of(const pugi::xml_document& doc) {
    return doc.child("domain").child("devices").child("disk");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(disk_servers)

BOOST_AUTO_TEST_CASE(overlays_get_their_files_down_to_the_one_that_is_served) {
    for (const std::string format : {"vhdx", "vpc"}) {
        const Folder f;
        create(f / "base.disk", format);
        create(f / "one", "qcow2", f / "base.disk", format);
        create(f / "two", "qcow2", f / "one", "qcow2");
        const auto told = libvirt::with_served_chains(domain_with(f / "two"), serving(), uuid);
        pugi::xml_document doc;
        BOOST_REQUIRE(doc.load_string(told.c_str()));
        const auto upper = disk_of(doc).child("backingStore"), lower = upper.child("backingStore");
        BOOST_TEST(upper.attribute("type").value() == "file");
        BOOST_TEST(upper.child("format").attribute("type").value() == "qcow2");
        BOOST_TEST(upper.child("source").attribute("file").value() == f / "one");
        BOOST_TEST(lower.attribute("type").value() == "network");
        BOOST_TEST(lower.child("format").attribute("type").value() == "raw");
        BOOST_TEST(lower.child("source").attribute("protocol").value() == "nbd");
        BOOST_TEST(lower.child("source").attribute("name").value() == f / "base.disk");
        BOOST_TEST(lower.child("source").child("host").attribute("socket").value() ==
                   socket_of("sda", format));
        const auto files = libvirt::served_files(told);
        BOOST_REQUIRE_EQUAL(files.size(), 1U);
        BOOST_TEST(files[0].format == format);
        BOOST_TEST(files[0].path == f / "base.disk");
        BOOST_TEST(files[0].socket == socket_of("sda", format));
        // Told twice is told once.
        BOOST_TEST(libvirt::told_chains(libvirt::with_served_chains(told, serving(), uuid)) ==
                       libvirt::told_chains(told),
                   boost::test_tools::per_element());
        // On a host where nothing is served.
        BOOST_TEST(libvirt::with_served_chains(domain_with(f / "two"), {}, uuid) == domain_with(f / "two"));
    }
}

BOOST_AUTO_TEST_CASE(only_our_own_overlays_may_be_merged_into_the_file) {
    const Folder f;
    create(f / "base.vhdx", "vhdx");
    create(f / "theirs.qcow2", "qcow2", f / "base.vhdx", "vhdx");
    create(f / ("base" + std::string(id)), "qcow2", f / "base.vhdx", "vhdx");
    const auto served = [](const std::string& file) {
        return libvirt::served_files(libvirt::with_served_chains(domain_with(file), serving(), uuid)).at(0);
    };
    BOOST_TEST(served(f / "theirs.qcow2").read_only);
    BOOST_TEST(!served(f / ("base" + std::string(id))).read_only);
}

BOOST_AUTO_TEST_CASE(a_chain_of_before_is_forgotten) {
    const Folder f;
    create(f / "base.vhdx", "vhdx");
    create(f / "top", "qcow2", f / "base.vhdx", "vhdx");
    const auto told = libvirt::with_served_chains(domain_with(f / "top"), serving(), uuid);
    fs::remove(f / "top");
    create(f / "top", "qcow2");
    const auto now = libvirt::with_served_chains(told, serving(), uuid);
    BOOST_TEST(libvirt::served_files(now).empty());
    BOOST_TEST(libvirt::told_chains(now).empty());
}

BOOST_AUTO_TEST_CASE(a_served_disk_becomes_an_overlay_and_again_a_served_disk) {
    for (const std::string format : {"vhdx", "vpc"}) {
        const std::string start =
            "<domain><uuid>" + std::string(uuid) +
            "</uuid><devices><disk type='network' device='disk'><driver name='qemu' type='raw' "
            "discard='unmap'/>"
            "<source protocol='nbd' name='/vms/a.disk'><host transport='unix' socket='" +
            socket_of("sda", format) + "'/></source><target dev='sda' bus='scsi'/></disk></devices></domain>";
        using Targets = std::vector<libvirt::SnapshotTarget>;
        BOOST_TEST((libvirt::snapshot_targets(start) == Targets{{"sda", "/vms/a.disk", format}}));
        const std::string overlay =
            libvirt::overlay_path("/vms/a.disk", "11111111-2222-4333-8444-555555555555");
        const auto above = libvirt::with_disk_files(start, {{"sda", overlay}});
        BOOST_REQUIRE(above);
        BOOST_TEST((libvirt::snapshot_targets(*above) == Targets{{"sda", overlay, "qcow2"}}));
        BOOST_TEST(above->find("nbd") == std::string::npos);
        const std::map<std::string, libvirt::SnapshotTarget> merged{{overlay, {"", "/vms/a.disk", format}}};
        const auto back = libvirt::with_renamed_files(*above, merged, serving());
        BOOST_REQUIRE(back);
        BOOST_TEST((libvirt::snapshot_targets(*back) == Targets{{"sda", "/vms/a.disk", format}}));
        pugi::xml_document doc;
        BOOST_REQUIRE(doc.load_string(back->c_str()));
        BOOST_TEST(disk_of(doc).child("driver").attribute("type").value() == "raw");
        BOOST_TEST(disk_of(doc).child("source").child("host").attribute("socket").value() ==
                   socket_of("sda", format));
        const auto again = libvirt::with_targets(*above, {{"sda", "/vms/a.disk", format}}, serving());
        BOOST_REQUIRE(again);
        BOOST_TEST(*again == *back);
    }
}

namespace {

// As earlier versions and other programs write it.
const std::string vhd_as_file = "<domain><uuid>" + std::string(uuid) +
                                "</uuid><devices><disk type='file' device='disk'><driver name='qemu' "
                                "type='vpc' discard='unmap'/><source file='/vms/a.vhd'/><target dev='sda' "
                                "bus='scsi'/><readonly/></disk></devices></domain>";

}  // namespace

BOOST_AUTO_TEST_CASE(a_vhd_that_libvirt_would_open_is_served_from_the_next_start_on) {
    const auto served = libvirt::with_served_chains(vhd_as_file, serving(), uuid);
    const auto files = libvirt::served_files(served);
    BOOST_REQUIRE_EQUAL(files.size(), 1U);
    BOOST_TEST((files[0] == libvirt::ServedFile{socket_of("sda", "vpc"), "/vms/a.vhd", "vpc", true}));
    pugi::xml_document doc;
    BOOST_REQUIRE(doc.load_string(served.c_str()));
    BOOST_TEST(disk_of(doc).attribute("type").value() == "network");
    BOOST_TEST(disk_of(doc).child("driver").attribute("type").value() == "raw");
    BOOST_TEST(disk_of(doc).child("driver").attribute("discard").value() == "unmap");
    BOOST_TEST(libvirt::with_served_chains(served, serving(), uuid) == served);
    BOOST_TEST(libvirt::with_served_chains(vhd_as_file, {}, uuid) == vhd_as_file);
    // A drive for CDs is nothing that a VHD is in.
    std::string other = vhd_as_file;
    other.replace(other.find("device='disk'"), 13, "device='cdrom'");
    BOOST_TEST(libvirt::with_served_chains(other, serving(), uuid) == other);
}

BOOST_AUTO_TEST_CASE(where_nothing_is_served_the_disks_are_files) {
    const auto served = libvirt::with_served_chains(vhd_as_file, serving(), uuid);
    const auto back = libvirt::with_files(served);
    BOOST_REQUIRE(back);
    pugi::xml_document doc;
    BOOST_REQUIRE(doc.load_string(back->c_str()));
    BOOST_TEST(disk_of(doc).attribute("type").value() == "file");
    BOOST_TEST(disk_of(doc).child("driver").attribute("type").value() == "vpc");
    BOOST_TEST(disk_of(doc).child("source").attribute("file").value() == "/vms/a.vhd");
    BOOST_TEST(back->find("nbd") == std::string::npos);
    BOOST_TEST(libvirt::with_files(vhd_as_file).value() == vhd_as_file);
    // What an overlay was told to stand on libvirt finds out by itself over there; also in snapshots.
    const Folder f;
    create(f / "base.vhd", "vpc");
    create(f / "top", "qcow2", f / "base.vhd", "vpc");
    const auto told = libvirt::with_served_chains(domain_with(f / "top"), serving(), uuid);
    const auto alone = libvirt::with_files("<domainsnapshot>" + told + "</domainsnapshot>");
    BOOST_REQUIRE(alone);
    BOOST_TEST(alone->find("backingStore") == std::string::npos);
    BOOST_TEST(alone->find(f / "top") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_permanent_has_a_disk_as_the_running_machine_has_it) {
    const auto served = libvirt::with_served_chains(vhd_as_file, serving(), uuid);
    const auto as_file = libvirt::with_forms_of(vhd_as_file, served, serving());
    BOOST_REQUIRE(as_file);
    BOOST_TEST(libvirt::served_files(*as_file).empty());
    const auto again = libvirt::with_forms_of(served, *as_file, serving());
    BOOST_REQUIRE(again);
    BOOST_TEST((libvirt::served_files(*again) == libvirt::served_files(served)));
    // Another file is another disk.
    std::string other = vhd_as_file;
    other.replace(other.find("a.vhd"), 5, "b.vhd");
    BOOST_TEST((libvirt::served_files(libvirt::with_forms_of(other, served, serving()).value()) ==
                libvirt::served_files(served)));
}

BOOST_AUTO_TEST_SUITE_END()
