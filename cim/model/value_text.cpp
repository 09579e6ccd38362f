// Values and their lexical form, and conversion to a declared type.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "base/xml_text.hpp"
#include "cim/model/instance.hpp"
#include "cim/model/object_path.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim {

namespace {

Error mismatch(Type t, std::string_view text) {
    constexpr std::size_t shown = 60;
    return {Status::type_mismatch, "wsvirt.value.type",
            fmt::format("'{}' is not a value of type {}.", shortened(text, shown), type_name(t))};
}

std::uint64_t most_unsigned(Type t) {
    switch (t) {
        case Type::uint8:
            return 0xff;
        case Type::uint16:
        case Type::char16:
            return 0xffff;
        case Type::uint32:
            return 0xffffffff;
        default:
            return std::numeric_limits<std::uint64_t>::max();
    }
}

std::int64_t most_signed(Type t) {
    switch (t) {
        case Type::sint8:
            return 0x7f;
        case Type::sint16:
            return 0x7fff;
        case Type::sint32:
            return 0x7fffffff;
        default:
            return std::numeric_limits<std::int64_t>::max();
    }
}

// Sign, digits and base of a MOF integer (DSP0004 Annex A: decimal, 0x hexadecimal, 0 octal, binary with b).
bool read_mof_integer(std::string_view s, bool& negative, std::uint64_t& n) {
    negative = !s.empty() && s[0] == '-';
    if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
    int base = 10;
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s.remove_prefix(2);
    } else if (s.size() > 1 && (s.back() == 'b' || s.back() == 'B')) {
        base = 2;
        s.remove_suffix(1);
    } else if (s.size() > 1 && s[0] == '0') {
        base = 8;
    }
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n, base);
    return !s.empty() && ec == std::errc{} && end == s.data() + s.size();
}

bool read_integer(std::string_view s, bool mof, bool& negative, std::uint64_t& n) {
    if (mof) return read_mof_integer(s, negative, n);
    negative = !s.empty() && s[0] == '-';
    if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
    const auto parsed = parse_uint(s);
    n = parsed.value_or(0);
    return parsed.has_value();
}

Result<Value> integer_from_text(Type type, std::string_view text, bool mof) {
    bool negative = false;
    std::uint64_t n = 0;
    if (!read_integer(text, mof, negative, n)) return mismatch(type, text);
    if (is_unsigned(type)) {
        if (n > most_unsigned(type) || (negative && n != 0)) return mismatch(type, text);
        return Value(n);
    }
    const auto most = static_cast<std::uint64_t>(most_signed(type));
    if (n > most + (negative ? 1 : 0)) return mismatch(type, text);
    return Value(negative ? static_cast<std::int64_t>(0 - n) : static_cast<std::int64_t>(n));
}

Result<Value> real_from_text(Type type, std::string_view text) {
    if (text == "INF" || text == "+INF") return Value(std::numeric_limits<double>::infinity());
    if (text == "-INF") return Value(-std::numeric_limits<double>::infinity());
    if (text == "NaN") return Value(std::numeric_limits<double>::quiet_NaN());
    auto s = text;
    if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
    double d = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), d);
    if (s.empty() || ec != std::errc{} || end != s.data() + s.size() || !std::isfinite(d))
        return mismatch(type, text);
    if (type == Type::real32) {
        // Read as what it is: rounded twice it might be the neighbour.
        float f = 0;
        const auto read = std::from_chars(s.data(), s.data() + s.size(), f);
        if (read.ec != std::errc{}) f = static_cast<float>(std::fabs(d) < 1 ? d : HUGE_VAL);
        if (!std::isfinite(f)) return mismatch(type, text);
        d = static_cast<double>(f);
    }
    return Value(d);
}

// One character outside the surrogates of the basic plane, or its UTF-16 code.
Result<Value> char_from_text(std::string_view text, bool mof) {
    const auto u = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
    if (text.size() == 1 && u(0) < 0x80) return Value(std::uint64_t{u(0)});
    if (text.size() == 2 && (u(0) & 0xe0) == 0xc0 && valid_utf8(text))
        return Value(std::uint64_t{(u(0) & 0x1f) << 6 | (u(1) & 0x3f)});
    if (text.size() == 3 && (u(0) & 0xf0) == 0xe0 && valid_utf8(text))
        return Value(std::uint64_t{(u(0) & 0x0f) << 12 | (u(1) & 0x3f) << 6 | (u(2) & 0x3f)});
    return integer_from_text(Type::char16, trim(text), mof);
}

