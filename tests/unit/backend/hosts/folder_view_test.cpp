// Several at once look into one folder of a real libvirt host, and others have storage pools there.
#include "backend/libvirt/folder_view.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "backend/libvirt/target_storage.hpp"
#include "base/text.hpp"
#include "tests/unit/backend/hosts/two_hosts.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
namespace fs = std::filesystem;

namespace {

// A folder of host B with a file in it, and what libvirt has there.
struct Folder {
    const libvirt::ConnectHandle b{virConnectOpen(getenv("WSVIRT_LAB_B"))};
    const std::string path, file = path + "/there.raw";

    explicit Folder(std::string folder) : path(std::move(folder)) {
        fs::create_directories(on_b(path));
        std::ofstream(on_b(file)) << "there";
    }
    ~Folder() {
        std::error_code ec;
        fs::remove_all(on_b(path), ec);
    }
    std::string description() const {
        return "<pool type='dir'><name>somebody's</name><target><path>" + path + "</path></target></pool>";
    }
    std::size_t pools() const {
        return static_cast<std::size_t>(virConnectListAllStoragePools(b.get(), nullptr, 0));
    }
};

// What is wrong with the answers, of a file that is there all the time; "" = nothing.
std::string look(Hypervisor& h, const std::string& file, int times) {
    for (int i = 0; i < times; ++i) {
        const auto there = h.has_file(patiently(), file);
        if (!there) return there.error().full_text();
        if (!*there) return "It is not there.";
    }
    return {};
}

struct Hosts {
    std::unique_ptr<Hypervisor> a = open_host("WSVIRT_LAB_A"), b = open_host("WSVIRT_LAB_B");
};

// One that is on host A, and is gone at the end.
struct Traveller {
    Hosts& hosts;
    MachineSpec spec;

