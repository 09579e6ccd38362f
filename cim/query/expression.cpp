#include "cim/query/expression.hpp"

#include <array>

#include "base/text.hpp"
#include "cim/query/compare.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::query {

std::optional<SystemProperty> system_property(std::string_view name) {
    struct Known {
        std::string_view name;
        SystemProperty is;
    };
    static constexpr std::array<Known, 11> known{{{"__CLASS", SystemProperty::class_name},
                                                  {"__SUPERCLASS", SystemProperty::superclass},
                                                  {"__SERVER", SystemProperty::server},
                                                  {"__NAMESPACE", SystemProperty::name_space},
                                                  {"__PATH", SystemProperty::path},
                                                  {"__RELPATH", SystemProperty::relative_path},
                                                  {"__DYNASTY", SystemProperty::dynasty},
                                                  {"__DERIVATION", SystemProperty::derivation},
                                                  {"__GENUS", SystemProperty::genus},
                                                  {"__PROPERTY_COUNT", SystemProperty::property_count},
                                                  {"__THIS", SystemProperty::self}}};
    for (const auto& k : known)
        if (iequals(k.name, name)) return k.is;
    return std::nullopt;
}

namespace {

const Value null_value;

Value superclass_names(const Class& c, bool only_first, bool only_last) {
    Value::Array all;
    for (const Class* s = c.superclass().get(); s != nullptr; s = s->superclass().get()) {
        all.emplace_back(s->name());
        if (only_first) break;
    }
    if (only_first) return all.empty() ? Value() : all.front();
    if (only_last) return all.empty() ? Value(c.name()) : all.back();
    return Value(std::move(all));
}

Value system_value(SystemProperty which, const Instance& i, const QueryEnvironment& env) {
    switch (which) {
        case SystemProperty::class_name:
            return Value(i.cls().name());
        case SystemProperty::superclass:
            return superclass_names(i.cls(), true, false);
        case SystemProperty::server:
            return Value(env.server);
        case SystemProperty::name_space:
            return Value(replace_all(env.name_space, "/", "\\"));
        case SystemProperty::path: {
            ObjectPath p = i.path(env.name_space);
            p.set_host(env.server);
            return Value(std::move(p));
        }
        case SystemProperty::relative_path:
            return Value(i.path({}));
        case SystemProperty::dynasty:
            return superclass_names(i.cls(), false, true);
        case SystemProperty::derivation:
            return superclass_names(i.cls(), false, false);
        case SystemProperty::genus:
            return Value(2u);
        case SystemProperty::property_count:
            return Value(i.cls().properties().size());
        case SystemProperty::self:
        case SystemProperty::none:
            break;
    }
    return {};
}

// The operand's value for an instance: points at what exists, owns what had to be made.
class Resolved {
  public:
    Resolved(const Operand& o, const Instance& i, const QueryEnvironment& env) {
        if (o.is_constant) {
            value_ = &o.constant;
            return;
        }
        const Instance* at = &i;
        for (std::size_t n = 0; n < o.steps.size(); ++n) {
            const auto& step = o.steps[n];
            if (step.system != SystemProperty::none) {
                made_ = system_value(step.system, *at, env);
                value_ = &made_;
            } else {
                value_ = &at->get(step.name);
            }
            if (step.index) {
                const auto* array = value_->as_array();
                value_ =
                    array != nullptr && *step.index < array->size() ? &(*array)[*step.index] : &null_value;
            }
            if (n + 1 == o.steps.size()) return;
            at = value_->as_instance();
            if (at == nullptr || !at->valid()) {
                value_ = &null_value;
                return;
            }
        }
    }
    Resolved(const Resolved&) = delete;
    Resolved& operator=(const Resolved&) = delete;
    const Value& operator*() const { return *value_; }

  private:
    Value made_;
    const Value* value_ = &null_value;
};

Truth negate(Truth t) {
    return t == Truth::unknown ? t : t == Truth::yes ? Truth::no : Truth::yes;
}

Truth like(const Value& v, const LikePattern& pattern) {
    if (v.is_null()) return Truth::unknown;
    if (const auto* array = v.as_array()) {
        for (const auto& element : *array)
            if (like(element, pattern) == Truth::yes) return Truth::yes;
        return Truth::no;
    }
    return pattern.matches(text_of(v)) ? Truth::yes : Truth::no;
}

Truth is_a(const Expression& e, const Instance& i, const QueryEnvironment& env) {
    const auto& last = e.left.steps.back();
    const bool itself = e.left.steps.size() == 1 &&
                        (last.system == SystemProperty::self || last.system == SystemProperty::class_name);
    if (itself) return i.cls().is_a(e.class_name) ? Truth::yes : Truth::no;
    const Resolved v(e.left, i, env);
    if ((*v).is_null()) return Truth::unknown;
    if (const auto* embedded = (*v).as_instance())
        return embedded->valid() && embedded->cls().is_a(e.class_name) ? Truth::yes : Truth::no;
    if (const auto* path = (*v).as_path())
        return iequals(path->class_name(), e.class_name) ? Truth::yes : Truth::no;
    return Truth::no;
}

Truth combined(const Expression& e, const Instance& i, const QueryEnvironment& env, Truth decides) {
    bool unknown = false;
    for (const auto& child : e.children) {
        const Truth t = evaluate(*child, i, env);
        if (t == decides) return t;
        unknown = unknown || t == Truth::unknown;
    }
    return unknown ? Truth::unknown : negate(decides);
}

}  // namespace

Truth evaluate(const Expression& e, const Instance& i, const QueryEnvironment& env) {
    switch (e.kind) {
        case Expression::Kind::all:
            return combined(e, i, env, Truth::no);
        case Expression::Kind::any:
            return combined(e, i, env, Truth::yes);
        case Expression::Kind::negation:
            return negate(evaluate(*e.children.front(), i, env));
        case Expression::Kind::is_null: {
            const Resolved v(e.left, i, env);
            return (*v).is_null() ? Truth::yes : Truth::no;
        }
        case Expression::Kind::like: {
            const Resolved v(e.left, i, env);
            return like(*v, e.pattern);
        }
        case Expression::Kind::is_a:
            return is_a(e, i, env);
        case Expression::Kind::compare:
            break;
    }
    const Resolved a(e.left, i, env);
    const Resolved b(e.right, i, env);
    return compare(*a, e.comparison, *b);
}

void each_property(const Expression& e, const std::function<void(const Operand&)>& visit) {
    for (const auto& child : e.children) each_property(*child, visit);
    if (!e.left.is_constant) visit(e.left);
    if (!e.right.is_constant) visit(e.right);
}

}  // namespace wsvirt::cim::query
