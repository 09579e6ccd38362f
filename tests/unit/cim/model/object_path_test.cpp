#include "cim/model/object_path.hpp"

#include <boost/test/unit_test.hpp>

#include "base/text.hpp"

using namespace wsvirt::cim;

BOOST_AUTO_TEST_SUITE(object_path)

BOOST_AUTO_TEST_CASE(wmi_text_is_read) {
    const auto p = ObjectPath::parse(
        R"(\\HOST\Root\Virtualization\V2:Msvm_VirtualSystemSettingData.InstanceID="Microsoft:A\\0\\B")");
    BOOST_REQUIRE(p.ok());
    BOOST_TEST(p->host() == "HOST");
    BOOST_TEST(p->name_space() == "Root/Virtualization/V2");
    BOOST_TEST(p->class_name() == "Msvm_VirtualSystemSettingData");
    BOOST_TEST(p->key_string("instanceid") == "Microsoft:A\\0\\B");
    const auto dotted = ObjectPath::parse(R"(\\host.example.org\root\cimv2:Win32_Processor.DeviceID="CPU0")");
    BOOST_REQUIRE(dotted.ok());
    BOOST_TEST(dotted->host() == "host.example.org");
    const auto slashes = ObjectPath::parse(R"(//./root/virtualization/v2:C.A="x",B=12,C=TRUE,D=-3)");
    BOOST_REQUIRE(slashes.ok());
    BOOST_TEST((*slashes->key("B") == Value(12)));
    BOOST_TEST((*slashes->key("C") == Value(true)));
    BOOST_TEST((*slashes->key("D") == Value(-3)));
    BOOST_TEST(ObjectPath::parse("Win32_OperatingSystem=@")->keys().empty());
    BOOST_TEST(ObjectPath::parse("root\\cimv2:Win32_OperatingSystem")->class_name() ==
               "Win32_OperatingSystem");
    BOOST_TEST(ObjectPath::parse(R"(A.B="x:y.z=1")")->class_name() == "A");
}

BOOST_AUTO_TEST_CASE(texts_that_are_no_path_are_refused_in_bounds) {
    std::string many = "T.";
    for (int i = 0; i < 65; ++i) many += (i ? ",k" : "k") + std::to_string(i) + "=1";
    BOOST_TEST(ObjectPath::parse(many).error().text.find("too many keys") != std::string::npos);
    BOOST_TEST(ObjectPath::parse(many.substr(0, many.rfind(','))).ok());
    std::string accents = "a";
    for (int i = 0; i < 200; ++i) accents += "\xc3\xa9";
    BOOST_TEST(wsvirt::valid_utf8(ObjectPath::parse(accents + "!").error().text));
}

BOOST_AUTO_TEST_CASE(text_round_trips) {
    const ObjectPath inner("root/virtualization/v2", "Msvm_ComputerSystem", {{"Name", Value("A\"B\\C")}});
    const ObjectPath p("root/virtualization/v2", "Msvm_SystemDevice",
                       {{"PartComponent", Value("p")}, {"GroupComponent", Value(inner)}});
    const auto text = p.to_text("H");
    BOOST_TEST(text.find("Msvm_SystemDevice.GroupComponent=\"\\\\\\\\H\\\\root\\\\") !=
               text.npos);  // escaped twice
    BOOST_TEST(text.find("GroupComponent") < text.find("PartComponent"));
    const auto back = ObjectPath::parse(text);
    BOOST_REQUIRE(back.ok());
    BOOST_TEST((*back == p));
    BOOST_TEST(back->host() == "H");
    BOOST_TEST(inner.to_text() == R"(root\virtualization\v2:Msvm_ComputerSystem.Name="A\"B\\C")");
    BOOST_TEST(inner.relative_text() == R"(Msvm_ComputerSystem.Name="A\"B\\C")");
}

BOOST_AUTO_TEST_CASE(equality_as_wmi_has_it) {  // MS-36
    const auto a = *ObjectPath::parse(R"(\\X\ROOT\virtualization\V2:msvm_computersystem.name="abc",k=1)");
    const auto b = *ObjectPath::parse(R"(root/virtualization/v2:Msvm_ComputerSystem.K=1,Name="ABC")");
    const auto c = *ObjectPath::parse(R"(Msvm_ComputerSystem.K=1,Name="ABC")");
    const auto d = *ObjectPath::parse(R"(Msvm_ComputerSystem.K=2,Name="ABC")");
    BOOST_TEST((a == b));
    BOOST_TEST((a == c));
    BOOST_TEST(!(a == d));
    BOOST_TEST(!(a == *ObjectPath::parse(R"(root/cimv2:Msvm_ComputerSystem.K=1,Name="ABC")")));
}

BOOST_AUTO_TEST_CASE(malformed_text_is_refused) {
    for (const char* text :
         {"", "\\\\host", "\\\\host\\root", "A.", "A.B", "A.B=", "A.B=\"x", "A.B=x", "A.B=1,", "A.=1",
          "A.B=1 C=2", "A.B=1,B=2", "1A.B=1", "A B", "\xef\xbf\xbf", "A.B=+INF", "A.B=-INF"})
        BOOST_TEST_CONTEXT(text) BOOST_TEST(!ObjectPath::parse(text).ok());
}

BOOST_AUTO_TEST_CASE(a_reference_may_be_a_host) {
    for (const auto& [text, host] : {std::pair{"hv-b", "hv-b"},
                                     {R"(\\hvB)", "hvB"},
                                     {"192.0.2.2", "192.0.2.2"},
                                     {"2001:db8::2", "2001:db8::2"},
                                     {"[2001:db8::2]", "[2001:db8::2]"},
                                     {" hvB.example.com ", "hvB.example.com"}}) {
        const auto p = ObjectPath::parse_reference(text);
        BOOST_TEST_REQUIRE(p.ok(), text);
        BOOST_TEST((*p == ObjectPath({}, "CIM_ComputerSystem", {{"Name", Value(host)}})), text);
    }
    BOOST_TEST(ObjectPath::parse_reference("CIM_System.Name=\"a\"")->class_name() == "CIM_System");
    BOOST_TEST(ObjectPath::parse_reference("hvB")->class_name() == "hvB");
    for (const char* text : {"", ".", "CIM_System.Name", "CIM_System.Name=", "a b", "root/cimv2:", "12:34"})
        BOOST_TEST(!ObjectPath::parse_reference(text), text);
}

BOOST_AUTO_TEST_CASE(namespaces) {
    BOOST_TEST(normal_namespace("\\ROOT\\Virtualization\\\\V2\\") == "ROOT/Virtualization/V2");
    BOOST_TEST(normal_namespace("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
