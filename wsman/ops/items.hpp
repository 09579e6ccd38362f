// What an enumeration yields, one item at a time as text, and how items are packed into an answer without
// ever exceeding its limits, losing an item or giving one twice (DSP0226 8.2.3 and 8.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cim/om/operation.hpp"

namespace wsvirt::wsman {

// Used by one thread at a time; holds what it needs by itself.
class ItemSource {
  public:
    virtual ~ItemSource() = default;
    // Appends the next item; false at the end.
    virtual Result<bool> append_next(std::string& out) = 0;
    // For the calls of append_next() that follow; see InstanceStream::allow().
    virtual void allow(const cim::Allowance&) {}
    virtual std::optional<std::uint64_t> estimate() const { return std::nullopt; }
};

// The state between two answers: the source, items of an answer that was not sent, and an item that was made
// but not yet packed.
struct Items {
    std::unique_ptr<ItemSource> source;
    std::deque<std::string> unsent;
    std::string pending;
    bool has_pending = false;
    bool ended = false;
};

struct PackLimits {
    std::size_t elements = 1;
    std::size_t soft_bytes = 0;         // what several items may take
    std::size_t hard_bytes = 0;         // what one item may take
    std::size_t characters = SIZE_MAX;  // wsen:MaxCharacters: one item may exceed it
    cim::Allowance allowance;
};

enum class Packed {
    some,       // items were appended, or none is left
    too_large,  // the next item alone exceeds hard_bytes; it stays pending
    too_late,   // the allowance was used up before there was an item
};

struct PackedItems {
    std::string text;               // may begin with something else than items
    std::vector<std::size_t> ends;  // of each item in the text
    std::size_t begin = 0;          // of the first
};

// Appends items to `out`. After it `items.ended` says whether the sequence is over: it looks one item ahead
// so that the last items and the end go out together.
Result<Packed> pack(Items& items, const PackLimits& limits, PackedItems& out);
// Takes back what an answer would have held that nobody gets.
void take_back(Items& items, const PackedItems& packed);

}  // namespace wsvirt::wsman
