// MAC addresses in the two ways they are written: "52:54:00:aa:bb:cc" in the machine layer, 12 hex digits
// without separators in Address. No state.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace wsvirt::cim::vs {

std::string mac_digits(std::string_view with_colons);  // upper case; "" for ""
// 12 hex digits, or six pairs separated by ':' or '-'; nullopt for anything else and for multicast addresses.
std::optional<std::string> mac_with_colons(std::string_view text);
inline bool mac_is_unset(std::string_view text) {
    return text.empty() || text == "000000000000";
}
// A unicast address between two (12 digits each) that is not among those taken, all with colons: a random one
// where there is room. nullopt: none is left.
std::optional<std::string> free_mac(std::string_view low, std::string_view high,
                                    const std::set<std::string, ILess>& taken);

}  // namespace wsvirt::cim::vs
