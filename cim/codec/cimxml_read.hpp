// The parts of the CIM-XML reader that the WS-CIM reader needs too. Used only inside cim/codec.
#pragma once

#include <pugixml.hpp>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::cimxml {

// Parses a text that came inside another. Refuses DOCTYPE and nesting beyond 64. Errors: malformed.
Result<void> parse_document(pugi::xml_document& doc, std::string_view text);

bool is_instance_element(std::string_view name);  // INSTANCE or what may be wrapped around it
bool is_path_element(std::string_view name);      // INSTANCENAME, INSTANCEPATH, ...

Result<Instance> instance_from_text(const Namespace& ns, std::string_view text, unsigned depth);
Result<Instance> instance_from_node(const Namespace& ns, const pugi::xml_node& n, unsigned depth);

}  // namespace wsvirt::cim::cimxml
