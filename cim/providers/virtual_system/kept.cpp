#include "cim/providers/virtual_system/kept.hpp"

#include "base/text.hpp"
#include "base/xml_text.hpp"

namespace wsvirt::cim::vs {

namespace {

void append_line(std::string& out, std::string_view text) {
    for (char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    out += '\n';
}

bool in_range(std::string_view range, const Value& v) {
    auto dots = range.find("..");
    std::int64_t n = 0;
    if (!v.to_sint64(n)) return true;
    if (dots == std::string_view::npos) {
        auto only = parse_int(range);
        return only && *only == n;
    }
    if (range == "..") return false;  // "anything else is reserved"
    auto low = parse_int(trim(range.substr(0, dots)));
    auto high = parse_int(trim(range.substr(dots + 2)));
    return (!low || *low <= n) && (!high || n <= *high);
}

bool in_value_map(const Value::Array& map, const Value& v) {
    for (const auto& entry : map) {
        const auto* text = entry.as_string();
        if (!text) continue;
        if (const auto* s = v.as_string()) {
            if (*s == *text) return true;
        } else if (in_range(*text, v)) {
            return true;
        }
    }
    return false;
}

std::string shown(const Property& p, const Value& v) {
    return shortened(value_to_text(p.type, v), 60);
}

bool same_text(const std::string& a, const std::string& b) {
    if (a == b) return true;
    if (iequals(a, b) && (is_guid(a) || (a.size() == 38 && a.front() == '{'))) return true;
    if (a.find(':') == std::string::npos || b.find(':') == std::string::npos) return false;
    if (a.find("=\"") == std::string::npos || b.find("=\"") == std::string::npos) return false;
    auto pa = ObjectPath::parse(a), pb = ObjectPath::parse(b);
    return pa && pb && *pa == *pb;
}

}  // namespace

std::vector<std::string> kept_lines(std::string_view text) {
    std::vector<std::string> out;
    std::string line;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            out.push_back(std::move(line));
            line.clear();
        } else if (text[i] == '\\' && i + 1 < text.size()) {
            line += text[++i] == 'n' ? '\n' : text[i];
        } else {
            line += text[i];
        }
    }
    return out;
}

std::string keep_text(const Property& p, const Value& v) {
    const auto* array = v.as_array();
    if (!array) return value_to_text(p.type, v);
    std::string out;
    for (const auto& x : *array) append_line(out, value_to_text(p.type, x));
    return out;
}

Value kept_value(const Property& p, std::string_view text) {
    if (!p.array) {
        auto v = value_from_text(p.type, text);
        return v ? std::move(*v) : Value();
    }
    Value::Array out;
    for (const auto& line : kept_lines(text)) {
        auto v = value_from_text(p.type, line);
        if (!v) return {};
        out.push_back(std::move(*v));
    }
    return Value(std::move(out));
}

void lay_kept_over(Instance& i, const backend::Attributes& map, std::string_view prefix) {
    for (auto it = map.lower_bound(std::string(prefix)); it != map.end(); ++it) {
        std::string_view name = it->first;
        if (!name.starts_with(prefix)) break;
        name.remove_prefix(prefix.size());
        const int slot = i.cls().slot(name);
        if (slot < 0) continue;
        const auto at = static_cast<std::size_t>(slot);
        auto v = kept_value(*i.cls().properties()[at], it->second);
        if (!v.is_null()) i.set_at(at, std::move(v));
    }
}

Result<void> check_value_map(const Property& p, const Value& v) {
    const auto* map = find_qualifier(p.qualifiers, "ValueMap");
    if (!map || !map->as_array()) return {};
    Value::Array single;
    const Value::Array* values = v.as_array();
    if (!values) {
        single.push_back(v);
        values = &single;
    }
    for (const auto& x : *values)
        if (!in_value_map(*map->as_array(), x))
            return Error(Status::invalid_parameter, "wsvirt.value.not_in_map",
                         p.name + " has no value \"" + shown(p, x) + "\".", p.name);
    return {};
}

bool same_value(const Value& a, const Value& b) {
    if (a == b) return true;
    if (a.as_string() && b.as_string()) return same_text(*a.as_string(), *b.as_string());
    const auto *x = a.as_array(), *y = b.as_array();
    if (!x || !y || x->size() != y->size()) return false;
    for (std::size_t i = 0; i < x->size(); ++i)
        if (!same_value((*x)[i], (*y)[i])) return false;
    return true;
}

}  // namespace wsvirt::cim::vs
