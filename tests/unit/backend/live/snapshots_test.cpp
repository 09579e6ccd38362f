// Snapshots on real QEMU: inside qcow2 disks, as overlays for other formats, of every state.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;

namespace {

MachineSpec with_disk(const std::string& format) {
    MachineSpec s = host().bare();
    s.disks = {host().new_disk(format)};
    return s;
}

SnapshotInfo take(const LabMachine& m, const std::string& name, bool memory = true) {
    SnapshotRequest r;
    r.machine = m.id();
    r.id = make_guid();
    r.name = name;
    r.memory = memory;
    r.attributes = {{"notes", "of " + name}};
    auto s = hv().snapshot(within(patience), r);
    OK(s);
    return *s;
}

const SnapshotInfo* find(const std::shared_ptr<const Machine>& m, const std::string& id) {
    for (const auto& s : m->snapshots)
        if (s.id == id) return &s;
    return nullptr;
}

// Of the running machine; libvirt tells QEMU so before it goes on.
bool link_is_down(const std::string& machine) {
    std::string live;
    const auto& core = *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
    OK(core.workers->run<void>(within(patience), {"", {}, false, {}, {}},
                               [&](libvirt::Session& s) -> Result<void> {
                                   const auto d = libvirt::find_domain(s.connection, machine);
                                   live = libvirt::take(virDomainGetXMLDesc(d.get(), 0));
                                   return {};
                               }));
    return live.find("<link state='down'/>") != std::string::npos;
}

std::size_t files_beside(const std::string& disk) {
    std::size_t n = 0;
    const std::string stem = std::filesystem::path(disk).filename().string().substr(0, 36);
    for (const auto& e : std::filesystem::directory_iterator(std::filesystem::path(disk).parent_path()))
        n += e.path().filename().string().starts_with(stem);
    return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshots)

BOOST_AUTO_TEST_CASE(a_tree_of_an_off_machine_follows_create_apply_and_delete) {
    for (const char* format : {"qcow2", "raw", "vpc"}) {
        BOOST_TEST_CONTEXT(format) {
            LabMachine m(with_disk(format));
            const std::string original = m.disk();
            write_pattern(m.disk(), 1);
            const SnapshotInfo a = take(m, "A");
            BOOST_TEST(a.current);
            BOOST_TEST(!a.has_memory);
            BOOST_TEST(a.external == (std::string(format) != "qcow2"));
            BOOST_TEST(a.spec.attributes.at(std::string(snapshot_name)) == "A");
            BOOST_TEST(a.spec.attributes.at("notes") == "of A");
            write_pattern(m.disk(), 2);
            const SnapshotInfo b = take(m, "B");
            BOOST_TEST(b.parent == a.id);
            write_pattern(m.disk(), 3);

            OK(hv().revert(within(patience), m.id(), a.id, {}));
            BOOST_TEST((m.state() == off));
            BOOST_TEST(has_pattern(m.disk(), 1));
            BOOST_TEST(find(m.now(), a.id)->current);
            BOOST_TEST(!m.now()->spec.attributes.contains("notes"));
            write_pattern(m.disk(), 4);
            const SnapshotInfo c = take(m, "C");
            BOOST_TEST(c.parent == a.id);
            write_pattern(m.disk(), 5);
            OK(hv().revert(within(patience), m.id(), b.id, {}));
            BOOST_TEST(has_pattern(m.disk(), 2));
            OK(hv().revert(within(patience), m.id(), c.id, {}));
            BOOST_TEST(has_pattern(m.disk(), 4));

            OK(hv().delete_snapshot(within(patience), m.id(), a.id, false));
            BOOST_REQUIRE(m.now()->snapshots.size() == 2u);
            BOOST_TEST(find(m.now(), b.id)->parent == "");
            BOOST_TEST(find(m.now(), c.id)->parent == "");
            BOOST_TEST(has_pattern(m.disk(), 4));
            OK(hv().revert(within(patience), m.id(), b.id, {}));
            BOOST_TEST(has_pattern(m.disk(), 2));
            OK(hv().delete_snapshot(within(patience), m.id(), c.id, false));
            OK(hv().delete_snapshot(within(patience), m.id(), b.id, false));
            BOOST_TEST(m.now()->snapshots.empty());
            BOOST_TEST(has_pattern(m.disk(), 2));
            BOOST_TEST(m.disk() == original);
            BOOST_TEST(files_beside(original) == 1u);
        }
    }
}

// Whoever looked at the content would take it for an image, which may name any file as its parent.
BOOST_AUTO_TEST_CASE(what_a_guest_writes_does_not_change_the_format_of_its_disk) {
    const std::string other = host().new_disk("raw").path;
    write_pattern(other, 9);
    for (const std::string format : {"qcow2", "vpc"}) {
        BOOST_TEST_CONTEXT(format) {
            LabMachine m(with_disk("raw"));
            const std::string original = m.disk(), image = original + ".image";
            std::vector<std::string> made{"qemu-img", "create", "-q", "-f", format};
            if (format == "qcow2") made.insert(made.end(), {"-b", other, "-F", "raw"});
            made.insert(made.end(), {image, "2M"});
            const auto done = qemu::run_program({}, made);
            BOOST_REQUIRE((done && done->exit_code == 0));
            std::fstream disk(original, std::ios::binary | std::ios::in | std::ios::out);
            disk << std::ifstream(image, std::ios::binary).rdbuf();
            disk.close();
            std::filesystem::remove(image);
            const auto size = std::filesystem::file_size(original);
            const auto stands_on_raw = [&] {
                auto overlay = hv().image_info(within(patience), m.disk());
                BOOST_REQUIRE(overlay);
                BOOST_TEST(overlay->backing_file == original);
                BOOST_TEST(overlay->backing_format == "raw");
                BOOST_TEST(overlay->virtual_size == size);
            };
            const SnapshotInfo a = take(m, "A");
            stands_on_raw();
            OK(hv().revert(within(patience), m.id(), a.id, {}));
            stands_on_raw();
            OK(hv().delete_snapshot(within(patience), m.id(), a.id, false));
            BOOST_TEST(m.disk() == original);
            BOOST_TEST(m.now()->spec.disks.at(0).format == "raw");
            BOOST_TEST(files_beside(original) == 1u);
            MigrationRequest move;
            move.machine = m.id();
            move.kind = MigrationRequest::Kind::storage;
            move.disk_targets = {{original, original + ".moved"}};
            OK(hv().migrate(within(patience), move, hv()));
            BOOST_TEST(m.disk() == original + ".moved");
            BOOST_TEST(std::filesystem::file_size(m.disk()) == size);
        }
    }
    BOOST_TEST(has_pattern(other, 9));
}

BOOST_AUTO_TEST_CASE(memory_of_a_running_machine_comes_back) {
    for (const char* format : {"qcow2", "raw", "vpc"}) {
        BOOST_TEST_CONTEXT(format) {
            LabMachine m(with_disk(format));
            OK(hv().start(within(patience), m.id()));
            const SnapshotInfo a = take(m, "running");
            BOOST_TEST(a.has_memory);
            BOOST_TEST((m.state() == running));
            OK(hv().power_off(within(patience), m.id()));
            OK(hv().revert(within(patience), m.id(), a.id, {}));
            BOOST_TEST((m.state() == running));
            OK(hv().suspend(within(patience), m.id()));
            const SnapshotInfo b = take(m, "paused");
            BOOST_TEST(b.parent == a.id);
            OK(hv().resume(within(patience), m.id()));
            OK(hv().revert(within(patience), m.id(), b.id, {}));
            BOOST_TEST((m.state() == paused));
            OK(hv().resume(within(patience), m.id()));
            OK(hv().delete_snapshot(within(patience), m.id(), a.id, true));
            BOOST_TEST(m.now()->snapshots.empty());
            BOOST_TEST((m.state() == running));
        }
    }
}

// QEMU's memory of it is with the link up.
BOOST_AUTO_TEST_CASE(the_memory_of_an_imported_snapshot_finds_its_links_as_the_settings_say) {
    MachineSpec s = with_disk("qcow2");
    Nic nic;
    nic.id = make_guid();
    nic.mac = "52:54:00:aa:bb:06";
    nic.link = NicLink::user;
    s.nics = {nic};
    LabMachine m(s);
    OK(hv().start(within(patience), m.id()));
    const SnapshotInfo a = take(m, "connected");
    const auto hardware = hv().snapshot_hardware(within(patience), m.id(), a.id);
    OK(hardware);
    OK(hv().power_off(within(patience), m.id()));
    const SnapshotInfo kept = m.now()->snapshots.at(0);
    for (const auto& [link, up] :
         {std::pair{NicLink::user, true}, {NicLink::none, true}, {NicLink::user, false}}) {
        SnapshotInfo imported = kept;
        imported.spec.nics.at(0).link = link;
        imported.spec.nics.at(0).link_up = up;
        OK(hv().forget(within(patience), m.id()));
        OK(hv().define(within(patience), imported.spec));
        OK(hv().adopt_snapshots(within(patience), m.id(), {imported}, {a.id}, {*hardware}));
        OK(hv().revert(within(patience), m.id(), a.id, {}));
        BOOST_TEST((m.state() == running));
        BOOST_TEST(link_is_down(m.id()) == (link == NicLink::none || !up));
        OK(hv().power_off(within(patience), m.id()));
    }
}

BOOST_AUTO_TEST_CASE(without_memory_the_machine_is_off_afterwards) {
    for (const char* format : {"qcow2", "raw"}) {
        BOOST_TEST_CONTEXT(format) {
            LabMachine m(with_disk(format));
            write_pattern(m.disk(), 1);
            OK(hv().start(within(patience), m.id()));
            const SnapshotInfo a = take(m, "disks", false);
            BOOST_TEST(!a.has_memory);
            BOOST_TEST((m.state() == running));
            OK(hv().power_off(within(patience), m.id()));
            write_pattern(m.disk(), 2);
            OK(hv().start(within(patience), m.id()));
            OK(hv().revert(within(patience), m.id(), a.id, {}));
            BOOST_TEST((m.state() == off));
            BOOST_TEST(has_pattern(m.disk(), 1));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_saved_machine_is_saved_again) {
    LabMachine m(with_disk("qcow2"));
    OK(hv().start(within(patience), m.id()));
    OK(hv().save(within(patience), m.id()));
    const SnapshotInfo a = take(m, "saved");
    BOOST_TEST(a.has_memory);
    OK(hv().start(within(patience), m.id()));
    OK(hv().revert(within(patience), m.id(), a.id, {}));
    BOOST_TEST((m.state() == saved));
    OK(hv().start(within(patience), m.id()));
    BOOST_TEST(m.now()->state_reason == "restored");
    OK(hv().revert(within(patience), m.id(), a.id, {}));
    BOOST_TEST((m.state() == saved));
    OK(hv().delete_snapshot(within(patience), m.id(), a.id, false));
}

BOOST_AUTO_TEST_CASE(machines_without_disks_have_snapshots_too) {
    LabMachine m;
    const SnapshotInfo a = take(m, "settings");
    MachineSpec changed = m.spec;
    changed.processors = 2;
    OK(hv().redefine(within(patience), changed));
    OK(hv().start(within(patience), m.id()));
    const SnapshotInfo b = take(m, "memory");
    BOOST_TEST(b.has_memory);
    OK(hv().revert(within(patience), m.id(), a.id, {}));
    BOOST_TEST((m.state() == off));
    BOOST_TEST(m.now()->spec.processors == 1u);
    OK(hv().revert(within(patience), m.id(), b.id, {}));
    BOOST_TEST((m.state() == running));
    BOOST_TEST(m.now()->spec.processors == 2u);
    OK(hv().delete_snapshot(within(patience), m.id(), a.id, true));
    BOOST_TEST(m.now()->snapshots.empty());
}

BOOST_AUTO_TEST_CASE(attributes_change_and_wrong_names_are_refused) {
    LabMachine m(with_disk("qcow2"));
    SnapshotInfo a = take(m, "first <name>");
    a.spec.attributes[std::string(snapshot_name)] = "second & \"name\"";
    OK(hv().modify_snapshot(within(patience), m.id(), a));
    BOOST_TEST(find(m.now(), a.id)->spec.attributes.at(std::string(snapshot_name)) == "second & \"name\"");
    BOOST_TEST(find(m.now(), a.id)->created_us == a.created_us);
    BOOST_TEST(find(m.now(), a.id)->current);
    const auto none = hv().revert(within(patience), m.id(), make_guid(), {});
    BOOST_REQUIRE(!none);
    BOOST_TEST((none.error().status == Status::not_found));
    SnapshotRequest again;
    again.machine = m.id();
    again.id = a.id;
    const auto twice = hv().snapshot(within(patience), again);
    BOOST_REQUIRE(!twice);
    BOOST_TEST((twice.error().status == Status::already_exists));
    SnapshotRequest frozen;
    frozen.machine = m.id();
    frozen.id = make_guid();
    frozen.quiesce = true;
    OK(hv().start(within(patience), m.id()));
    const auto no_agent = hv().snapshot(within(patience), frozen);
    BOOST_REQUIRE(!no_agent);
    BOOST_TEST(no_agent.error().message_id == "wsvirt.snapshot.no_agent");
}

BOOST_AUTO_TEST_CASE(overlays_merge_while_the_machine_runs) {
    LabMachine m(with_disk("raw"));
    const std::string original = m.disk();
    write_pattern(m.disk(), 1);
    OK(hv().start(within(patience), m.id()));
    const SnapshotInfo a = take(m, "A", false), b = take(m, "B", false), c = take(m, "C", false);
    OK(hv().delete_snapshot(within(patience), m.id(), b.id, false));
    OK(hv().delete_snapshot(within(patience), m.id(), c.id, false));
    OK(hv().delete_snapshot(within(patience), m.id(), a.id, false));
    BOOST_TEST((m.state() == running));
    BOOST_TEST(m.disk() == original);
    BOOST_TEST(files_beside(original) == 1u);
    OK(hv().power_off(within(patience), m.id()));
    BOOST_TEST(has_pattern(m.disk(), 1));
}

BOOST_AUTO_TEST_SUITE_END()
