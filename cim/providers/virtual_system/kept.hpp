// Properties that are kept rather than acted upon: value ↔ text of an attribute map, and laying the kept ones
// over an instance. Also the check of a value against the ValueMap of its declaration. No state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/machine.hpp"
#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

// Scalars in their canonical text; arrays as lines, each ended by '\n', with '\' and '\n' escaped.
std::string keep_text(const Property& p, const Value& v);
Value kept_value(const Property& p, std::string_view text);  // NULL when the text does not fit

std::vector<std::string> kept_lines(std::string_view text);  // the entries of a kept array

// Sets every property of `i` that the map keeps under `prefix`.
void lay_kept_over(Instance& i, const backend::Attributes& map, std::string_view prefix);

// A number or string outside the ValueMap (single values, ranges "a..b", open ranges ".."): invalid_parameter
// that names the property.
Result<void> check_value_map(const Property& p, const Value& v);

// Whether two values of a property mean the same: object path texts compare as paths, GUIDs without case.
bool same_value(const Value& a, const Value& b);

}  // namespace wsvirt::cim::vs
