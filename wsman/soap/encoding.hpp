// Character encodings of request and answer (DSP0226 13.1): the body's bytes and its Content-Type decide,
// UTF-8 and UTF-16 in both byte orders are spoken, a contradiction between BOM and charset is a bad request.
// Inside wsvirt everything is UTF-8. Pure functions; no thread rules.
#pragma once

#include <string>
#include <string_view>

namespace wsvirt::soap {

enum class Encoding { utf8, utf16le, utf16be };

enum class DecodeStatus {
    ok,
    unsupported_media,    // not SOAP at all, or multipart: HTTP 415
    contradiction,        // BOM and charset do not agree, or decide nothing: HTTP 400
    unsupported_charset,  // EncodingLimit + CharacterSet, answered in UTF-8
    broken_text,          // not what its encoding demands: SchemaValidationError
};

struct Decoded {
    DecodeStatus status = DecodeStatus::ok;
    Encoding encoding = Encoding::utf8;  // of the request, so of the answer
    std::string text;                    // UTF-8 without BOM; not yet checked to be valid UTF-8 when utf8
};

// `body` is moved from when it is UTF-8 already.
Decoded decode(std::string body, std::string_view content_type);

// UTF-8 text to the wire form (UTF-16 gets a BOM).
std::string encode(std::string utf8, Encoding e);
// "application/soap+xml;charset=UTF-8" or ...UTF-16
std::string_view content_type(Encoding e);

}  // namespace wsvirt::soap
