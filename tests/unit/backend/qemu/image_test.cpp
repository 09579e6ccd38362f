#include "backend/qemu/image.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.hpp"

using namespace wsvirt;
using namespace wsvirt::backend;
namespace fs = std::filesystem;

namespace {

struct Folder {
    fs::path path = "/tmp/wsvirt-image-" + make_guid();
    Folder() { fs::create_directories(path); }
    ~Folder() { fs::remove_all(path); }
    std::string operator/(const char* name) const { return path / name; }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path), fs::directory_iterator()));
    }
};

Call soon() {
    Call c;
    c.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    return c;
}

ImageSpec image(const std::string& path, const std::string& format,
                ImageSpec::Kind kind = ImageSpec::Kind::dynamic) {
    ImageSpec s;
    s.path = path;
    s.format = format;
    s.kind = kind;
    s.size = 4 << 20;
    return s;
}

const qemu::ImageTool tool;

}  // namespace

BOOST_AUTO_TEST_SUITE(disk_images)

BOOST_AUTO_TEST_CASE(every_format_and_kind_is_made_and_read_back) {
    const Folder f;
    using Kind = ImageSpec::Kind;
    for (const char* format : {"qcow2", "raw", "vpc", "vhdx"})
        for (const Kind kind : {Kind::dynamic, Kind::fixed}) {
            const std::string path = f / (std::string(format) + (kind == Kind::fixed ? "-f" : "-d")).c_str();
            auto made = tool.create(soon(), image(path, format, kind));
            BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().full_text()));
            auto info = tool.info(soon(), path);
            BOOST_REQUIRE(info);
            BOOST_TEST(info->format == format);
            BOOST_TEST(info->virtual_size == 4u << 20);
            if (std::string(format).starts_with("v"))
                BOOST_TEST(info->subformat == (kind == Kind::fixed ? "fixed" : "dynamic"));
            if (kind == Kind::fixed && format != std::string("vhdx"))
                BOOST_TEST(info->actual_size >= 4u << 20);
        }
    BOOST_TEST(f.files() == 8u);
}

BOOST_AUTO_TEST_CASE(differencing_images_know_their_parent) {
    const Folder f;
    BOOST_REQUIRE(tool.create(soon(), image(f / "parent,with,commas.vhdx", "vhdx")));
    ImageSpec child = image(f / "child.qcow2", "qcow2", ImageSpec::Kind::differencing);
    child.parent = f / "parent,with,commas.vhdx";
    child.size = 0;
    BOOST_REQUIRE(tool.create(soon(), child));
    auto info = tool.info(soon(), child.path);
    BOOST_REQUIRE(info);
    BOOST_TEST(info->backing_file == child.parent);
    BOOST_TEST(info->virtual_size == 4u << 20);
    child.path = f / "child.vhdx";
    child.format = "vhdx";
    auto refused = tool.create(soon(), child);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().status == Status::not_supported));
}

// Its header could name any file of the host, and a guest can write such a header into a raw disk.
BOOST_AUTO_TEST_CASE(an_image_with_its_data_in_another_file_is_refused) {
    const Folder f;
    const auto trojan = f / "trojan.qcow2", secret = f / "secret";
    std::ofstream(secret) << "secret";
    const auto make = "qemu-img create -q -f qcow2 -o data_file=" + secret + ",data_file_raw=on " + trojan +
                      " 1M >/dev/null";
    BOOST_TEST_REQUIRE(std::system(make.c_str()) == 0);
    const auto refused = [](const auto& r) {
        BOOST_TEST_REQUIRE(!r.ok());
        BOOST_TEST((r.error().status == Status::invalid_parameter));
        BOOST_TEST(r.error().message_id == "wsvirt.image.data_file");
    };
    refused(tool.info(soon(), trojan));
    refused(tool.info(soon(), trojan, "qcow2"));
    refused(tool.convert(soon(), trojan, image(f / "copy.qcow2", "qcow2")));
    refused(tool.resize(soon(), trojan, 8 << 20));
    ImageSpec child = image(f / "child.qcow2", "qcow2", ImageSpec::Kind::differencing);
    child.parent = trojan;
    refused(tool.create(soon(), child));
    fs::remove(secret);  // nobody looks for it either
    refused(tool.info(soon(), trojan));
    const auto raw = tool.info(soon(), trojan, "raw");  // a disk whose guest wrote that is no such image
    BOOST_TEST_REQUIRE(raw.ok());
    BOOST_TEST(raw->format == "raw");
}

