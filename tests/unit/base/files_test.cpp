#include "base/files.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace wsvirt;
namespace fs = std::filesystem;

namespace {

struct Folder {
    fs::path path;
    Folder() {
        std::string name = (fs::temp_directory_path() / "wsvirt-files-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
};

void write_at(const fs::path& file, std::streamoff at, const std::string& text) {
    std::ofstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(at);
    out << text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(a_copy_keeps_content_and_holes) {
    const Folder folder;
    const auto from = folder.path / "from", to = folder.path / "to";
    std::ofstream(from).put('x');
    fs::resize_file(from, 256 * 1024 * 1024 + 17);
    write_at(from, 100'000'000, "in the middle");
    BOOST_REQUIRE(copy_sparse(from, to, {}));
    BOOST_TEST(fs::file_size(to) == fs::file_size(from));
    struct stat s {};
    BOOST_REQUIRE(::stat(to.c_str(), &s) == 0);
    BOOST_TEST(s.st_blocks * 512 < 4 * 1024 * 1024);
    BOOST_TEST(*content_digest(from, {}) == *content_digest(to, {}));
    BOOST_TEST(copy_sparse(from, to, {}).error().full_text().find("exists") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_digest_sees_content_and_size_but_not_holes) {
    const Folder folder;
    const auto sparse = folder.path / "sparse", full = folder.path / "full";
    std::ofstream(sparse).put('x');
    fs::resize_file(sparse, 1'000'000);
    std::ofstream(full) << 'x' << std::string(999'999, '\0');
    const auto digest = *content_digest(sparse, {});
    BOOST_TEST(digest.size() == 64u);
    BOOST_TEST(digest == *content_digest(full, {}));
    write_at(full, 900'000, "y");
    BOOST_TEST(digest != *content_digest(full, {}));
    fs::resize_file(sparse, 1'000'001);
    BOOST_TEST(digest != *content_digest(sparse, {}));
}

BOOST_AUTO_TEST_CASE(a_cancelled_copy_leaves_nothing) {
    const Folder folder;
    std::ofstream(folder.path / "from") << std::string(300'000, 'z');
    std::stop_source stop;
    FileWork work;
    work.stop = stop.get_token();
    work.advanced = [&](std::uint64_t) { stop.request_stop(); };
    auto r = copy_sparse(folder.path / "from", folder.path / "to", work);
    BOOST_REQUIRE(!r);
    BOOST_TEST((r.error().status == Status::cancelled));
    BOOST_TEST(!fs::exists(folder.path / "to"));
}

BOOST_AUTO_TEST_CASE(small_files_are_written_whole_and_read_with_a_limit) {
    const Folder folder;
    const auto file = folder.path / "f";
    BOOST_REQUIRE(write_file(file, "one"));
    BOOST_REQUIRE(write_file(file, "two"));
    BOOST_TEST(*read_file(file, 3) == "two");
    BOOST_TEST(!read_file(file, 2));
    BOOST_TEST((read_file(folder.path / "absent", 10).error().status == Status::not_found));
}

// Opening a pipe to read would wait for whoever writes to it.
BOOST_AUTO_TEST_CASE(only_regular_files_are_read) {
    const Folder folder;
    const auto pipe = folder.path / "pipe";
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const auto refused = [](const auto& r) {
        BOOST_REQUIRE(!r);
        BOOST_TEST((r.error().status == Status::invalid_parameter));
    };
    for (const auto& path : {pipe, folder.path}) {
        refused(read_file(path, 10));
        refused(content_digest(path, {}));
        refused(copy_sparse(path, folder.path / "copy", {}));
        refused(read_data(path, {}, [](std::uint64_t, const char*, std::size_t) { return Result<void>{}; }));
        BOOST_TEST(!fs::exists(folder.path / "copy"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
