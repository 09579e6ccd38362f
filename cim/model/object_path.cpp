#include "cim/model/object_path.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "base/xml_text.hpp"

namespace wsvirt::cim {

namespace {

bool in_names(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

// Names end at U+FFEF (DSP0004 annex A), and are text.
bool beyond_names(std::string_view s) {
    if (!valid_utf8(s)) return true;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        if (c >= 0xf0 || (c == 0xef && s.substr(i, 3) >= "\xef\xbf\xb0")) return true;
    }
    return false;
}

bool is_separator(char c) {
    return c == '\\' || c == '/';
}

bool is_finite(const Value& v) {
    double d = 0;
    return v.to_double(d) && std::isfinite(d);
}

}  // namespace

bool is_name(std::string_view s) {
    return !s.empty() && !(s[0] >= '0' && s[0] <= '9') && std::all_of(s.begin(), s.end(), in_names) &&
           !beyond_names(s);
}

bool is_namespace(std::string_view s) {
    return std::all_of(s.begin(), s.end(),
                       [](char c) { return is_separator(c) || c == '-' || in_names(c); }) &&
           !beyond_names(s);
}

namespace {

bool is_host_name(std::string_view s) {
    return !s.empty() && s.front() != '.' && std::all_of(s.begin(), s.end(), [](char c) {
        return c == '-' || c == '.' || (c != '_' && static_cast<unsigned char>(c) < 0x80 && in_names(c));
    });
}

// IPv6, which DSP0004 separates by what separates a namespace from a class. The others look like names.
bool is_address(std::string_view s) {
    if (s.size() > 2 && s.front() == '[' && s.back() == ']') s = s.substr(1, s.size() - 2);
    in6_addr parsed{};
    return ::inet_pton(AF_INET6, std::string(s).c_str(), &parsed) == 1;
}

Error bad(std::string_view text, std::string_view why) {
    constexpr std::size_t shown = 200;
    return {Status::malformed, "wsvirt.path.form",
            fmt::format("'{}' is not an object path: {}.", shortened(text, shown), why)};
}

constexpr std::size_t most_keys = 64;  // of one path; no class has a tenth of it

// Reads Name=value pairs behind the class name.
class KeyReader {
  public:
    explicit KeyReader(std::string_view s) : s_(s) {}

    // nullptr when all went well, else what is wrong.
    const char* read(ObjectPath::Keys& keys) {
        for (;;) {
            const auto eq = s_.find('=');
            if (eq == std::string_view::npos) return "a key has no value";
            const auto name = trim(s_.substr(0, eq));
            if (!is_name(name)) return "a key name is missing";
            if (keys.size() == most_keys) return "it has too many keys";
            for (const auto& [other, _] : keys)
                if (iequals(other, name)) return "a key is given twice";
            s_ = trim(s_.substr(eq + 1));
            Value v;
            if (const char* why = value(v)) return why;
            keys.emplace_back(std::string(name), std::move(v));
            s_ = trim(s_);
            if (s_.empty()) return nullptr;
            if (s_[0] != ',') return "a comma is missing between keys";
            s_.remove_prefix(1);
        }
    }

    const char* value(Value& out) {
        if (s_.empty()) return "a key has no value";
        if (s_[0] == '"' || s_[0] == '\'') return quoted(out);
        const auto end = s_.find(',');
        const auto word = trim(s_.substr(0, end));
        s_ = end == std::string_view::npos ? std::string_view{} : s_.substr(end);
        if (iequals(word, "true") || iequals(word, "false")) {
            out = Value(iequals(word, "true"));
            return nullptr;
        }
        const bool number =
            !word.empty() && (word[0] == '-' || word[0] == '+' || (word[0] >= '0' && word[0] <= '9'));
        if (!number) return "a text value needs quotation marks";
        if (auto n = value_from_text(word[0] == '-' ? Type::sint64 : Type::uint64, word, true))
            out = std::move(*n);
        else if (auto r = value_from_text(Type::real64, word); r && is_finite(*r))
            out = *r == Value(0) ? Value(0) : std::move(*r);  // no minus zero in a key
        else
            return "a number is malformed";
        return nullptr;
    }

    std::string_view rest() const { return s_; }

  private:
    const char* quoted(Value& out) {
        const char quote = s_[0];
        std::string text;
        std::size_t i = 1;
        for (; i < s_.size() && s_[i] != quote; ++i) {
            if (s_[i] == '\\' && i + 1 < s_.size()) ++i;
            text += s_[i];
        }
        if (i >= s_.size()) return "a quotation mark is not closed";
        s_.remove_prefix(i + 1);
        out = Value(std::move(text));
        return nullptr;
    }

