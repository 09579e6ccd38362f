#include "wsman/soap/gate.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "wsman/soap/names.hpp"

namespace wsvirt::soap {
namespace {

enum CharClass : std::uint8_t {
    plain = 0,
    illegal = 1,     // never in XML
    multi = 2,       // lead byte of a UTF-8 sequence
    text_stop = 4,   // '<' '&' ']' in character data
    value_stop = 8,  // '<' '&' and both quotes in attribute values
    name_char = 16,  // may stand in a name (all non-ASCII counts as one)
    name_start = 32,
    space = 64,
};

constexpr std::array<std::uint8_t, 256> make_table() {
    std::array<std::uint8_t, 256> t{};
    for (unsigned c = 0; c < 32; ++c) t[c] = illegal;
    for (const unsigned c : {9u, 10u, 13u, 32u}) t[c] = space;
    for (unsigned c = 128; c < 256; ++c) t[c] = multi | name_char | name_start;
    for (unsigned c = 'a'; c <= 'z'; ++c) t[c] = name_char | name_start;
    for (unsigned c = 'A'; c <= 'Z'; ++c) t[c] = name_char | name_start;
    for (unsigned c = '0'; c <= '9'; ++c) t[c] = name_char;
    t['_'] = name_char | name_start;
    t['-'] = t['.'] = name_char;
    t['<'] = t['&'] = text_stop | value_stop;
    t[']'] = text_stop;
    t['"'] = t['\''] = value_stop;
    return t;
}
constexpr auto classes = make_table();

std::uint8_t class_of(char c) {
    return classes[static_cast<unsigned char>(c)];
}

struct Attribute {
    std::string_view prefix, name, value;
};
struct Binding {
    std::string_view prefix, uri;
    unsigned depth;
};

class Scanner {
  public:
    Scanner(std::string_view text, const GateLimits& limits)
        : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), limits_(limits) {
        bindings_.reserve(16);
        open_.reserve(16);
        attributes_.reserve(16);
        frame_.headers.reserve(12);
    }

    std::variant<Frame, Refusal> run() {
        if (!prolog() || !content()) return refusal_;
        while (p_ < end_)
            if (!misc()) return refusal_;
        if (frame_.body.empty()) {
            fail(Refused::not_an_envelope, "the message has no s:Body");
            return refusal_;
        }
        return std::move(frame_);
    }

  private:
    bool fail(Refused why, std::string what, std::string_view limit = {}) {
        refusal_ = {why, std::move(what) + " (at byte " + std::to_string(p_ - begin_) + ")", limit};
        return false;
    }
    bool broken(const char* what) { return fail(Refused::not_well_formed, what); }
    bool at(std::string_view s) const {
        return static_cast<std::size_t>(end_ - p_) >= s.size() && std::string_view(p_, s.size()) == s;
    }
    void skip_space() {
        while (p_ < end_ && (class_of(*p_) & space)) ++p_;
    }

