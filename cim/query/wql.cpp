#include "cim/query/wql.hpp"

#include "base/text.hpp"
#include "cim/query/parser.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

using query::Expression;
using query::Operand;
using query::SystemProperty;

struct Query::Impl {
    query::Statement statement;
    std::vector<std::pair<std::string, Value>> equalities;
};

namespace {

// The name = constant that a comparison is, when a provider could look it up.
void add_equality(const Expression& e, std::vector<std::pair<std::string, Value>>& out) {
    if (e.kind == Expression::Kind::all) {
        for (const auto& child : e.children) add_equality(*child, out);
        return;
    }
    if (e.kind != Expression::Kind::compare || e.comparison != query::Comparison::equal) return;
    const Operand& property = e.left.is_constant ? e.right : e.left;
    const Operand& other = e.left.is_constant ? e.left : e.right;
    if (!other.is_constant || property.steps.size() != 1 || property.steps.front().index) return;
    const auto system = property.steps.front().system;
    if (system == SystemProperty::none || system == SystemProperty::path ||
        system == SystemProperty::relative_path)
        out.emplace_back(property.steps.front().name, other.constant);
}

Error unknown_property(const Class& cls, const std::string& name) {
    return {Status::invalid_query, "wsvirt.query.property",
            "The query uses the property " + name + ", which the class " + cls.name() + " does not have.",
            name};
}

bool known_property(const Class& cls, const std::string& name) {
    return query::system_property(name).has_value() || cls.slot(name) >= 0;
}

}  // namespace

Query::Query() : impl_(std::make_unique<Impl>()) {}
Query::Query(Query&&) noexcept = default;
Query& Query::operator=(Query&&) noexcept = default;
Query::~Query() = default;

Result<Query> Query::parse_wql(std::string_view text) {
    auto s = query::parse(text, query::Dialect::wql);
    if (!s) return s.error();
    Query q;
    q.impl_->statement = std::move(*s);
    if (q.impl_->statement.where) add_equality(*q.impl_->statement.where, q.impl_->equalities);
    return q;
}

Result<Query> Query::parse_cql(std::string_view text) {
    auto s = query::parse(text, query::Dialect::cql);
    if (!s) return s.error();
    Query q;
    q.impl_->statement = std::move(*s);
    if (q.impl_->statement.where) add_equality(*q.impl_->statement.where, q.impl_->equalities);
    return q;
}

Query::Kind Query::kind() const {
    return impl_->statement.kind;
}

const std::string& Query::from() const {
    return impl_->statement.from;
}

const std::vector<std::string>& Query::projection() const {
    return impl_->statement.projection;
}

Result<void> Query::check(const Class& cls) const {
    for (const auto& name : projection()) {
        const std::string first = name.substr(0, name.find('.'));
        if (!known_property(cls, first)) return unknown_property(cls, first);
    }
    if (!impl_->statement.where) return {};
    const std::string* missing = nullptr;
    query::each_property(*impl_->statement.where, [&](const Operand& o) {
        if (missing == nullptr && !known_property(cls, o.steps.front().name)) missing = &o.steps.front().name;
    });
    if (missing != nullptr) return unknown_property(cls, *missing);
    return {};
}

bool Query::matches(const Instance& i, const QueryEnvironment& env) const {
    const auto* where = impl_->statement.where.get();
    return where == nullptr || query::evaluate(*where, i, env) == query::Truth::yes;
}

const std::vector<std::pair<std::string, Value>>& Query::equalities() const {
    return impl_->equalities;
}

const AssociationQuery& Query::association() const {
    return impl_->statement.association;
}

}  // namespace wsvirt::cim
