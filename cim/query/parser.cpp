#include "cim/query/parser.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace wsvirt::cim::query {

namespace {

class Parser {
  public:
    Parser(std::string_view text, Dialect dialect) : lexer_(text), dialect_(dialect) {}
    Result<Statement> run();

  private:
    using Node = std::unique_ptr<Expression>;

    Result<void> advance();
    Result<bool> take_word(std::string_view word);
    Result<void> expect_word(std::string_view word);
    Result<std::string> expect_name(std::string_view what);
    Error wrong(std::string_view expected) const;

    Result<void> select();
    Result<void> projection();
    Result<void> alias();
    Result<void> association(bool associators);
    Result<void> association_clause(bool associators);

    Result<Node> any();
    Result<Node> all();
    Result<Node> negation();
    Result<Node> predicate();
    Result<Node> is_predicate(Operand left);
    Result<Node> comparison(Operand left);
    Result<Operand> operand();
    Result<std::vector<Operand::Step>> property();
    // CQL may write Class.Property or alias.Property: only the rest is the property.
    void drop_source(std::vector<Operand::Step>& steps) const;
    void drop_sources(Expression& e) const;

    Lexer lexer_;
    Dialect dialect_;
    Token now_;
    Statement made_;
    std::string alias_;
    std::vector<std::vector<Operand::Step>> columns_;
    int depth_ = 0;
};

Error Parser::wrong(std::string_view expected) const {
    std::string what = "expected " + std::string(expected);
    if (now_.kind == TokenKind::end)
        what += ", but the query ends here";
    else if (!now_.text.empty())
        what += ", found '" + now_.text + "'";
    return query_error(now_.at, what);
}

Result<void> Parser::advance() {
    auto t = lexer_.next();
    if (!t) return t.error();
    now_ = std::move(*t);
    return {};
}

Result<bool> Parser::take_word(std::string_view word) {
    if (!now_.is_word(word)) return false;
    if (auto r = advance(); !r) return r.error();
    return true;
}

Result<void> Parser::expect_word(std::string_view word) {
    const auto taken = take_word(word);
    if (!taken) return taken.error();
    if (!*taken) return wrong(word);
    return {};
}

Result<std::string> Parser::expect_name(std::string_view what) {
    if (now_.kind != TokenKind::word && now_.kind != TokenKind::text) return wrong(what);
    std::string name = now_.text;
    if (name.empty()) return wrong(what);
    if (auto r = advance(); !r) return r.error();
    return name;
}

Result<Statement> Parser::run() {
    if (auto r = advance(); !r) return r.error();
    Result<void> done;
    if (now_.is_word("SELECT"))
        done = select();
    else if (dialect_ == Dialect::wql && (now_.is_word("ASSOCIATORS") || now_.is_word("REFERENCES")))
        done = association(now_.is_word("ASSOCIATORS"));
    else
        done = wrong(dialect_ == Dialect::wql ? "SELECT, ASSOCIATORS OF or REFERENCES OF" : "SELECT");
    if (!done) return done.error();
    if (now_.kind != TokenKind::end) return wrong("the end of the query");
    return std::move(made_);
}

Result<void> Parser::select() {
    if (auto r = expect_word("SELECT"); !r) return r;
    if (auto r = projection(); !r) return r;
    if (auto r = expect_word("FROM"); !r) return r;
    auto from = expect_name("the name of a class");
    if (!from) return from.error();
    made_.from = std::move(*from);
    if (dialect_ == Dialect::cql)
        if (auto r = alias(); !r) return r;
    const auto where = take_word("WHERE");
    if (!where) return where.error();
    if (*where) {
        auto e = any();
        if (!e) return e.error();
        made_.where = std::move(*e);
        drop_sources(*made_.where);
    }
    for (auto& steps : columns_) {
        drop_source(steps);
        std::string name;
        for (const auto& s : steps) name += (name.empty() ? "" : ".") + s.name;
        const bool known = std::any_of(made_.projection.begin(), made_.projection.end(),
                                       [&](const auto& other) { return iequals(other, name); });
        if (!known) made_.projection.push_back(std::move(name));
    }
    return {};
}

Result<void> Parser::projection() {
    if (now_.kind == TokenKind::star) return advance();
    for (;;) {
        if (now_.kind != TokenKind::word) return wrong("* or the name of a property");
        auto steps = property();
        if (!steps) return steps.error();
        columns_.push_back(std::move(*steps));
        if (now_.kind != TokenKind::comma) return {};
        if (auto r = advance(); !r) return r;
    }
}

Result<void> Parser::alias() {
    const auto as = take_word("AS");
    if (!as) return as.error();
    if (!*as && (now_.kind != TokenKind::word || now_.is_word("WHERE"))) return {};
    auto name = expect_name("the short name of the class");
    if (!name) return name.error();
    alias_ = std::move(*name);
    return {};
}

void Parser::drop_source(std::vector<Operand::Step>& steps) const {
    if (dialect_ != Dialect::cql || steps.size() < 2 || steps.front().index) return;
    if (iequals(steps.front().name, made_.from) || (!alias_.empty() && iequals(steps.front().name, alias_)))
        steps.erase(steps.begin());
}

void Parser::drop_sources(Expression& e) const {
    for (auto& child : e.children) drop_sources(*child);
    drop_source(e.left.steps);
    drop_source(e.right.steps);
}

Result<void> Parser::association(bool associators) {
    made_.kind = associators ? Query::Kind::associators : Query::Kind::references;
    if (auto r = advance(); !r) return r;
    if (auto r = expect_word("OF"); !r) return r;
    if (now_.kind != TokenKind::path) return wrong("an object path in braces");
    auto object = ObjectPath::parse(now_.text);
    if (!object) return query_error(now_.at, "the object path cannot be read: " + object.error().text);
    made_.association.object = std::move(*object);
    if (auto r = advance(); !r) return r;
    const auto where = take_word("WHERE");
    if (!where) return where.error();
    if (!*where) return {};
    do {
        if (auto r = association_clause(associators); !r) return r;
    } while (now_.kind != TokenKind::end);
    return {};
}

Result<void> Parser::association_clause(bool associators) {
    auto& q = made_.association;
    const auto flag = [&](bool& set) {
        set = true;
        return advance();
    };
    if (now_.is_word("ClassDefsOnly") || now_.is_word("SchemaOnly")) return flag(q.class_defs_only);
    if (now_.is_word("KeysOnly")) return flag(q.keys_only);
    std::string* target = nullptr;
    if (now_.is_word("ResultClass")) target = &q.result_class;
    if (now_.is_word("Role")) target = &q.role;
    if (now_.is_word("RequiredQualifier")) target = &q.required_qualifier;
    if (associators && now_.is_word("AssocClass")) target = &q.assoc_class;
    if (associators && now_.is_word("ResultRole")) target = &q.result_role;
    if (associators && now_.is_word("RequiredAssocQualifier")) target = &q.required_assoc_qualifier;
    if (target == nullptr)
        return wrong(associators ? "AssocClass, ResultClass, Role, ResultRole, RequiredQualifier, "
                                   "RequiredAssocQualifier, ClassDefsOnly or KeysOnly"
                                 : "ResultClass, Role, RequiredQualifier, ClassDefsOnly or KeysOnly");
    if (!target->empty()) return query_error(now_.at, "'" + now_.text + "' is given twice");
    if (auto r = advance(); !r) return r;
    if (now_.kind != TokenKind::compare || now_.comparison != Comparison::equal) return wrong("'='");
    if (auto r = advance(); !r) return r;
    auto name = expect_name("a name");
    if (!name) return name.error();
    *target = std::move(*name);
    return {};
}

Result<Parser::Node> Parser::any() {
    auto first = all();
    if (!first || !now_.is_word("OR")) return first;
    auto node = std::make_unique<Expression>();
    node->kind = Expression::Kind::any;
    node->children.push_back(std::move(*first));
    while (now_.is_word("OR")) {
        if (auto r = advance(); !r) return r.error();
        auto other = all();
        if (!other) return other;
        node->children.push_back(std::move(*other));
    }
    return node;
}

Result<Parser::Node> Parser::all() {
    auto first = negation();
    if (!first || !now_.is_word("AND")) return first;
    auto node = std::make_unique<Expression>();
    node->kind = Expression::Kind::all;
    node->children.push_back(std::move(*first));
    while (now_.is_word("AND")) {
        if (auto r = advance(); !r) return r.error();
        auto other = negation();
        if (!other) return other;
        node->children.push_back(std::move(*other));
    }
    return node;
}

Result<Parser::Node> Parser::negation() {
    const bool negated = now_.is_word("NOT");
    if (!negated && now_.kind != TokenKind::open) return predicate();
    if (++depth_ > max_query_nesting)
        return query_error(now_.at, "parentheses and NOT are nested deeper than " +
                                        std::to_string(max_query_nesting) + " levels");
    if (auto r = advance(); !r) return r.error();
    auto inner = negated ? negation() : any();
    if (!inner) return inner;
    --depth_;
    if (negated) {
        auto node = std::make_unique<Expression>();
        node->kind = Expression::Kind::negation;
        node->children.push_back(std::move(*inner));
        return node;
    }
    if (now_.kind != TokenKind::close) return wrong("')'");
    if (auto r = advance(); !r) return r.error();
    return inner;
}

Result<Parser::Node> Parser::predicate() {
    auto left = operand();
    if (!left) return left.error();
    if (now_.kind == TokenKind::compare) return comparison(std::move(*left));
    return is_predicate(std::move(*left));
}

Result<Parser::Node> Parser::comparison(Operand left) {
    auto node = std::make_unique<Expression>();
    node->comparison = now_.comparison;
    if (auto r = advance(); !r) return r.error();
    auto right = operand();
    if (!right) return right.error();
    if (left.is_constant && right->is_constant)
        return query_error(left.at, "a comparison needs a property on one side");
    if (left.is_null_word()) std::swap(left, *right);
    node->left = std::move(left);
    node->right = std::move(*right);
    if (!node->right.is_null_word()) return node;
    // Property = NULL says the same as IS NULL in WQL.
    const auto how = node->comparison;
    if (how != Comparison::equal && how != Comparison::not_equal)
        return query_error(node->right.at, "NULL can only be compared with = and !=");
    node->kind = Expression::Kind::is_null;
    if (how == Comparison::equal) return node;
    auto outer = std::make_unique<Expression>();
    outer->kind = Expression::Kind::negation;
    outer->children.push_back(std::move(node));
    return outer;
}

// LIKE, IS NULL and ISA, each also with NOT.
Result<Parser::Node> Parser::is_predicate(Operand left) {
    auto node = std::make_unique<Expression>();
    const auto at = left.at;
    if (left.is_constant) return wrong("a comparison");
    node->left = std::move(left);
    const auto is = take_word("IS");
    if (!is) return is.error();
    const auto negated = take_word("NOT");
    if (!negated) return negated.error();
    if (*is) {
        if (auto r = expect_word("NULL"); !r) return r.error();
        node->kind = Expression::Kind::is_null;
    } else if (now_.is_word("LIKE")) {
        if (auto r = advance(); !r) return r.error();
        if (now_.kind != TokenKind::text) return wrong("a pattern in quotes");
        node->kind = Expression::Kind::like;
        node->pattern = LikePattern(now_.text);
        if (auto r = advance(); !r) return r.error();
    } else if (now_.is_word("ISA")) {
        if (auto r = advance(); !r) return r.error();
        auto name = expect_name("the name of a class");
        if (!name) return name.error();
        node->kind = Expression::Kind::is_a;
        node->class_name = std::move(*name);
    } else {
        return wrong("=, !=, <>, <, <=, >, >=, LIKE, IS or ISA");
    }
    const auto last = node->left.steps.back().system;
    if (last == SystemProperty::self && node->kind != Expression::Kind::is_a)
        return query_error(at, "__THIS can only be used with ISA");
    if (!*negated) return node;
    auto outer = std::make_unique<Expression>();
    outer->kind = Expression::Kind::negation;
    outer->children.push_back(std::move(node));
    return outer;
}

Result<Operand> Parser::operand() {
    Operand o;
    o.at = now_.at;
    if (now_.kind == TokenKind::text) {
        o.constant = Value(now_.text);
    } else if (now_.kind == TokenKind::number) {
        o.constant = now_.number;
    } else if (now_.is_word("TRUE") || now_.is_word("FALSE")) {
        o.constant = Value(now_.is_word("TRUE"));
    } else if (now_.kind == TokenKind::word && !now_.is_word("NULL")) {
        auto steps = property();
        if (!steps) return steps.error();
        o.is_constant = false;
        o.steps = std::move(*steps);
        return o;
    } else if (now_.kind != TokenKind::word) {
        return wrong("a property or a constant");
    }
    if (auto r = advance(); !r) return r.error();
    return o;
}

Result<std::vector<Operand::Step>> Parser::property() {
    std::vector<Operand::Step> steps;
    for (;;) {
        if (now_.kind != TokenKind::word) return wrong("the name of a property");
        Operand::Step step;
        step.name = now_.text;
        if (const auto system = system_property(step.name)) step.system = *system;
        if (auto r = advance(); !r) return r.error();
        if (now_.kind == TokenKind::open_index) {
            if (auto r = advance(); !r) return r.error();
            std::uint64_t n = 0;
            if (now_.kind != TokenKind::number || !now_.number.to_uint64(n)) return wrong("an array index");
            step.index = n;
            if (auto r = advance(); !r) return r.error();
            if (now_.kind != TokenKind::close_index) return wrong("']'");
            if (auto r = advance(); !r) return r.error();
        }
        steps.push_back(std::move(step));
        if (now_.kind != TokenKind::dot) return steps;
        if (steps.size() == static_cast<std::size_t>(max_query_nesting))
            return query_error(now_.at, "this name has too many parts");
        if (auto r = advance(); !r) return r.error();
    }
}

}  // namespace

Result<Statement> parse(std::string_view text, Dialect dialect) {
    if (text.size() > max_query_bytes)
        return Error(Status::invalid_query, "wsvirt.query.long",
                     "The query is longer than " + std::to_string(max_query_bytes) + " bytes.");
    return Parser(text, dialect).run();
}

}  // namespace wsvirt::cim::query
