// What was cut off is finished while another machine of the host is busy for long.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/libvirt/hypervisor_impl.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(recovery_turns)

BOOST_AUTO_TEST_CASE(a_busy_machine_keeps_no_other_from_being_finished) {
    const fs::path state = fs::temp_directory_path() / ("wsvirt-turns-" + std::to_string(::getpid()));
    fs::create_directories(state / "unfinished-snapshots");
    fs::create_directories(state / "unmerged-files");
    libvirt::Settings settings;
    settings.uri = "test:///default";
    settings.state_dir = state.string();
    settings.name = "here";
    {
        libvirt::LibvirtHypervisor host(settings);
        BOOST_REQUIRE(host.open());
        const std::string busy = make_guid();
        auto held = host.core()->gates.enter({}, busy);
        BOOST_REQUIRE(held);
        std::vector<fs::path> others, own;
        // Of each kind, so that some come after the busy one in whatever order they are looked at.
        for (int n = 0; n < 6; ++n)
            for (const char* kind : {"", "apply", "removed"}) {
                const auto machine = n == 3 ? busy : make_guid();
                const auto file = state / "unfinished-snapshots" / make_guid();
                std::ofstream(file) << "host here\nmachine " << machine << "\nid " << make_guid() << '\n'
                                    << kind << (kind == std::string("apply") ? " " + make_guid() : "")
                                    << '\n';
                (n == 3 ? own : others).push_back(file);
            }
        for (int n = 0; n < 6; ++n) {
            const auto file = state / "unmerged-files" / (n == 3 ? busy : make_guid());
            std::ofstream(file) << "here\n";
            if (n != 3) others.push_back(file);
        }
        host.core()->left_unfinished();
        const auto left = [](const std::vector<fs::path>& files) {
            return std::count_if(files.begin(), files.end(), [](const auto& f) { return fs::exists(f); });
        };
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(40);
        const auto until_gone = [&](const std::vector<fs::path>& files) {
            while (left(files) > 0 && std::chrono::steady_clock::now() < end)
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            return left(files);
        };
        BOOST_TEST(until_gone(others) == 0);
        BOOST_TEST(left(own) == 3);
        held->reset();
        BOOST_TEST(until_gone(own) == 0);  // at the next attempt
    }
    fs::remove_all(state);
}

BOOST_AUTO_TEST_SUITE_END()
