// The link of an adapter is part of saved memory; what the machine's settings say of it holds all the same.
#include "backend/libvirt/restored_links.hpp"

#include <dlfcn.h>
#include <libvirt/virterror.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <utility>

#include "backend/libvirt/handles.hpp"
#include "tests/unit/backend/libvirt/libvirt_calls.hpp"

using wsvirt::backend::libvirt::link_updates;

namespace {

// What libvirt's test driver cannot do, or never fails to do.
const char* saved_memory = nullptr;
bool save_fails = false;
thread_local bool was_stopped = false;

template <class Function>
Function of_libvirt(Function, const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

char* virDomainManagedSaveGetXMLDesc(virDomainPtr domain, unsigned flags) {
    if (saved_memory) return ::strdup(saved_memory);
    return of_libvirt(&virDomainManagedSaveGetXMLDesc, "virDomainManagedSaveGetXMLDesc")(domain, flags);
}

int virDomainCreateWithFlags(virDomainPtr domain, unsigned flags) {
    return of_libvirt(&virDomainCreateWithFlags, "virDomainCreateWithFlags")(domain,
                                                                             saved_memory ? 0 : flags);
}

int virDomainUpdateDeviceFlags(virDomainPtr domain, const char* device, unsigned flags) {
    if (!saved_memory)
        return of_libvirt(&virDomainUpdateDeviceFlags, "virDomainUpdateDeviceFlags")(domain, device, flags);
    virResetLastError();
    return -1;
}

bool wsvirt::testing::starts_fail = false;
bool wsvirt::testing::saves_are_stopped = false;
std::atomic<int> wsvirt::testing::snapshots_read = 0;

char* virDomainSnapshotGetXMLDesc(virDomainSnapshotPtr snapshot, unsigned flags) {
    ++wsvirt::testing::snapshots_read;
    return of_libvirt(&virDomainSnapshotGetXMLDesc, "virDomainSnapshotGetXMLDesc")(snapshot, flags);
}

int virDomainCreate(virDomainPtr domain) {
    if (wsvirt::testing::starts_fail) return -1;
    return of_libvirt(&virDomainCreate, "virDomainCreate")(domain);
}

int virDomainManagedSave(virDomainPtr domain, unsigned flags) {
    was_stopped = wsvirt::testing::saves_are_stopped;
    if (save_fails || was_stopped) return -1;
    return of_libvirt(&virDomainManagedSave, "virDomainManagedSave")(domain, flags);
}

virErrorPtr virGetLastError() {
    static virError aborted = [] {
        virError e{};
        e.code = VIR_ERR_OPERATION_ABORTED;
        return e;
    }();
    if (std::exchange(was_stopped, false)) return &aborted;
    return of_libvirt(&virGetLastError, "virGetLastError")();
}

namespace {

constexpr const char *up = "", *down = "<link state='down'/>";

std::string adapter(const std::string& mac, const std::string& link, const std::string& type = "user") {
    return "<interface type='" + type + "'><mac address='" + mac + "'/><model type='virtio'/>" + link +
           "<alias name='net0'/></interface>";
}
std::string machine(const std::string& devices) {
    return "<domain><devices>" + devices + "</devices></domain>";
}
// 'u' and 'd' for each device that is sent.
std::string sent(const std::string& back, const std::string& definition, bool stands_still = true) {
    std::string out;
    for (const auto& device : link_updates(back, definition, stands_still)) {
        BOOST_TEST(device.find("<alias name=\"net0\"") != std::string::npos, device);
        out += device.find("state=\"down\"") == std::string::npos ? 'u' : 'd';
    }
    return out;
}

const std::string a = "00:15:5d:00:00:01", other = "00:15:5D:00:00:02";

}  // namespace

BOOST_AUTO_TEST_SUITE(restored_links)

BOOST_AUTO_TEST_CASE(no_link_of_a_running_machine_comes_up_that_shall_be_down) {
    const std::string mac = "52:54:00:00:00:01";
    const auto with = [&](const char* link) { return machine(adapter(mac, link)); };
    BOOST_TEST(sent(with(down), with(down)) == "ud");
    BOOST_TEST(sent(with(down), with(down), false) == "");
    BOOST_TEST(sent(with(up), with(down), false) == "d");
    BOOST_TEST(sent(with(down), with(up), false) == "u");
}

BOOST_AUTO_TEST_CASE(links_become_those_of_the_definition) {
    BOOST_TEST(sent(machine(adapter(a, up)), machine(adapter("00:15:5D:00:00:01", up))).empty());
    BOOST_TEST(sent(machine(adapter(a, up)), machine(adapter(a, down))) == "d");
    BOOST_TEST(sent(machine(adapter(a, down)), machine(adapter(a, up))) == "u");
    BOOST_TEST(sent(machine(adapter(a, up) + adapter(other, down)),
                    machine(adapter(other, up) + adapter(a, up))) == "u");
}

// libvirt would send nothing to QEMU where it takes the link for down already.
BOOST_AUTO_TEST_CASE(what_memory_says_of_itself_is_not_believed) {
    BOOST_TEST(sent(machine(adapter(a, down)), machine(adapter(a, down))) == "ud");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_memory_from_somewhere_else_brought_leads_nowhere) {
    BOOST_TEST(sent(machine(adapter(a, up) + adapter(other, up)), machine(adapter(a, up))) == "d");
    BOOST_TEST(sent(machine(adapter(other, down)), machine("")) == "ud");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_only_the_running_machine_had_stays_as_it_is) {
    for (const char* type : {"network", "bridge"})
        for (const char* link : {up, down})
            BOOST_TEST(
                sent(machine(adapter(a, up) + adapter(other, link, type)), machine(adapter(a, up))).empty());
    BOOST_TEST(sent(machine(adapter(a, up) + adapter(other, up, "network")), machine(adapter(a, down))) ==
               "d");
}

BOOST_AUTO_TEST_CASE(without_saved_memory_there_is_nothing_to_do) {
    BOOST_TEST(sent("", machine(adapter(a, down))).empty());
    BOOST_TEST(sent(machine(""), machine(adapter(a, down))).empty());
}

BOOST_AUTO_TEST_CASE(a_machine_whose_links_cannot_be_set_is_saved_again_or_said_to_be_paused) {
    using namespace wsvirt::backend::libvirt;
    const ConnectHandle connection(virConnectOpen("test:///default"));
    BOOST_TEST_REQUIRE(!!connection);
    const auto back = machine(adapter(a, up)), definition = machine(adapter(a, down));
    const std::string defined =
        "<domain type='test'><name>links</name><memory>8192</memory><os><type>hvm</type></os><devices>" +
        adapter(a, up) + "</devices></domain>";
    const DomainHandle domain(virDomainDefineXML(connection.get(), defined.c_str()));
    BOOST_TEST_REQUIRE(!!domain);
    for (const bool fails : {false, true}) {
        saved_memory = back.c_str();
        save_fails = fails;
        const auto done = start_with_memory(domain.get(), definition);
        saved_memory = nullptr;
        save_fails = false;
        BOOST_TEST_REQUIRE(!done.ok());
        BOOST_TEST((virDomainIsActive(domain.get()) == 1) == fails);
        BOOST_TEST((done.error().text.find("stays paused") != std::string::npos) == fails, done.error().text);
    }
    virDomainDestroy(domain.get());
    virDomainUndefine(domain.get());
}

BOOST_AUTO_TEST_SUITE_END()
