#include "cim/providers/host/host_facts.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

// A file tree as a host would have it.
struct Tree {
    std::filesystem::path root;
    Tree() {
        std::string pattern = (std::filesystem::temp_directory_path() / "om-host-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
        root = pattern;
    }
    ~Tree() { std::filesystem::remove_all(root); }
    void put(const std::string& file, const std::string& text) const {
        std::filesystem::create_directories((root / file).parent_path());
        std::ofstream(root / file) << text;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(host_facts, Tree)

BOOST_AUTO_TEST_CASE(memory) {
    put("proc/meminfo",
        "MemTotal:       24684092 kB\nMemAvailable:   23984152 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n");
    const auto m = host::memory(root);
    BOOST_CHECK_EQUAL(m.total, 24684092u);
    BOOST_CHECK_EQUAL(m.available, 23984152u);
    BOOST_CHECK_EQUAL(m.swap_total, 10u);
    BOOST_CHECK_EQUAL(m.swap_free, 4u);
    BOOST_CHECK_EQUAL(host::memory(root / "none").total, 0u);
}

BOOST_AUTO_TEST_CASE(versions_have_three_numbers) {
    BOOST_CHECK_EQUAL(host::three_numbers("12"), "12.0.0");
    BOOST_CHECK_EQUAL(host::three_numbers("22.04"), "22.4.0");
    BOOST_CHECK_EQUAL(host::three_numbers("6.1.0-28-amd64"), "6.1.0");
    BOOST_CHECK_EQUAL(host::three_numbers("1.2.3.4"), "1.2.3");
    BOOST_CHECK_EQUAL(host::three_numbers("rolling"), "0.0.0");
    BOOST_CHECK_EQUAL(host::three_numbers(""), "0.0.0");
}

BOOST_AUTO_TEST_CASE(operating_system) {
    put("etc/os-release",
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n");
    put("proc/stat", "cpu  1 2 3\nbtime 1700000000\n");
    put("proc/self/mounts", "proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw 0 0\n");
    put("proc/1/x", "");
    put("proc/22/x", "");
    put("proc/sys/kernel/pid_max", "4194304\n");
    const auto os = host::operating_system(root);
    BOOST_CHECK_EQUAL(os.pretty_name, "Debian GNU/Linux 12 (bookworm)");
    BOOST_CHECK_EQUAL(os.version, "12.0.0");
    BOOST_CHECK_EQUAL(os.root_device, "/dev/vda1");
    BOOST_CHECK_EQUAL(os.boot_time.value_or(0), 1700000000);
    BOOST_CHECK_EQUAL(os.processes, 2u);
    BOOST_CHECK_EQUAL(os.max_processes.value_or(0), 4194304u);
    BOOST_CHECK(!os.kernel_release.empty());
}

BOOST_AUTO_TEST_CASE(product_uuid_from_the_first_that_knows) {
    backend::HostInfo info;
    put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    BOOST_CHECK_EQUAL(host::product(info, root).uuid, "01234567-89AB-CDEF-0123-456789ABCDEF");
    info.uuid = "aaaaaaaa-0000-0000-0000-000000000001";
    BOOST_CHECK_EQUAL(host::product(info, root).uuid, "AAAAAAAA-0000-0000-0000-000000000001");
    put("sys/class/dmi/id/product_uuid", "bbbbbbbb-0000-0000-0000-000000000001\n");
    put("sys/class/dmi/id/sys_vendor", "Maker\n");
    BOOST_CHECK_EQUAL(host::product(info, root).uuid, "BBBBBBBB-0000-0000-0000-000000000001");
    BOOST_CHECK_EQUAL(host::product(info, root).vendor, "Maker");
}

BOOST_AUTO_TEST_CASE(processor) {
    put("proc/cpuinfo",
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Xeon\n"
        "stepping\t: 2\ncpu MHz\t\t: 2300.123\nflags\t\t: fpu pae nx\n\nprocessor\t: 1\nmodel name\t: "
        "Other\n");
    put("sys/devices/system/cpu/cpu0/cache/index2/level", "2\n");
    put("sys/devices/system/cpu/cpu0/cache/index2/size", "2048K\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3900000\n");
    const auto p = host::processor(root);
    BOOST_CHECK_EQUAL(p.model_name, "Xeon");
    BOOST_CHECK_EQUAL(p.model.value_or(0), 207u);
    BOOST_CHECK_EQUAL(p.mhz.value_or(0), 2300u);
    BOOST_CHECK_EQUAL(p.max_mhz.value_or(0), 3900u);
    BOOST_CHECK_EQUAL(p.l2_kib.value_or(0), 2048u);
    BOOST_CHECK(!p.l3_kib);
    BOOST_CHECK(p.nx && p.pae);
}

BOOST_AUTO_TEST_CASE(virtual_processor_threads) {
    put("proc/77/task/77/comm", "qemu-system-x86\n");
    put("proc/77/task/80/comm", "CPU 0/KVM\n");
    put("proc/77/task/80/schedstat", "123456789 5 6\n");
    put("proc/77/task/81/comm", "CPU 10/KVM\n");
    put("proc/77/task/81/schedstat", "42 5 6\n");
    BOOST_CHECK_EQUAL(host::virtual_processor_ns(77, 0, root).value_or(0), 123456789u);
    BOOST_CHECK_EQUAL(host::virtual_processor_ns(77, 10, root).value_or(0), 42u);
    BOOST_CHECK(!host::virtual_processor_ns(77, 1, root));
    BOOST_CHECK(!host::virtual_processor_ns(78, 0, root));
}

BOOST_AUTO_TEST_SUITE_END()
