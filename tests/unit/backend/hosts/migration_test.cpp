// Machines between two real libvirt hosts; run by tests/lab/two_hosts.py inside the first one.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/file_sight.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/overlays.hpp"
#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
using enum MachineState;
namespace fs = std::filesystem;

namespace {

struct Hosts {
    std::unique_ptr<Hypervisor> a = open_host("WSVIRT_LAB_A"), b = open_host("WSVIRT_LAB_B");
    MachineSpec spec;

    explicit Hosts(const std::string& folder, unsigned memory = 16, const char* format = "qcow2") {
        spec.uuid = make_guid();
        spec.name = "traveller";
        spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = memory;
        spec.controllers = {{make_guid(), Bus::ide, 0, {}}, {make_guid(), Bus::ide, 1, {}}};
        Disk d;
        d.id = make_guid();
        d.bus = Bus::ide;
        d.format = format;
        d.path = folder + "/" + spec.uuid + "." + format;
        ImageSpec image;
        image.path = d.path;
        image.format = format;
        image.size = 16 << 20;
        OK(a->create_image(patiently(), image));
        spec.disks = {d};
        spec.attributes["kept"] = "yes";
        OK(a->define(patiently(), spec));
    }
    ~Hosts() {
        for (auto* h : {a.get(), b.get()})
            if (h->machine(spec.uuid)) {
                h->power_off(patiently(), spec.uuid);
                h->undefine(patiently(), spec.uuid);
            }
    }
    // One more, of the same size and with so many bytes in it.
    const Disk& with_disk(const std::string& path, std::size_t bytes) {
        std::ofstream(path) << std::string(bytes, 'x');
        fs::resize_file(path, 16 << 20);
        Disk d = spec.disks[0];
        d.id = make_guid();
        d.format = "raw";
        d.unit = static_cast<unsigned>(spec.disks.size());
        d.path = path;
        spec.disks.push_back(d);
        OK(a->redefine(patiently(), spec));
        return spec.disks.back();
    }
    MigrationRequest request(MigrationRequest::Kind kind = MigrationRequest::Kind::machine) const {
        MigrationRequest r;
        r.machine = spec.uuid;
        r.destination = "hvB";
        r.kind = kind;
        return r;
    }
};

// 0 ... 1; whether it never went back, and where it began.
struct Seen {
    std::atomic<double> share = 0, first = -1;
    std::atomic<bool> only_grew = true;
    void operator()(const Progress& p) {
        const double now = static_cast<double>(p.done) / static_cast<double>(p.total);
        if (now < share) only_grew = false;
        if (first < 0) first = now;
        share = now;
    }
};

// What the migration tells of the files that it makes.
std::shared_ptr<std::map<std::string, std::string>> noted_in(MigrationRequest& r) {
    auto all = std::make_shared<std::map<std::string, std::string>>();
    r.made = [all](const std::string& file, const std::string& mark) {
        (*all)[file] = mark;
        return Result<void>();
    };
    return all;
}
void check_marks(Hypervisor& h, const std::map<std::string, std::string>& marks,
                 const std::vector<std::string>& files) {
    BOOST_TEST(marks.size() == files.size());
    for (const auto& file : files) {
        BOOST_REQUIRE(marks.contains(file));
        BOOST_TEST(h.is_made(patiently(), file, marks.at(file)).value_or(false), marks.at(file));
        BOOST_TEST(!h.is_made(patiently(), file, "").value_or(true));
        BOOST_TEST(!h.is_made(patiently(), file + ".gone", marks.at(file)).value_or(true));
    }
}

void check_mark_of(Hypervisor& h, const std::string& file) {
    auto* const sight = dynamic_cast<FileSight*>(&h);
    BOOST_REQUIRE(sight);
    const auto mark = sight->file_mark(patiently(), file);
    OK(mark);
    BOOST_TEST(!mark->empty());
    BOOST_TEST(h.is_made(patiently(), file, *mark).value_or(false), *mark);
}

std::string shared() {
    return std::string(getenv("WSVIRT_LAB_FOLDER")) + "/shared";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(migration)

BOOST_AUTO_TEST_CASE(a_running_machine_moves_with_shared_storage) {
    Hosts h(shared());
    OK(h.a->start(patiently(), h.spec.uuid));
    OK(h.a->migrate(patiently(), h.request(), *h.b));
    BOOST_TEST(!h.a->machine(h.spec.uuid));
    const auto there = h.b->machine(h.spec.uuid);
    BOOST_REQUIRE(there);
    BOOST_TEST((there->state == running));
    BOOST_TEST(there->persistent);
    BOOST_TEST(there->spec.attributes.at("kept") == "yes");
    BOOST_TEST(there->spec.disks[0].id == h.spec.disks[0].id);
    OK(h.b->migrate(patiently(), h.request(), *h.a).ok() ? Result<void>()
                                                         : h.b->power_off(patiently(), h.spec.uuid));
}

BOOST_AUTO_TEST_CASE(a_running_machine_moves_with_its_disks) {
    Hosts h("/vms");
    OK(h.a->start(patiently(), h.spec.uuid));
    auto r = h.request(MigrationRequest::Kind::machine_and_storage);
    r.disk_targets[h.spec.disks[0].path] = "/vms/new/copy.qcow2";
    std::atomic<int> reports{0};
    Call c = patiently();
    c.progress = [&](const Progress&) { ++reports; };
    const auto marks = noted_in(r);
    OK(h.a->migrate(c, r, *h.b));
    check_marks(*h.b, *marks, {"/vms/new/copy.qcow2"});
    check_mark_of(*h.b, "/vms/new/copy.qcow2");
    const auto there = h.b->machine(h.spec.uuid);
    BOOST_REQUIRE(there);
    BOOST_TEST((there->state == running));
    BOOST_TEST(there->spec.disks[0].path == "/vms/new/copy.qcow2");
    BOOST_TEST(fs::exists(std::string(getenv("WSVIRT_LAB_FOLDER")) + "/hvB/vms/new/copy.qcow2"));
    OK(h.b->power_off(patiently(), h.spec.uuid));
    OK(h.b->start(patiently(), h.spec.uuid));
}

// A host keeps it beside the definition which machines it starts by itself.
BOOST_AUTO_TEST_CASE(a_paused_machine_moves_with_its_disks) {
    Hosts h("/vms");
    OK(h.a->start(patiently(), h.spec.uuid));
    OK(h.a->suspend(patiently(), h.spec.uuid));
    auto r = h.request(MigrationRequest::Kind::machine_and_storage);
    r.disk_targets[h.spec.disks[0].path] = "/vms/new/paused.qcow2";
    OK(h.a->migrate(patiently(), r, *h.b));
    const auto there = h.b->machine(h.spec.uuid);
    BOOST_REQUIRE(there);
    BOOST_TEST((there->state == paused));
    BOOST_TEST(there->spec.disks[0].path == "/vms/new/paused.qcow2");
}

BOOST_AUTO_TEST_CASE(paused_and_off_machines_move) {
    Hosts h(shared());
    auto with_start = h.request();
    with_start.new_spec = h.spec;
    with_start.new_spec->autostart = true;
    OK(h.a->migrate(patiently(), with_start, *h.b));
    BOOST_TEST(!h.a->machine(h.spec.uuid));
    BOOST_TEST((h.b->machine(h.spec.uuid)->state == off));
    BOOST_TEST(h.b->machine(h.spec.uuid)->spec.autostart);
    OK(h.b->migrate(patiently(), h.request(), *h.a));
    BOOST_TEST(h.a->machine(h.spec.uuid)->spec.autostart);
    Hosts p(shared());
    p.spec.autostart = true;
    OK(p.a->redefine(patiently(), p.spec));
    OK(p.a->start(patiently(), p.spec.uuid));
    OK(p.a->suspend(patiently(), p.spec.uuid));
    OK(p.a->migrate(patiently(), p.request(), *p.b));
    BOOST_TEST((p.b->machine(p.spec.uuid)->state == paused));
    BOOST_TEST(p.b->machine(p.spec.uuid)->spec.autostart);
    auto without = p.request();
    without.new_spec = p.spec;
    without.new_spec->autostart = false;
    OK(p.b->migrate(patiently(), without, *p.a));
    BOOST_TEST(!p.a->machine(p.spec.uuid)->spec.autostart);
}

BOOST_DATA_TEST_CASE(memory_goes_as_asked, boost::unit_test::data::make({true, false}), tls_and_compressed) {
    Hosts h(shared());
    const auto b = open_host("WSVIRT_LAB_B_TLS");
    OK(h.a->start(patiently(), h.spec.uuid));
    auto r = h.request();
    r.tls = r.compress = tls_and_compressed;
    r.bandwidth_mib_s = 1;  // slow enough to be looked at
    MemoryOnItsWay seen(h.spec.uuid);
    OK(h.a->migrate(patiently(), r, *b));
    BOOST_TEST((b->machine(h.spec.uuid)->state == running));
    BOOST_TEST(seen.tls == tls_and_compressed);
    BOOST_TEST(seen.compressed == tls_and_compressed);
}

// qcow2: snapshots inside the disks; raw: beside them.
BOOST_DATA_TEST_CASE(snapshots_move_along, boost::unit_test::data::make({"qcow2", "raw"}), format) {
    Hosts h(shared(), 16, format);
    const auto& guid = h.spec.uuid;
    OK(h.a->start(patiently(), guid));
    std::vector<std::string> ids;
    for (const char* name : {"first", "second", "beside the second"}) {
        SnapshotRequest s;
        s.machine = guid;
        s.id = ids.emplace_back(make_guid());
        s.name = name;
        OK(h.a->snapshot(patiently(), s));
        if (ids.size() == 2) OK(h.a->revert(patiently(), guid, ids[0], {}));
    }
    const auto before = h.a->machine(guid)->snapshots;
    BOOST_REQUIRE(before.size() == 3U);
    const auto as_before = [&](const Hypervisor& host) {
        const auto m = host.machine(guid);
        BOOST_REQUIRE(m);
        BOOST_REQUIRE(m->snapshots.size() == before.size());
        for (const auto& was : before) {
            const auto is = std::find_if(m->snapshots.begin(), m->snapshots.end(),
                                         [&](const auto& s) { return s.id == was.id; });
            BOOST_REQUIRE((is != m->snapshots.end()));
            BOOST_TEST(is->parent == was.parent);
            BOOST_TEST(is->current == was.current);
            BOOST_TEST(is->has_memory == was.has_memory);
            BOOST_TEST(is->memory_file == was.memory_file);
            BOOST_TEST((is->spec.attributes == was.spec.attributes));
        }
    };
    OK(h.a->migrate(patiently(), h.request(), *h.b));
    BOOST_TEST(!h.a->machine(guid));
    BOOST_TEST((h.b->machine(guid)->state == running));
    as_before(*h.b);
    if (std::string_view(format) == "qcow2") {  // files on another host cannot be put together from here
        OK(h.b->revert(patiently(), guid, ids[1], {}));
        BOOST_TEST((h.b->machine(guid)->state == running));
        OK(h.b->revert(patiently(), guid, ids[2], {}));
    }
    OK(h.b->power_off(patiently(), guid));
    OK(h.b->migrate(patiently(), h.request(), *h.a));
    as_before(*h.a);
    for (const auto& id : ids) OK(h.a->revert(patiently(), guid, id, {}));
    OK(h.a->power_off(patiently(), guid));
    OK(h.a->delete_snapshot(patiently(), guid, ids[0], true));
    BOOST_TEST(h.a->machine(guid)->snapshots.empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_move_stays_and_says_why) {
    Hosts h(shared());
    SnapshotRequest s;
    s.machine = h.spec.uuid;
    s.id = make_guid();
    OK(h.a->snapshot(patiently(), s));
    auto r = h.a->migrate(patiently(), h.request(MigrationRequest::Kind::machine_and_storage), *h.b);
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().message_id == "wsvirt.migration.snapshots");
    BOOST_TEST(h.a->machine(h.spec.uuid)->snapshots.size() == 1U);
    OK(h.a->delete_snapshot(patiently(), h.spec.uuid, s.id, false));
    OK(h.b->define(patiently(), h.spec));
    r = h.a->migrate(patiently(), h.request(), *h.b);
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::already_exists));
    OK(h.b->undefine(patiently(), h.spec.uuid));
    OK(h.a->start(patiently(), h.spec.uuid));
    auto missing = h.request(MigrationRequest::Kind::machine_and_storage);
    missing.disk_targets[h.spec.disks[0].path] = "/proc/none/copy.qcow2";
    r = h.a->migrate(patiently(), missing, *h.b);
    BOOST_REQUIRE(!r);
    BOOST_TEST((h.a->machine(h.spec.uuid)->state == running));
    BOOST_TEST(!h.b->machine(h.spec.uuid));
}

