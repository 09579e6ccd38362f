// Snapshots that somebody takes, applies and deletes with virsh, behind the back of an open Hypervisor.
#include <boost/test/unit_test.hpp>
#include <map>
#include <thread>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;

namespace {

Call within(int seconds) {
    Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    return c;
}

bool eventually(const std::function<bool()>& what, int seconds) {
    for (int i = 0; i < seconds * 20; ++i) {
        if (what()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

struct Watched {
    std::unique_ptr<Hypervisor> host;
    MachineSpec spec;

    Watched() {
        libvirt::Settings s;
        s.uri = getenv("WSVIRT_LAB_A");
        s.accelerator = "tcg";
        s.state_dir = std::string(getenv("WSVIRT_LAB_FOLDER")) + "/foreign";
        s.verify_interval = std::chrono::milliseconds(300);
        auto opened = libvirt::open_libvirt(s);
        BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().full_text()));
        host = std::move(*opened);
        spec.uuid = make_guid();
        spec.name = "watched";
        spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
        spec.controllers = {{make_guid(), Bus::ide, 0, {}}, {make_guid(), Bus::ide, 1, {}}};
        Disk d;
        d.id = make_guid();
        d.bus = Bus::ide;
        d.format = "qcow2";
        d.path = "/vms/" + spec.uuid + ".qcow2";
        ImageSpec image;
        image.path = d.path;
        image.format = "qcow2";
        image.size = 16 << 20;
        BOOST_REQUIRE(host->create_image(within(10), image));
        spec.disks = {d};
        BOOST_REQUIRE(host->define(within(30), spec));
    }
    ~Watched() {
        host->power_off(within(20), spec.uuid);
        host->undefine(within(20), spec.uuid);
    }
    void virsh(const std::string& command, const std::string& name) const {
        const std::string line = std::string("virsh -q -c ") + getenv("WSVIRT_LAB_A") + " " + command + " " +
                                 to_lower(spec.uuid) + " " + name + " >/dev/null";
        BOOST_REQUIRE_MESSAGE(std::system(line.c_str()) == 0, line);
    }
    std::vector<SnapshotInfo> snapshots() const { return host->machine(spec.uuid)->snapshots; }
    const SnapshotInfo* named(const std::string& name) {
        last = snapshots();
        for (const auto& s : last)
            if (s.spec.attributes.at(std::string(snapshot_name)) == name) return &s;
        return nullptr;
    }
    std::string id_of(const std::string& name) {
        const auto* s = named(name);
        return s ? s->id : "";
    }
    bool stands_on(const std::string& name) {
        const auto* s = named(name);
        return s && s->current;
    }
    std::vector<SnapshotInfo> last;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(foreign_snapshots)

BOOST_AUTO_TEST_CASE(what_virsh_does_is_seen_and_can_be_worked_with) {
    Watched w;
    w.virsh("snapshot-create-as", "first");
    BOOST_REQUIRE(eventually([&] { return w.stands_on("first"); }, 10));
    BOOST_TEST(is_guid(w.id_of("first")));
    SnapshotRequest r;
    r.machine = w.spec.uuid;
    r.id = make_guid();
    r.name = "ours";
    const auto ours = w.host->snapshot(within(60), r);
    BOOST_REQUIRE(ours);
    BOOST_TEST(ours->parent == w.id_of("first"));
    w.virsh("snapshot-revert", "first");
    BOOST_TEST(eventually([&] { return w.stands_on("first"); }, 10));
    w.virsh("snapshot-create-as", "second");
    BOOST_REQUIRE(eventually([&] { return w.stands_on("second"); }, 10));
    BOOST_TEST(w.named("second")->parent == w.id_of("first"));
    // A name and notes on what others made; then going back to it and deleting it.
    auto changed = *w.named("first");
    changed.spec.attributes[std::string(snapshot_name)] = "renamed";
    BOOST_REQUIRE(w.host->modify_snapshot(within(30), w.spec.uuid, changed));
    BOOST_TEST(w.id_of("renamed") == changed.id);
    BOOST_REQUIRE(w.host->revert(within(60), w.spec.uuid, changed.id, {}));
    BOOST_TEST(w.stands_on("renamed"));
    BOOST_REQUIRE(w.host->delete_snapshot(within(60), w.spec.uuid, changed.id, false));
    BOOST_TEST(w.named("second")->parent == "");
    w.virsh("snapshot-delete", "second");
    BOOST_TEST(eventually([&] { return w.snapshots().size() == 1; }, 10));
    w.virsh("snapshot-delete", ours->id);
    BOOST_TEST(eventually([&] { return w.snapshots().empty(); }, 10));
}

// As an import does it, of the same machine and of one with another identifier.
BOOST_AUTO_TEST_CASE(what_virsh_has_taken_is_known_again_by_its_name) {
    Watched w;
    w.virsh("snapshot-create-as", "'its own name'");
    BOOST_REQUIRE(eventually([&] { return w.stands_on("its own name"); }, 10));
    SnapshotRequest r;
    r.machine = w.spec.uuid;
    r.id = make_guid();
    r.name = "ours";
    BOOST_REQUIRE(w.host->snapshot(within(60), r));
    for (const auto& machine : {w.spec.uuid, make_guid()}) {
        auto all = w.snapshots();
        BOOST_REQUIRE(all.size() == 2U);
        std::map<std::string, std::string> ids{{all[0].id, snapshot_id(machine, "its own name")}, {"", ""}};
        ids[all[1].id] = machine == w.spec.uuid ? r.id : make_guid();
        std::vector<std::string> names;
        for (auto& s : all) {
            names.push_back(s.name.empty() ? s.id : s.name);
            s.id = ids.at(s.id);
            s.parent = ids.at(s.parent);
            s.spec.uuid = machine;
        }
        BOOST_TEST(names[0] == "its own name");
        BOOST_REQUIRE(w.host->forget(within(30), w.spec.uuid));
        w.spec.uuid = machine;
        BOOST_REQUIRE(w.host->define(within(30), w.spec));
        const auto adopted = w.host->adopt_snapshots(within(30), machine, all, names, {});
        BOOST_REQUIRE_MESSAGE(adopted, (adopted ? "" : adopted.error().full_text()));
        const auto now = w.snapshots();
        BOOST_REQUIRE(now.size() == 2U);
        BOOST_TEST(now[0].id == all[0].id);
        BOOST_TEST(now[0].name == "its own name");
        BOOST_TEST(now[1].parent == now[0].id);
        BOOST_TEST(now[1].id == all[1].id);
        for (const auto& s : now) BOOST_TEST(bool(w.host->revert(within(60), machine, s.id, {})));
    }
}

BOOST_AUTO_TEST_SUITE_END()
