#include "wsman/client/session.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/wsman/client/scripted_transport.hpp"
#include "wsman/client/job.hpp"

using namespace wsvirt;
using namespace wsvirt::client;

namespace {
struct Fixture {
    ScriptedTransport server;
    Session session{server, Circumstances{"https://h/wsman"}, Naming{}};
    JobWait wait() const {
        JobWait w;
        w.first_poll = std::chrono::milliseconds(1);
        return w;
    }
    void job_answer(const char* state, const char* percent, const std::string& more = {}) {
        server.answer("<p:Msvm_ConcreteJob><p:JobState>" + std::string(state) +
                      "</p:JobState><p:PercentComplete>" + percent + "</p:PercentComplete>" + more +
                      "</p:Msvm_ConcreteJob>");
    }
    void job_started() {
        server.answer("<p:Do_OUTPUT><p:Job>" +
                      ScriptedTransport::reference("Msvm_ConcreteJob", "InstanceID", "J1") +
                      "</p:Job><p:ReturnValue>4096</p:ReturnValue></p:Do_OUTPUT>");
    }
    Result<Object> call_do() { return call(session, {"http://x/S", {}}, "Do", {}, wait()); }
};
std::string page(const std::string& items, const std::string& context) {
    return "<n:PullResponse><n:EnumerationContext>" + context + "</n:EnumerationContext><n:Items>" + items +
           "</n:Items></n:PullResponse>";
}
}  // namespace

BOOST_FIXTURE_TEST_SUITE(client_session, Fixture)

BOOST_AUTO_TEST_CASE(query_pulls_until_the_end) {
    server.answer(
        "<n:EnumerateResponse><n:EnumerationContext>c1</n:EnumerationContext>"
        "<w:Items><p:C><p:A>1</p:A></p:C></w:Items></n:EnumerateResponse>");
    server.answer(page("<p:C><p:A>2</p:A></p:C>", "c2"));
    server.answer(
        "<n:PullResponse><n:Items><p:C><p:A>3</p:A></p:C></n:Items><n:EndOfSequence/></n:PullResponse>");
    const auto all = session.query("SELECT * FROM C").value();
    BOOST_REQUIRE(all.size() == 3U);
    BOOST_TEST(all[2].text("A") == "3");
    BOOST_TEST(server.sent[1].find("c1") != std::string::npos);
    BOOST_TEST(server.sent[2].find("c2") != std::string::npos);  // a server may change the context
}

BOOST_AUTO_TEST_CASE(stopping_early_releases_the_context) {
    server.answer(
        "<n:EnumerateResponse><n:EnumerationContext>c1</n:EnumerationContext>"
        "<w:Items><p:C/><p:C/></w:Items></n:EnumerateResponse>");
    server.answer("");
    int seen = 0;
    BOOST_TEST(session.enumerate({"http://x/C", {}}, "", [&](const Object&) { return ++seen < 1; }).ok());
    BOOST_TEST(seen == 1);
    BOOST_REQUIRE(server.sent.size() == 2U);
    BOOST_TEST(server.sent[1].find("enumeration/Release") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(unauthenticated_identify_says_so) {
    server.answer("<p:IdentifyResponse><p:ProductVendor>v</p:ProductVendor></p:IdentifyResponse>");
    BOOST_TEST(session.identify(true).value().text("ProductVendor") == "v");
    BOOST_TEST((server.last_headers == Headers::unauthenticated_identify));
}

BOOST_AUTO_TEST_CASE(return_value_0_is_done_without_polling) {
    server.answer("<p:Do_OUTPUT><p:ReturnValue>0</p:ReturnValue></p:Do_OUTPUT>");
    BOOST_TEST(call_do().ok());
    BOOST_TEST(server.sent.size() == 1U);
}

BOOST_AUTO_TEST_CASE(job_is_polled_by_its_reference_until_it_ends) {
    job_started();
    job_answer("3", "0");
    job_answer("4", "50");
    job_answer("7", "100");
    BOOST_TEST(call_do().ok());
    BOOST_REQUIRE(server.sent.size() == 4U);
    BOOST_TEST(server.sent[1].find("transfer/Get") != std::string::npos);
    BOOST_TEST(server.sent[1].find("v2/Msvm_ConcreteJob") != std::string::npos);
    BOOST_TEST(server.sent[1].find(">J1<") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(completed_with_warnings_is_good_and_service_goes_on) {
    job_started();
    job_answer("11", "10");
    job_answer("32768", "100");
    BOOST_TEST(call_do().ok());
    BOOST_TEST(server.sent.size() == 3U);
}

BOOST_AUTO_TEST_CASE(failed_job_gives_its_own_text) {
    job_started();
    job_answer("10", "30",
               "<p:ErrorCode>32768</p:ErrorCode><p:ErrorDescription>The disk is gone.</p:ErrorDescription>");
    const auto r = call_do();
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().text == "The disk is gone.");
    BOOST_TEST(r.error().message_id == "job.failed");
}

BOOST_AUTO_TEST_CASE(other_return_values_are_errors_that_name_the_number) {
    server.answer("<p:Do_OUTPUT><p:ReturnValue>32775</p:ReturnValue></p:Do_OUTPUT>");
    const auto r = call_do();
    BOOST_REQUIRE(!r);
    BOOST_TEST(r.error().subject == "32775");
    BOOST_TEST(r.error().full_text().find("state") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(watcher_sees_the_progress) {
    struct Watcher : JobWatcher {
        std::vector<unsigned> seen;
        int ends = 0;
        void show(const JobStatus& s) override { seen.push_back(s.percent); }
        void ended(bool well) override { ends += well ? 1 : 100; }
    } watcher;
    job_started();
    job_answer("4", "40");
    job_answer("7", "90");
    JobWait w = wait();
    w.watcher = &watcher;
    BOOST_TEST(call(session, {"http://x/S", {}}, "Do", {}, w).ok());
    BOOST_TEST(watcher.seen == (std::vector<unsigned>{40, 100}), boost::test_tools::per_element());
    BOOST_TEST(watcher.ends == 1);
}

BOOST_AUTO_TEST_SUITE_END()
