// Reads the answers of a WS-Man server: faults become errors, bodies become objects. Names are matched by
// local name, because servers choose their prefixes freely. Nesting over 64 levels is refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wsman/client/object.hpp"

namespace wsvirt::client {

// The first element of the body as an object. Errors: malformed; a fault as the status nearest to its subcode
// (access_denied, not_found, invalid_class, timed_out ... else failed) with the server's reason as text.
Result<Object> read_body(std::string_view envelope);

struct Page {
    std::vector<Object> items;         // object mode
    std::vector<Resource> references;  // EPR mode
    std::string context;
    bool ended = false;
};
Result<Page> read_page(std::string_view envelope);  // EnumerateResponse or PullResponse

}  // namespace wsvirt::client
