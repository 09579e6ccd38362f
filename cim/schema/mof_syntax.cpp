#include "cim/schema/mof_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wsvirt::cim::mof {

Error error_at(std::string_view file, Position at, Status status, std::string_view text,
               std::string_view subject) {
    return {status, "wsvirt.mof", fmt::format("{}:{}:{}: {}.", file, at.line, at.column, text),
            std::string(subject)};
}

namespace {

Error mismatch(Type type, std::string_view what) {
    return {Status::type_mismatch, "wsvirt.mof.type",
            fmt::format("{} is not a value of type {}", what, type_name(type))};
}

Result<Value> scalar_of(Type type, const Literal& l) {
    switch (l.kind) {
        case Literal::Kind::null:
            return Value();
        case Literal::Kind::boolean:
            if (type != Type::boolean) return mismatch(type, l.text);
            return Value(l.text == "true");
        case Literal::Kind::number:
            if (type == Type::string || type == Type::boolean || type == Type::datetime)
                return mismatch(type, l.text);
            if (type == Type::char16) {  // a number is the character's code
                auto code = value_from_text(Type::uint16, l.text, true);
                return code ? code : mismatch(type, l.text);
            }
            break;
        case Literal::Kind::character:
            if (type != Type::char16) return mismatch(type, "a character");
            return value_from_text(Type::uint16, l.text);
        case Literal::Kind::text:
            if (type == Type::string || type == Type::reference) return convert(type, false, Value(l.text));
            // WMI writes 64-bit numbers in quotation marks.
            break;
        case Literal::Kind::array:
            return mismatch(type, "an array");
        case Literal::Kind::alias:
        case Literal::Kind::instance:
            return mismatch(type, "an instance");
    }
    if (type == Type::reference || type == Type::instance) return mismatch(type, l.text);
    auto v = value_from_text(type, l.text, true);
    if (!v) return mismatch(type, l.kind == Literal::Kind::text ? '"' + l.text + '"' : l.text);
    return v;
}

}  // namespace

Result<Value> value_of(Type type, bool array, const Literal& l) {
    if (!array || l.kind == Literal::Kind::null) return scalar_of(type, l);
    Value::Array items;
    if (l.kind != Literal::Kind::array) {
        auto v = scalar_of(type, l);
        if (!v) return v.error();
        items.push_back(std::move(*v));
        return Value(std::move(items));
    }
    items.reserve(l.items.size());
    for (const auto& item : l.items) {
        auto v = scalar_of(type, item);
        if (!v) return v.error();
        items.push_back(std::move(*v));
    }
    return Value(std::move(items));
}

void QualifierTypes::add(QualifierType q) {
    by_name_.insert_or_assign(q.name, std::move(q));
}

const QualifierType* QualifierTypes::find(std::string_view name) const {
    const auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : &at->second;
}

bool QualifierTypes::restricted_by_default(std::string_view name) {
    constexpr std::array<std::string_view, 9> restricted{"Abstract", "Deprecated", "Experimental",
                                                         "Override", "Provider",   "Terminal",
                                                         "UUID",     "Version",    "Propagated"};
    return std::any_of(restricted.begin(), restricted.end(), [&](auto n) { return iequals(n, name); });
}

}  // namespace wsvirt::cim::mof
