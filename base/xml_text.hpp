// Texts on their way into an answer: whole characters, and only such as XML has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wsvirt {

// The text with '?' for each byte or character that XML 1.0 has no place for (W-ENC-11).
std::string xml_printable(std::string_view s);
// At most so many bytes of it, cut between two characters, with "..." behind what was cut.
std::string shortened(std::string_view s, std::size_t bytes);
void append_utf8(std::string& out, std::uint32_t c);

}  // namespace wsvirt
