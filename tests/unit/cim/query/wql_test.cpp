#include "cim/query/wql.hpp"

#include <boost/test/unit_test.hpp>

#include "cim/schema/mof.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

constexpr std::string_view model = R"mof(
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
class T_Base { [Key] string Id; };
class T_Part { [Key] string Name; uint16 State; };
class T_Machine : T_Base {
    string ElementName;
    uint16 EnabledState;
    sint64 Delta;
    real64 Load;
    boolean Active;
    datetime Started;
    string Notes[];
    uint16 Numbers[];
    string Parent;
    T_Base ref Other;
    T_Part Part;
};
)mof";

const QueryEnvironment env{"HOST1", "root/test"};

struct Fixture {
    Schema schema;
    ClassPtr cls;
    Instance i;
    Fixture() {
        BOOST_REQUIRE(compile_mof(schema, model, "model.mof", "root/test", false));
        cls = schema.find("root/test")->find("T_Machine");
        i = Instance(cls);
        i.set("Id", "Microsoft:A\\B");
        i.set("ElementName", "O'Brien \"x\"");
        i.set("EnabledState", 2u);
        i.set("Delta", -5);
        i.set("Load", 1.5);
        i.set("Active", true);
        i.set("Started", DateTime::from_cim("20240102030405.000000+000").value());
        i.set("Notes", Value::array_of(std::vector<std::string>{"red", "Blue"}));
        i.set("Parent", R"(\\HOST1\root\test:T_Base.Id="p\\1")");
        i.set("Other", ObjectPath("root/test", "T_Base", {{"Id", Value("z")}}));
        Instance part(schema.find("root/test")->find("T_Part"));
        part.set("Name", "disk");
        part.set("State", 7u);
        i.set("Part", part);
    }
    bool holds(const std::string& where) {
        auto q = Query::parse_wql("SELECT * FROM T_Machine WHERE " + where);
        BOOST_REQUIRE_MESSAGE(q.ok(), where + ": " + (q.ok() ? "" : q.error().text));
        BOOST_CHECK_MESSAGE(q->check(*cls).ok(), where);
        return q->matches(i, env);
    }
    void yes(const std::string& where) { BOOST_CHECK_MESSAGE(holds(where), where + " should hold"); }
    void no(const std::string& where) { BOOST_CHECK_MESSAGE(!holds(where), where + " should not hold"); }
};

