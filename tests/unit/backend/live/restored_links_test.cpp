// The link of an adapter that has been taken away from a machine while it was saved.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/libvirt/hypervisor_impl.hpp"
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
    libvirt::Unfinished noted;
    noted.machine = cut_off.m.id();
    noted.id = make_guid();
    noted.links = noted.was_running = true;
    std::ofstream(notes() / noted.id) << libvirt::text_of("embedded", noted);
    core().left_unfinished();
    BOOST_TEST(eventually([&] { return !fs::exists(notes() / noted.id); }));
    BOOST_TEST(cut_off.link_is_down());
    BOOST_TEST((cut_off.m.state() == MachineState::running));
}

BOOST_AUTO_TEST_SUITE_END()