BOOST_AUTO_TEST_CASE(a_cancelled_move_leaves_the_machine_running) {
    Hosts h(shared(), 128);
    OK(h.a->start(patiently(), h.spec.uuid));
    for (const int delay : {0, 50, 300, 600}) {
        std::stop_source stop;
        Call c = patiently();
        c.stop = stop.get_token();
        auto slow = h.request(MigrationRequest::Kind::machine_and_storage);
        slow.disk_targets[h.spec.disks[0].path] = "/vms/cancelled.qcow2";
        slow.bandwidth_mib_s = 1;
        std::chrono::steady_clock::time_point asked;
        std::jthread canceller([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(delay));
            asked = std::chrono::steady_clock::now();
            stop.request_stop();
        });
        auto r = h.a->migrate(c, slow, *h.b);
        const auto took = std::chrono::steady_clock::now() - asked;
        BOOST_REQUIRE_MESSAGE(bool(h.a->machine(h.spec.uuid)) != bool(h.b->machine(h.spec.uuid)),
                              "on the first host: " << bool(h.a->machine(h.spec.uuid)) << ", on the second: "
                                                    << bool(h.b->machine(h.spec.uuid)) << ", delay " << delay
                                                    << ": " << (r ? "moved" : r.error().full_text()));
        if (r) break;  // it was quicker than the cancellation
        BOOST_TEST((r.error().status == Status::cancelled), r.error().full_text());
        BOOST_TEST((took < patience / 4));  // about 2 s where nothing else runs
        OK(h.a->suspend(patiently(), h.spec.uuid));
        OK(h.a->resume(patiently(), h.spec.uuid));
        BOOST_TEST((h.a->machine(h.spec.uuid)->state == running));
    }
}