BOOST_AUTO_TEST_CASE(a_flat_copy_is_there_for_as_long_as_it_is_used) {
    const Folder f;
    const qemu::ImageTool noting("qemu-img", f / "journal");
    BOOST_REQUIRE(tool.create(soon(), image(f / "parent.qcow2", "qcow2")));
    ImageSpec child = image(f / "child.qcow2", "qcow2", ImageSpec::Kind::differencing);
    child.parent = f / "parent.qcow2";
    BOOST_REQUIRE(tool.create(soon(), child));
    std::string seen;
    const auto failed =
        noting.with_flat_copy(soon(), child.path, [&](const std::string& copy) -> Result<void> {
            seen = copy;
            const auto info = tool.info(soon(), copy);
            BOOST_REQUIRE(info);
            BOOST_TEST(info->format == "qcow2");
            BOOST_TEST(info->backing_file.empty());
            BOOST_TEST(info->virtual_size == 4u << 20);
            BOOST_TEST(!fs::is_empty(f / "journal"));  // whoever starts after a kill finds it
            return Error{Status::cancelled, "test", "Enough."};
        });
    BOOST_REQUIRE(!failed);
    BOOST_TEST((failed.error().status == Status::cancelled));
    BOOST_TEST(!seen.empty());
    BOOST_TEST(!fs::exists(seen));
    BOOST_TEST(fs::is_empty(f / "journal"));
    BOOST_TEST(fs::exists(child.path));
}

BOOST_AUTO_TEST_CASE(strange_names_are_only_names) {
    const Folder f;
    for (const char* name :
         {"-o", "nbd:localhost:1", "a b'c\"d", "json:{}", "fat:rw", "\xF0\x9F\x90\xA7,x=y", "50%"}) {
        auto made = tool.create(soon(), image(f / name, "qcow2"));
        BOOST_REQUIRE_MESSAGE(made, name);
        BOOST_TEST(tool.info(soon(), f / name)->format == "qcow2");
        BOOST_TEST(fs::exists(f / name));
    }
    for (const char* path : {"relative.qcow2", "-o", "nbd:localhost", ""}) {
        auto refused = tool.create(soon(), image(path, "qcow2"));
        BOOST_REQUIRE(!refused);
        BOOST_TEST((refused.error().status == Status::invalid_parameter));
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_left_after_a_failure) {
    const Folder f;
    BOOST_REQUIRE(tool.create(soon(), image(f / "a.raw", "raw")));
    auto again = tool.create(soon(), image(f / "a.raw", "raw"));
    BOOST_REQUIRE(!again);
    BOOST_TEST((again.error().status == Status::already_exists));
    auto no_folder = tool.create(soon(), image(f / "none/b.raw", "raw"));
    BOOST_REQUIRE(!no_folder);
    BOOST_TEST((no_folder.error().status == Status::not_found));
    BOOST_TEST(!no_folder.error().detail.empty());
    ImageSpec huge = image("/dev/shm/wsvirt-huge-" + make_guid(), "raw", ImageSpec::Kind::fixed);
    huge.size = 1ull << 50;
    auto full = tool.create(soon(), huge);
    BOOST_REQUIRE(!full);
    BOOST_TEST((full.error().status == Status::no_space));
    BOOST_TEST(!fs::exists(huge.path));
    BOOST_TEST(f.files() == 1u);
}

BOOST_AUTO_TEST_CASE(conversion_reports_progress_and_can_be_cancelled) {
    const Folder f;
    ImageSpec big = image(f / "big.raw", "raw");
    big.size = 256 << 20;
    BOOST_REQUIRE(tool.create(soon(), big));
    {
        std::fstream out(big.path, std::ios::in | std::ios::out | std::ios::binary);
        const std::string block(1 << 20, 'x');
        for (int i = 0; i < 256; ++i) out.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    std::vector<Progress> seen;
    Call c = soon();
    c.progress = [&](const Progress& p) { seen.push_back(p); };
    auto done = tool.convert(c, big.path, image(f / "copy.qcow2", "qcow2"));
    BOOST_REQUIRE_MESSAGE(done, (done ? "" : done.error().full_text()));
    BOOST_REQUIRE(seen.size() >= 2u);
    for (std::size_t i = 1; i < seen.size(); ++i) BOOST_TEST(seen[i].done >= seen[i - 1].done);
    BOOST_TEST(seen.back().done == 256u << 20);
    BOOST_TEST(seen.back().total == 256u << 20);

    std::stop_source stop;
    c.stop = stop.get_token();
    c.progress = [&](const Progress&) { stop.request_stop(); };
    auto cancelled = tool.convert(c, big.path, image(f / "cancelled.qcow2", "qcow2"));
    BOOST_REQUIRE(!cancelled);
    BOOST_TEST((cancelled.error().status == Status::cancelled));
    Call late;
    late.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
    auto timed_out = tool.convert(late, big.path, image(f / "late.qcow2", "qcow2"));
    BOOST_REQUIRE(!timed_out);
    BOOST_TEST((timed_out.error().status == Status::timed_out));
    BOOST_TEST(f.files() == 2u);
}

// Others call theirs what they like.
BOOST_AUTO_TEST_CASE(the_content_of_a_snapshot_is_taken_whatever_its_name) {
    const Folder f;
    const std::string name = "before, snapshot.id=1,";
    BOOST_REQUIRE(tool.create(soon(), image(f / "a.qcow2", "qcow2")));
    BOOST_REQUIRE(tool.snapshot(soon(), 'c', name, f / "a.qcow2"));
    auto of_snapshot = image(f / "b.qcow2", "qcow2");
    of_snapshot.from_snapshot = name;
    const auto r = tool.convert(soon(), f / "a.qcow2", of_snapshot);
    BOOST_TEST_REQUIRE(r.ok(), (r ? "" : r.error().full_text()));
    of_snapshot.from_snapshot = "before";
    of_snapshot.path = f / "c.qcow2";
    BOOST_TEST(!tool.convert(soon(), f / "a.qcow2", of_snapshot).ok());
}

BOOST_AUTO_TEST_CASE(a_copy_is_no_faster_than_it_may_be) {
    const Folder f;
    std::ofstream(f / "from") << std::string(4 << 20, 'x');
    const auto begun = std::chrono::steady_clock::now();
    BOOST_TEST(tool.convert(soon(), f / "from", image(f / "to", "raw"), 2 << 20).ok());
    BOOST_TEST((std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(800)));
    BOOST_TEST(fs::file_size(f / "to") == 4U << 20);
}

BOOST_AUTO_TEST_CASE(sizes_change_where_the_format_can) {
    const Folder f;
    BOOST_REQUIRE(tool.create(soon(), image(f / "a.qcow2", "qcow2")));
    BOOST_REQUIRE(tool.resize(soon(), f / "a.qcow2", 8 << 20));
    BOOST_TEST(tool.info(soon(), f / "a.qcow2")->virtual_size == 8u << 20);
    BOOST_REQUIRE(tool.create(soon(), image(f / "a.vhdx", "vhdx")));
    auto refused = tool.resize(soon(), f / "a.vhdx", 8 << 20);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().status == Status::not_supported));
}

