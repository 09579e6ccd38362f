// Namespaces in pugixml trees, which know only prefixes: a name is split at its colon and the prefix looked
// up in the xmlns attributes of the element and its parents. Views point into the tree.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace wsvirt::cim::xml {

inline constexpr std::string_view xsi = "http://www.w3.org/2001/XMLSchema-instance";
inline constexpr std::string_view cim_common = "http://schemas.dmtf.org/wbem/wscim/1/common";
inline constexpr std::string_view dmtf_classes = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
inline constexpr std::string_view wmi_classes = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";

std::string_view prefix_of(std::string_view qualified);  // "" without colon
std::string_view local_name(std::string_view qualified);
inline std::string_view local_name(const pugi::xml_node& n) {
    return local_name(std::string_view(n.name()));
}
// "" when the prefix is bound nowhere (or there is no default namespace).
std::string_view namespace_of_prefix(const pugi::xml_node& at, std::string_view prefix);
inline std::string_view namespace_of(const pugi::xml_node& n) {
    return namespace_of_prefix(n, prefix_of(n.name()));
}
bool is(const pugi::xml_node& n, std::string_view uri, std::string_view local);

// The first child element with that local name, whatever its namespace.
pugi::xml_node child(const pugi::xml_node& parent, std::string_view local);
pugi::xml_node first_element(const pugi::xml_node& parent);
std::size_t element_count(const pugi::xml_node& parent);
// All character data directly inside, CDATA sections included.
std::string text_of(const pugi::xml_node& n);
// An attribute by local name with any prefix (clients bind xsi wrongly), "" when absent.
std::string_view prefixed_attribute(const pugi::xml_node& n, std::string_view local);
// xsi:nil="true"
bool is_nil(const pugi::xml_node& n);
// Levels of elements below and including n, counted without recursion; stops at `limit`.
bool deeper_than(const pugi::xml_node& n, unsigned limit);
// That every character reference in an XML text, well-formed or not, names a character that XML allows. A
// parser may make of the others what it likes.
bool references_are_characters(std::string_view text);

}  // namespace wsvirt::cim::xml
