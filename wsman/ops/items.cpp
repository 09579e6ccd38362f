#include "wsman/ops/items.hpp"

#include <algorithm>

namespace wsvirt::wsman {
namespace {

// Makes the next item pending. False at the end.
Result<bool> look_ahead(Items& items) {
    if (items.has_pending) return true;
    if (!items.unsent.empty()) {
        items.pending = std::move(items.unsent.front());
        items.unsent.pop_front();
        items.has_pending = true;
        return true;
    }
    if (!items.source) {
        items.ended = true;
        return false;
    }
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

// Room for one item of that size and, when more text is needed, for what the others will probably take, so
// that a long answer is not copied while it grows.
void make_room(PackedItems& out, std::size_t size, const PackLimits& limits,
               const std::optional<std::uint64_t>& estimate) {
    auto& text = out.text;
    if (text.size() + size <= text.capacity() || !estimate) return;
    constexpr std::size_t first_items = 8, at_first = 32'768;  // these tell how large the others are
    const std::size_t done = out.ends.size() + 1, bytes = text.size() - out.begin + size;
    const auto all = std::min<std::uint64_t>(limits.elements, *estimate);
    if (done >= all || bytes >= limits.soft_bytes) return;
    const auto others = std::min<std::uint64_t>((all - done) * (bytes / done), limits.soft_bytes - bytes);
    const auto room = static_cast<std::size_t>(others + others / 8);
    text.reserve(text.size() + size + (done < first_items ? std::min(room, at_first) : room));
}

std::size_t characters_in(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Result<Packed> pack(Items& items, const PackLimits& limits, PackedItems& out) {
    std::size_t bytes = 0, characters = 0;
    std::optional<std::uint64_t> estimate;
    if (items.source) {
        items.source->allow(limits.allowance);
        estimate = items.source->estimate();
    }
    out.begin = out.text.size();
    for (std::size_t n = 0;; ++n) {
        if (items.ended) return Packed::some;
        auto more = look_ahead(items);
        // What was packed before the error is sent; the error comes back with the next look.
        if (!more && n > 0) return Packed::some;
        if (!more && !limits.allowance.left()) return Packed::too_late;
        if (!more) return more.error();
        if (!*more || n >= limits.elements) return Packed::some;
        const auto size = items.pending.size();
        if (n == 0 && size > limits.hard_bytes) return Packed::too_large;
        if (n > 0 && bytes + size > limits.soft_bytes) return Packed::some;
        if (limits.characters != SIZE_MAX) {
            characters += characters_in(items.pending);
            if (n > 0 && characters > limits.characters) return Packed::some;
        }
        if (!limits.allowance.left()) return n > 0 ? Packed::some : Packed::too_late;
        make_room(out, size, limits, estimate);
        out.text += items.pending;
        out.ends.push_back(out.text.size());
        bytes += size;
        items.has_pending = false;
    }
}

void take_back(Items& items, const PackedItems& packed) {
    if (items.has_pending) items.unsent.push_front(std::move(items.pending));
    items.has_pending = false;
    for (auto n = packed.ends.size(); n-- > 0;) {
        const auto from = n == 0 ? packed.begin : packed.ends[n - 1];
        items.unsent.push_front(packed.text.substr(from, packed.ends[n] - from));
    }
    items.ended = items.ended && items.unsent.empty();
}

}  // namespace wsvirt::wsman
