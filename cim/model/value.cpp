#include "cim/model/value.hpp"

#include <array>
#include <cmath>

#include "base/text.hpp"
#include "cim/model/instance.hpp"
#include "cim/model/object_path.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::array<std::string_view, 16> names{
    "boolean", "uint8",  "sint8",  "uint16", "sint16", "uint32",   "sint32",    "uint64",
    "sint64",  "real32", "real64", "char16", "string", "datetime", "reference", "instance"};

bool is_number(const Value& v) {
    return v.storage().index() >= 2 && v.storage().index() <= 4;
}

bool equal_numbers(const Value& a, const Value& b) {
    std::uint64_t ua = 0, ub = 0;
    std::int64_t sa = 0, sb = 0;
    const bool fits_a = a.to_uint64(ua), fits_b = b.to_uint64(ub);
    if (fits_a && fits_b) return ua == ub;
    if (a.to_sint64(sa) && b.to_sint64(sb)) return sa == sb;
    double da = 0, db = 0;
    return a.to_double(da) && b.to_double(db) && da == db;
}

}  // namespace

std::string_view type_name(Type t) {
    return names[static_cast<std::size_t>(t)];
}

bool type_from_name(std::string_view name, Type& t) {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (iequals(names[i], name)) {
            t = static_cast<Type>(i);
            return true;
        }
    return false;
}

bool is_unsigned(Type t) {
    return t == Type::uint8 || t == Type::uint16 || t == Type::uint32 || t == Type::uint64 ||
           t == Type::char16;
}

bool is_signed_int(Type t) {
    return t == Type::sint8 || t == Type::sint16 || t == Type::sint32 || t == Type::sint64;
}

Value::Value(ObjectPath p) : v_(std::make_shared<const ObjectPath>(std::move(p))) {}
Value::Value(Instance i) : v_(std::make_shared<const Instance>(std::move(i))) {}

const ObjectPath* Value::as_path() const {
    const auto* p = std::get_if<std::shared_ptr<const ObjectPath>>(&v_);
    return p ? p->get() : nullptr;
}

const Instance* Value::as_instance() const {
    const auto* p = std::get_if<std::shared_ptr<const Instance>>(&v_);
    return p ? p->get() : nullptr;
}

const Value::Array* Value::as_array() const {
    const auto* p = std::get_if<std::shared_ptr<const Array>>(&v_);
    return p ? p->get() : nullptr;
}

std::shared_ptr<const Instance> Value::instance_ptr() const {
    const auto* p = std::get_if<std::shared_ptr<const Instance>>(&v_);
    return p ? *p : nullptr;
}

bool Value::to_uint64(std::uint64_t& out) const {
    if (const auto* u = std::get_if<std::uint64_t>(&v_)) {
        out = *u;
        return true;
    }
    if (const auto* s = std::get_if<std::int64_t>(&v_)) {
        if (*s < 0) return false;
        out = static_cast<std::uint64_t>(*s);
        return true;
    }
    if (const auto* d = std::get_if<double>(&v_)) {
        if (!(*d >= 0 && *d < 18446744073709551616.0) || std::trunc(*d) != *d) return false;
        out = static_cast<std::uint64_t>(*d);
        return true;
    }
    return false;
}

bool Value::to_sint64(std::int64_t& out) const {
    if (const auto* s = std::get_if<std::int64_t>(&v_)) {
        out = *s;
        return true;
    }
    if (const auto* u = std::get_if<std::uint64_t>(&v_)) {
        if (*u > static_cast<std::uint64_t>(INT64_MAX)) return false;
        out = static_cast<std::int64_t>(*u);
        return true;
    }
    if (const auto* d = std::get_if<double>(&v_)) {
        if (!(*d >= -9223372036854775808.0 && *d < 9223372036854775808.0) || std::trunc(*d) != *d)
            return false;
        out = static_cast<std::int64_t>(*d);
        return true;
    }
    return false;
}

bool Value::to_double(double& out) const {
    if (const auto* d = std::get_if<double>(&v_)) {
        out = *d;
        return true;
    }
    if (const auto* u = std::get_if<std::uint64_t>(&v_)) {
        out = static_cast<double>(*u);
        return true;
    }
    if (const auto* s = std::get_if<std::int64_t>(&v_)) {
        out = static_cast<double>(*s);
        return true;
    }
    return false;
}

bool operator==(const Value& a, const Value& b) {
    if (is_number(a) && is_number(b)) return equal_numbers(a, b);
    if (a.v_.index() != b.v_.index()) return false;
    if (const auto* p = a.as_path()) return *p == *b.as_path();
    if (const auto* i = a.as_instance()) return *i == *b.as_instance();
    if (const auto* x = a.as_array()) return *x == *b.as_array();
    return a.v_ == b.v_;
}

}  // namespace wsvirt::cim
