#include "wsman/ops/items.hpp"

#include <algorithm>

namespace wsvirt::wsman {
namespace {

// Makes the next item pending. False at the end.
Result<bool> look_ahead(Items& items) {
    if (items.has_pending) return true;
    items.pending.clear();
    auto more = items.source->append_next(items.pending);
    if (!more) return more.error();
    items.has_pending = *more;
    if (!*more) {
        items.ended = true;
        items.source.reset();
    }
    return *more;
}

std::size_t characters_in(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Result<Packed> pack(Items& items, const PackLimits& limits, std::string& out) {
    std::size_t bytes = 0, characters = 0;
    for (std::size_t n = 0;; ++n) {
        if (items.ended) return Packed::some;
        auto more = look_ahead(items);
        // What was packed before the error is sent; the error comes back with the next look.
        if (!more) return n > 0 ? Result<Packed>(Packed::some) : Result<Packed>(more.error());
        if (!*more || n >= limits.elements) return Packed::some;
        const auto size = items.pending.size();
        if (n == 0 && size > limits.hard_bytes) return Packed::too_large;
        if (n > 0 && bytes + size > limits.soft_bytes) return Packed::some;
        if (limits.characters != SIZE_MAX) {
            characters += characters_in(items.pending);
            if (n > 0 && characters > limits.characters) return Packed::some;
        }
        if (cim::Clock::now() >= limits.deadline) return n > 0 ? Packed::some : Packed::too_late;
        out += items.pending;
        bytes += size;
        items.has_pending = false;
    }
}

}  // namespace wsvirt::wsman
