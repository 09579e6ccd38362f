#include "backend/libvirt/spec_xml.hpp"

#include <limits>
#include <pugixml.hpp>
#include <type_traits>

#include "backend/libvirt/spec_fields.hpp"
#include "base/text.hpp"
#include "base/xml_writer.hpp"

namespace wsvirt::backend::libvirt {

namespace {

std::string prefixed(const char* local) {
    return std::string(metadata_prefix) + ':' + local;
}

std::string_view local_name(const char* name) {
    const std::string_view all(name);
    const auto colon = all.find(':');
    return colon == std::string_view::npos ? all : all.substr(colon + 1);
}

std::string to_hex(std::string_view s) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string r;
    r.reserve(s.size() * 2);
    for (const char c : s) {
        r += digits[static_cast<unsigned char>(c) >> 4];
        r += digits[static_cast<unsigned char>(c) & 15];
    }
    return r;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string from_hex(std::string_view s) {
    std::string r;
    for (std::size_t i = 0; i + 1 < s.size(); i += 2) {
        const int high = hex_value(s[i]), low = hex_value(s[i + 1]);
        if (high < 0 || low < 0) return {};
        r += static_cast<char>(high * 16 + low);
    }
    return r;
}

// name="text", or name.hex="..." for what XML cannot hold, or would change: a tab in an attribute is read
// back as a space.
void put_text(pugi::xml_node node, const char* name, const std::string& value) {
    if (xml_text(value) && value.find('\t') == std::string::npos)
        node.append_attribute(name).set_value(value.c_str());
    else
        node.append_attribute((std::string(name) + ".hex").c_str()).set_value(to_hex(value).c_str());
}

std::string get_text(pugi::xml_node node, const char* name) {
    if (const auto plain = node.attribute(name)) return plain.value();
    return from_hex(node.attribute((std::string(name) + ".hex").c_str()).value());
}

class Writer {
  public:
    explicit Writer(pugi::xml_node node) : node_(node) {}

    void text(const char* name, const std::string& v) {
        if (!v.empty()) put_text(node_, name, v);
    }
    template <class T>
    void number(const char* name, const T& v) {
        node_.append_attribute(name).set_value(static_cast<unsigned long long>(v));
    }
    void flag(const char* name, const bool& v) { node_.append_attribute(name).set_value(v); }
    template <class T>
    void optional(const char* name, const std::optional<T>& v) {
        if (v) number(name, *v);
    }
    template <class E, std::size_t N>
    void choice(const char* name, const E& v, const Names<E, N>& names) {
        node_.append_attribute(name).set_value(name_of(names, v));
    }
    void attributes(const Attributes& v) { append_attributes(node_, v); }
    template <class T>
    void list(const char* name, const std::vector<T>& v) {
        for (const T& x : v) {
            Writer w(node_.append_child(prefixed(name).c_str()));
            fields(w, x);
        }
    }
    template <class E, std::size_t N>
    void choices(const char* name, const std::vector<E>& v, const Names<E, N>& names) {
        for (const E& x : v)
            node_.append_child(prefixed(name).c_str()).append_attribute("value").set_value(name_of(names, x));
    }
    void texts(const char* name, const std::vector<std::string>& v) {
        for (const auto& x : v) put_text(node_.append_child(prefixed(name).c_str()), "value", x);
    }

  private:
    pugi::xml_node node_;
};

class Reader {
  public:
    explicit Reader(pugi::xml_node node, std::string& wrong) : node_(node), wrong_(wrong) {}

