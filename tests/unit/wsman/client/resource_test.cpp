#include "wsman/client/resource.hpp"

#include <boost/test/unit_test.hpp>

using namespace wsvirt;
using namespace wsvirt::client;

BOOST_AUTO_TEST_SUITE(client_resource)

BOOST_AUTO_TEST_CASE(class_in_the_wmi_family) {
    const auto r = Naming{}.parse("Msvm_ComputerSystem").value();
    BOOST_TEST(r.uri ==
               "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem");
    BOOST_TEST(r.selectors.empty());
    BOOST_TEST(r.class_name() == "Msvm_ComputerSystem");
}

BOOST_AUTO_TEST_CASE(class_in_the_dmtf_family_names_its_namespace) {
    const Naming naming{UriFamily::dmtf, "root/cimv2"};
    const auto r = naming.parse("CIM_Processor").value();
    BOOST_TEST(r.uri == "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_Processor");
    BOOST_TEST(r.selector("__CIMNAMESPACE") == "root/cimv2");
    BOOST_TEST(naming.whole_namespace().uri == "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/*");
}

BOOST_AUTO_TEST_CASE(object_path_gives_selectors) {
    const auto r =
        Naming{}.parse(R"(Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="A-1")").value();
    BOOST_TEST(r.selector("Name") == "A-1");
    BOOST_TEST(r.selector("CreationClassName") == "Msvm_ComputerSystem");
}

BOOST_AUTO_TEST_CASE(object_path_with_host_and_namespace_overrides_the_default) {
    const auto r = Naming{}.parse(R"(\\HOST\root\cimv2:Win32_Service.Name="a\\b\"c")").value();
    BOOST_TEST(r.uri == "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_Service");
    BOOST_TEST(r.selector("name") == R"(a\b"c)");
}

BOOST_AUTO_TEST_CASE(numbers_and_booleans_as_keys) {
    const auto r = Naming{}.parse("C.A=12,B=TRUE,D=-3").value();
    BOOST_TEST(r.selector("A") == "12");
    BOOST_TEST(r.selector("B") == "true");
    BOOST_TEST(r.selector("D") == "-3");
}

BOOST_AUTO_TEST_CASE(full_uri_is_taken_as_it_is) {
    const std::string uri = "http://vendor.example/a/b?c";
    BOOST_TEST(Naming{}.parse(uri).value().uri == uri);
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused) {
    BOOST_TEST(!Naming{}.parse("").ok());
    BOOST_TEST(!Naming{}.parse("Class.Key=\"open").ok());
    BOOST_TEST(!parse_pair("novalue").ok());
    BOOST_TEST(!parse_pair("=x").ok());
    BOOST_TEST(parse_pair("a=b=c").value().second == "b=c");
    BOOST_TEST(parse_pair("a=").value().second.empty());
}

BOOST_AUTO_TEST_CASE(path_text_escapes_and_comes_back) {
    Resource r = Naming{}.of_class("Msvm_StorageAllocationSettingData");
    r.selectors.emplace_back("InstanceID", R"(Microsoft:AB\83F8\0\0\L)");
    const auto text = path_text(r);
    BOOST_TEST(text.find(R"(Msvm_StorageAllocationSettingData.InstanceID="Microsoft:AB\\83F8\\0\\0\\L")") !=
               std::string::npos);
    const auto back = Naming{UriFamily::wmi, "other"}.parse(text).value();
    BOOST_TEST(back.uri == r.uri);
    BOOST_TEST(back.selector("InstanceID") == r.selector("InstanceID"));
}

BOOST_AUTO_TEST_SUITE_END()
