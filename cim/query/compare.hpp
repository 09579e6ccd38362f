// How values of different storage compare in a query, and their text for LIKE. Pure functions.
#pragma once

#include <string>

#include "cim/query/expression.hpp"

namespace wsvirt::cim::query {

std::string text_of(const Value& scalar);

}  // namespace wsvirt::cim::query
