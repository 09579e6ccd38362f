// What a provider has in memory is answered where the request arrived, in the same words as by the pool.
#include <boost/test/unit_test.hpp>

#include "tests/unit/wsman/ops/service.hpp"

using namespace wsvirt;
using namespace wsvirt::wsman;
using ops_test::Service;

namespace {

std::string selector(const std::string& id) {
    return "<w:SelectorSet><w:Selector Name=\"Id\">" + id + "</w:Selector></w:SelectorSet>";
}
HttpResponse get(Service& s, const std::string& id, const std::string& headers = "") {
    return s.send(Service::envelope("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", Service::dmtf, "",
                                    selector(id) + headers));
}
HttpResponse needs(Service& s, const std::string& argument) {
    return s.invoke("Needs", "<p:Must>" + argument + "</p:Must>", selector("memory"), Service::dmtf, false);
}
bool has(const HttpResponse& r, std::string_view part) {
    return r.body.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(at_once)

BOOST_AUTO_TEST_CASE(a_read_from_memory_needs_no_thread_of_the_pool) {
    Service s;
    s.pool.full = true;
    const auto r = get(s, "memory");
    BOOST_TEST(r.status == 200u);
    BOOST_TEST(has(r, "<p:Id>memory</p:Id>"));
    BOOST_TEST(has(get(s, "one"), "w:QuotaLimit"));
}

BOOST_AUTO_TEST_CASE(a_call_that_changes_nothing_needs_no_thread_of_the_pool) {
    Service s;
    s.pool.full = true;
    const auto r = needs(s, "no");
    BOOST_TEST(r.status == 200u);
    BOOST_TEST(has(r, "<p:ReturnValue>5</p:ReturnValue>"));
    BOOST_TEST(has(needs(s, "yes"), "w:QuotaLimit"));
    BOOST_TEST(s.echo->begun == 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_in_memory_is_done_once_and_by_the_pool) {
    Service s;
    BOOST_TEST(has(get(s, "one"), "<p:Id>one</p:Id>"));
    BOOST_TEST(has(needs(s, "yes"), "<p:ReturnValue>0</p:ReturnValue>"));
    BOOST_TEST(s.echo->begun == 1);
    BOOST_TEST(has(get(s, "nobody"), "a:DestinationUnreachable"));
    const std::string fragment = "<w:FragmentTransfer s:mustUnderstand=\"true\">Id</w:FragmentTransfer>";
    BOOST_TEST(has(get(s, "memory", fragment), "<w:XmlFragment>"));
}

BOOST_AUTO_TEST_CASE(a_role_that_may_not_call_is_refused_all_the_same) {
    Service s;
    s.role = Role::viewer;
    BOOST_TEST(has(needs(s, "no"), "w:AccessDenied"));
    BOOST_TEST(has(get(s, "memory"), "<p:Id>memory</p:Id>"));
}

BOOST_AUTO_TEST_CASE(a_defect_there_becomes_a_fault) {
    Service s;
    s.echo->defect = true;
    BOOST_TEST(has(get(s, "memory"), "w:InternalError"));
}

BOOST_AUTO_TEST_CASE(an_answer_may_be_too_large_there_too) {
    Service s;
    const std::string limit = "<w:MaxEnvelopeSize s:mustUnderstand=\"true\">8192</w:MaxEnvelopeSize>";
    BOOST_TEST(get(s, "memory", limit).status == 200u);
    OpsSettings small;
    small.max_envelope_size = 600;
    Service t(small);
    BOOST_TEST(has(get(t, "memory"), "w:EncodingLimit"));
}

BOOST_AUTO_TEST_SUITE_END()
