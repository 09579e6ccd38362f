// Writing of the WS-CIM form. Enumerations of thousands of instances go through here.
#include <algorithm>

#include "cim/codec/base64.hpp"
#include "cim/codec/cimxml.hpp"
#include "cim/codec/text_buffer.hpp"
#include "cim/codec/wscim.hpp"
#include "cim/codec/xml_names.hpp"

namespace wsvirt::cim::wscim {

namespace {

class Writer {
  public:
    Writer(std::string& out, const Style& style) : out_(out), style_(style) {}

    void class_uri(std::string_view name_space, std::string_view class_name) {
        if (style_.family == Family::wmi) {
            out_.put(xml::wmi_classes);
            out_.escaped(name_space.empty() ? std::string_view(style_.name_space) : name_space);
            out_.put('/');
        } else {
            out_.put(xml::dmtf_classes);
        }
        out_.put(class_name);
    }

    void instance(const Instance& i, const Class& as, const std::vector<std::uint16_t>* only) {
        out_.put("<p:");
        out_.put(as.name());
        out_.put(" xmlns:p=\"");
        class_uri(style_.name_space, as.name());
        out_.put("\">");
        if (only) {
            auto sorted = *only;
            std::sort(sorted.begin(), sorted.end(), [&](auto a, auto b) {
                return ILess{}(as.properties()[a]->name, as.properties()[b]->name);
            });
            properties(i, as, sorted, "p");
        } else {
            properties(i, as, as.alphabetical(), "p");
        }
        out_.put("</p:");
        out_.put(as.name());
        out_.put('>');
    }

    void feature(std::string_view prefix, const Feature& f, const Value& v) {
        const auto* items = v.as_array();
        if (!items) {
            if (v.is_null() && f.array) return;  // clients count a nil as an element
            element(prefix, f, v);
        } else if (f.type == Type::uint8 && is_octets(f)) {
            octets(prefix, f, *items);
        } else {
            for (const auto& item : *items)
                if (!item.is_null()) element(prefix, f, item);  // NULL entries are not sent, C-XML-05
        }
    }

    void epr(const ObjectPath& p) {
        out_.put('<');
        tag(style_.wsa_prefix, "Address>");
        out_.escaped(style_.address);
        out_.put("</");
        tag(style_.wsa_prefix, "Address><");
        tag(style_.wsa_prefix, "ReferenceParameters><");
        tag(style_.wsman_prefix, "ResourceURI>");
        class_uri(p.name_space(), p.class_name());
        out_.put("</");
        tag(style_.wsman_prefix, "ResourceURI><");
        tag(style_.wsman_prefix, "SelectorSet>");
        if (style_.selector_namespace_always || style_.family == Family::dmtf)
            selector("__cimnamespace", Value(p.name_space().empty() ? style_.name_space : p.name_space()));
        if (std::is_sorted(p.keys().begin(), p.keys().end(), by_name)) {
            for (const auto& [name, value] : p.keys()) selector(name, value);
        } else {
            auto keys = p.keys();
            std::sort(keys.begin(), keys.end(), by_name);
            for (const auto& [name, value] : keys) selector(name, value);
        }
        out_.put("</");
        tag(style_.wsman_prefix, "SelectorSet></");
        tag(style_.wsa_prefix, "ReferenceParameters>");
    }

    void fragment(const Instance& i, const std::vector<std::string>& names) {
        out_.put('<');
        tag(style_.wsman_prefix, "XmlFragment>");
        auto sorted = names;
        std::sort(sorted.begin(), sorted.end(), ILess{});
        for (const auto& name : sorted) projected(i, name);
        out_.put("</");
        tag(style_.wsman_prefix, "XmlFragment>");
    }

  private:
    static bool by_name(const std::pair<std::string, Value>& a, const std::pair<std::string, Value>& b) {
        return ILess{}(a.first, b.first);
    }
    static bool is_octets(const Feature& f) {
        const auto* q = find_qualifier(f.qualifiers, "OctetString");
        return q && q->bool_or(false);
    }

    void tag(std::string_view prefix, std::string_view rest) {
        if (!prefix.empty()) {
            out_.put(prefix);
            out_.put(':');
        }
        out_.put(rest);
    }
    // "<prefix:Name", with the binding of p where each element needs its own
    void start(std::string_view prefix, std::string_view name) {
        out_.put('<');
        tag(prefix, name);
        if (bind_.empty() || prefix != "p") return;
        out_.put(" xmlns:p=\"");
        class_uri(style_.name_space, bind_);
        out_.put('"');
    }
    void open(std::string_view prefix, std::string_view name) {
        if (!prefix.empty() && bind_.empty()) return out_.put_all("<", prefix, ":", name, ">");
        start(prefix, name);
        out_.put('>');
    }
    void close(std::string_view prefix, std::string_view name) {
        if (prefix.empty())
            out_.put_all("</", name, ">");
        else
            out_.put_all("</", prefix, ":", name, ">");
    }

    void properties(const Instance& i, const Class& as, const std::vector<std::uint16_t>& slots,
                    std::string_view prefix) {
        for (const auto slot : slots) feature(prefix, *as.properties()[slot], i.at(slot));
    }

    void element(std::string_view prefix, const Feature& f, const Value& v) {
        if (v.is_null()) {
            if (!prefix.empty() && bind_.empty())
                return out_.put_all("<", prefix, ":", f.name, " xsi:nil=\"true\"/>");
            start(prefix, f.name);
            out_.put(" xsi:nil=\"true\"/>");
        } else if (const auto* inner = v.as_instance(); inner && f.type != Type::string) {
            embedded(prefix, f.name, *inner);
        } else {
            open(prefix, f.name);
            content(f, v);
            close(prefix, f.name);
        }
    }

