#include "backend/qemu/qcow2_header.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "backend/qemu/image.hpp"
#include "backend/qemu/overlays.hpp"
#include "backend/qemu/process.hpp"
#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
namespace fs = std::filesystem;

namespace {

struct Folder {
    fs::path path = "/tmp/wsvirt-qcow2-" + make_guid();
    Folder() { fs::create_directories(path); }
    ~Folder() { fs::remove_all(path); }
    std::string operator/(const std::string& name) const { return path / name; }
};

bool qemu_img(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "qemu-img");
    auto done = qemu::run_program({}, arguments);
    return done && done->exit_code == 0;
}
std::string made(const Folder& f, const std::string& name, std::vector<std::string> options,
                 const std::string& size = "64M") {
    std::vector<std::string> all{"create", "-q", "-f", "qcow2"};
    all.insert(all.end(), options.begin(), options.end());
    all.push_back(f / name);
    if (!size.empty()) all.push_back(size);
    BOOST_REQUIRE(qemu_img(all));
    return f / name;
}
ImageInfo asked(const std::string& path) {
    auto done = qemu::run_program({}, {"qemu-img", "info", "-U", "--output=json", path});
    BOOST_REQUIRE(done);
    auto info = qemu::parse_info(done->out, path);
    BOOST_REQUIRE(info);
    return *info;
}
void check_same(const std::string& path) {
    const auto ours = qemu::read_qcow2_header(path);
    const auto theirs = asked(path);
    BOOST_REQUIRE_MESSAGE(ours.has_value(), path);
    BOOST_TEST(ours->path == theirs.path);
    BOOST_TEST(ours->format == theirs.format);
    BOOST_TEST(ours->virtual_size == theirs.virtual_size);
    BOOST_TEST(ours->actual_size == theirs.actual_size);
    BOOST_TEST(ours->backing_file == theirs.backing_file);
    BOOST_TEST(ours->backing_format == theirs.backing_format);
    BOOST_TEST(ours->subformat == theirs.subformat);
}
void write_at(const std::string& path, std::streamoff at, const std::string& bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(at);
    file << bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(qcow2_header)

BOOST_AUTO_TEST_CASE(plain_images_are_read_as_qemu_img_reads_them) {
    const Folder f;
    check_same(made(f, "usual", {}));
    check_same(made(f, "old", {"-o", "compat=0.10"}));
    check_same(made(f, "clusters", {"-o", "cluster_size=2M"}));
    check_same(made(f, "whole", {"-o", "preallocation=full"}, "4M"));
    check_same(made(f, "large", {}, "3T"));
    const auto with_snapshot = made(f, "snapshot", {});
    BOOST_REQUIRE(qemu_img({"snapshot", "-c", "one", with_snapshot}));
    check_same(with_snapshot);
}

BOOST_AUTO_TEST_CASE(the_parent_is_named_as_qemu_img_names_it) {
    const Folder f;
    made(f, "parent", {});
    check_same(made(f, "absolute", {"-b", f / "parent", "-F", "qcow2"}, ""));
    check_same(made(f, "relative", {"-b", "parent", "-F", "qcow2"}, ""));
    check_same(made(f, "old", {"-o", "compat=0.10", "-b", "parent", "-F", "qcow2"}, ""));
    fs::create_directory(f / "sub");
    check_same(made(f, "sub/upwards", {"-b", "../parent", "-F", "qcow2"}, ""));
    fs::remove(f / "parent");
    check_same(f / "relative");
}

BOOST_AUTO_TEST_CASE(what_is_not_plain_is_left_to_qemu_img) {
    const Folder f;
    made(f, "parent", {});
    const auto none = [](const std::string& path) { BOOST_TEST(!qemu::read_qcow2_header(path).has_value()); };
    none(made(f, "json", {"-u", "-b", "json:{\"driver\":\"null-co\"}", "-F", "raw"}));
    none(made(f, "data", {"-o", "data_file=" + (f / "d.raw")}));
    none(made(f, "zstd", {"-o", "compression_type=zstd"}));
    none(f / "missing");
    none(f.path);
    std::ofstream(f / "text") << std::string(4096, 'x');
    none(f / "text");
    std::ofstream(f / "short") << "QFI\xfb";
    none(f / "short");
}

BOOST_AUTO_TEST_CASE(what_a_header_names_is_told_whatever_else_is_in_it) {
    const Folder f;
    const auto base = made(f, "base.qcow2", {});
    const auto child = made(f, "child.qcow2", {"-b", "base.qcow2", "-F", "qcow2"}, "");
    BOOST_TEST(qemu::named_below(base).empty());
    BOOST_TEST(qemu::named_below(child) == base);
    write_at(child, 79, "\1");  // dirty: that QEMU did not close it
    BOOST_TEST(!qemu::read_qcow2_header(child).has_value());
    BOOST_TEST(qemu::named_below(child) == base);
    write_at(f / "short", 0, "QFI\xfb");
    BOOST_TEST(qemu::named_below(f / "short").empty());
    BOOST_TEST(qemu::named_below(f / "none").empty());
}

BOOST_AUTO_TEST_CASE(files_that_stand_on_a_disk_are_found_in_the_folders_of_disks) {
    const Folder f;
    const auto over = [&](const std::string& name, const std::string& below) {
        fs::create_directories(fs::path(f / name).parent_path());
        return made(f, name, {"-b", below, "-F", "qcow2"}, "");
    };
    const auto base = made(f, "base.qcow2", {});
    const auto found = [&](const std::map<std::string, std::string>& disks) {
        return qemu::overlays_of({base}, disks).value();
    };
    BOOST_TEST(found({{base, "qcow2"}, {"/dev/null", "raw"}, {f / "gone/x", "qcow2"}, {"", "raw"}}).empty());
    const auto beside = over("beside.qcow2", base);
    BOOST_TEST(found({}) == std::vector{beside});
    BOOST_TEST(found({{beside, "raw"}}).empty());  // a guest's disk can look like anything
    fs::remove(beside);
    // What is in between lies in a folder where no machine has a disk.
    fs::create_directory_symlink(f.path, f / "link");
    const auto between = over("between/b.qcow2", f / "link/base.qcow2");
    const auto top = over("top/t.qcow2", between);
    BOOST_TEST(found({}).empty());
    BOOST_TEST(found({{top, "qcow2"}}) == std::vector{between});
    BOOST_TEST(qemu::overlays_of({base, between}, {{top, "qcow2"}}).value() == std::vector{top});
    fs::create_symlink("loop", f / "loop");
    BOOST_TEST(!qemu::overlays_of({base}, {{f / "loop/x", "qcow2"}}).ok());
}

BOOST_AUTO_TEST_CASE(a_damaged_header_is_left_to_qemu_img) {
    const Folder f;
    const std::pair<std::streamoff, std::string> damages[] = {
        {4, std::string("\0\0\0\x09", 4)},   // version
        {20, std::string("\0\0\0\x40", 4)},  // cluster bits
        {32, std::string("\0\0\0\x01", 4)},  // encrypted
        {36, std::string("\0\0\0\0", 4)},    // the first table is too small for the size
        {40, std::string("\x7f\0\0\0", 4)},  // and lies nowhere
        {48, std::string("\x7f\0\0\0", 4)},  // as does that of the counts
        {56, std::string("\0\0\0\0", 4)},    // which is empty
        {60, std::string("\x7f\0\0\0", 4)},  // too many snapshots
        {72, std::string("\0\0\0\0\0\0\0\x02", 8)}, {100, std::string("\x7f\0\0\0", 4)},
    };
    for (const auto& [at, bytes] : damages) {
        const auto path = made(f, "damaged", {});
        write_at(path, at, bytes);
        BOOST_TEST_CONTEXT("offset " << at) {
            BOOST_TEST(!qemu::read_qcow2_header(path).has_value());
        }
        fs::remove(path);
    }
}

BOOST_AUTO_TEST_CASE(a_chain_ends_with_what_the_file_above_says) {
    const Folder f;
    using Files = std::vector<std::string>;
    for (const char* format : {"vhdx", "vpc", "raw"}) {
        const auto base = f / ("base." + std::string(format));
        BOOST_REQUIRE(qemu_img({"create", "-q", "-f", format, base, "64M"}));
        const auto one = made(f, "one", {"-b", base, "-F", format}, "");
        const auto two = made(f, "two", {"-b", "one", "-F", "qcow2"}, "");  // beside it
        const auto chain = qemu::chain_below(two, "qcow2");
        BOOST_TEST((chain.files == Files{two, one, base}));
        BOOST_TEST(chain.bottom == format);
        BOOST_TEST((qemu::chain_below(base, format).files == Files{base}));
        BOOST_TEST(qemu::chain_below(base, format).bottom == format);
        fs::remove(one);
        BOOST_TEST(qemu::chain_below(two, "qcow2").bottom == "");
    }
    BOOST_TEST(qemu::chain_below(made(f, "alone", {}), "qcow2").bottom == "qcow2");
    BOOST_TEST(qemu::chain_below(f / "missing", "qcow2").bottom == "");
}

BOOST_AUTO_TEST_CASE(what_a_guest_wrote_into_a_raw_disk_is_no_format) {
    const Folder f;
    for (const char* format : {"vhdx", "vpc", "qcow2"}) {
        const auto disk = f / ("disk." + std::string(format));
        BOOST_REQUIRE(qemu_img({"create", "-q", "-f", format, disk, "64M"}));
        const auto above = made(f, "above", {"-b", disk, "-F", "raw"}, "64M");
        BOOST_TEST(qemu::chain_below(above, "qcow2").bottom == "raw");
        BOOST_TEST(qemu::chain_below(disk, "raw").bottom == "raw");
        const auto info = qemu::ImageTool().info({}, disk, "raw");
        BOOST_REQUIRE(info);
        BOOST_TEST(info->format == "raw");
        BOOST_TEST(info->virtual_size == (fs::file_size(disk) + 511) / 512 * 512);
        fs::remove(above);
    }
}

BOOST_AUTO_TEST_CASE(a_chain_that_bites_its_tail_ends) {
    const Folder f;
    const auto a = made(f, "a", {}), b = made(f, "b", {"-b", f / "a", "-F", "qcow2"});
    BOOST_REQUIRE(qemu_img({"rebase", "-u", "-b", b, "-F", "qcow2", a}));
    BOOST_TEST(qemu::chain_below(a, "qcow2").bottom == "");
}

BOOST_AUTO_TEST_SUITE_END()
