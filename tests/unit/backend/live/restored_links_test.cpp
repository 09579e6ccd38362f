// The link of an adapter that has been taken away from a machine while it was saved.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/snapshot_journal.hpp"
#include "backend/libvirt/unfinished_text.hpp"
#include "base/text.hpp"
#include "support/backend_live/lab_machine.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
using namespace wsvirt::testing;
namespace fs = std::filesystem;

namespace {

libvirt::Core& core() {
    return *dynamic_cast<libvirt::LibvirtHypervisor&>(hv()).core();
}

const fs::path& notes() {
    static const fs::path folder = host().folder() / "state" / "unfinished-snapshots";
    fs::create_directories(folder);
    return folder;
}

fs::path write_note(const libvirt::Unfinished& noted) {
    const auto file = notes() / noted.id;
    std::ofstream(file) << libvirt::text_of("embedded", noted);
    return file;
}

libvirt::Unfinished start_of(const LabMachine& m) {
    libvirt::Unfinished noted;
    noted.machine = m.id();
    noted.id = make_guid();
    noted.links = noted.was_running = true;
    return noted;
}

bool is_noted(const std::string& machine) {
    std::error_code ec;
    for (const auto& file : fs::directory_iterator(notes(), ec)) {
        const auto u = libvirt::read_unfinished(file);
        if (u.links && u.was_running && u.machine == machine) return true;
    }
    return false;
}

MachineSpec with_adapter() {
    MachineSpec s = host().bare();
    Nic n;
    n.id = make_guid();
    n.link = NicLink::user;
    s.nics = {n};
    return s;
}

// Saved with its link up, which is down in the settings.
struct Unplugged {
    LabMachine m{with_adapter()};
    Unplugged() {
        OK(hv().start(within(patience), m.id()));
        OK(hv().save(within(patience), m.id()));
        MachineSpec s = m.now()->spec;
        s.nics.at(0).link_up = false;
        OK(hv().redefine(within(patience), s));
    }
    // By libvirt, of which we know nothing.
    void start_by_others(unsigned flags) const {
        OK(core().workers->run<void>(within(patience), {"", {}, false, {}, {}}, [&](libvirt::Session& s) {
            const auto d = libvirt::find_domain(s.connection, m.id());
            return libvirt::checked(virDomainCreateWithFlags(d.get(), flags), "test");
        }));
        BOOST_REQUIRE(!link_is_down());
    }
    bool link_is_down() const {
        std::string live;
        (void)core().workers->run<void>(within(patience), {"", {}, false, {}, {}},
                                        [&](libvirt::Session& s) -> Result<void> {
                                            const auto d = libvirt::find_domain(s.connection, m.id());
                                            live = libvirt::take(virDomainGetXMLDesc(d.get(), 0));
                                            return {};
                                        });
        return live.find("<link state='down'/>") != std::string::npos;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(restored_links_live)

BOOST_AUTO_TEST_CASE(a_start_that_is_cut_off_before_the_links_are_set_is_noted_and_finished) {
    const Unplugged it;
    {
        std::atomic<bool> was_noted = false;
        const std::jthread watcher([&](const std::stop_token& stop) {
            while (!stop.stop_requested() && !was_noted) {
                was_noted = is_noted(it.m.id());
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        OK(hv().start(within(patience), it.m.id()));
        BOOST_TEST(was_noted);
        BOOST_TEST(it.link_is_down());
        BOOST_TEST(!is_noted(it.m.id()));
    }
    const Unplugged cut_off;
    cut_off.start_by_others(VIR_DOMAIN_START_PAUSED);
    const auto file = write_note(start_of(cut_off.m));
    core().left_unfinished();
    BOOST_TEST(eventually([&] { return !fs::exists(file); }));
    BOOST_TEST(cut_off.link_is_down());
    BOOST_TEST((cut_off.m.state() == MachineState::running));
}

// Whoever waited for its machine would break off what can be broken off, such as a long merge.
BOOST_AUTO_TEST_CASE(what_an_operation_holds_is_not_for_recovery_to_finish) {
    const LabMachine m(with_adapter());
    const auto noted = start_of(m);
    std::shared_ptr<void> held;
    const auto with_session = [](const std::function<Result<void>(libvirt::Session&)>& work) {
        OK(core().workers->run<void>(within(patience), {"", {}, false, {}, {}}, work));
    };
    with_session([&](libvirt::Session& s) -> Result<void> {
        auto r = libvirt::note_unfinished(core(), s, noted);
        if (r) held = std::move(*r);
        return r ? Result<void>() : r.error();
    });
    for (int rounds = 0; rounds < 2; ++rounds) {
        const auto other = write_note(start_of(m));
        core().left_unfinished();
        BOOST_TEST(eventually([&] { return !fs::exists(other); }));
    }
    BOOST_TEST(fs::exists(notes() / noted.id));
    with_session([&](libvirt::Session&) -> Result<void> {
        held.reset();
        return {};
    });
    BOOST_TEST(!fs::exists(notes() / noted.id));
}

BOOST_AUTO_TEST_CASE(a_machine_that_has_been_paused_since_stays_paused) {
    const LabMachine m(with_adapter());
    OK(hv().start(within(patience), m.id()));
    const auto file = write_note(start_of(m));
    OK(hv().suspend(within(patience), m.id()));
    core().left_unfinished();
    BOOST_TEST(eventually([&] { return !fs::exists(file); }));
    BOOST_TEST((m.state() == MachineState::paused));
}

BOOST_AUTO_TEST_SUITE_END()