void refused(std::string_view text) {
    const auto q = Query::parse_wql(text);
    BOOST_REQUIRE_MESSAGE(!q.ok(), text);
    BOOST_CHECK(q.error().status == Status::invalid_query);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(wql, Fixture)

BOOST_AUTO_TEST_CASE(comparisons) {
    yes("EnabledState = 2");
    yes("2 = EnabledState");
    yes("3 > EnabledState");
    no("3 < EnabledState");
    yes("EnabledState <> 3 and EnabledState != 4");
    yes("EnabledState <= 2 AND EnabledState >= 2");
    yes("EnabledState = '2'");
    yes("EnabledState = 0x2");
    yes("Delta = -5");
    yes("Delta < 0");
    yes("Delta < 18446744073709551615");
    yes("Load = 1.5");
    yes("Load > 1");
    yes("Active = TRUE");
    yes("Active = 'true'");
    no("Active = FALSE");
    yes("Active = 1");
    yes("Started > '20240101000000.000000+000'");
    yes("Started = '20240102040405.000000+060'");
    yes("Started < '2024-01-02T03:04:06Z'");
}

BOOST_AUTO_TEST_CASE(strings_compare_without_case_and_with_escapes) {
    yes("Id = 'microsoft:a\\\\b'");
    yes("Id='Microsoft:A\\b'");  // a backslash that escapes nothing stands for itself
    yes("ElementName = 'o\\'brien \"X\"'");
    yes("ElementName = \"O'Brien \\\"x\\\"\"");
    yes("ElementName < 'P'");
    no("ElementName < 'A'");
}

BOOST_AUTO_TEST_CASE(logic_and_nesting) {
    yes("EnabledState = 3 OR EnabledState = 2 AND Active = TRUE");
    no("(EnabledState = 3 OR EnabledState = 2) AND Active = FALSE");
    yes("NOT (EnabledState = 3)");
    yes("NOT NOT EnabledState = 2");
    yes("Id != __SERVER AND (EnabledState != 0 and EnabledState != 3 and EnabledState != 32769) ");
}

BOOST_AUTO_TEST_CASE(null_is_never_surely_equal_or_different) {
    yes("Numbers IS NULL");
    no("Numbers IS NOT NULL");
    yes("Numbers = NULL");
    no("Id = NULL");
    yes("NULL != Id");
    i.clear("EnabledState");
    no("EnabledState = 2");
    no("EnabledState != 2");
    no("NOT EnabledState = 2");
    yes("EnabledState = 2 OR Active = TRUE");
    no("NOT (EnabledState = 2 AND Active = TRUE)");
    yes("NOT (EnabledState = 2 AND Active = FALSE)");
    yes("EnabledState IS NULL");
}

BOOST_AUTO_TEST_CASE(arrays_stand_for_any_element) {
    yes("Notes = 'blue'");
    no("Notes = 'green'");
    yes("Notes != 'green'");
    no("Notes != 'red'");
    yes("Notes LIKE 'r%'");
    yes("Notes[1] = 'Blue'");
    no("Notes[2] = 'Blue'");
}

BOOST_AUTO_TEST_CASE(like) {
    yes("Id LIKE 'Microsoft:A%'");
    yes("Id LIKE '%%B%%'");
    yes("Id LIKE '%\\B'");
    yes("Id LIKE '%\\\\B'");
    no("Id LIKE 'B%'");
    yes("Id NOT LIKE 'B%'");
    yes("NOT Id LIKE 'B%'");
    yes("EnabledState LIKE '2'");
    BOOST_CHECK(wql_like("", "%"));
    BOOST_CHECK(wql_like("abc", "a_c"));
    BOOST_CHECK(!wql_like("abc", "a_"));
    BOOST_CHECK(wql_like("aXXbXXc", "a%b%c"));
    BOOST_CHECK(wql_like("b", "[a-c]"));
    BOOST_CHECK(wql_like("b", "[a=c]"));
    BOOST_CHECK(!wql_like("b", "[^a-c]"));
    BOOST_CHECK(wql_like("50%", "50[%]"));
    BOOST_CHECK(!wql_like("505", "50[%]"));
    BOOST_CHECK(wql_like("a[b", "a[b"));
    BOOST_CHECK(wql_like("a]b", "a[]]b"));
    BOOST_CHECK(wql_like("\xc3\xa4x", "_x"));  // one character of two bytes
    BOOST_CHECK(wql_like(std::string(20000, 'a') + "b", "%a%a%a%a%b"));
    BOOST_CHECK(!wql_like(std::string(5000, 'a'), "%a%a%a%a%a%a%a%a%b"));
}

BOOST_AUTO_TEST_CASE(system_properties) {
    yes("__CLASS = 't_machine'");
    yes("__SUPERCLASS = 'T_Base'");
    yes("__DYNASTY = 'T_Base'");
    yes("__SERVER = 'host1'");
    yes("__NAMESPACE = 'ROOT\\\\Test'");
    yes("__GENUS = 2");
    no("ElementName = __SERVER");
    yes(R"(__PATH = '\\\\HOST1\\root\\test:T_Machine.Id="Microsoft:A\\\\B"')");
    yes(R"(__PATH='\\\\other\\Root\\TEST:t_machine.id="microsoft:a\\\\b"')");
    no(R"(__PATH = '\\\\HOST1\\root\\test:T_Machine.Id="C"')");
    yes(R"(__PATH != 'no path at all')");
    yes(R"(__RELPATH = 'T_Machine.Id="Microsoft:A\\\\B"')");
    yes("__RELPATH LIKE 'T_Machine.%'");
    yes("__THIS ISA 'T_Base'");
    yes("__CLASS ISA 'T_Base'");
    no("__THIS ISA 'T_Part'");
}

BOOST_AUTO_TEST_CASE(paths_in_properties) {
    yes(R"(Other = 'T_Base.Id="z"')");
    yes(R"(Other = '\\\\x\\root\\test:T_Base.Id="Z"')");
    no(R"(Other = 'T_Base.Id="y"')");
    yes(R"(Parent = '\\\\other\\ROOT\\Test:T_Base.Id="P\\\\1"')");
    yes("Other ISA 'T_Base'");
}

BOOST_AUTO_TEST_CASE(embedded_instances) {
    yes("Part ISA 'T_Part'");
    yes("Part.State = 7");
    yes("Part.__CLASS = 'T_Part'");
    no("Part.Missing = 1");
    no("Other.Id = 'z'");
}

BOOST_AUTO_TEST_CASE(unknown_properties_are_named) {
    auto q = Query::parse_wql("SELECT Nope FROM T_Machine");
    BOOST_REQUIRE(q);
    auto r = q->check(*cls);
    BOOST_REQUIRE(!r);
    BOOST_CHECK(r.error().status == Status::invalid_query);
    BOOST_CHECK_EQUAL(r.error().subject, "Nope");
    q = Query::parse_wql("SELECT * FROM T_Machine WHERE a.b = 1 OR Id = 'x'");
    BOOST_CHECK_EQUAL(q->check(*cls).error().subject, "a");
}

BOOST_AUTO_TEST_CASE(projection_and_equalities) {
    auto q = Query::parse_wql(
        "select Id, id, ElementName , __CLASS from T_Machine where Id='x' and (2 = "
        "EnabledState AND Load > 1) And Active=TRUE and __PATH='y' and Part.State=1");
    BOOST_REQUIRE(q);
    BOOST_CHECK((q->projection() == std::vector<std::string>{"Id", "ElementName", "__CLASS"}));
    BOOST_CHECK_EQUAL(q->from(), "T_Machine");
    const auto& e = q->equalities();
    BOOST_REQUIRE_EQUAL(e.size(), 4u);
    BOOST_CHECK_EQUAL(e[0].first, "Id");
    BOOST_CHECK(e[1].second == Value(2u));
    BOOST_CHECK(e[2].second == Value(true));
    BOOST_CHECK_EQUAL(e[3].first, "__PATH");
    BOOST_CHECK(Query::parse_wql("SELECT * FROM T WHERE a = 1 OR b = 2")->equalities().empty());
    BOOST_CHECK(Query::parse_wql("SELECT * FROM T WHERE NOT a = 1")->equalities().empty());
}

BOOST_AUTO_TEST_CASE(association_queries) {  // C-QRY-06
    auto q = Query::parse_wql(
        "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='1}\"'} WHERE "
        "AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData ");
    BOOST_REQUIRE(q);
    BOOST_CHECK(q->kind() == Query::Kind::associators);
    const auto& a = q->association();
    BOOST_CHECK_EQUAL(a.object.class_name(), "Msvm_ComputerSystem");
    BOOST_CHECK_EQUAL(a.object.key_string("name"), "1}\"");
    BOOST_CHECK_EQUAL(a.assoc_class, "Msvm_SettingsDefineState");
    BOOST_CHECK_EQUAL(a.result_class, "Msvm_VirtualSystemSettingData");
    q = Query::parse_wql(
        "associators of {T.K=1} where Role=A ResultRole=B RequiredQualifier=Q "
        "RequiredAssocQualifier=R KeysOnly ClassDefsOnly");
    BOOST_REQUIRE(q);
    BOOST_CHECK(q->association().keys_only && q->association().class_defs_only);
    BOOST_CHECK_EQUAL(q->association().required_assoc_qualifier, "R");
    q = Query::parse_wql("REFERENCES OF {T.K='a\\\\b'} WHERE ResultClass=X Role='Y'");
    BOOST_REQUIRE(q);
    BOOST_CHECK(q->kind() == Query::Kind::references);
    BOOST_CHECK_EQUAL(q->association().object.key_string("K"), "a\\b");
    BOOST_CHECK_EQUAL(q->association().role, "Y");
    BOOST_CHECK(Query::parse_wql("REFERENCES OF {T=@}").ok());
    refused("REFERENCES OF {T.K=1} WHERE AssocClass=X");
    refused("ASSOCIATORS OF {T.K=1} WHERE Role=X Role=Y");
    refused("ASSOCIATORS OF {T.K=1} WHERE");
    refused("ASSOCIATORS OF {T.K=1");
    refused("ASSOCIATORS OF {T.K=}");
    refused("ASSOCIATORS OF T");
}

BOOST_AUTO_TEST_CASE(errors_name_the_position) {
    const auto q = Query::parse_wql("SELECT * FROM T WHERE a ~ 1");
    BOOST_REQUIRE(!q);
    BOOST_CHECK_MESSAGE(q.error().text.find("position 25") != std::string::npos, q.error().text);
    for (const char* text : {"",
                             "SELECT",
                             "SELECT * FROM",
                             "SELECT FROM T",
                             "SELECT a, FROM T",
                             "SELECT * FROM T WHERE",
                             "SELECT * FROM T x",
                             "SELECT * FROM T WHERE a",
                             "SELECT * FROM T WHERE a =",
                             "SELECT * FROM T WHERE = 1",
                             "SELECT * FROM T WHERE 1 = 1",
                             "SELECT * FROM T WHERE a = 'x",
                             "SELECT * FROM T WHERE (a = 1",
                             "SELECT * FROM T WHERE a = 1)",
                             "SELECT * FROM T WHERE a LIKE 5",
                             "SELECT * FROM T WHERE a LIKE b",
                             "SELECT * FROM T WHERE a IS 5",
                             "SELECT * FROM T WHERE a < NULL",
                             "SELECT * FROM T WHERE a ISA 5",
                             "SELECT * FROM T WHERE __THIS IS NULL",
                             "SELECT * FROM T WHERE a ! 1",
                             "SELECT * FROM T WHERE a = 1x",
                             "SELECT * FROM T WHERE a = 99999999999999999999999",
                             "UPDATE T"})
        refused(text);
}

BOOST_AUTO_TEST_CASE(limits) {
    const auto nested = [](int n) {
        return "SELECT * FROM T WHERE " + std::string(static_cast<std::size_t>(n), '(') + "a=1" +
               std::string(static_cast<std::size_t>(n), ')');
    };
    BOOST_CHECK(Query::parse_wql(nested(100)).ok());
    refused(nested(101));
    refused("SELECT * FROM T WHERE a='" + std::string(17000, 'x') + "'");
    std::string chain = "SELECT * FROM T_Machine WHERE Id='0'";
    while (chain.size() < 16000) chain += " OR Id='1'";
    BOOST_CHECK(Query::parse_wql(chain).ok());
}

BOOST_AUTO_TEST_CASE(cql) {  // C-QRY-01
    auto q =
        Query::parse_cql("SELECT m.Id, T_Machine.ElementName FROM T_Machine AS m WHERE m.EnabledState = 2");
    BOOST_REQUIRE(q);
    BOOST_CHECK((q->projection() == std::vector<std::string>{"Id", "ElementName"}));
    BOOST_CHECK(q->check(*cls).ok());
    BOOST_CHECK(q->matches(i, env));
    BOOST_CHECK(!Query::parse_cql("ASSOCIATORS OF {T.K=1}").ok());
}

// Every form that libvirt's hyperv driver sends.
BOOST_AUTO_TEST_CASE(statements_of_libvirt_parse) {
    for (
        const char* text :
        {"SELECT * FROM Win32_ComputerSystem ", "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER ",
         "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER AND Name = "
         "'c0ffee00-0000-0000-0000-00000000' ",
         "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER AND ProcessID = 12",
         "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER AND (EnabledState = 0 or EnabledState = 3 "
         "or "
         "EnabledState = 32769)",
         "SELECT * FROM Msvm_VirtualSystemSettingData WHERE InstanceID='Microsoft:c0ffee'",
         "SELECT * FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE 'Microsoft:Definition%Maximum'",
         "SELECT * FROM Msvm_ResourceAllocationSettingData WHERE ResourceSubType = "
         "'Microsoft:Hyper-V:Physical "
         "Disk Drive' AND InstanceID LIKE '%%Default%%'",
         R"(SELECT * FROM Msvm_VirtualEthernetSwitch WHERE __PATH = '\\\\HOST\\root\\virtualization\\v2:Msvm_SyntheticEthernetPortSettingData.InstanceID="Microsoft:<uuid>\\\\<id>"')",
         "SELECT * FROM Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor WHERE Name = 'vm:Hv VP 0'",
         "ASSOCIATORS OF {Win32_ComputerSystem.Name='HOST'} WHERE AssocClass = Win32_ComputerSystemProcessor "
         "ResultClass = Win32_Processor"})
        BOOST_CHECK_MESSAGE(Query::parse_wql(text).ok(), text);
}

BOOST_AUTO_TEST_SUITE_END()