// Half a minute is what libvirt lets a change of a disk wait while a migration comes in or goes out.
BOOST_AUTO_TEST_CASE(a_migration_is_given_up_at_once_on_both_hosts) {
    Hosts h(shared(), 128);
    OK(h.a->start(patiently(), h.spec.uuid));
    auto slow = h.request(MigrationRequest::Kind::machine_and_storage);
    slow.disk_targets[h.spec.disks[0].path] = "/vms/given-up.qcow2";
    slow.bandwidth_mib_s = 1;
    std::atomic<bool> moved = true;
    std::jthread mover([&] { moved = h.a->migrate(patiently(), slow, *h.b).ok(); });
    const libvirt::ConnectHandle b(virConnectOpen(getenv("WSVIRT_LAB_B")));
    const auto arrives = [&] {
        return libvirt::DomainHandle(virDomainLookupByUUIDString(b.get(), h.spec.uuid.c_str())) != nullptr;
    };
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!arrives() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    BOOST_REQUIRE(arrives());
    const auto begun = std::chrono::steady_clock::now();
    OK(h.b->abandon(patiently(), h.spec.uuid));
    OK(h.a->abandon(patiently(), h.spec.uuid));
    BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(25)));
    mover.join();
    BOOST_TEST(!moved);
    BOOST_TEST((h.a->machine(h.spec.uuid)->state == running));
}

