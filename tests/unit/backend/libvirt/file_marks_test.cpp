// By what a file is known that was about to be made when whoever made it ended.
#include "backend/libvirt/file_marks.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace wsvirt;
using namespace wsvirt::backend::libvirt;
namespace fs = std::filesystem;

namespace {

struct Folder {
    fs::path path;
    Folder() {
        char name[] = "/tmp/wsvirt-marks-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { fs::remove_all(path); }
    std::string file(const std::string& name) const { return (path / name).native(); }
    void write(const std::string& name, std::uint64_t at, const std::string& text) const {
        std::ofstream(path / name, std::ios::app);
        std::fstream file(path / name, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(at)) << text;
    }
    bool has(const std::string& name, const std::string& mark) const {
        return has_mark(nullptr, HostKind::embedded, file(name), mark).value_or(false);
    }
};

// The beginning of a qcow2 disk of one GiB.
std::string header(char gibibytes) {
    std::string text("QFI\xfb\0\0\0\3", 8);
    text.resize(32);
    text[28] = static_cast<char>(gibibytes << 6);
    return text;
}

constexpr std::uint64_t gib = 1 << 30;
constexpr std::uint64_t first_table = 3 * 65536;  // of an empty disk: the last thing in its file

}  // namespace

BOOST_AUTO_TEST_SUITE(file_marks)

BOOST_AUTO_TEST_CASE(a_raw_disk_is_bare_while_it_is_nothing_but_a_hole) {
    const Folder f;
    const auto mark = bare_mark("raw", 1 << 20);
    BOOST_TEST(!f.has("disk", mark));
    f.write("disk", 0, "");
    fs::resize_file(f.file("disk"), 1 << 20);
    BOOST_TEST(f.has("disk", mark));
    BOOST_TEST(!f.has("disk", bare_mark("raw", 2 << 20)));
    f.write("disk", 4096, "x");
    BOOST_TEST(!f.has("disk", mark));
}

BOOST_AUTO_TEST_CASE(a_qcow2_disk_is_bare_while_nothing_follows_its_first_table) {
    const Folder f;
    const auto mark = bare_mark("qcow2", gib);
    f.write("disk", 0, header(1));
    fs::resize_file(f.file("disk"), first_table + 2 * 8);
    BOOST_TEST(f.has("disk", mark));
    f.write("disk", 0, header(2));
    BOOST_TEST(!f.has("disk", mark));
    f.write("disk", 0, header(1));
    fs::resize_file(f.file("disk"), first_table + 65536);
    BOOST_TEST(!f.has("disk", mark));
    f.write("text", 0, "somebody's");
    fs::resize_file(f.file("text"), first_table + 2 * 8);
    BOOST_TEST(!f.has("text", mark));
}

BOOST_AUTO_TEST_CASE(other_things_are_not_bare) {
    const Folder f;
    BOOST_TEST(bare_mark("vmdk", gib) == "");
    fs::create_directory(f.path / "folder");
    fs::create_symlink("nowhere", f.path / "link");
    for (const char* name : {"folder", "link"}) BOOST_TEST(!f.has(name, bare_mark("raw", 0)));
    f.write("empty", 0, "");
    BOOST_TEST(f.has("empty", bare_mark("raw", 0)));
    for (const char* mark : {"bare:raw:", "bare:raw:x", "bare:raw", "bare:"})
        BOOST_TEST(!f.has("empty", mark), mark);
}

BOOST_AUTO_TEST_SUITE_END()