    void text(const char* name, std::string& v) { v = get_text(node_, name); }
    template <class T>
    void number(const char* name, T& v) {
        const auto a = node_.attribute(name);
        if (!a) return;
        const auto n = parse_uint(a.value());
        if (n && *n <= std::numeric_limits<T>::max())
            v = static_cast<T>(*n);
        else
            wrong_ = name;
    }
    void flag(const char* name, bool& v) {
        if (const auto a = node_.attribute(name)) v = a.as_bool();
    }
    template <class T>
    void optional(const char* name, std::optional<T>& v) {
        if (!node_.attribute(name)) return;
        T n{};
        number(name, n);
        v = n;
    }
    template <class E, std::size_t N>
    void choice(const char* name, E& v, const Names<E, N>& names) {
        const auto a = node_.attribute(name);
        if (a && !value_of(names, a.value(), v)) wrong_ = name;
    }
    void attributes(Attributes& v) { v = read_attributes(node_); }
    template <class T>
    void list(const char* name, std::vector<T>& v) {
        for (const auto child : node_.children()) {
            if (local_name(child.name()) != name) continue;
            Reader r(child, wrong_);
            fields(r, v.emplace_back());
        }
    }
    template <class E, std::size_t N>
    void choices(const char* name, std::vector<E>& v, const Names<E, N>& names) {
        for (const auto child : node_.children())
            if (local_name(child.name()) == name) {
                E e{};
                if (value_of(names, child.attribute("value").value(), e))
                    v.push_back(e);
                else
                    wrong_ = name;
            }
    }
    void texts(const char* name, std::vector<std::string>& v) {
        for (const auto child : node_.children())
            if (local_name(child.name()) == name) v.push_back(get_text(child, "value"));
    }

  private:
    pugi::xml_node node_;
    std::string& wrong_;
};

Error bad_text(std::string detail) {
    return {
        Status::malformed,
        "wsvirt.spec.malformed",
        "The stored settings of the machine cannot be read; they were damaged or written by something else.",
        {},
        std::move(detail)};
}

}  // namespace

bool xml_text(std::string_view s) {
    if (!valid_utf8(s)) return false;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
        // U+FFFE and U+FFFF
        if (c == 0xEF && i + 2 < s.size() && static_cast<unsigned char>(s[i + 1]) == 0xBF &&
            static_cast<unsigned char>(s[i + 2]) >= 0xBE)
            return false;
    }
    return true;
}

void append_attributes(pugi::xml_node parent, const Attributes& attributes) {
    for (const auto& [name, value] : attributes) {
        auto node = parent.append_child(prefixed("attribute").c_str());
        put_text(node, "name", name);
        put_text(node, "value", value);
    }
}

Attributes read_attributes(pugi::xml_node parent) {
    Attributes r;
    for (const auto child : parent.children())
        if (local_name(child.name()) == "attribute") r[get_text(child, "name")] = get_text(child, "value");
    return r;
}

void append_spec(pugi::xml_node parent, const KeptSpec& kept) {
    auto node = parent.append_child(prefixed("machine").c_str());
    node.append_attribute((std::string("xmlns:") + metadata_prefix).c_str()).set_value(metadata_uri);
    node.append_attribute("created").set_value(static_cast<long long>(kept.created_us));
    node.append_attribute("changed").set_value(static_cast<long long>(kept.config_changed_us));
    Writer w(node);
    fields(w, kept.spec);
}

Result<KeptSpec> read_spec(pugi::xml_node machine) {
    if (!machine || local_name(machine.name()) != "machine") return bad_text("no machine element");
    KeptSpec kept;
    kept.created_us = machine.attribute("created").as_llong();
    kept.config_changed_us = machine.attribute("changed").as_llong();
    std::string wrong;
    Reader r(machine, wrong);
    fields(r, kept.spec);
    if (!wrong.empty()) return bad_text("value of " + wrong);
    return kept;
}

pugi::xml_node find_spec(pugi::xml_node parent) {
    for (const auto child : parent.children()) {
        if (local_name(child.name()) != "machine") continue;
        for (const auto a : child.attributes())
            if (istarts_with(a.name(), "xmlns") && std::string_view(a.value()) == metadata_uri) return child;
    }
    return {};
}

std::string spec_text(const KeptSpec& kept) {
    pugi::xml_document doc;
    append_spec(doc, kept);
    std::string text;
    XmlWriter out(text);
    doc.save(out, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text;
}

Result<KeptSpec> spec_from_text(std::string_view text) {
    pugi::xml_document doc;
    const auto parsed = doc.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!parsed) return bad_text(parsed.description());
    return read_spec(find_spec(doc));
}

}  // namespace wsvirt::backend::libvirt
