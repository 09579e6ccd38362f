#include <boost/test/unit_test.hpp>

#include "tests/unit/wsman/ops/service.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using ops_test::Service;

namespace {

const std::string transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer/";
const std::string note = "<p:T_Echo xmlns:p=\"" + Service::dmtf + "\"><p:Note>new</p:Note></p:T_Echo>";

std::string ask(Service& s, const std::string& operation, const std::string& id, const std::string& body = "",
                const std::string& headers = "") {
    const auto set = "<w:SelectorSet><w:Selector Name=\"Id\">" + id + "</w:Selector></w:SelectorSet>";
    return s.send(Service::envelope(transfer + operation, Service::dmtf, body, set + headers)).body;
}
bool has(const std::string& body, std::string_view part) {
    return body.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(locked_and_offline)

BOOST_AUTO_TEST_CASE(W_RES_04_W_FLX_03_a_host_that_does_not_answer) {
    Service s;
    const auto r = ask(s, "Get", "offline");
    BOOST_TEST(has(r, "s:Receiver"));
    BOOST_TEST(has(r, "a:EndpointUnavailable"));
    BOOST_TEST(has(r, "faultDetail/ResourceOffline<"));
    BOOST_TEST(has(r, "The host does not answer."));
}

BOOST_AUTO_TEST_CASE(W_GET_06_a_locked_object_cannot_be_read) {
    Service s;
    const auto r = ask(s, "Get", "reading");
    BOOST_TEST(has(r, "s:Sender"));
    BOOST_TEST(has(r, "w:Concurrency"));
}

BOOST_AUTO_TEST_CASE(W_PUT_06_a_locked_object_cannot_be_changed) {
    Service s;
    const auto r = ask(s, "Put", "locked", note);
    BOOST_TEST(has(r, "s:Sender"));
    BOOST_TEST(has(r, "w:Concurrency"));
}

BOOST_AUTO_TEST_CASE(W_DEL_04_a_locked_object_cannot_be_deleted) {
    Service s;
    const auto r = ask(s, "Delete", "locked");
    BOOST_TEST(has(r, "s:Sender"));
    BOOST_TEST(has(r, "w:Concurrency"));
}

BOOST_AUTO_TEST_CASE(W_FRG_18_a_fragment_of_a_locked_object_cannot_be_deleted) {
    Service s;
    const std::string header = "<w:FragmentTransfer s:mustUnderstand=\"true\">Note</w:FragmentTransfer>";
    BOOST_TEST(has(ask(s, "Get", "locked", "", header), "a note"));
    BOOST_TEST(has(ask(s, "Delete", "locked", "", header), "w:AccessDenied"));
    const auto put = "<w:XmlFragment><p:Note xmlns:p=\"" + Service::dmtf + "\">x</p:Note></w:XmlFragment>";
    BOOST_TEST(has(ask(s, "Put", "locked", put, header), "w:Concurrency"));
}

BOOST_AUTO_TEST_SUITE_END()
