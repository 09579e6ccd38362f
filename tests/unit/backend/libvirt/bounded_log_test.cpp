// A log that somebody else has open and writes on while it is cut.
#include "backend/libvirt/bounded_log.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>

using namespace wsvirt::backend;
namespace fs = std::filesystem;

namespace {

struct Folder {
    fs::path path = fs::temp_directory_path() / ("wsvirt-log-" + std::to_string(::getpid()));
    fs::path log = path / "libvirt.log", former = path / "libvirt.log.1";
    std::ofstream writer;

    Folder() {
        fs::create_directories(path);
        writer.open(log, std::ios::app);
    }
    ~Folder() { fs::remove_all(path); }
    void write(int lines, const std::string& what) {
        for (int n = 0; n < lines; ++n) writer << what << " " << n << '\n';
        writer.flush();
    }
    static std::string text(const fs::path& file) {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bounded_log, Folder)

BOOST_AUTO_TEST_CASE(a_long_log_begins_anew_and_its_end_is_kept) {
    write(100, "first");
    libvirt::cut_log(log, fs::file_size(log));
    BOOST_TEST(!fs::exists(former));
    BOOST_TEST(text(log).starts_with("first 0\n"));
    libvirt::cut_log(log, 85);
    BOOST_TEST(fs::file_size(log) == 0u);
    BOOST_TEST(text(former).size() == 81u);
    BOOST_TEST(text(former).starts_with("first 91\n"));
    BOOST_TEST(text(former).ends_with("first 99\n"));
    BOOST_TEST((fs::status(former).permissions() == (fs::perms::owner_read | fs::perms::owner_write)));
    write(3, "second");
    BOOST_TEST(text(log) == "second 0\nsecond 1\nsecond 2\n");
    libvirt::cut_log(log, 20);
    BOOST_TEST(text(former) == "second 1\nsecond 2\n");
    libvirt::cut_log(path / "none", 0);
    BOOST_TEST(!fs::exists(path / "none"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_kept_is_cut_all_the_same) {
    write(100, "line");
    fs::create_directories(former / "taken");
    libvirt::cut_log(log, 50);
    BOOST_TEST(fs::file_size(log) == 0u);
}

BOOST_AUTO_TEST_CASE(it_is_looked_at_without_being_asked) {
    write(100, "line");
    const libvirt::BoundedLog bounded(log, 50);
    for (int n = 0; n < 500 && fs::file_size(log) > 0; ++n) ::usleep(10'000);
    BOOST_TEST(fs::file_size(log) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
