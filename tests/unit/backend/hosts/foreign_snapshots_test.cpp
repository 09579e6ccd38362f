// Snapshots that somebody takes, applies and deletes with virsh, behind the back of an open Hypervisor.
#include <boost/test/unit_test.hpp>
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
    BOOST_REQUIRE(w.host->revert(within(60), w.spec.uuid, changed.id));
    BOOST_TEST(w.stands_on("renamed"));
    BOOST_REQUIRE(w.host->delete_snapshot(within(60), w.spec.uuid, changed.id, false));
    BOOST_TEST(w.named("second")->parent == "");
    w.virsh("snapshot-delete", "second");
    BOOST_TEST(eventually([&] { return w.snapshots().size() == 1; }, 10));
    w.virsh("snapshot-delete", ours->id);
    BOOST_TEST(eventually([&] { return w.snapshots().empty(); }, 10));
}

BOOST_AUTO_TEST_SUITE_END()
