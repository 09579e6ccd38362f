#include "cim/schema/mof_parser.hpp"

#include <fmt/format.h>

#include "base/xml_text.hpp"

namespace wsvirt::cim::mof {

namespace {

constexpr std::size_t most_qualifiers = 256;  // of one element

}  // namespace

bool apply_flavor(std::string_view name, std::uint8_t& flavor) {
    const auto clear = [&](int bit) { flavor = static_cast<std::uint8_t>(flavor & ~bit); };
    const auto set = [&](int bit) { flavor = static_cast<std::uint8_t>(flavor | bit); };
    if (iequals(name, "EnableOverride"))
        set(Qualifier::overridable);
    else if (iequals(name, "DisableOverride"))
        clear(Qualifier::overridable);
    else if (iequals(name, "ToSubclass"))
        set(Qualifier::to_subclass);
    else if (iequals(name, "Restricted"))
        clear(Qualifier::to_subclass);
    else if (iequals(name, "Translatable"))
        set(Qualifier::translatable);
    else
        return iequals(name, "Amended") || iequals(name, "ToInstance");  // WMI's own; without effect here
    return true;
}

Parser::Parser(std::string_view text, FileName file, const QualifierTypes& types, Sink& sink,
               MofLimits limits)
    : lexer_(text), file_(std::move(file)), types_(types), sink_(sink), limits_(limits) {
    advance();
}

Result<void> Parser::run() {
    while (token_.kind != Token::Kind::end)
        if (!declaration()) return error_;
    return {};
}

bool Parser::fail(Position at, Status status, std::string_view text, std::string_view subject) {
    error_ = error_at(*file_, at, status, text, subject);
    return false;
}

bool Parser::expected(std::string_view what) {
    if (token_.kind == Token::Kind::bad) return fail(token_.at, Status::malformed, token_.text);
    constexpr std::size_t shown = 40;
    const auto found = token_.kind == Token::Kind::end ? std::string("the end of the text")
                                                       : fmt::format("'{}'", shortened(token_.text, shown));
    return fail(token_.at, Status::malformed, fmt::format("expected {}, found {}", what, found));
}

bool Parser::keep(Result<void> r) {
    if (r) return true;
    error_ = r.error();
    return false;
}

bool Parser::take(char punctuation, std::string_view after) {
    if (!token_.is(punctuation)) return expected(fmt::format("'{}' {}", punctuation, after));
    advance();
    return true;
}

bool Parser::take_name(std::string& out, std::string_view what) {
    if (token_.kind != Token::Kind::name) return expected(what);
    out = std::string(token_.text);
    advance();
    return true;
}

bool Parser::declaration() {
    if (token_.is('#')) return pragma();
    if (token_.is_word("qualifier")) return qualifier_declaration();
    Qualifiers qualifiers;
    if (token_.is('[') && !qualifier_list(qualifiers)) return false;
    if (token_.is_word("class")) return class_declaration(std::move(qualifiers));
    if (!token_.is_word("instance")) return expected("a class, an instance, a qualifier or a pragma");
    InstanceDeclaration i;
    if (!instance_declaration(i, 0)) return false;
    if (token_.is(';'))
        advance();
    else if (token_.kind != Token::Kind::end)
        return expected("';' after an instance");
    return keep(sink_.instance_declaration(std::move(i)));
}

bool Parser::pragma() {
    const Position at = token_.at;
    advance();
    std::string name, text;
    if (!token_.is_word("pragma")) return expected("pragma behind '#'");
    advance();
    if (!take_name(name, "the name of a pragma")) return false;
    if (token_.is('(')) {
        advance();
        if (token_.kind == Token::Kind::text) {
            Literal l;
            if (!text_literal(l)) return false;
            text = std::move(l.text);
        }
        while (!token_.is(')')) {
            if (token_.kind == Token::Kind::end || token_.kind == Token::Kind::bad)
                return expected("')' at the end of a pragma");
            advance();
        }
        advance();
    }
    if (iequals(name, "namespace")) return keep(sink_.name_space(std::move(text), at));
    if (iequals(name, "include")) return keep(sink_.include(std::move(text), at));
    return true;
}

bool Parser::qualifier_declaration() {
    const Position at = token_.at;
    advance();
    QualifierType q;
    if (!take_name(q.name, "the name of the qualifier") || !take(':', "before the qualifier's type"))
        return false;
    if (token_.kind != Token::Kind::name || !type_from_name(token_.text, q.type))
        return expected("the qualifier's type");
    advance();
    if (QualifierTypes::restricted_by_default(q.name)) q.flavor = Qualifier::overridable;
    if (!array_mark(q.array)) return false;
    if (token_.is('=')) {
        advance();
        Literal l;
        if (!literal(l, 0)) return false;
        auto v = value_of(q.type, q.array, l);
        if (!v) return fail(l.at, Status::type_mismatch, v.error().text, q.name);
        q.default_value = std::move(*v);
    }
    while (token_.is(',')) {
        advance();
        if (!scope_or_flavor(q)) return false;
    }
    return take(';', "after a qualifier declaration") && keep(sink_.qualifier_type(std::move(q), at));
}

bool Parser::scope_or_flavor(QualifierType& q) {
    const bool scope = token_.is_word("scope");
    if (!scope && !token_.is_word("flavor")) return expected("Scope or Flavor");
    advance();
    if (!take('(', "before the list")) return false;
    for (;;) {
        if (token_.kind != Token::Kind::name) return expected("a name");
        if (scope)
            q.scopes.push_back(to_lower(token_.text));
        else if (!apply_flavor(token_.text, q.flavor))
            return expected("a flavor");
        advance();
        if (!token_.is(',')) break;
        advance();
    }
    return take(')', "after the list");
}

bool Parser::qualifier_list(Qualifiers& out) {
    advance();
    for (;;) {
        Qualifier q;
        const Position at = token_.at;
        if (out.size() == most_qualifiers)
            return fail(at, Status::malformed,
                        fmt::format("nothing has more than {} qualifiers", most_qualifiers));
        if (!qualifier(q)) return false;
        if (find_qualifier(out, q.name))
            return fail(at, Status::malformed, fmt::format("the qualifier {} is given twice", q.name),
                        q.name);
        out.push_back(std::move(q));
        if (!token_.is(',')) break;
        advance();
    }
    out.shrink_to_fit();
    return take(']', "after the qualifiers");
}

bool Parser::qualifier(Qualifier& q) {
    if (!take_name(q.name, "the name of a qualifier")) return false;
    const auto* type = types_.find(q.name);
    if (type) {
        q.name = type->name;
        q.type = type->type;
        q.flavor = type->flavor;
    } else if (QualifierTypes::restricted_by_default(q.name)) {
        q.flavor = Qualifier::overridable;
    }
    if (!qualifier_value(q, type)) return false;
    if (!token_.is(':')) return true;
    advance();
    bool any = false;
    while (token_.kind == Token::Kind::name) {
        if (!apply_flavor(token_.text, q.flavor)) return expected("a flavor");
        advance();
        any = true;
    }
    return any || expected("a flavor");
}

bool Parser::qualifier_value(Qualifier& q, const QualifierType* type) {
    Literal l;
    l.at = token_.at;
    if (token_.is('(')) {
        advance();
        if (!literal(l, 0) || !take(')', "after the qualifier's value")) return false;
    } else if (token_.is('{')) {
        if (!literal(l, 0)) return false;
    } else {
        if (type && type->type != Type::boolean) {
            q.value = type->default_value;
            return true;
        }
        q.value = Value(true);
        return true;
    }
    const bool array = type ? type->array : l.kind == Literal::Kind::array;
    if (!type) {
        const Literal& sample = array && !l.items.empty() ? l.items[0] : l;
        q.type = sample.kind == Literal::Kind::boolean  ? Type::boolean
                 : sample.kind == Literal::Kind::number ? Type::sint64
                                                        : Type::string;
    }
    auto v = value_of(q.type, array, l);
    if (!v)
        return fail(l.at, Status::type_mismatch, fmt::format("qualifier {}: {}", q.name, v.error().text),
                    q.name);
    q.value = std::move(*v);
    return true;
}

bool Parser::class_declaration(Qualifiers qualifiers) {
    ClassDeclaration c;
    c.qualifiers = std::move(qualifiers);
    c.file = file_;
    c.at = token_.at;
    advance();
    if (!take_name(c.name, "the name of the class")) return false;
    if (token_.is_word("as")) {
        advance();
        if (token_.kind != Token::Kind::alias) return expected("an alias behind 'as'");
        advance();
    }
    if (token_.is(':')) {
        advance();
        if (!take_name(c.superclass, "the name of the superclass")) return false;
    }
    if (!take('{', "before the class's features")) return false;
    while (!token_.is('}'))
        if (!feature(c)) return false;
    advance();
    return take(';', "after a class") && keep(sink_.class_declaration(std::move(c)));
}

bool Parser::feature(ClassDeclaration& c) {
    Feature f;
    const Position before = token_.at;
    if (token_.is('[') && !qualifier_list(f.qualifiers)) return false;
    bool is_void = false;
    const Position at = f.qualifiers.empty() ? before : token_.at;
    if (!type_and_name(f, is_void)) return false;
    if (token_.is('(')) {
        MethodDeclaration m;
        m.at = at;
        m.method.name = std::move(f.name);
        if (!is_void) m.method.return_type = f.type;
        m.method.qualifiers = std::move(f.qualifiers);
        return method(c, std::move(m));
    }
    if (is_void) return expected("'(' after the name of a method");
    PropertyDeclaration p;
    p.at = at;
    static_cast<Feature&>(p.property) = std::move(f);
    return property(c, std::move(p));
}

// Type name, "Class ref name" or, for embedded objects in WMI's style, "Class name" and "object name".
bool Parser::type_and_name(Feature& f, bool& is_void) {
    if (token_.kind != Token::Kind::name) return expected("a type");
    const Token type = token_;
    advance();
    if (token_.is_word("ref")) {
        advance();
        f.type = Type::reference;
        f.ref_class = std::string(type.text);
    } else if (type.is_word("void")) {
        is_void = true;
    } else if (type.is_word("object")) {
        f.type = Type::instance;
        f.embedded_object = true;
    } else if (!type_from_name(type.text, f.type) || f.type == Type::reference || f.type == Type::instance) {
        f.type = Type::instance;
        f.embedded_class = std::string(type.text);
    }
    return take_name(f.name, "a name behind the type");
}

bool Parser::array_mark(bool& array) {
    if (!token_.is('[')) return true;
    advance();
    array = true;
    if (token_.kind == Token::Kind::number) advance();
    return take(']', "after an array's size");
}

bool Parser::property(ClassDeclaration& c, PropertyDeclaration p) {
    auto& made = p.property;
    if (!array_mark(made.array)) return false;
    if (token_.is('=')) {
        advance();
        Literal l;
        if (!literal(l, 0)) return false;
        auto v = value_of(made.type, made.array, l);
        if (!v)
            return fail(l.at, Status::type_mismatch, fmt::format("{}: {}", made.name, v.error().text),
                        made.name);
        made.default_value = std::move(*v);
        p.has_default = true;
    }
    c.properties.push_back(std::move(p));
    return take(';', "after a property");
}

bool Parser::method(ClassDeclaration& c, MethodDeclaration m) {
    advance();
    while (!token_.is(')')) {
        if (!parameter(m.method)) return false;
        if (token_.is(','))
            advance();
        else if (!token_.is(')'))
            return expected("',' or ')' after a parameter");
    }
    advance();
    m.method.parameters.shrink_to_fit();
    c.methods.push_back(std::move(m));
    return take(';', "after a method");
}

bool Parser::parameter(Method& m) {
    Parameter p;
    const Position at = token_.at;
    if (token_.is('[') && !qualifier_list(p.qualifiers)) return false;
    bool is_void = false;
    if (!type_and_name(p, is_void) || !array_mark(p.array)) return false;
    if (is_void) return fail(at, Status::malformed, "a parameter cannot be void", p.name);
    if (m.parameter(p.name))
        return fail(at, Status::malformed, fmt::format("the parameter {} is declared twice", p.name), p.name);
    m.parameters.push_back(std::move(p));
    return true;
}

bool Parser::instance_declaration(InstanceDeclaration& out, unsigned depth) {
    out.file = file_;
    out.at = token_.at;
    if (depth > limits_.nesting) return fail(token_.at, Status::malformed, "instances are nested too deeply");
    advance();
    if (!token_.is_word("of")) return expected("'of' behind 'instance'");
    advance();
    if (!take_name(out.class_name, "the name of the class")) return false;
    if (token_.is_word("as")) {
        advance();
        if (token_.kind != Token::Kind::alias) return expected("an alias behind 'as'");
        out.alias = std::string(token_.text.substr(1));
        advance();
    }
    if (!take('{', "before the instance's values")) return false;
    while (!token_.is('}')) {
        InstanceDeclaration::Initializer i;
        Qualifiers ignored;
        if (token_.is('[') && !qualifier_list(ignored)) return false;
        i.at = token_.at;
        if (!take_name(i.property, "the name of a property") || !take('=', "before the value")) return false;
        if (!literal(i.value, depth) || !take(';', "after a value")) return false;
        out.properties.push_back(std::move(i));
    }
    advance();
    return true;
}

bool Parser::text_literal(Literal& out) {
    out.kind = Literal::Kind::text;
    while (token_.kind == Token::Kind::text) {
        auto part = unescape(token_.text);
        if (!part) return fail(token_.at, Status::malformed, "a text has an escape that MOF does not know");
        out.text += *part;
        advance();
    }
    return true;
}

bool Parser::literal(Literal& out, unsigned depth) {
    out.at = token_.at;
    switch (token_.kind) {
        case Token::Kind::text:
            return text_literal(out);
        case Token::Kind::number:
            out.kind = Literal::Kind::number;
            out.text = std::string(token_.text);
            break;
        case Token::Kind::alias:
            out.kind = Literal::Kind::alias;
            out.text = std::string(token_.text.substr(1));
            break;
        case Token::Kind::character: {
            const auto c = unescape(token_.text);
            const auto code = c ? value_from_text(Type::char16, *c) : Result<Value>(Error{});
            if (!code || c->empty()) return fail(token_.at, Status::malformed, "this is not one character");
            out.kind = Literal::Kind::character;
            out.text = value_to_text(Type::uint16, *code);
            break;
        }
        case Token::Kind::name:
            if (token_.is_word("instance")) {
                auto inner = std::make_shared<InstanceDeclaration>();
                if (!instance_declaration(*inner, depth + 1)) return false;
                out.kind = Literal::Kind::instance;
                out.instance = std::move(inner);
                return true;
            }
            if (token_.is_word("true") || token_.is_word("false")) {
                out.kind = Literal::Kind::boolean;
                out.text = to_lower(token_.text);
            } else if (token_.text == "INF" || token_.text == "NaN") {
                // Not in the grammar, but instance_to_mof() must be able to say every real.
                out.kind = Literal::Kind::number;
                out.text = token_.text;
            } else if (!token_.is_word("null")) {
                return expected("a value");
            }
            break;
        default:
            if (!token_.is('{')) return expected("a value");
            out.kind = Literal::Kind::array;
            advance();
            while (!token_.is('}')) {
                if (token_.is('{'))
                    return fail(token_.at, Status::malformed, "an array cannot hold an array");
                if (!literal(out.items.emplace_back(), depth)) return false;
                if (token_.is(','))
                    advance();
                else if (!token_.is('}'))
                    return expected("',' or '}' after a value");
            }
    }
    advance();
    return true;
}

}  // namespace wsvirt::cim::mof
