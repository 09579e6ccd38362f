// WQL (and the CQL subset that equals it) compiled once: a predicate over instances, the properties it uses,
// and equalities that a provider may answer from an index. No I/O; thread safe once built.
// Grammar: SELECT list FROM class [WHERE expr]; AND OR NOT, parentheses, = != <> < <= > >= LIKE, IS [NOT]
// NULL, ISA; strings in single or double quotes with backslash escapes; numbers, TRUE, FALSE; __CLASS,
// __PATH, __SERVER,
// __NAMESPACE, __RELPATH, __SUPERCLASS; ASSOCIATORS OF {path} WHERE ...; REFERENCES OF {path} WHERE ....
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/operation.hpp"

namespace wsvirt::cim {

// What the system properties stand for.
struct QueryEnvironment {
    std::string server;      // __SERVER
    std::string name_space;  // "root/virtualization/v2"
};

class Query {
  public:
    enum class Kind { select, associators, references };
    // Errors: invalid_query, text with the position and what was expected. Limits: 16 KiB, nesting 100.
    static Result<Query> parse_wql(std::string_view text);
    static Result<Query> parse_cql(std::string_view text);
    Query(Query&&) noexcept;
    Query& operator=(Query&&) noexcept;
    ~Query();

    Kind kind() const;
    // select
    const std::string& from() const;
    const std::vector<std::string>& projection() const;  // empty: *
    // Names used anywhere that `cls` does not have: invalid_query with the name (system properties are
    // known).
    Result<void> check(const Class& cls) const;
    bool matches(const Instance& i, const QueryEnvironment& env) const;
    // property = constant pairs that every match must fulfil (top-level ANDs).
    const std::vector<std::pair<std::string, Value>>& equalities() const;
    // associators, references
    const AssociationQuery& association() const;

  private:
    Query();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// LIKE of WQL: % any run, _ one character, [a-z] and [^a-z] sets; without case. "%%" equals "%".
bool wql_like(std::string_view text, std::string_view pattern);

}  // namespace wsvirt::cim