BOOST_AUTO_TEST_CASE(disks_move_to_another_folder_while_the_machine_runs_and_when_it_is_off) {
    Hosts h(shared());
    for (const bool live : {true, false}) {
        if (live) OK(h.a->start(patiently(), h.spec.uuid));
        const std::string from = h.a->machine(h.spec.uuid)->spec.disks[0].path;
        auto r = h.request(MigrationRequest::Kind::storage);
        const std::string to = shared() + "/moved-" + (live ? "live" : "off") + ".qcow2";
        r.disk_targets[from] = to;
        const auto marks = noted_in(r);
        OK(h.a->migrate(patiently(), r, *h.a));
        check_marks(*h.a, *marks, {to});
        check_mark_of(*h.a, to);
        BOOST_TEST(h.a->machine(h.spec.uuid)->spec.disks[0].path == to);
        BOOST_TEST(fs::exists(from));  // whether it goes is decided by whoever knows who else needs it
        BOOST_TEST(fs::exists(to));
        if (live) OK(h.a->power_off(patiently(), h.spec.uuid));
    }
    OK(h.a->start(patiently(), h.spec.uuid));
    // The files of a host at the other end of a network are not those that are seen here.
    const auto there = h.b->migrate(patiently(), h.request(MigrationRequest::Kind::storage), *h.b);
    BOOST_TEST((!there && there.error().status == Status::not_supported));
}