    void content(const Feature& f, const Value& v) {
        if (const auto* s = v.as_string()) {
            if (f.type == Type::reference) {
                if (const auto path = ObjectPath::parse(*s)) return epr(*path);
            }
            out_.escaped(*s);
        } else if (const auto* u = std::get_if<std::uint64_t>(&v.storage()); u && f.type != Type::char16) {
            out_.number(*u);
        } else if (const auto* n = std::get_if<std::int64_t>(&v.storage()); n && f.type != Type::char16) {
            out_.number(*n);
        } else if (const auto* b = v.as_bool()) {
            out_.put(*b ? "true" : "false");
        } else if (const auto* d = v.as_datetime()) {
            datetime(*d);
        } else if (const auto* p = v.as_path()) {
            epr(*p);
        } else if (const auto* i = v.as_instance()) {
            out_.escaped(cimxml::instance_to_text(*i));
        } else {
            out_.escaped(value_to_text(f.type, v));
        }
    }

    void datetime(const DateTime& d) {
        const auto text = d.to_xsd();
        const std::string_view name = !text ? "CIM_DateTime>" : d.is_interval() ? "Interval>" : "Datetime>";
        out_.put("<cim:");
        out_.put(name);
        out_.put(text ? *text : d.to_cim());
        out_.put("</cim:");
        out_.put(name);
    }

    void octets(std::string_view prefix, const Feature& f, const Value::Array& items) {
        std::string bytes;
        bytes.reserve(items.size());
        for (const auto& item : items) bytes += static_cast<char>(item.uint_or(0));
        open(prefix, f.name);
        out_.put(base64_encode(bytes));
        close(prefix, f.name);
    }

    // Each level binds a prefix of its own, because the element itself is still in the outer namespace.
    void embedded(std::string_view prefix, std::string_view name, const Instance& i) {
        const std::string inner = "e" + std::to_string(depth_++);
        start(prefix, name);
        out_.put(" xmlns:");
        out_.put(inner);
        out_.put("=\"");
        class_uri(style_.name_space, i.cls().name());
        out_.put("\" xsi:type=\"");
        tag(inner, i.cls().name());
        out_.put("_Type\">");
        properties(i, i.cls(), i.cls().alphabetical(), inner);
        close(prefix, name);
        --depth_;
    }

    void selector(std::string_view name, const Value& v) {
        if (v.is_null()) return;
        out_.put('<');
        tag(style_.wsman_prefix, "Selector Name=\"");
        out_.escaped(name, true);
        out_.put("\">");
        if (const auto* p = v.as_path()) {
            open(style_.wsa_prefix, "EndpointReference");
            epr(*p);
            close(style_.wsa_prefix, "EndpointReference");
        } else {
            out_.escaped(value_to_text(Type::string, v));
        }
        close(style_.wsman_prefix, "Selector");
    }

    void projected(const Instance& i, const std::string& name) {
        const int slot = i.cls().slot(name);
        if (slot < 0) return system_property(i, name);
        const Property& p = *i.cls().properties()[static_cast<std::size_t>(slot)];
        const Value& v = i.at(static_cast<std::size_t>(slot));
        // Windows sends projected elements in no namespace (MS-16), DSP0227 in that of the class.
        if (style_.family == Family::wmi) return feature({}, p, v);
        bind_ = i.cls().name();
        feature("p", p, v);
        bind_ = {};
    }

    void system_property(const Instance& i, const std::string& name) {
        const auto& c = i.cls();
        Feature f;
        f.name = to_upper(name);
        Value v;
        if (f.name == "__CLASS") v = Value(c.name());
        if (f.name == "__SUPERCLASS" && c.superclass()) v = Value(c.superclass()->name());
        if (f.name == "__NAMESPACE") v = Value(style_.name_space);
        if (f.name == "__RELPATH") v = Value(i.path({}).to_text());
        if (f.name == "__PATH") v = Value(i.path(style_.name_space).to_text());
        feature({}, f, v);
    }

    TextBuffer out_;
    const Style& style_;
    std::string_view bind_;  // class whose URI the prefix p is bound to on each element, or ""
    unsigned depth_ = 0;
};

}  // namespace

std::string class_uri(Family f, std::string_view name_space, std::string_view class_name) {
    std::string r(f == Family::wmi ? xml::wmi_classes : xml::dmtf_classes);
    if (f == Family::wmi) r.append(name_space).append("/");
    return r.append(class_name);
}

void write_instance(std::string& out, const Style& s, const Instance& i,
                    const std::vector<std::uint16_t>* only) {
    Writer(out, s).instance(i, i.cls(), only);
}

void write_instance_as(std::string& out, const Style& s, const Instance& i, const Class& as) {
    Writer(out, s).instance(i, as, nullptr);
}

void write_fragment(std::string& out, const Style& s, const Instance& i,
                    const std::vector<std::string>& names) {
    Writer(out, s).fragment(i, names);
}

void write_feature(std::string& out, const Style& s, std::string_view prefix, const Feature& f,
                   const Value& v) {
    Writer(out, s).feature(prefix, f, v);
}

void write_epr_content(std::string& out, const Style& s, const ObjectPath& p) {
    Writer(out, s).epr(p);
}

void append_escaped(std::string& out, std::string_view text, bool attribute) {
    TextBuffer(out).escaped(text, attribute);
}

}  // namespace wsvirt::cim::wscim