    Traveller(Hosts& h, const char* name) : hosts(h) {
        spec.uuid = make_guid();
        spec.name = name;
        spec.memory_mib = spec.memory_max_mib = spec.memory_min_mib = 16;
    }
    ~Traveller() {
        for (auto* h : {hosts.a.get(), hosts.b.get()})
            if (h->machine(spec.uuid)) {
                h->power_off(patiently(), spec.uuid);
                h->undefine(patiently(), spec.uuid);
            }
    }
    // UEFI, with its variables in this file.
    void begin_with_variables(const std::string& file) {
        spec.firmware = Firmware::uefi;
        OK(hosts.a->define(patiently(), spec));
        const libvirt::ConnectHandle c(virConnectOpen(getenv("WSVIRT_LAB_A")));
        const libvirt::DomainHandle d(virDomainLookupByUUIDString(c.get(), spec.uuid.c_str()));
        std::string xml = libvirt::take(virDomainGetXMLDesc(d.get(), VIR_DOMAIN_XML_INACTIVE));
        const auto end = xml.find("</nvram>");
        BOOST_REQUIRE(end != std::string::npos);
        const auto begin = xml.rfind('>', end) + 1;
        xml.replace(begin, end - begin, file);
        const libvirt::DomainHandle changed(virDomainDefineXML(c.get(), xml.c_str()));
        BOOST_REQUIRE(changed);
        OK(hosts.a->start(patiently(), spec.uuid));
    }
    void begin_with_disk(const std::string& path) {
        spec.controllers = {{make_guid(), Bus::ide, 0, {}}};
        Disk d;
        d.id = make_guid();
        d.bus = Bus::ide;
        d.format = "qcow2";
        d.path = path;
        ImageSpec image;
        image.path = d.path;
        image.format = d.format;
        image.size = 16 << 20;
        OK(hosts.a->create_image(patiently(), image));
        spec.disks = {d};
        OK(hosts.a->define(patiently(), spec));
        OK(hosts.a->start(patiently(), spec.uuid));
    }
    MigrationRequest request(MigrationRequest::Kind kind) const {
        MigrationRequest r;
        r.machine = spec.uuid;
        r.destination = "hvB";
        r.kind = kind;
        return r;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(folder_view)

BOOST_AUTO_TEST_CASE(several_at_once_see_what_is_there) {
    const Folder folder("/vms/looked-into");
    const auto h = open_host("WSVIRT_LAB_B"), same = open_host("WSVIRT_LAB_B");
    const auto before = folder.pools();
    std::string first, second, third;
    {
        const std::jthread one([&] { first = look(*h, folder.file, 50); });
        const std::jthread two([&] { second = look(*h, folder.file, 50); });
        third = look(*same, folder.file, 50);
    }
    for (const auto& wrong : {first, second, third}) BOOST_TEST(wrong.empty(), wrong);
    BOOST_TEST(folder.pools() == before);
    OK(h->has_file(patiently(), folder.path + "/none"));
    BOOST_TEST(!h->has_file(patiently(), folder.path + "/none").value());
    BOOST_TEST(!h->has_file(patiently(), folder.path + "/none/none").value_or(true));
}

// One who ends before the other.
BOOST_AUTO_TEST_CASE(nobody_ends_what_another_needs) {
    const Folder folder("/vms/shared-view");
    const libvirt::ConnectHandle c(virConnectOpen(getenv("WSVIRT_LAB_B")));
    auto first = std::make_unique<libvirt::TargetStorage>(c.get(), libvirt::HostKind::remote,
                                                          libvirt::TargetStorage::Noted());
    libvirt::TargetStorage second(folder.b.get(), libvirt::HostKind::remote, {});
    OK(first->prepare({folder.path + "/first.raw"}));
    OK(second.prepare({folder.path + "/second.raw"}));
    OK(first->make(folder.path + "/first.raw", "raw", 1 << 20));
    first.reset();
    OK(second.make(folder.path + "/second.raw", "raw", 1 << 20));
    BOOST_TEST(fs::exists(on_b(folder.path + "/first.raw")));
    BOOST_TEST(fs::exists(on_b(folder.path + "/second.raw")));
}

// The connections to libvirt's TCP port that this process has, and their own ports: numbers of handles are
// given anew when a connection that nobody needs any more has been closed.
std::set<std::pair<int, in_port_t>> links() {
    std::set<std::pair<int, in_port_t>> r;
    for (const auto& e : fs::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(e.path().filename());
        sockaddr_in peer{}, own{};
        socklen_t size = sizeof peer, own_size = sizeof own;
        if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&  // NOLINT
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == 16509 &&
            getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) == 0)  // NOLINT
            r.emplace(fd, own.sin_port);
    }
    return r;
}

// Nobody could end it when it was needed no more.
BOOST_AUTO_TEST_CASE(a_pool_whose_connection_was_lost_ends_when_there_is_one_again) {
    std::signal(SIGPIPE, SIG_IGN);  // as the service does
    const Folder folder("/vms/lost-view");
    const auto pools = libvirt::LeftPools::acquire();
    const auto before = folder.pools();
    for (const bool needed_again : {false, true}) {
        const auto others = links();
        const libvirt::ConnectHandle lost(virConnectOpen(getenv("WSVIRT_LAB_B")));
        {
            const libvirt::FolderView view(lost.get(), folder.file);
            BOOST_TEST((view && folder.pools() == before + 1));
            for (const auto& link : links())
                if (!others.contains(link)) shutdown(link.first, SHUT_RDWR);  // nothing is asked for any more
        }
        BOOST_TEST(folder.pools() == before + 1);
        BOOST_TEST(pools->some_are_on());
        const libvirt::ConnectHandle again(virConnectOpen(getenv("WSVIRT_LAB_B")));
        if (needed_again) {
            const libvirt::FolderView view(again.get(), folder.file);
            BOOST_TEST(!pools->end_left(again.get()));
            BOOST_TEST((view.shows_all() && folder.pools() == before + 1));
        } else {
            BOOST_TEST(!pools->end_left(again.get()));
        }
        BOOST_TEST(folder.pools() == before);
        BOOST_TEST(!pools->some_are_on());
    }
}

// Neither is a pool left of two who make a new one after each other, as somebody has ended that of both.
BOOST_AUTO_TEST_CASE(a_pool_that_is_ended_is_made_anew_and_ends) {
    const Folder folder("/vms/ended");
    const auto before = folder.pools();
    {
        const libvirt::FolderView first(folder.b.get(), folder.file), second(folder.b.get(), folder.file);
        BOOST_REQUIRE(virStoragePoolDestroy(first.get()) == 0);
        first.look_again();
        second.look_again();
        BOOST_TEST((first.shows_all() && second.shows_all()));
    }
    BOOST_TEST(folder.pools() == before);
}

// libvirt turns a pool off that it cannot look into.
BOOST_AUTO_TEST_CASE(a_pool_that_was_on_stays_on) {
    const Folder folder("/vms/was-on");
    const libvirt::Pool pool(virStoragePoolDefineXML(folder.b.get(), folder.description().c_str(), 0));
    BOOST_REQUIRE(pool);
    const auto on = [&] { return virStoragePoolIsActive(pool.get()) == 1; };
    const std::string there = on_b(folder.path), away = there + ".away";
    bool seen = false;
    for (int attempt = 0; attempt < 20 && !seen; ++attempt) {  // it may be off for too short a time to see it
        BOOST_REQUIRE((on() || virStoragePoolCreate(pool.get(), 0) == 0));
        fs::rename(there, away);
        {
            std::jthread again([&] {
                const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
                while (on() && std::chrono::steady_clock::now() < end) continue;
                fs::rename(away, there);
            });
            const libvirt::FolderView view(folder.b.get(), folder.file);
            again.join();
            seen = view.shows_all();
        }
    }
    BOOST_TEST(seen);
    BOOST_TEST(on());
    virStoragePoolDestroy(pool.get());
    virStoragePoolUndefine(pool.get());
}

BOOST_AUTO_TEST_CASE(a_pool_that_is_off_is_on_for_as_long_as_it_is_needed) {
    const Folder folder("/vms/off");
    const libvirt::Pool pool(virStoragePoolDefineXML(folder.b.get(), folder.description().c_str(), 0));
    BOOST_REQUIRE(pool);
    const auto h = open_host("WSVIRT_LAB_B");
    const auto wrong = look(*h, folder.file, 1);
    BOOST_TEST(wrong.empty(), wrong);
    BOOST_TEST(!h->has_file(patiently(), folder.path + "/none").value_or(true));
    BOOST_TEST(virStoragePoolIsActive(pool.get()) == 0);
    {
        libvirt::TargetStorage storage(folder.b.get(), libvirt::HostKind::remote, {});
        OK(storage.prepare({folder.path + "/new.raw"}));
        OK(storage.make(folder.path + "/new.raw", "raw", 1 << 20));
        BOOST_TEST(virStoragePoolIsActive(pool.get()) == 1);
    }
    BOOST_TEST(virStoragePoolIsActive(pool.get()) == 0);
    virStoragePoolUndefine(pool.get());
}

BOOST_AUTO_TEST_CASE(a_pool_of_somebody_else_may_come_and_go) {
    const Folder folder("/vms/come-and-go");
    const auto h = open_host("WSVIRT_LAB_B");
    std::atomic<bool> done = false;
    std::jthread somebody([&] {
        while (!done) {
            const libvirt::Pool pool(
                virStoragePoolCreateXML(folder.b.get(), folder.description().c_str(), 0));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            if (pool) virStoragePoolDestroy(pool.get());
        }
    });
    const auto wrong = look(*h, folder.file, 50);
    done = true;
    BOOST_TEST(wrong.empty(), wrong);
}

// What both hosts see is not taken for a file of one of them.
BOOST_AUTO_TEST_CASE(variables_that_both_see_stay_where_a_pool_is_off) {
    const std::string folder = lab() + "/shared/variables", file = folder + "/of.fd";
    fs::create_directories(folder);
    const libvirt::ConnectHandle b(virConnectOpen(getenv("WSVIRT_LAB_B")));
    const std::string pool_there =
        "<pool type='dir'><name>variables</name><target><path>" + folder + "</path></target></pool>";
    const libvirt::Pool pool(virStoragePoolDefineXML(b.get(), pool_there.c_str(), 0));
    BOOST_REQUIRE(pool);
    Hosts hosts;
    Traveller t(hosts, "with shared variables");
    t.begin_with_variables(file);
    OK(hosts.a->migrate(patiently(), t.request(MigrationRequest::Kind::machine), *hosts.b));
    BOOST_TEST(fs::exists(file));
    virStoragePoolUndefine(pool.get());
}

// Nor what a host cannot say for what both see.
BOOST_AUTO_TEST_CASE(a_host_that_cannot_say_whether_it_has_the_variables_gets_no_machine) {
    const std::string folder = "/vms/of-variables", here = lab() + "/hvA" + folder;
    fs::create_directories(here);
    fs::create_symlink(fs::path(folder).filename(), on_b(folder));  // leads nowhere but to itself
    {
        Hosts hosts;
        Traveller t(hosts, "with variables that are not seen");
        t.begin_with_variables(folder + "/of.fd");
        const auto r = hosts.a->migrate(patiently(), t.request(MigrationRequest::Kind::machine), *hosts.b);
        BOOST_REQUIRE(!r);
        BOOST_TEST(r.error().text.find("look for the file") != std::string::npos, r.error().full_text());
        BOOST_TEST((hosts.a->machine(t.spec.uuid)->state == MachineState::running));
    }
    fs::remove(on_b(folder));
    fs::remove_all(here);
}

BOOST_AUTO_TEST_CASE(two_machines_move_into_one_folder_at_once) {
    const Folder folder("/vms/both");
    Hosts hosts;
    Traveller first(hosts, "first"), second(hosts, "second");
    for (auto* t : {&first, &second}) t->begin_with_disk("/vms/" + t->spec.name + ".qcow2");
    const auto move = [&](const Traveller& t) {
        auto r = t.request(MigrationRequest::Kind::machine_and_storage);
        r.disk_targets[t.spec.disks[0].path] = folder.path + "/" + t.spec.name + ".qcow2";
        return hosts.a->migrate(patiently(), r, *hosts.b);
    };
    Result<void> one, other;
    {
        const std::jthread meanwhile([&] { other = move(second); });
        one = move(first);
    }
    OK(one);
    OK(other);
    for (const auto* t : {&first, &second}) {
        const auto m = hosts.b->machine(t->spec.uuid);
        BOOST_REQUIRE(m);
        BOOST_TEST((m->state == MachineState::running));
    }
}

BOOST_AUTO_TEST_CASE(who_ends_what_is_left_is_told_of_it) {
    const auto left = libvirt::LeftPools::acquire();
    unsigned told = 0;
    auto subscription = left->subscribe([&] { ++told; });
    left->leave("test:///nobody", "a");
    BOOST_TEST(told == 1U);
    using enum libvirt::LeftPools::TakenUp;
    BOOST_TEST((left->take_up("test:///nobody", "a") == yes));
    subscription.reset();
    left->leave("test:///nobody", "b");
    BOOST_TEST(told == 1U);
    BOOST_TEST((left->take_up("test:///nobody", "b") == yes));
    BOOST_TEST((left->take_up("test:///nobody", "b") == was_not_left));
}

BOOST_AUTO_TEST_SUITE_END()