    std::string_view s_;
};

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

void append_value(std::string& out, const Value& v, std::string_view host) {
    if (const auto* p = v.as_path())
        append_quoted(out, p->to_text(p->host().empty() ? host : std::string_view(p->host())));
    else if (const auto* b = v.as_bool())
        out += *b ? "TRUE" : "FALSE";
    else if (v.as_string() || v.as_datetime())
        append_quoted(out, value_to_text(Type::string, v));
    else if (v.is_null())
        out += "NULL";
    else
        out += value_to_text(Type::uint64, v);
}

bool same_key(const Value& a, const Value& b) {
    const auto* sa = a.as_string();
    const auto* sb = b.as_string();
    if (sa && sb) return iequals(*sa, *sb);
    if ((sa && b.as_path()) || (sb && a.as_path())) {
        const auto parsed = ObjectPath::parse(sa ? *sa : *sb);
        return parsed && *parsed == *(sa ? b : a).as_path();
    }
    return a == b;
}

}  // namespace

std::string normal_namespace(std::string_view text) {
    std::string r;
    r.reserve(text.size());
    for (const char c : text) {
        if (!is_separator(c))
            r += c;
        else if (!r.empty() && r.back() != '/')
            r += '/';
    }
    while (!r.empty() && r.back() == '/') r.pop_back();
    return r;
}

ObjectPath::ObjectPath(std::string name_space, std::string class_name, Keys keys)
    : ns_(std::move(name_space)), class_(std::move(class_name)), keys_(std::move(keys)) {}

Result<ObjectPath> ObjectPath::parse(std::string_view text) {
    auto s = trim(text);
    ObjectPath p;
    // The first character that ends the class name: what stands before it may hold a namespace.
    const auto head_end = s.find_first_of(".=\"");
    auto colon = s.substr(0, head_end).find(':');
    if (s.size() > 2 && is_separator(s[0]) && is_separator(s[1])) {
        const auto host_end = s.find_first_of("\\/", 2);
        if (host_end == std::string_view::npos) return bad(text, "the namespace is missing");
        p.host_ = std::string(s.substr(2, host_end - 2));
        s.remove_prefix(host_end);
        // A host name may hold dots, so look again behind it.
        colon = s.substr(0, s.find_first_of(".=\"")).find(':');
        if (colon == std::string_view::npos) return bad(text, "the class is missing");
    }
    if (colon != std::string_view::npos) {
        if (!is_namespace(s.substr(0, colon))) return bad(text, "the namespace is malformed");
        p.ns_ = normal_namespace(s.substr(0, colon));
        s.remove_prefix(colon + 1);
    }
    const auto name_end = s.find_first_of(".=");
    const auto name = trim(s.substr(0, name_end));
    if (!is_name(name)) return bad(text, "the class is missing");
    p.class_ = std::string(name);
    if (name_end == std::string_view::npos) return p;
    const bool named = s[name_end] == '.';
    KeyReader reader(trim(s.substr(name_end + 1)));
    if (!named && reader.rest() == "@") return p;
    if (named) {
        if (const char* why = reader.read(p.keys_)) return bad(text, why);
        return p;
    }
    Value only;
    if (const char* why = reader.value(only)) return bad(text, why);
    if (!trim(reader.rest()).empty()) return bad(text, "keys need their names");
    p.keys_.emplace_back(std::string(), std::move(only));
    return p;
}

Result<ObjectPath> ObjectPath::parse_reference(std::string_view text) {
    auto path = parse(text);
    if (path) return path;
    auto name = trim(text);
    if (name.starts_with("\\\\")) name.remove_prefix(2);
    if (!is_host_name(name) && !is_address(name)) return path;
    return ObjectPath({}, "CIM_ComputerSystem", {{"Name", Value(std::string(name))}});
}

std::string ObjectPath::to_text(std::string_view host) const {
    std::string r;
    if (!host.empty()) r.append("\\\\").append(host).append("\\");
    r += ns_;
    std::replace(r.begin(), r.end(), '/', '\\');
    if (!r.empty()) r += ':';
    r += class_;
    std::vector<const std::pair<std::string, Value>*> sorted;
    sorted.reserve(keys_.size());
    for (const auto& k : keys_) sorted.push_back(&k);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return ILess{}(a->first, b->first); });
    char before = '.';
    for (const auto* k : sorted) {
        if (!k->first.empty()) r += before;
        r += k->first;
        r += '=';
        append_value(r, k->second, host);
        before = ',';
    }
    return r;
}

std::string ObjectPath::relative_text() const {
    ObjectPath p = *this;
    p.ns_.clear();
    return p.to_text();
}

const Value* ObjectPath::key(std::string_view name) const {
    for (const auto& [k, v] : keys_)
        if (iequals(k, name)) return &v;
    return nullptr;
}

std::string ObjectPath::key_string(std::string_view name) const {
    const auto* v = key(name);
    return v ? v->string_or({}) : std::string();
}

void ObjectPath::set_key(std::string name, Value v) {
    for (auto& [k, old] : keys_)
        if (iequals(k, name)) {
            old = std::move(v);
            return;
        }
    keys_.emplace_back(std::move(name), std::move(v));
}

bool operator==(const ObjectPath& a, const ObjectPath& b) {
    if (!iequals(a.class_, b.class_) || a.keys_.size() != b.keys_.size()) return false;
    if (!a.ns_.empty() && !b.ns_.empty() && !iequals(a.ns_, b.ns_) &&
        !iequals(normal_namespace(a.ns_), normal_namespace(b.ns_)))
        return false;
    return std::all_of(a.keys_.begin(), a.keys_.end(), [&b](const auto& k) {
        const auto* other = b.key(k.first);
        return other && same_key(k.second, *other);
    });
}

}  // namespace wsvirt::cim