// Both are as large: one may not look like the whole.
BOOST_AUTO_TEST_CASE(progress_is_that_of_all_disks) {
    Hosts h(shared());
    h.with_disk(shared() + "/second.raw", 8 << 20);
    for (const bool live : {true, false}) {
        if (live) OK(h.a->start(patiently(), h.spec.uuid));
        auto r = h.request(MigrationRequest::Kind::storage);
        for (const auto& d : h.a->machine(h.spec.uuid)->spec.disks)
            r.disk_targets[d.path] = d.path + ".moved";
        Seen seen;
        Call c = patiently();
        c.progress = [&](const Progress& p) { seen(p); };
        OK(h.a->migrate(c, r, *h.a));
        BOOST_TEST(seen.first < 0.6);
        BOOST_TEST(seen.only_grew);
        BOOST_TEST(seen.share == 1.0);
        if (live) OK(h.a->power_off(patiently(), h.spec.uuid));
    }
}

BOOST_AUTO_TEST_CASE(a_limit_holds_for_disks_of_the_own_host) {
    Hosts h(shared());
    h.with_disk(shared() + "/limited.raw", 8 << 20);
    const libvirt::ConnectHandle a(virConnectOpen(getenv("WSVIRT_LAB_A")));
    const libvirt::DomainHandle d(virDomainLookupByUUIDString(a.get(), h.spec.uuid.c_str()));
    for (const bool live : {true, false}) {
        if (live) OK(h.a->start(patiently(), h.spec.uuid));
        auto r = h.request(MigrationRequest::Kind::storage);
        const auto from = h.a->machine(h.spec.uuid)->spec.disks[1].path;
        r.disk_targets[from] = from + ".moved";
        r.bandwidth_mib_s = 4;
        std::atomic<unsigned long> told = 0;
        Call c = patiently();
        c.progress = [&](const Progress&) {
            virDomainBlockJobInfo info{};
            virDomainGetBlockJobInfo(d.get(), "hdb", &info, 0);
            if (info.bandwidth != 0) told = info.bandwidth;
        };
        const auto begun = std::chrono::steady_clock::now();
        OK(h.a->migrate(c, r, *h.a));
        if (live)
            BOOST_TEST(told == 4U);
        else
            BOOST_TEST((std::chrono::steady_clock::now() - begun > std::chrono::seconds(1)));
        if (live) OK(h.a->power_off(patiently(), h.spec.uuid));
    }
}

