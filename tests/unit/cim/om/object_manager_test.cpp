#include "model.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::om_test;

namespace {

template <class T>
Status status_of(const Result<T>& r) {
    BOOST_REQUIRE(!r.ok());
    return r.error().status;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(object_manager, World)

BOOST_AUTO_TEST_CASE(get_by_full_keys) {  // C-OP-01, MS-36
    auto i = om->get(request(), machine("b"));
    BOOST_REQUIRE(i);
    BOOST_CHECK_EQUAL(i->string("Name"), "B");
    BOOST_CHECK(status_of(om->get(request(), machine("none"))) == Status::not_found);
    i = om->get(request(), ObjectPath("", "t_machine", {{"name", "A"}, {"CREATIONCLASSNAME", "t_machine"}}));
    BOOST_CHECK(i.ok());
}

BOOST_AUTO_TEST_CASE(part_of_the_keys_is_enough_when_it_names_one) {
    BOOST_CHECK(om->get(request(), ObjectPath("", "T_Machine", {{"Name", "C"}})).ok());
    BOOST_CHECK(om->get(request(), ObjectPath("", "T_Service", {{"CreationClassName", "T_Service"}})).ok());
    BOOST_CHECK(om->get(request(), ObjectPath("", "T_Service")).ok());
    BOOST_CHECK(status_of(om->get(request(), ObjectPath("", "T_Machine"))) == Status::insufficient_keys);
    BOOST_CHECK(
        status_of(om->get(request(), ObjectPath("", "T_Machine", {{"CreationClassName", "T_Machine"}}))) ==
        Status::ambiguous_keys);
    BOOST_CHECK(status_of(om->get(request(), ObjectPath("", "T_Machine", {{"Name", "X"}}))) ==
                Status::not_found);
}

BOOST_AUTO_TEST_CASE(partial_keys_use_the_index) {
    machines->indexed = true;
    BOOST_CHECK(om->get(request(), ObjectPath("", "T_Machine", {{"Name", "C"}})).ok());
    BOOST_CHECK_EQUAL(machines->enumerated, 0);
}

BOOST_AUTO_TEST_CASE(wrong_keys_are_named) {
    auto r = om->get(request(), ObjectPath("", "T_Machine", {{"Nme", "C"}}));
    BOOST_CHECK(status_of(r) == Status::unexpected_key);
    BOOST_CHECK_EQUAL(r.error().subject, "Nme");
    r = om->get(request(), ObjectPath("", "T_Machine", {{"ElementName", "C"}}));
    BOOST_CHECK(status_of(r) == Status::unexpected_key);
    BOOST_CHECK(status_of(om->get(request(), ObjectPath("", "T_Nope"))) == Status::invalid_class);
    BOOST_CHECK(status_of(om->get(request(), ObjectPath("root/no", "T_Machine"))) ==
                Status::invalid_namespace);
    r = om->get(request(), ObjectPath("", "T_Free", {{"Id", "static"}, {"Part", "x"}}));
    BOOST_CHECK(status_of(r) == Status::type_mismatch);
    BOOST_CHECK_EQUAL(r.error().subject, "Part");
    BOOST_CHECK(om->get(request(), ObjectPath("", "T_Free", {{"Id", "static"}, {"Part", "1"}})).ok());
}

BOOST_AUTO_TEST_CASE(a_superclass_names_instances_of_its_subclasses) {
    auto i = om->get(request(), ObjectPath("", "CIM_System", {{"Name", "HOST"}}));
    BOOST_REQUIRE(i);
    BOOST_CHECK_EQUAL(i->cls().name(), "T_Host");
    i = om->get(request(), ObjectPath("", "CIM_System", {{"CreationClassName", "T_Machine"}, {"Name", "A"}}));
    BOOST_REQUIRE(i);
    BOOST_CHECK_EQUAL(i->cls().name(), "T_Machine");
    BOOST_CHECK_EQUAL(hosts->enumerated, 1);  // the second look-up knew the class
    i = om->get(request(), ObjectPath("", "T_Setting", {{"InstanceID", "S:A-snap"}}));
    BOOST_REQUIRE(i);
    BOOST_CHECK_EQUAL(i->cls().name(), "T_SnapshotSetting");
    BOOST_CHECK(om->get(request(), ObjectPath("", "CIM_Element", {{"InstanceID", "S:A"}})).ok());
}

BOOST_AUTO_TEST_CASE(quotes_round_a_selector_value_are_taken_off) {
    BOOST_CHECK(om->get(request(), machine("\"A\"")).ok());
    const auto p = om->resolve(request(), ObjectPath("", "T_Machine", {{"Name", "\"a\""}}));
    BOOST_REQUIRE(p);
    BOOST_CHECK_EQUAL(p->to_text("H"), R"(\\H\root\test:T_Machine.CreationClassName="T_Machine",Name="A")");
}

BOOST_AUTO_TEST_CASE(enumeration_and_polymorphism) {  // C-POL-02, C-POL-03, C-POL-04
    BOOST_CHECK((names(om->enumerate(request(), "cim_system")) == Names{"A", "B", "C", "HOST", "svc"}));
    EnumerateOptions o;
    o.polymorphism = Polymorphism::none;
    BOOST_CHECK(names(om->enumerate(request(), "CIM_System", o)).empty());
    BOOST_CHECK_EQUAL(names(om->enumerate(request(), "T_Setting", o), "InstanceID").size(), 3u);
    BOOST_CHECK_EQUAL(names(om->enumerate(request(), "T_Setting"), "InstanceID").size(), 4u);
    o.polymorphism = Polymorphism::exclude_subclass_properties;
    auto s = om->enumerate(request(), "CIM_System", o);
    auto all = collect(**s);
    for (const auto& i : *all) {
        BOOST_CHECK_EQUAL(i.cls().name(), "CIM_System");
        BOOST_CHECK(!i.string("Name").empty());
    }
    BOOST_CHECK(status_of(om->enumerate(request(), "T_Nope")) == Status::invalid_class);
    BOOST_CHECK(names(om->enumerate(request(), "T_Leaf"), "Text").empty());
}

BOOST_AUTO_TEST_CASE(instances_that_vanish_are_skipped_and_exceptions_stop_at_the_boundary) {
    machines->rows = {"A", "vanished", "C"};
    BOOST_CHECK((names(om->enumerate(request(), "T_Machine")) == Names{"A", "C"}));
    machines->rows = {"A", "throws"};
    auto s = om->enumerate(request(), "T_Machine");
    BOOST_REQUIRE((*s)->next());
    BOOST_CHECK(status_of((*s)->next()) == Status::failed);
    auto r = om->get(request(), ObjectPath("", "T_Machine", {{"Name", "Z"}}));
    BOOST_CHECK(status_of(r) == Status::failed);
}

BOOST_AUTO_TEST_CASE(select) {  // C-QRY-04
    BOOST_CHECK((query("SELECT * FROM T_Machine WHERE State = 3") == Names{"B", "C"}));
    BOOST_CHECK(
        (query("SELECT * FROM cim_system WHERE Name != __SERVER and Name LIKE '[A-B]'") == Names{"A", "B"}));
    auto a = om->wql(request(), "SELECT elementname, __PATH FROM t_machine WHERE Name='a'");
    BOOST_REQUIRE(a);
    BOOST_CHECK((a->projected == Names{"ElementName", "__PATH"}));
    BOOST_CHECK_EQUAL(a->from_class, "T_Machine");
    BOOST_CHECK(status_of(om->wql(request(), "SELECT * FROM T_Nope")) == Status::invalid_query);
    BOOST_CHECK(status_of(om->wql(request(), "SELECT Nope FROM T_Machine")) == Status::invalid_query);
    BOOST_CHECK(status_of(om->wql(request(), "garbage")) == Status::invalid_query);
    BOOST_CHECK(om->cql(request(), "SELECT m.Name FROM T_Machine m WHERE m.State = 2").ok());
}

BOOST_AUTO_TEST_CASE(select_takes_the_cheapest_way) {
    BOOST_CHECK((query("SELECT * FROM T_Setting WHERE InstanceID = 's:b'", "InstanceID") == Names{"S:B"}));
    BOOST_CHECK_EQUAL(settings->got, 1);
    machines->indexed = true;
    BOOST_CHECK(
        (query("SELECT * FROM T_Machine WHERE Name != __SERVER AND Name = 'b' AND State = 3") == Names{"B"}));
    BOOST_CHECK_EQUAL(machines->found, 1);
    BOOST_CHECK_EQUAL(machines->enumerated, 0);
    BOOST_CHECK(
        (query(R"(SELECT * FROM T_Setting WHERE __PATH = '\\\\x\\ROOT\\test:T_Setting.InstanceID="S:C"')",
               "InstanceID") == Names{"S:C"}));
    BOOST_CHECK(query("SELECT * FROM T_Setting WHERE __PATH = 'rubbish'", "InstanceID").empty());
    BOOST_CHECK(query("SELECT * FROM T_Setting WHERE InstanceID = 'S:A' AND InstanceID = 'S:B'", "InstanceID")
                    .empty());
}

BOOST_AUTO_TEST_CASE(associators) {  // C-ASF-01, C-ASF-11, C-ASF-12
    const std::string of = "ASSOCIATORS OF {T_Machine.CreationClassName='T_Machine',Name='a'} ";
    // The state's settings come before snapshots although their association sorts behind in the alphabet.
    BOOST_CHECK((query(of, "InstanceID") == Names{"S:A", "S:A-snap"}));
    BOOST_CHECK((query(of + "WHERE ResultClass = t_setting", "InstanceID") == Names{"S:A", "S:A-snap"}));
    BOOST_CHECK((query(of + "WHERE ResultClass = T_SnapshotSetting", "InstanceID") == Names{"S:A-snap"}));
    BOOST_CHECK((query(of + "WHERE AssocClass = CIM_SettingsDefineState", "InstanceID") == Names{"S:A"}));
    BOOST_CHECK((query(of + "WHERE Role = antecedent", "InstanceID") == Names{"S:A-snap"}));
    BOOST_CHECK(query(of + "WHERE Role = Dependent", "InstanceID").empty());
    BOOST_CHECK((query(of + "WHERE ResultRole = settingdata", "InstanceID") == Names{"S:A"}));
    BOOST_CHECK((query(of + "WHERE RequiredAssocQualifier = Marked", "InstanceID") == Names{"S:A-snap"}));
    BOOST_CHECK(query(of + "WHERE RequiredQualifier = Marked", "InstanceID").empty());
    BOOST_CHECK((query("ASSOCIATORS OF {T_Setting.InstanceID='S:B'}") == Names{"B"}));
    BOOST_CHECK(query("ASSOCIATORS OF {T_Setting.InstanceID='S:B'} WHERE ResultClass = T_Host").empty());
    // The snapshot of B does not exist: its end has vanished.
    BOOST_CHECK((query("ASSOCIATORS OF {T_Machine.Name='B'}", "InstanceID") == Names{"S:B"}));
    auto a = om->wql(request(), of + "WHERE KeysOnly");
    auto all = collect(*a->stream);
    BOOST_CHECK(!(*all)[0].has("ElementName"));
    BOOST_CHECK_EQUAL((*all)[0].string("InstanceID"), "S:A");
}

BOOST_AUTO_TEST_CASE(references) {  // C-ASF-02
    auto a = om->wql(request(), "REFERENCES OF {T_Machine.Name='A'}");
    BOOST_REQUIRE(a);
    auto all = collect(*a->stream);
    BOOST_REQUIRE_EQUAL(all->size(), 2u);
    BOOST_CHECK_EQUAL((*all)[0].cls().name(), "T_Define");
    BOOST_CHECK(*(*all)[0].get("ManagedElement").as_path() == machine("A"));
    AssociationQuery q;
    q.object = setting("S:C");
    q.result_class = "T_Define";
    q.role = "SettingData";
    auto s = om->references(request(), q);
    BOOST_CHECK_EQUAL(collect(**s)->size(), 1u);
    q.role = "ManagedElement";
    s = om->references(request(), q);
    BOOST_CHECK(collect(**s)->empty());
}

BOOST_AUTO_TEST_CASE(association_queries_that_cannot_be_answered) {  // C-ASF-03
    AssociationQuery q;
    q.object = machine("none");
    BOOST_CHECK(status_of(om->associators(request(), q)) == Status::not_found);
    q.object = ObjectPath("", "T_Machine");
    BOOST_CHECK(status_of(om->associators(request(), q)) == Status::insufficient_keys);
    q.object = machine("A");
    q.result_class = "T_Nope";
    BOOST_CHECK(status_of(om->associators(request(), q)) == Status::invalid_query);
    q.result_class.clear();
    q.class_defs_only = true;
    BOOST_CHECK(status_of(om->associators(request(), q)) == Status::not_supported);
}

BOOST_AUTO_TEST_CASE(association_instances_are_instances) {
    const ObjectPath path("", "T_Define",
                          {{"ManagedElement", Value(machine("B"))},
                           {"SettingData", R"(\\any\root\test:T_Setting.InstanceID="s:b")"}});
    BOOST_CHECK(om->get(request(), path).ok());
    BOOST_CHECK_EQUAL(names(om->enumerate(request(), "CIM_SettingsDefineState"), "x").size(), 3u);
    BOOST_CHECK_EQUAL(
        query(R"(SELECT * FROM T_Define WHERE SettingData = 'T_Setting.InstanceID="S:B"')", "x").size(), 1u);
}

BOOST_AUTO_TEST_CASE(classes_that_nobody_serves) {
    const auto viewer = TestIdentity::make(Role::viewer);
    BOOST_CHECK(status_of(om->modify(request(), machine("A"), Instance(ns->find("T_Machine")))) ==
                Status::not_supported);
    BOOST_CHECK(status_of(om->create(request(), Instance(ns->find("T_Machine")))) == Status::not_supported);
    BOOST_CHECK(status_of(om->create(request(), Instance(ns->find("CIM_System")))) == Status::not_supported);
    BOOST_CHECK(status_of(om->remove(request(), machine("A"))) == Status::not_supported);
    BOOST_CHECK(status_of(om->modify(request(viewer), machine("A"), Instance(ns->find("T_Machine")))) ==
                Status::access_denied);
    BOOST_CHECK(status_of(om->create(request(viewer), Instance(ns->find("T_Free")))) ==
                Status::access_denied);
    BOOST_CHECK(status_of(om->remove(request(viewer), machine("A"))) == Status::access_denied);
    BOOST_CHECK(om->get(request(viewer), machine("A")).ok());
}

BOOST_AUTO_TEST_CASE(modify_keeps_keys) {  // C-OP-02
    Instance changed(ns->find("T_Machine"));
    changed.set("Name", "Z");
    auto r = om->modify(request(), machine("A"), changed);
    BOOST_CHECK(status_of(r) == Status::invalid_parameter);
    BOOST_CHECK_EQUAL(r.error().subject, "Name");
    BOOST_CHECK(status_of(om->modify(request(), machine("A"), Instance(ns->find("T_Host")))) ==
                Status::invalid_parameter);
}

BOOST_AUTO_TEST_CASE(a_request_that_nobody_waits_for_is_not_begun) {
    auto r = request();
    r.deadline = Clock::now() - std::chrono::seconds(1);
    BOOST_CHECK(status_of(om->get(r, machine("A"))) == Status::timed_out);
    std::stop_source stop;
    stop.request_stop();
    const Request stopped{admin, *ns, Clock::time_point::max(), stop.get_token(), {}, {}};
    BOOST_CHECK(status_of(om->enumerate(stopped, "T_Machine")) == Status::cancelled);
    BOOST_CHECK_EQUAL(machines->enumerated, 0);
}

BOOST_AUTO_TEST_SUITE_END()
