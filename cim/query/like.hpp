// LIKE of WQL with the pattern compiled once: % any run, _ one character, [a-z] and [^a-z] sets, without
// case. Immutable, so it may be shared between threads; matching takes at most text × pattern steps.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace wsvirt::cim::query {

class LikePattern {
  public:
    LikePattern() = default;
    explicit LikePattern(std::string_view pattern);
    bool matches(std::string_view text) const;

  private:
    struct Piece {
        enum class Kind : std::uint8_t { one, any_one, any_run, set } kind = Kind::one;
        std::uint32_t character = 0;
        bool negative = false;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
        bool takes(std::uint32_t c) const;
    };
    static bool read_set(const std::vector<std::uint32_t>& p, std::size_t& at, Piece& piece);
    std::vector<Piece> pieces_;
};

}  // namespace wsvirt::cim::query