BOOST_AUTO_TEST_CASE(files_that_stand_on_a_disk_of_another_host_are_found) {
    Hosts h("/vms");
    const auto base = h.spec.disks[0].path, child = "/vms/children/of." + h.spec.uuid + ".qcow2";
    fs::create_directories("/vms/children");
    ImageSpec image{child, "qcow2", ImageSpec::Kind::differencing, 0, base};
    OK(h.a->create_image(patiently(), image));
    fs::create_directories(on_b("/vms/children"));
    fs::copy_file(base, on_b(base));
    fs::copy_file(child, on_b(child));
    for (auto* one : {h.a.get(), h.b.get()}) {
        auto* const host = dynamic_cast<OverlaySight*>(one);
        BOOST_REQUIRE(host);
        const auto beside = host->overlays_of(patiently(), {base}, {{"/vms/nowhere/x", "qcow2"}});
        BOOST_REQUIRE_MESSAGE(beside, (beside ? "" : beside.error().full_text()));
        BOOST_TEST(beside->empty());
        const auto found = host->overlays_of(patiently(), {base}, {{child, "qcow2"}});
        BOOST_REQUIRE(found);
        BOOST_TEST((*found == std::vector{child}));
    }
    for (const auto& file : {base, child}) fs::remove(on_b(file));
    fs::remove(child);
}

BOOST_AUTO_TEST_CASE(a_file_that_somebody_made_meanwhile_stays) {
    Hosts h("/vms");
    h.with_disk("/vms/long.raw", 4 << 20);
    h.with_disk("/vms/then.raw", 0);
    const std::string made = "/vms/other/long.raw", theirs = "/vms/other/then.raw";
    auto r = h.request(MigrationRequest::Kind::machine_and_storage);
    r.disk_targets = {
        {h.spec.disks[0].path, "/vms/other/first.qcow2"}, {"/vms/long.raw", made}, {"/vms/then.raw", theirs}};
    r.bandwidth_mib_s = 1;
    std::jthread somebody([&](const std::stop_token& stop) {
        while (!stop.stop_requested() && !fs::exists(on_b(made)))
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        std::ofstream(on_b(theirs)) << "somebody's";
    });
    const auto marks = noted_in(r);
    BOOST_TEST(!h.a->migrate(patiently(), r, *h.b));
    BOOST_TEST(marks->contains(made));
    BOOST_TEST((*marks)[theirs].empty());
    BOOST_TEST(fs::file_size(on_b(theirs)) == 10U);
    BOOST_TEST(!fs::exists(on_b(made)));
    BOOST_TEST(!fs::exists(on_b("/vms/other/first.qcow2")));
    BOOST_REQUIRE(h.a->machine(h.spec.uuid));
    BOOST_TEST(h.a->machine(h.spec.uuid)->spec.disks[1].path == "/vms/long.raw");
}

BOOST_DATA_TEST_CASE(what_is_in_a_drive_may_have_another_path_there,
                     boost::unit_test::data::make({true, false}), runs) {
    Hosts h(shared());
    const auto here = shared() + "/here.iso", there = shared() + "/there.iso";
    h.with_disk(here, 1);
    fs::copy_file(here, there, fs::copy_options::overwrite_existing);
    h.spec.disks[1].device = DiskDevice::cdrom;
    h.spec.disks[1].read_only = true;
    auto second = h.spec.disks[1];
    second.id = make_guid();
    second.unit = 2;
    h.spec.disks.push_back(second);
    OK(h.a->redefine(patiently(), h.spec));
    if (runs) OK(h.a->start(patiently(), h.spec.uuid));
    auto r = h.request();
    r.drive_targets[second.id] = there;
    OK(h.a->migrate(patiently(), r, *h.b));
    BOOST_TEST(h.b->machine(h.spec.uuid)->spec.disks[1].path == here);
    BOOST_TEST(h.b->machine(h.spec.uuid)->spec.disks[2].path == there);
    const libvirt::ConnectHandle b(virConnectOpen(getenv("WSVIRT_LAB_B")));
    const libvirt::DomainHandle d(virDomainLookupByUUIDString(b.get(), h.spec.uuid.c_str()));
    const auto xml = libvirt::take(virDomainGetXMLDesc(d.get(), 0));
    BOOST_TEST(xml.find("/there.iso'") != std::string::npos);
    BOOST_TEST(xml.find("/here.iso'") == xml.rfind("/here.iso'"));
}

BOOST_AUTO_TEST_SUITE_END()
