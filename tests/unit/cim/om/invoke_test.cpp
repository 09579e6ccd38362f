#include "model.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::om_test;

namespace {

Arguments with(std::string name, Value v) {
    Arguments a;
    a.set(std::move(name), std::move(v));
    return a;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(invoke, World)

BOOST_AUTO_TEST_CASE(arguments_reach_the_provider_typed) {  // C-INV-02, C-INV-05
    auto r = om->invoke(request(), machine("a"), "requeststatechange", with("requestedstate", "2"));
    BOOST_REQUIRE(r);
    BOOST_CHECK(r->return_value == Value(0u));
    BOOST_CHECK(machines->last.get("RequestedState") == Value(2u));
    BOOST_CHECK(*r->out.get("Target").as_path() == machine("A"));

    Arguments a;
    a.set("Numbers", Value(7u));  // one value stands for an array of one
    a.set("Like", Value(R"(\\H\root\test:T_Setting.InstanceID="S:A")"));
    Instance s(ns->find("T_SnapshotSetting"));
    a.set("Setting", Value(s));
    BOOST_REQUIRE(om->invoke(request(), ObjectPath("", "T_Service"), "Define", a));
    BOOST_REQUIRE(services->last.get("Numbers").as_array());
    BOOST_CHECK((*services->last.get("Numbers").as_array())[0] == Value(7u));
    BOOST_REQUIRE(services->last.get("Like").as_path());
    BOOST_CHECK(services->last.get("Setting").as_instance());
    BOOST_CHECK(services->last.get("Absent").is_null());
    // Settings in place of a system, as os-win sends: the provider decides.
    BOOST_CHECK(
        om->invoke(request(), ObjectPath("", "T_Service"), "Define", with("Like", Value(machine("A")))));
    BOOST_CHECK(om->invoke(request(), ObjectPath("", "T_Service"), "Define", with("Made", Value())));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_named) {  // C-INV-07
    auto r = om->invoke(request(), machine("A"), "RequestStateChange", with("Nope", Value(1u)));
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::invalid_parameter);
    BOOST_CHECK_EQUAL(r.error().subject, "Nope");
    r = om->invoke(request(), machine("A"), "RequestStateChange", with("RequestedState", "two"));
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::type_mismatch);
    BOOST_CHECK_EQUAL(r.error().subject, "RequestedState");
    r = om->invoke(request(), machine("A"), "RequestStateChange", with("RequestedState", 70000u));
    BOOST_CHECK(!r && r.error().status == Status::type_mismatch);
    r = om->invoke(request(), machine("A"), "RequestStateChange",
                   with("RequestedState", Value(Value::Array{Value(1u), Value(2u)})));
    BOOST_CHECK(!r && r.error().status == Status::type_mismatch);
    r = om->invoke(request(), machine("A"), "RequestStateChange", with("Job", Value(machine("A"))));
    BOOST_CHECK(!r && r.error().status == Status::invalid_parameter);
    r = om->invoke(request(), ObjectPath("", "T_Service"), "Define", with("Like", "no = path"));
    BOOST_CHECK(!r && r.error().status == Status::type_mismatch);
    BOOST_CHECK(machines->last.all().empty());
}

BOOST_AUTO_TEST_CASE(targets) {  // C-INV-01, C-INV-10
    BOOST_CHECK(om->invoke(request(), ObjectPath("", "T_Service"), "GetCount", {}).ok());
    auto r = om->invoke(request(), ObjectPath("", "T_Machine"), "GetThing", {});
    BOOST_CHECK(!r && r.error().status == Status::insufficient_keys);
    r = om->invoke(request(), machine("none"), "GetThing", {});
    BOOST_CHECK(!r && r.error().status == Status::not_found);
    r = om->invoke(request(), machine("A"), "Nope", {});
    BOOST_CHECK(!r && r.error().status == Status::method_not_found);
    r = om->invoke(request(), machine("none"), "Nope", {});
    BOOST_CHECK(!r && r.error().status == Status::method_not_found);
    r = om->invoke(request(), ObjectPath("", "T_Nope"), "GetThing", {});
    BOOST_CHECK(!r && r.error().status == Status::invalid_class);
    // By superclass: the method is found in the instance's real class.
    BOOST_CHECK(om->invoke(request(), ObjectPath("", "CIM_System", {{"Name", "A"}}), "GetThing", {}).ok());
}

BOOST_AUTO_TEST_CASE(roles) {
    const auto viewer = TestIdentity::make(Role::viewer), oper = TestIdentity::make(Role::operator_);
    const auto status = [&](const Identity& who, const ObjectPath& target, const char* method) {
        auto r = om->invoke(request(who), target, method, {});
        return r ? static_cast<Status>(0) : r.error().status;
    };
    BOOST_CHECK(status(viewer, machine("A"), "GetThing") == static_cast<Status>(0));
    BOOST_CHECK(status(viewer, machine("A"), "RequestStateChange") == Status::access_denied);
    BOOST_CHECK(status(oper, machine("A"), "RequestStateChange") == static_cast<Status>(0));
    BOOST_CHECK(status(oper, ObjectPath("", "T_Service"), "Define") == Status::access_denied);
    BOOST_CHECK(status(admin, ObjectPath("", "T_Service"), "Define") == static_cast<Status>(0));
}

BOOST_AUTO_TEST_CASE(exceptions_become_errors) {
    auto r = om->invoke(request(), machine("A"), "Fail", {});
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::failed);
    BOOST_CHECK_EQUAL(r.error().detail, "broken");
}

BOOST_AUTO_TEST_SUITE_END()
