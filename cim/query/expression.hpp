// The condition of a query as a tree, and its value for one instance. NULL makes a comparison unknown, and
// only what is surely true matches. Strings compare without case, numbers by value whatever their storage, an
// array stands for any of its elements, paths compare as object paths. Immutable once built; thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cim/query/lexer.hpp"
#include "cim/query/like.hpp"
#include "cim/query/wql.hpp"

namespace wsvirt::cim::query {

enum class Truth : std::uint8_t { no, yes, unknown };

// What a name with two leading underscores stands for.
enum class SystemProperty : std::uint8_t {
    none,
    class_name,
    superclass,
    server,
    name_space,
    path,
    relative_path,
    dynasty,
    derivation,
    genus,
    property_count,
    self
};
std::optional<SystemProperty> system_property(std::string_view name);  // nullopt: no such name

// A constant, or a property reached through embedded instances: TargetInstance.Name, Notes[0].
struct Operand {
    struct Step {
        std::string name;
        std::optional<std::size_t> index;
        SystemProperty system = SystemProperty::none;
    };
    bool is_constant = true;
    Value constant;  // NULL for the word NULL
    std::vector<Step> steps;
    std::size_t at = 0;

    bool is_null_word() const { return is_constant && constant.is_null(); }
};

struct Expression {
    enum class Kind : std::uint8_t { all, any, negation, compare, like, is_null, is_a } kind = Kind::compare;
    std::vector<std::unique_ptr<Expression>> children;  // all, any, negation
    Operand left, right;                                // is_null, like and is_a use only left
    Comparison comparison = Comparison::equal;
    LikePattern pattern;
    std::string class_name;
};

Truth evaluate(const Expression& e, const Instance& i, const QueryEnvironment& env);
// Calls `visit` for every property operand.
void each_property(const Expression& e, const std::function<void(const Operand&)>& visit);

// For tests and for the parts above: how two values compare. NULL on either side is unknown.
Truth compare(const Value& a, Comparison how, const Value& b);

}  // namespace wsvirt::cim::query
