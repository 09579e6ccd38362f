// The XPath level 1 of fragment transfer (DSP0226 Annex D.2): ".", "@attribute" or a path of element names
// with optional indexes, ending in an attribute or text(). Prefixes are read and ignored. Plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::wsman {

struct FragmentPath {
    struct Step {
        std::string name;
        std::optional<std::uint32_t> index;  // 1-based
    };
    bool absolute = false;    // the first step names the object itself: "/X", "../X"
    std::vector<Step> steps;  // none: the whole object
    std::string attribute;
    bool text = false;

    // Errors: invalid_query with what was not understood.
    static Result<FragmentPath> parse(std::string_view expression);
};

}  // namespace wsvirt::wsman
