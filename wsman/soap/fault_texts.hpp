// The table's sentences for faults in the languages there are besides English. Values only.
#pragma once

#include <string_view>

#include "wsman/soap/fault.hpp"

namespace wsvirt::soap {

struct LocalText {
    std::string_view language;  // of xml:lang
    std::string_view text;
};

// In the language asked for (a BCP 47 tag, "" for none), as far as it is spoken here; English otherwise
// (RFC 4647 look-up by the first subtag).
LocalText local_text(Subcode s, std::string_view detail, std::string_view asked);

}  // namespace wsvirt::soap
