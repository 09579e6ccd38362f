#include "wsman/soap/header_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <mutex>

#include "base/text.hpp"
#include "base/xml_text.hpp"
#include "soapH.h"

namespace wsvirt::soap {
namespace {

struct Input {
    const char* at;
    std::size_t left;
};

std::size_t receive_from_memory(struct soap* s, char* buffer, std::size_t size) {
    auto* in = static_cast<Input*>(s->user);
    const auto n = std::min(size, in->left);
    std::memcpy(buffer, in->at, n);
    in->at += n;
    in->left -= n;
    return n;
}

struct Context {
    Context() : s(soap_new1(SOAP_C_UTFSTRING | SOAP_XML_TREE | SOAP_ENC_PLAIN)) {
        s->frecv = receive_from_memory;
        s->maxlevel = 64;
        s->maxoccurs = 10'000;
        soap_set_namespaces(s, namespaces);
    }
    ~Context() {
        soap_destroy(s);
        soap_end(s);
        soap_free(s);
    }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    struct soap* s;
};

std::string text(const char* s) {
    return s ? std::string(trim(s)) : std::string();
}

std::shared_ptr<const Epr> to_epr(const a__EndpointReferenceType* e);

std::vector<Selector> to_selectors(const w__SelectorSetType* set) {
    std::vector<Selector> r;
    for (int i = 0; set && i < set->__size; ++i) {
        const auto& s = set->Selector[i];
        r.push_back({text(s.name), text(s.text), s.epr ? to_epr(s.epr) : nullptr});
    }
    return r;
}

std::shared_ptr<const Epr> to_epr(const a__EndpointReferenceType* e) {
    auto r = std::make_shared<Epr>();
    r->address = text(e->Address);
    const auto* p = e->ReferenceParameters ? e->ReferenceParameters : e->ReferenceProperties;
    if (p) {
        r->resource_uri = text(p->w__ResourceURI);
        r->selectors = to_selectors(p->w__SelectorSet);
    }
    return r;
}

bool is_true(const char* s) {
    const auto t = text(s);
    return t == "1" || t == "true";
}

void copy_control(const SOAP_ENV__Header& h, RequestHeaders& out) {
    if (out.operation_timeout) out.operation_timeout->value = text(h.w__OperationTimeout);
    if (out.max_envelope_size) out.max_envelope_size->value = text(h.w__MaxEnvelopeSize);
    if (out.locale && h.w__Locale) out.locale->value = text(h.w__Locale->xml__lang);
    if (out.data_locale && h.p__DataLocale) out.data_locale->value = text(h.p__DataLocale->xml__lang);
    for (int i = 0; h.w__OptionSet && i < h.w__OptionSet->__size; ++i) {
        const auto& o = h.w__OptionSet->Option[i];
        out.options.push_back({text(o.Name), text(o.__item), text(o.Type), is_true(o.MustComply)});
    }
    if (out.fragment && h.w__FragmentTransfer) {
        out.fragment->dialect = text(h.w__FragmentTransfer->Dialect);
        out.fragment->expression = text(h.w__FragmentTransfer->__item);
    }
    out.activity_id = text(h.p__ActivityId);
    out.session_id = text(h.p__SessionId);
    out.operation_id = text(h.p__OperationID);
}

void copy(const SOAP_ENV__Header& h, RequestHeaders& out) {
    if (out.to) out.to = text(h.a__To);
    if (out.action) out.action = text(h.a__Action);
    if (out.message_id) out.message_id = text(h.a__MessageID);
    if (out.relates_to) out.relates_to = text(h.a__RelatesTo);
    if (out.reply_to && h.a__ReplyTo) out.reply_to->address = text(h.a__ReplyTo->Address);
    if (out.fault_to && h.a__FaultTo) out.fault_to->address = text(h.a__FaultTo->Address);
    if (out.resource_uri) out.resource_uri = text(h.w__ResourceURI);
    out.selectors = to_selectors(h.w__SelectorSet);
    copy_control(h, out);
}

// gSOAP reads at most seven characters of a reference and makes of others what they do not say, so it gets
// the characters themselves; what would be markup, or another white space, keeps a short reference.
std::string without_character_references(std::string_view s) {
    std::string r;
    r.reserve(s.size());
    const auto take = [&](std::size_t n) {
        r.append(s.substr(0, n));
        s.remove_prefix(std::min(n, s.size()));
    };
    const auto section = [&](std::string_view begin, std::string_view end) {
        if (!s.starts_with(begin)) return false;
        take(s.find(end, begin.size()) + end.size());
        return true;
    };
    while (!s.empty()) {
        if (section("<!--", "-->") || section("<![CDATA[", "]]>")) continue;
        if (!s.starts_with("&#")) {
            take(std::max<std::size_t>(1, std::min(s.find_first_of("<&", 1), s.size())));
            continue;
        }
        const bool hex = s[2] == 'x';
        const auto end = s.find(';');
        std::uint32_t c = 0;
        std::from_chars(s.data() + (hex ? 3 : 2), s.data() + end, c, hex ? 16 : 10);
        if (c < 0x20 || c == '<' || c == '&' || c == '>' || c == '"' || c == '\'')
            r.append("&#").append(std::to_string(c)).append(";");
        else
            append_utf8(r, c);
        s.remove_prefix(end + 1);
    }
    return r;
}

// What gSOAP sees: the envelope with the known blocks and an empty body, under the prefixes of the request.
std::string slice(const Frame& f, const std::vector<const HeaderBlock*>& blocks) {
    std::string r;
    r.reserve(2048);
    r.append(f.envelope_tag).append(f.header_tag);
    for (const auto* b : blocks) r.append(b->text);
    r.append("</").append(f.header_name).append(">");
    const std::string colon = f.prefix.empty() ? "" : std::string(f.prefix) + ":";
    r.append("<").append(colon).append("Body/></").append(colon).append("Envelope>");
    return r.find("&#") == std::string::npos ? r : without_character_references(r);
}

}  // namespace

struct HeaderReader::Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<Context>> idle;

    std::unique_ptr<Context> take() {
        {
            const std::lock_guard lock(mutex);
            if (!idle.empty()) {
                auto c = std::move(idle.back());
                idle.pop_back();
                return c;
            }
        }
        return std::make_unique<Context>();
    }
    void give_back(std::unique_ptr<Context> c) {
        const std::lock_guard lock(mutex);
        if (idle.size() < 16) idle.push_back(std::move(c));
    }
};

HeaderReader::HeaderReader() : pool_(std::make_unique<Pool>()) {}
HeaderReader::~HeaderReader() = default;

bool HeaderReader::read(const Frame& frame, const std::vector<const HeaderBlock*>& blocks,
                        RequestHeaders& out) {
    if (blocks.empty()) return true;
    const auto input = slice(frame, blocks);
    Input in{input.data(), input.size()};
    auto context = pool_->take();
    auto* s = context->s;
    s->user = &in;
    const bool good = !soap_begin_recv(s) && !soap_envelope_begin_in(s) && !soap_recv_header(s) && s->header;
    if (good) copy(*s->header, out);
    s->header = nullptr;
    s->error = SOAP_OK;
    // soap_end() would also empty tables of thousands of places, which soap_begin_recv() does in any case.
    soap_destroy(s);
    soap_dealloc(s, nullptr);
    s->user = nullptr;
    pool_->give_back(std::move(context));
    return good;
}

}  // namespace wsvirt::soap
