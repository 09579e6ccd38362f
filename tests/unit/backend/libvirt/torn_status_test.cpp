// libvirt's notes of machines whose disks were being merged when the program ended.
#include "backend/libvirt/torn_status.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt::backend::libvirt;

namespace {

std::string status(const std::string& mirror, const std::string& job) {
    return "<domstatus state='running' pid='7'>" + job +
           "<domain type='qemu'><name>m</name><devices>"
           "<disk type='file' device='disk'><source file='/d/top.qcow2' index='4'>"
           "<privateData><nodenames><nodename type='storage' name='libvirt-4-storage'/>"
           "<nodename type='format' name='libvirt-4-format'/></nodenames></privateData></source>"
           "<backingStore type='file' index='3'><format type='qcow2'/><source file='/d/between.qcow2'>"
           "<privateData><nodenames><nodename type='storage' name='libvirt-3-storage'/>"
           "<nodename type='format' name='libvirt-3-format'/></nodenames></privateData></source>"
           "<backingStore type='file' index='1'><format type='raw'/><source file='/d/base.img'>"
           "<privateData><nodenames><nodename type='storage' name='libvirt-1-storage'/>"
           "<nodename type='format' name='libvirt-1-format'/></nodenames></privateData></source>"
           "<backingStore/></backingStore></backingStore>" +
           mirror + "<target dev='vda' bus='virtio'/></disk></devices></domain></domstatus>";
}

std::string job(const std::string& state, const std::string& base = "libvirt-1-format") {
    return "<blockjobs active='yes'><blockjob name='commit-vda' type='active-commit' state='" + state +
           "'><disk dst='vda'/><base node='" + base +
           "'/><top node='libvirt-4-format'/></blockjob></blockjobs>";
}

// Of a QEMU that says so of its jobs and of what its disk stands on.
MergesInQemu qemu(const std::string& jobs, const std::string& node) {
    return {"{\"return\": [" + jobs + "], \"id\": \"x\"}",
            "{\"return\": [{\"inserted\": {\"node-name\": \"" + node + "\"}}], \"id\": \"x\"}"};
}
const std::string its_job = R"({"current-progress": 1, "status": "ready", "id": "commit-vda"})";
const auto merging = qemu(its_job, "libvirt-4-format");

bool has(const std::string& text, const char* what) {
    return text.find(what) != std::string::npos;
}
bool has(const std::optional<MendedStatus>& mended, const char* what) {
    return mended && has(mended->text, what);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torn_status)

BOOST_AUTO_TEST_CASE(what_is_right_stays) {
    BOOST_TEST(!mended_status(status("", ""), merging));
    const auto whole = status("<mirror type='file' job='active-commit' ready='yes'/>", job("ready"));
    BOOST_TEST(!mended_status(whole, merging));
    BOOST_TEST(!mended_status(whole, std::nullopt));
    BOOST_TEST(!mended_status(status("<mirror type='file' job='copy'/>", ""), merging));
    BOOST_TEST(!mended_status("<domstatus", merging));
    BOOST_TEST(!mended_status("", merging));
    BOOST_TEST(notes_merges(whole));
    BOOST_TEST(!notes_merges(status("", "")));
}

BOOST_AUTO_TEST_CASE(a_merge_that_lost_its_name_has_it_again) {
    for (const auto& asked : {std::optional(merging), std::optional<MergesInQemu>()}) {
        const auto r = mended_status(status("<mirror type='file' job=''/>", job("pivoting")), asked);
        BOOST_TEST(has(r, "job=\"active-commit\" ready=\"pivot\""));
    }
    // Nothing goes on: there is nothing to be described.
    BOOST_TEST(!has(mended_status(status("<mirror type='file' job=''/>", ""), merging), "mirror"));
}

// Whatever libvirt had noted of its mirror.
BOOST_AUTO_TEST_CASE(a_disk_whose_merge_is_done_stands_on_the_base) {
    for (const char* mirror :
         {"<mirror type='file' job=''/>", "", "<mirror type='file' job='active-commit' ready='pivot'/>"}) {
        const auto r =
            mended_status(status(mirror, job("pivoting", "libvirt-3-format")), qemu("", "libvirt-3-format"));
        BOOST_TEST_REQUIRE(r.has_value());
        BOOST_TEST(!has(r, "mirror"));
        BOOST_TEST(!has(r, "<blockjob "));
        BOOST_TEST(!has(r, "/d/top.qcow2"));
        BOOST_TEST(has(r, "<source file=\"/d/between.qcow2\" index=\"3\">"));
        BOOST_TEST(has(r, "<backingStore type=\"file\" index=\"1\">"));
        BOOST_TEST(r->text.find("/d/between.qcow2") < r->text.find("/d/base.img"));
        BOOST_TEST((r->left == std::vector<std::string>{"libvirt-4-format", "libvirt-4-storage"}));
    }
}

BOOST_AUTO_TEST_CASE(a_merge_that_qemu_has_given_up_is_forgotten) {
    const auto r = mended_status(status("<mirror type='file' job='active-commit'/>", job("ready")),
                                 qemu("", "libvirt-4-format"));
    BOOST_TEST_REQUIRE(r.has_value());
    BOOST_TEST(!has(r, "mirror"));
    BOOST_TEST(!has(r, "<blockjob "));
    BOOST_TEST(has(r, "/d/top.qcow2"));
}

BOOST_AUTO_TEST_CASE(an_error_of_qemu_says_nothing_of_a_merge) {
    const std::string error =
        R"({"id": "x", "error": {"class": "CommandNotFound", "desc": "The command has not been found"}})";
    const auto done = qemu("", "libvirt-3-format");
    const auto whole = status("<mirror type='file' job='active-commit' ready='yes'/>", job("ready"));
    const auto torn = status("<mirror type='file' job=''/>", job("pivoting", "libvirt-3-format"));
    for (const auto& asked :
         {MergesInQemu{error, done.disks}, MergesInQemu{done.jobs, error}, MergesInQemu{error, error}}) {
        BOOST_TEST(!mended_status(whole, asked));
        const auto r = mended_status(torn, asked);
        BOOST_TEST(has(r, "job=\"active-commit\" ready=\"pivot\""));  // so that it can be read
        BOOST_TEST(has(r, "<blockjob "));
        BOOST_TEST(has(r, "/d/top.qcow2"));
        BOOST_TEST(r->left.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_merge_says_where_the_disk_will_stand) {
    const auto r = mended_status(status("", job("ready")), merging);
    BOOST_TEST(has(r, "<mirror type=\"file\" job=\"active-commit\">"));
    BOOST_TEST_REQUIRE(r.has_value());
    const auto at = r->text.find("<mirror");
    const auto mirror = r->text.substr(at, r->text.find("</mirror>") - at);
    BOOST_TEST(has(mirror, "<format type=\"raw\""));
    BOOST_TEST(has(mirror, "file=\"/d/base.img\" index=\"1\""));
    BOOST_TEST(has(mirror, "libvirt-1-format"));
    BOOST_TEST(!mended_status(r->text, merging));
}

BOOST_AUTO_TEST_CASE(a_merge_into_what_is_not_there_is_forgotten) {
    const auto r = mended_status(status("", job("ready", "libvirt-9-format")), merging);
    BOOST_TEST(r.has_value());
    BOOST_TEST(!has(r, "<blockjob "));
}

BOOST_AUTO_TEST_SUITE_END()
