#include "wsman/http/message.hpp"

#include "base/text.hpp"

namespace wsvirt::wsman {

std::string_view HttpRequest::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (iequals(key, name)) return value;
    return {};
}

}  // namespace wsvirt::wsman
