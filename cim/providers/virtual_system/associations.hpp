// Helpers for association classes whose instances are pairs of paths.
#pragma once

#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/operation.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

inline Instance pair_of(const ClassPtr& cls, std::string_view role1, ObjectPath one, std::string_view role2,
                        ObjectPath two) {
    Instance i(cls);
    i.set(role1, Value(std::move(one)));
    i.set(role2, Value(std::move(two)));
    return i;
}

// Whether a question about `asked` ("" = any role) concerns `role`.
inline bool role_fits(std::string_view asked, std::string_view role) {
    return asked.empty() || iequals(asked, role);
}

}  // namespace wsvirt::cim::vs
