// Recursive descent over the tokens of a WQL or CQL statement. Nesting of parentheses and NOT is limited, so
// the tree is never deep. Errors are invalid_query with the position.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cim/query/expression.hpp"

namespace wsvirt::cim::query {

enum class Dialect : std::uint8_t { wql, cql };

constexpr std::size_t max_query_bytes = 16 * 1024;
constexpr int max_query_nesting = 100;

struct Statement {
    Query::Kind kind = Query::Kind::select;
    std::string from;
    std::vector<std::string> projection;  // empty: all
    std::unique_ptr<Expression> where;    // may be null
    AssociationQuery association;
};

Result<Statement> parse(std::string_view text, Dialect dialect);

}  // namespace wsvirt::cim::query