    // One UTF-8 sequence that is a legal XML character; p_ is at its lead byte.
    bool sequence() {
        const auto lead = static_cast<unsigned char>(*p_);
        const unsigned n = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
        if (n == 0 || static_cast<std::size_t>(end_ - p_) < n) return broken("the text is not valid UTF-8");
        std::uint32_t c = lead & (0xFFu >> (n + 1));
        for (unsigned i = 1; i < n; ++i) {
            const auto b = static_cast<unsigned char>(p_[i]);
            if ((b & 0xC0) != 0x80) return broken("the text is not valid UTF-8");
            c = c << 6 | (b & 0x3F);
        }
        const bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
        if (overlong || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
            return broken("the text is not valid UTF-8");
        if (!is_xml_char(c)) return broken("the text has a character that XML does not allow");
        p_ += n;
        return true;
    }

    // "&...;" : one of the five of XML or a character reference to a legal character.
    bool reference() {
        const std::string_view rest(p_ + 1,
                                    std::min<std::size_t>(static_cast<std::size_t>(end_ - p_ - 1), 12));
        const auto semicolon = rest.find(';');
        if (semicolon == std::string_view::npos) return broken("an entity reference is not closed");
        const auto name = rest.substr(0, semicolon);
        if (name.size() > 1 && name[0] == '#') {
            const bool hex = name[1] == 'x';
            std::uint32_t c = 0;
            const auto digits = name.substr(hex ? 2 : 1);
            if (digits.empty() || digits.size() > 8) return broken("a character reference is not valid");
            for (const char d : digits) {
                const char l = ascii_lower(d);
                const int v = l >= '0' && l <= '9'          ? l - '0'
                              : hex && l >= 'a' && l <= 'f' ? l - 'a' + 10
                                                            : -1;
                if (v < 0) return broken("a character reference is not valid");
                c = c * (hex ? 16u : 10u) + static_cast<std::uint32_t>(v);
            }
            if (!is_xml_char(c))
                return broken("a character reference names a character that XML does not allow");
        } else if (name != "amp" && name != "lt" && name != "gt" && name != "quot" && name != "apos") {
            return broken("an entity is referred to that is not one of the five of XML");
        }
        p_ += semicolon + 2;
        return true;
    }

    // Everything up to `terminator`, which is consumed: comments, CDATA, the XML declaration.
    bool until(std::string_view terminator, const char* what) {
        while (p_ < end_) {
            const auto c = class_of(*p_);
            if (*p_ == terminator[0] && at(terminator)) {
                p_ += terminator.size();
                return true;
            }
            if (c & illegal) return broken("the text has a character that XML does not allow");
            if (c & multi) {
                if (!sequence()) return false;
            } else {
                ++p_;
            }
        }
        return broken(what);
    }
    bool comment() {
        p_ += 4;
        if (!until("--", "a comment is not closed")) return false;
        if (p_ >= end_ || *p_ != '>') return broken("a comment has two hyphens in it");
        ++p_;
        return true;
    }

    bool prolog() {
        if (static_cast<std::size_t>(end_ - begin_) > limits_.max_bytes)
            return fail(Refused::too_large, "the message is larger than this service accepts",
                        "wsman.gate.max_bytes");
        if (at("<?xml") && end_ - p_ > 5 && (class_of(p_[5]) & space)) {
            if (!until("?>", "the XML declaration is not closed")) return false;
        }
        while (p_ < end_ && !(*p_ == '<' && end_ - p_ > 1 && (class_of(p_[1]) & name_start)))
            if (!misc()) return false;
        return p_ < end_ || broken("the message has no element");
    }
    // What may stand before and after the root element.
    bool misc() {
        if (class_of(*p_) & space) {
            ++p_;
            return true;
        }
        if (at("<!--")) return comment();
        return markup_refused();
    }
    bool markup_refused() {
        if (at("<!DOCTYPE")) return broken("a document type declaration is not allowed in SOAP");
        if (at("<?")) return broken("a processing instruction is not allowed in SOAP");
        return broken("the XML is not well-formed");
    }

    bool name(std::string_view& prefix, std::string_view& local) {
        const char* const start = p_;
        const char* colon = nullptr;
        if (p_ >= end_ || !(class_of(*p_) & name_start)) return broken("a name is expected");
        while (p_ < end_) {
            const auto c = class_of(*p_);
            if (c & multi) {
                if (!sequence()) return false;
            } else if (c & name_char) {
                ++p_;
            } else if (*p_ == ':' && !colon && p_ + 1 < end_ && (class_of(p_[1]) & name_start)) {
                colon = p_++;
            } else {
                break;
            }
        }
        if (static_cast<std::size_t>(p_ - start) > limits_.max_name_bytes)
            return fail(Refused::limit, "a name is too long", "wsman.gate.max_name_bytes");
        prefix =
            colon ? std::string_view(start, static_cast<std::size_t>(colon - start)) : std::string_view{};
        const char* const from = colon ? colon + 1 : start;
        local = std::string_view(from, static_cast<std::size_t>(p_ - from));
        return true;
    }

    bool attribute_value(std::string_view& value) {
        const char quote = *p_++;
        const char* const start = p_;
        for (;;) {
            while (p_ < end_ && !(class_of(*p_) & (illegal | multi | value_stop))) ++p_;
            if (p_ >= end_) return broken("an attribute value is not closed");
            const auto c = class_of(*p_);
            if (c & illegal) return broken("the text has a character that XML does not allow");
            if (c & multi) {
                if (!sequence()) return false;
            } else if (*p_ == quote) {
                break;
            } else if (*p_ == '<') {
                return broken("an attribute value has a < in it");
            } else if (*p_ == '&') {
                if (!reference()) return false;
            } else {
                ++p_;
            }
        }
        value = std::string_view(start, static_cast<std::size_t>(p_ - start));
        if (value.size() > limits_.max_attribute_bytes)
            return fail(Refused::limit, "an attribute value is too long", "wsman.gate.max_attribute_bytes");
        ++p_;
        return true;
    }

    bool attributes() {
        attributes_.clear();
        for (;;) {
            const char* const before = p_;
            skip_space();
            if (p_ >= end_) return broken("a tag is not closed");
            if (*p_ == '>' || *p_ == '/') return true;
            if (p_ == before) return broken("white space is missing between attributes");
            if (attributes_.size() >= limits_.max_attributes)
                return fail(Refused::limit, "an element has too many attributes",
                            "wsman.gate.max_attributes");
            Attribute a;
            if (!name(a.prefix, a.name)) return false;
            skip_space();
            if (p_ >= end_ || *p_ != '=') return broken("an attribute has no value");
            ++p_;
            skip_space();
            if (p_ >= end_ || (*p_ != '"' && *p_ != '\'')) return broken("an attribute value is not quoted");
            if (!attribute_value(a.value)) return false;
            for (const auto& other : attributes_)
                if (other.name == a.name && other.prefix == a.prefix)
                    return broken("an attribute is given twice");
            attributes_.push_back(a);
        }
    }

    const std::string_view* bound(std::string_view prefix) const {
        for (auto b = bindings_.rbegin(); b != bindings_.rend(); ++b)
            if (b->prefix == prefix) return &b->uri;
        static constexpr std::string_view none, xml = ns::xml;
        if (prefix.empty()) return &none;
        return prefix == "xml" ? &xml : nullptr;
    }
    bool bind() {
        const auto depth = static_cast<unsigned>(open_.size()) + 1;
        for (const auto& a : attributes_) {
            if (a.prefix == "xmlns") {
                if (a.value.empty()) return broken("a prefix is bound to nothing");
                bindings_.push_back({a.name, a.value, depth});
            } else if (a.prefix.empty() && a.name == "xmlns") {
                bindings_.push_back({{}, a.value, depth});
            }
        }
        if (bindings_.size() > limits_.max_prefixes)
            return fail(Refused::limit, "too many prefixes are bound", "wsman.gate.max_prefixes");
        for (const auto& a : attributes_)
            if (!a.prefix.empty() && a.prefix != "xmlns" && !bound(a.prefix))
                return broken("a prefix is used that is not bound to a namespace");
        return true;
    }
    bool must_understand() const {
        for (const auto& a : attributes_) {
            if (a.name != "mustUnderstand" || a.prefix.empty()) continue;
            const auto* uri = bound(a.prefix);  // none of xmlns, when it binds a prefix of that name
            if (!uri || *uri != frame_.ns) continue;
            const auto v = trim(a.value);
            return v == "1" || v == "true";
        }
        return false;
    }

    bool start_tag() {
        const char* const start = p_++;
        std::string_view prefix, local;
        if (!name(prefix, local)) return false;
        if (++elements_ > limits_.max_elements)
            return fail(Refused::limit, "the message has too many elements", "wsman.gate.max_elements");
        if (open_.size() >= limits_.max_depth)
            return fail(Refused::limit, "the elements are nested too deeply", "wsman.gate.max_depth");
        if (!attributes() || !bind()) return false;
        const auto* uri = bound(prefix);
        if (!uri) return broken("a prefix is used that is not bound to a namespace");
        const bool empty = *p_ == '/';
        if (empty && (++p_ >= end_ || *p_ != '>')) return broken("a tag is not closed");
        ++p_;
        const char* const qname = start + 1;
        const auto qname_size = static_cast<std::size_t>(local.data() + local.size() - qname);
        open_.push_back({qname, qname_size});
        if (!opened(start, prefix, *uri, local)) return false;
        return !empty || closed();
    }

    // Notes the parts of the envelope; p_ is behind the start tag.
    bool opened(const char* start, std::string_view prefix, std::string_view uri, std::string_view local) {
        const std::string_view tag(start, static_cast<std::size_t>(p_ - start));
        const auto envelope_error = [&](const char* what) { return fail(Refused::not_an_envelope, what); };
        if (open_.size() == 1) {
            if (local != "Envelope") return envelope_error("the message is not a SOAP envelope");
            frame_.ns = uri;
            frame_.prefix = prefix;
            frame_.envelope_tag = tag;
        } else if (open_.size() == 2) {
            part_ = Part::none;
            if (uri != frame_.ns) return envelope_error("the envelope has a child that is not of SOAP");
            if (local == "Header" && frame_.header_tag.empty() && !body_start_) {
                part_ = Part::header;
                frame_.header_tag = tag;
                frame_.header_name = open_.back();
            } else if (local == "Body" && !body_start_) {
                part_ = Part::body;
                body_start_ = start;
                if (static_cast<std::size_t>(start - begin_) > limits_.max_header_bytes)
                    return fail(Refused::limit, "the header is larger than this service accepts",
                                "wsman.gate.max_header_bytes");
            } else {
                return envelope_error("the envelope is not one s:Header followed by one s:Body");
            }
        } else if (open_.size() == 3) {
            if (part_ == Part::header) {
                block_start_ = start;
                frame_.headers.push_back({uri, local, {}, must_understand()});
            } else {
                frame_.body_empty = false;
            }
        }
        return true;
    }

    // The innermost element ends; p_ is behind its end tag.
    bool closed() {
        const auto depth = static_cast<unsigned>(open_.size());
        if (depth == 3 && part_ == Part::header)
            frame_.headers.back().text = {block_start_, static_cast<std::size_t>(p_ - block_start_)};
        if (depth == 2 && part_ == Part::body)
            frame_.body = {body_start_, static_cast<std::size_t>(p_ - body_start_)};
        while (!bindings_.empty() && bindings_.back().depth >= depth) bindings_.pop_back();
        open_.pop_back();
        return true;
    }

    bool end_tag() {
        p_ += 2;
        const auto expected = open_.back();
        if (!at(expected)) return broken("an end tag does not match its start tag");
        p_ += expected.size();
        skip_space();
        if (p_ >= end_ || *p_ != '>') return broken("an end tag does not match its start tag");
        ++p_;
        return closed();
    }

    // From the root's start tag to its end tag.
    bool content() {
        if (!start_tag()) return false;
        while (!open_.empty()) {
            while (p_ < end_ && !(class_of(*p_) & (illegal | multi | text_stop))) ++p_;
            if (p_ >= end_) return broken("the message ends before its elements do");
            const auto c = class_of(*p_);
            bool good = true;
            if (c & illegal)
                good = broken("the text has a character that XML does not allow");
            else if (c & multi)
                good = sequence();
            else if (*p_ == '&')
                good = reference();
            else if (*p_ == ']')
                good = at("]]>") ? broken("]]> stands outside of a CDATA section") : (++p_, true);
            else
                good = markup();
            if (!good) return false;
        }
        return true;
    }
    bool markup() {
        if (end_ - p_ < 2) return broken("the message ends before its elements do");
        if (p_[1] == '/') return end_tag();
        if (class_of(p_[1]) & name_start) return start_tag();
        if (at("<!--")) return comment();
        if (at("<![CDATA[")) {
            p_ += 9;
            return until("]]>", "a CDATA section is not closed");
        }
        return markup_refused();
    }

    enum class Part { none, header, body };
    const char* begin_;
    const char* p_;
    const char* end_;
    const GateLimits& limits_;
    Frame frame_;
    Refusal refusal_;
    std::vector<Binding> bindings_;
    std::vector<std::string_view> open_;
    std::vector<Attribute> attributes_;
    unsigned elements_ = 0;
    Part part_ = Part::none;
    const char* body_start_ = nullptr;
    const char* block_start_ = nullptr;
};

}  // namespace

std::variant<Frame, Refusal> inspect(std::string_view text, const GateLimits& limits) {
    return Scanner(text, limits).run();
}

}  // namespace wsvirt::soap
