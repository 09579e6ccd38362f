// The link of an adapter is part of saved memory; what the machine's settings say of it holds all the same.
#include "backend/libvirt/restored_links.hpp"

#include <boost/test/unit_test.hpp>

using wsvirt::backend::libvirt::link_updates;

namespace {

constexpr const char *up = "", *down = "<link state='down'/>";

std::string adapter(const std::string& mac, const std::string& link) {
    return "<interface type='user'><mac address='" + mac + "'/><model type='virtio'/>" + link +
           "<alias name='net0'/></interface>";
}
std::string machine(const std::string& devices) {
    return "<domain><devices>" + devices + "</devices></domain>";
}
// 'u' and 'd' for each device that is sent.
std::string sent(const std::string& back, const std::string& definition) {
    std::string out;
    for (const auto& device : link_updates(back, definition)) {
        BOOST_TEST(device.find("<alias name=\"net0\"") != std::string::npos, device);
        out += device.find("state=\"down\"") == std::string::npos ? 'u' : 'd';
    }
    return out;
}

const std::string a = "00:15:5d:00:00:01", other = "00:15:5D:00:00:02";

}  // namespace

BOOST_AUTO_TEST_SUITE(restored_links)

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

BOOST_AUTO_TEST_CASE(an_adapter_that_the_definition_lacks_leads_nowhere) {
    BOOST_TEST(sent(machine(adapter(a, up) + adapter(other, up)), machine(adapter(a, up))) == "d");
    BOOST_TEST(sent(machine(adapter(other, down)), machine("")) == "ud");
}

BOOST_AUTO_TEST_CASE(without_saved_memory_there_is_nothing_to_do) {
    BOOST_TEST(sent("", machine(adapter(a, down))).empty());
    BOOST_TEST(sent(machine(""), machine(adapter(a, down))).empty());
}

BOOST_AUTO_TEST_SUITE_END()