std::string char_to_text(std::uint64_t c) {
    std::string r;
    const auto put = [&r](std::uint64_t x) { r += static_cast<char>(x); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 0x3f));
    } else if (c >= 0xd800 && c <= 0xdfff) {
        return "\xef\xbf\xbd";  // half a surrogate pair has no character
    } else {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    }
    return r;
}

std::string real_to_text(Type type, double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d < 0 ? "-INF" : "INF";
    char buffer[40];
    const auto end = type == Type::real32
                         ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(d)).ptr
                         : std::to_chars(buffer, buffer + sizeof buffer, d).ptr;
    return std::string(buffer, end);
}

Result<Value> convert_number(Type type, Value v) {
    if (type == Type::real32 || type == Type::real64) {
        double d = 0;
        return v.to_double(d) ? Result<Value>(Value(d)) : Result<Value>(mismatch(type, "text"));
    }
    if (is_unsigned(type)) {
        std::uint64_t n = 0;
        if (v.to_uint64(n) && n <= most_unsigned(type)) return Value(n);
    } else {
        std::int64_t n = 0;
        if (v.to_sint64(n) && n <= most_signed(type) && n >= -most_signed(type) - 1) return Value(n);
    }
    return mismatch(type, value_to_text(Type::string, v));
}

Result<Value> convert_scalar(Type type, Value v) {
    if (v.is_null()) return v;
    if (v.is_array()) return mismatch(type, "an array");
    const auto* text = v.as_string();
    switch (type) {
        case Type::string:
            // An instance is the value of a string with EmbeddedInstance; the codec writes it as text.
            return text || v.as_instance() ? Result<Value>(std::move(v))
                                           : Result<Value>(mismatch(type, value_to_text(type, v)));
        case Type::boolean:
            if (v.as_bool()) return v;
            break;
        case Type::datetime:
            if (v.as_datetime()) return v;
            break;
        case Type::reference: {
            if (v.as_path()) return v;
            if (!text) return mismatch(type, value_to_text(type, v));
            auto path = ObjectPath::parse(*text);
            if (!path) return mismatch(type, *text);
            return Value(std::move(*path));
        }
        case Type::instance:
            return v.as_instance() ? Result<Value>(std::move(v))
                                   : Result<Value>(mismatch(type, value_to_text(type, v)));
        default:
            if (v.storage().index() >= 2 && v.storage().index() <= 4) return convert_number(type, v);
    }
    if (!text) return mismatch(type, value_to_text(type, v));
    return value_from_text(type, *text);
}

}  // namespace

Result<Value> value_from_text(Type type, std::string_view text, bool mof) {
    switch (type) {
        case Type::string:
            return Value(text);
        case Type::char16:
            return char_from_text(text, mof);
        case Type::boolean: {
            const auto t = trim(text);
            if (iequals(t, "true") || (!mof && t == "1")) return Value(true);
            if (iequals(t, "false") || (!mof && t == "0")) return Value(false);
            return mismatch(type, text);
        }
        case Type::real32:
        case Type::real64:
            return real_from_text(type, trim(text));
        case Type::datetime: {
            const auto t = trim(text);
            auto d = t.size() == 25 && t[14] == '.' ? DateTime::from_cim(t) : DateTime::from_xsd(t);
            if (!d) return d.error();
            return Value(*d);
        }
        case Type::reference:
        case Type::instance:
            return mismatch(type, text);
        default:
            return integer_from_text(type, trim(text), mof);
    }
}

std::string value_to_text(Type type, const Value& v) {
    if (const auto* s = v.as_string()) return *s;
    if (const auto* b = v.as_bool()) return *b ? "true" : "false";
    if (const auto* d = v.as_datetime()) return d->to_cim();
    if (const auto* p = v.as_path()) return p->to_text(p->host());
    if (std::uint64_t code = 0; type == Type::char16 && v.to_uint64(code)) return char_to_text(code);
    if (const auto* u = std::get_if<std::uint64_t>(&v.storage())) return std::to_string(*u);
    if (const auto* s = std::get_if<std::int64_t>(&v.storage())) return std::to_string(*s);
    if (const auto* d = std::get_if<double>(&v.storage())) return real_to_text(type, *d);
    return {};
}

Result<Value> convert(Type type, bool array, Value v) {
    if (!array || v.is_null()) return convert_scalar(type, std::move(v));
    Value::Array converted;
    if (const auto* items = v.as_array()) {
        converted.reserve(items->size());
        for (const auto& item : *items) {
            auto one = convert_scalar(type, item);
            if (!one) return one.error();
            converted.push_back(std::move(*one));
        }
    } else {
        auto one = convert_scalar(type, std::move(v));
        if (!one) return one.error();
        converted.push_back(std::move(*one));
    }
    return Value(std::move(converted));
}

}  // namespace wsvirt::cim
