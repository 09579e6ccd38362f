// Qualified names over pugixml nodes, which knows prefixes only as part of a name. Small helpers that the
// operations use on message bodies; the nodes must be attached to their document so that prefixes resolve.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace wsvirt::soap::xml {

std::string_view local_name(const pugi::xml_node& n);
// The namespace an element is in; "" for none.
std::string_view namespace_of(const pugi::xml_node& n);
// What a prefix is bound to at a node ("" prefix: the default namespace); "" when it is not.
std::string_view resolve(const pugi::xml_node& n, std::string_view prefix);
bool is(const pugi::xml_node& n, std::string_view ns, std::string_view local);
// First child element of that name; null node when there is none.
pugi::xml_node child(const pugi::xml_node& parent, std::string_view ns, std::string_view local);
pugi::xml_node first_element(const pugi::xml_node& parent);
pugi::xml_node next_element(const pugi::xml_node& n);
// All text below a node, trimmed.
std::string text(const pugi::xml_node& n);
// The attribute of a local name in a namespace ("" = without prefix); null when absent.
pugi::xml_attribute attribute(const pugi::xml_node& n, std::string_view ns, std::string_view local);
// A copy of the node in another document that binds every prefix of its surroundings by itself.
pugi::xml_node self_contained(const pugi::xml_node& n, pugi::xml_document& in);
// Raw text of a node as it stands, without indentation.
std::string raw(const pugi::xml_node& n);

}  // namespace wsvirt::soap::xml
