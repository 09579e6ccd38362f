#include "cim/query/compare.hpp"

#include <charconv>
#include <compare>

#include "base/text.hpp"

namespace wsvirt::cim::query {

namespace {

using Order = std::partial_ordering;

Order order_text(std::string_view a, std::string_view b) {
    const auto n = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < n; ++i) {
        const auto x = static_cast<unsigned char>(ascii_lower(a[i]));
        const auto y = static_cast<unsigned char>(ascii_lower(b[i]));
        if (x != y) return x < y ? Order::less : Order::greater;
    }
    return a.size() <=> b.size();
}

bool looks_like_path(std::string_view s) {
    return s.size() > 2 && s[0] == '\\' && s[1] == '\\' && s.find(':') != std::string_view::npos;
}

// Two strings; full object paths are the same whatever the host part and the separators say.
Order order_strings(const std::string& a, const std::string& b) {
    const Order o = order_text(a, b);
    if (o == Order::equivalent || !looks_like_path(a) || !looks_like_path(b)) return o;
    const auto x = ObjectPath::parse(a), y = ObjectPath::parse(b);
    return x && y && *x == *y ? Order::equivalent : o;
}

Order order_path(const ObjectPath& p, const Value& other) {
    if (const auto* q = other.as_path()) return p == *q ? Order::equivalent : Order::unordered;
    const auto* text = other.as_string();
    if (text == nullptr) return Order::unordered;
    const auto q = ObjectPath::parse(*text);
    return q && p == *q ? Order::equivalent : Order::unordered;
}

Order order_datetime(const DateTime& d, const Value& other) {
    const auto order = [&](const DateTime& e) {
        if (d.is_interval() != e.is_interval()) return Order::unordered;
        return Order(d.microseconds() <=> e.microseconds());
    };
    if (const auto* e = other.as_datetime()) return order(*e);
    const auto* text = other.as_string();
    if (text == nullptr) return Order::unordered;
    if (const auto e = DateTime::from_cim(*text)) return order(*e);
    if (const auto e = DateTime::from_xsd(*text)) return order(*e);
    return Order::unordered;
}

// The number that a value is, or that its text says: true is 1.
Value number_of(const Value& v) {
    if (const bool* b = v.as_bool()) return Value(*b ? 1u : 0u);
    const auto* text = v.as_string();
    if (text == nullptr) return v;
    const auto s = trim(*text);
    if (const auto n = parse_int(s)) return Value(*n);
    if (const auto n = parse_uint(s)) return Value(*n);
    if (iequals(s, "true")) return Value(1u);
    if (iequals(s, "false")) return Value(0u);
    double d = 0;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), d);
    return !s.empty() && r.ec == std::errc{} && r.ptr == s.data() + s.size() ? Value(d) : Value();
}

Order order_numbers(const Value& a, const Value& b) {
    std::int64_t i = 0, k = 0;
    if (a.to_sint64(i) && b.to_sint64(k)) return i <=> k;
    std::uint64_t m = 0, n = 0;
    if (a.to_uint64(m) && b.to_uint64(n)) return m <=> n;
    double x = 0, y = 0;
    if (a.to_double(x) && b.to_double(y)) return x <=> y;
    return Order::unordered;
}

Order reversed(Order o) {
    return o == Order::less ? Order::greater : o == Order::greater ? Order::less : o;
}

Order order_scalars(const Value& a, const Value& b) {
    if (const auto* p = a.as_path()) return order_path(*p, b);
    if (const auto* p = b.as_path()) return reversed(order_path(*p, a));
    if (const auto* d = a.as_datetime()) return order_datetime(*d, b);
    if (const auto* d = b.as_datetime()) return reversed(order_datetime(*d, a));
    const auto *s = a.as_string(), *t = b.as_string();
    if (s != nullptr && t != nullptr) return order_strings(*s, *t);
    const Value x = number_of(a), y = number_of(b);
    if (!x.is_null() && !y.is_null()) return order_numbers(x, y);
    // A string property with text that is no number against a number: as text, so that order is total.
    if (s != nullptr) return order_text(*s, text_of(b));
    if (t != nullptr) return order_text(text_of(a), *t);
    return Order::unordered;
}

bool holds(Order o, Comparison how) {
    switch (how) {
        case Comparison::equal:
            return o == Order::equivalent;
        case Comparison::not_equal:
            return o != Order::equivalent;
        case Comparison::less:
            return o == Order::less;
        case Comparison::less_equal:
            return o == Order::less || o == Order::equivalent;
        case Comparison::greater:
            return o == Order::greater;
        case Comparison::greater_equal:
            return o == Order::greater || o == Order::equivalent;
    }
    return false;
}

bool array_holds(const Value::Array& all, Comparison how, const Value& b) {
    // "differs" of an array means that it does not contain the value.
    const bool contains = how == Comparison::not_equal;
    for (const auto& element : all)
        if (compare(element, contains ? Comparison::equal : how, b) == Truth::yes) return !contains;
    return contains;
}

Comparison mirrored(Comparison how) {
    switch (how) {
        case Comparison::less:
            return Comparison::greater;
        case Comparison::less_equal:
            return Comparison::greater_equal;
        case Comparison::greater:
            return Comparison::less;
        case Comparison::greater_equal:
            return Comparison::less_equal;
        default:
            return how;
    }
}

}  // namespace

std::string text_of(const Value& v) {
    if (const auto* s = v.as_string()) return *s;
    if (const auto* p = v.as_path()) return p->to_text(p->host());
    if (const auto* d = v.as_datetime()) return d->to_cim();
    if (const auto* b = v.as_bool()) return *b ? "TRUE" : "FALSE";
    if (std::holds_alternative<std::uint64_t>(v.storage())) return value_to_text(Type::uint64, v);
    if (std::holds_alternative<std::int64_t>(v.storage())) return value_to_text(Type::sint64, v);
    if (std::holds_alternative<double>(v.storage())) return value_to_text(Type::real64, v);
    return {};
}

Truth compare(const Value& a, Comparison how, const Value& b) {
    if (a.is_null() || b.is_null()) return Truth::unknown;
    bool yes = false;
    if (const auto* array = a.as_array())
        yes = array_holds(*array, how, b);
    else if (const auto* other = b.as_array())
        yes = array_holds(*other, mirrored(how), a);
    else
        yes = holds(order_scalars(a, b), how);
    return yes ? Truth::yes : Truth::no;
}

}  // namespace wsvirt::cim::query
