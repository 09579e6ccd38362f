#include "wsman/soap/encoding.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/text.hpp"
#include "base/xml_text.hpp"

namespace wsvirt::soap {
namespace {

enum class Charset { none, utf8, utf16, utf16le, utf16be, other };

struct ContentType {
    bool soap = false;
    Charset charset = Charset::none;
};

// The media type and the charset parameter; quotes and blanks around the value are allowed (RFC 9110 5.6.6).
ContentType read_content_type(std::string_view text) {
    ContentType r;
    const auto semicolon = text.find(';');
    const auto media = trim(text.substr(0, semicolon));
    r.soap = iequals(media, "application/soap+xml") || iequals(media, "text/xml") ||
             iequals(media, "application/xml");
    while (!text.empty()) {
        const auto at = text.find(';');
        if (at == std::string_view::npos) break;
        text.remove_prefix(at + 1);
        const auto parameter = text.substr(0, text.find(';'));
        const auto equals = parameter.find('=');
        if (equals == std::string_view::npos || !iequals(trim(parameter.substr(0, equals)), "charset"))
            continue;
        auto value = trim(parameter.substr(equals + 1));
        if (value.size() >= 2 && value.front() == value.back() &&
            (value.front() == '"' || value.front() == '\''))
            value = value.substr(1, value.size() - 2);
        if (iequals(value, "utf-8") || iequals(value, "utf8") || iequals(value, "us-ascii"))
            r.charset = Charset::utf8;
        else if (iequals(value, "utf-16"))
            r.charset = Charset::utf16;
        else if (iequals(value, "utf-16le"))
            r.charset = Charset::utf16le;
        else if (iequals(value, "utf-16be"))
            r.charset = Charset::utf16be;
        else
            r.charset = Charset::other;
    }
    return r;
}

// nullopt: an odd number of bytes or an unpaired surrogate.
std::optional<std::string> from_utf16(std::string_view bytes, bool big_endian) {
    if (bytes.size() % 2 != 0) return std::nullopt;
    const auto unit = [&](std::size_t i) {
        const auto a = static_cast<unsigned char>(bytes[i]), b = static_cast<unsigned char>(bytes[i + 1]);
        return static_cast<std::uint32_t>(big_endian ? a << 8 | b : b << 8 | a);
    };
    std::string out;
    out.reserve(bytes.size() / 2 + 16);
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        std::uint32_t c = unit(i);
        if (c >= 0xD800 && c < 0xDC00) {
            if (i + 2 >= bytes.size()) return std::nullopt;
            const auto low = unit(i += 2);
            if (low < 0xDC00 || low > 0xDFFF) return std::nullopt;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        } else if (c >= 0xDC00 && c <= 0xDFFF) {
            return std::nullopt;
        }
        append_utf8(out, c);
    }
    return out;
}

// The encoding the XML declaration names; without a declaration or attribute: none.
Charset declared_in_xml(std::string_view utf8) {
    if (!utf8.starts_with("<?xml")) return Charset::none;
    const auto declaration = utf8.substr(0, utf8.find("?>"));
    auto at = declaration.find("encoding");
    if (at == std::string_view::npos) return Charset::none;
    at = declaration.find_first_of("\"'", at);
    if (at == std::string_view::npos) return Charset::none;
    const auto end = declaration.find(declaration[at], at + 1);
    if (end == std::string_view::npos) return Charset::none;
    const auto name = declaration.substr(at + 1, end - at - 1);
    if (iequals(name, "utf-8") || iequals(name, "us-ascii")) return Charset::utf8;
    if (istarts_with(name, "utf-16")) return Charset::utf16;
    return Charset::other;
}

Decoded failed(DecodeStatus s) {
    return Decoded{s, Encoding::utf8, {}};
}

}  // namespace

Decoded decode(std::string body, std::string_view content_type) {
    const auto type = read_content_type(content_type);
    if (!type.soap) return failed(DecodeStatus::unsupported_media);
    if (type.charset == Charset::other) return failed(DecodeStatus::unsupported_charset);
    const std::string_view view = body;
    const bool bom8 = view.starts_with("\xEF\xBB\xBF");
    const bool bom_le = view.starts_with("\xFF\xFE"), bom_be = view.starts_with("\xFE\xFF");
    if (bom_le || bom_be) {
        const bool fits = type.charset == Charset::none || type.charset == Charset::utf16 ||
                          (bom_le ? type.charset == Charset::utf16le : type.charset == Charset::utf16be);
        if (!fits) return failed(DecodeStatus::contradiction);
        auto text = from_utf16(view.substr(2), bom_be);
        if (!text) return failed(DecodeStatus::broken_text);
        if (declared_in_xml(*text) == Charset::utf8 || declared_in_xml(*text) == Charset::other)
            return failed(DecodeStatus::contradiction);
        return {DecodeStatus::ok, bom_le ? Encoding::utf16le : Encoding::utf16be, std::move(*text)};
    }
    // UTF-16 without a BOM does not say its byte order (R13.1-8), whatever else is said about it.
    if (type.charset != Charset::none && type.charset != Charset::utf8)
        return failed(DecodeStatus::contradiction);
    if (bom8) body.erase(0, 3);
    const auto declared = declared_in_xml(body);
    if (declared == Charset::other) return failed(DecodeStatus::unsupported_charset);
    if (declared == Charset::utf16) return failed(DecodeStatus::contradiction);
    return {DecodeStatus::ok, Encoding::utf8, std::move(body)};
}

std::string encode(std::string utf8, Encoding e) {
    if (e == Encoding::utf8) return utf8;
    std::string out;
    out.reserve(utf8.size() * 2 + 2);
    const auto put = [&](std::uint32_t u) {
        const auto high = static_cast<char>(u >> 8), low = static_cast<char>(u & 0xFF);
        out += e == Encoding::utf16be ? high : low;
        out += e == Encoding::utf16be ? low : high;
    };
    put(0xFEFF);
    for (std::size_t i = 0; i < utf8.size();) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        const std::size_t n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        std::uint32_t c = n == 1 ? lead : lead & (0xFFu >> (n + 1));
        for (std::size_t k = 1; k < n && i + k < utf8.size(); ++k)
            c = c << 6 | (static_cast<unsigned char>(utf8[i + k]) & 0x3Fu);
        i += n;
        if (c >= 0x10000) {
            put(0xD800 + ((c - 0x10000) >> 10));
            put(0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
            put(c);
        }
    }
    return out;
}

std::string_view content_type(Encoding e) {
    return e == Encoding::utf8 ? "application/soap+xml;charset=UTF-8" : "application/soap+xml;charset=UTF-16";
}

}  // namespace wsvirt::soap