BOOST_AUTO_TEST_CASE(unfinished_files_of_a_killed_program_are_removed) {
    const Folder f;
    fs::create_directories(f / "journal");
    const std::string part = f / ".wsvirt-X.part";
    std::ofstream(part) << "half";
    std::ofstream(f / "journal/X") << part;
    std::ofstream(f / "keep") << "other";
    std::ofstream(f / "journal/Y") << std::string(f / "keep");
    qemu::ImageTool("qemu-img", f / "journal").remove_left_overs();
    BOOST_TEST(!fs::exists(part));
    BOOST_TEST(fs::exists(f / "keep"));
    BOOST_TEST(fs::is_empty(f / "journal"));
}

BOOST_AUTO_TEST_CASE(qemu_img_that_outlived_a_killed_program_is_ended) {
    const Folder f;
    fs::create_directories(f / "journal");
    const auto start = [](const char* name, const std::string& argument) {
        const pid_t pid = fork();
        if (pid == 0) {
            execl("/bin/sh", name, "-c", "while :; do sleep 1; done", "x", argument.c_str(), nullptr);
            _exit(1);
        }
        // Until it is the other program.
        const std::string line = "/proc/" + std::to_string(pid) + "/cmdline";
        for (std::string text; text.find(argument) == std::string::npos;) {
            std::ifstream in(line, std::ios::binary);
            text.assign(std::istreambuf_iterator<char>(in), {});
        }
        return pid;
    };
    const std::string part = f / ".wsvirt-X.part";
    std::ofstream(f / "journal/X") << part;
    const pid_t orphan = start("/usr/bin/qemu-img", part), other = start("/usr/bin/qemu-img", part + "2"),
                stranger = start("/usr/bin/other", part);
    qemu::ImageTool("qemu-img", f / "journal").remove_left_overs();
    int status = 0;
    BOOST_TEST(waitpid(orphan, &status, 0) == orphan);
    BOOST_TEST(WIFSIGNALED(status));
    for (const pid_t pid : {other, stranger}) {
        BOOST_TEST(waitpid(pid, &status, WNOHANG) == 0);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
}

BOOST_AUTO_TEST_CASE(progress_is_taken_from_what_qemu_img_prints) {
    std::string out = "    (0.00/100%)\r    (12.50/100%)\r    (33.";
    BOOST_TEST(*qemu::take_progress(out) == 12.5);
    BOOST_TEST(!qemu::take_progress(out));
    out += "00/100%)\r";
    BOOST_TEST(*qemu::take_progress(out) == 33.0);
    out = "garbage/100%)";
    BOOST_TEST(!qemu::take_progress(out));
}

BOOST_AUTO_TEST_CASE(a_missing_program_is_named) {
    const qemu::ImageTool none("/nonexistent/qemu-img");
    auto r = none.info(soon(), "/tmp");
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().message_id == "wsvirt.program.start");
    BOOST_TEST(r.error().text.find("/nonexistent/qemu-img") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
