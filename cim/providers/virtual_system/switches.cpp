#include "cim/providers/virtual_system/switches.hpp"

#include "base/text.hpp"
#include "cim/model/object_path.hpp"
#include "cim/providers/virtual_system/elements.hpp"

namespace wsvirt::cim::vs {

bool plug(backend::Nic& n, const std::vector<backend::SwitchInfo>& all, const std::string& name_or_path) {
    const auto path = ObjectPath::parse(name_or_path);
    const auto id = path ? path->key_string("Name") : name_or_path;
    for (const auto& s : all) {
        // Of one that is to come nobody knows the identifier yet.
        if (!iequals(s.id, id) && (path || s.name != name_or_path)) continue;
        n.link = s.link;
        n.source = s.source;
        n.attributes.erase(std::string(missing_switch));
        n.attributes[std::string(connection_present)] = "1";
        return true;
    }
    return false;
}

void plug_missing(backend::MachineSpec& s, const std::vector<backend::SwitchInfo>& all) {
    for (auto& n : s.nics) {
        const auto missing = n.attributes.find(std::string(missing_switch));
        if (missing == n.attributes.end()) continue;
        const auto name = missing->second;
        plug(n, all, name);
    }
}

}  // namespace wsvirt::cim::vs
