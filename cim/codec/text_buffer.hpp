// Appends to a std::string without checking its capacity for every piece: room is made in large steps, the
// string gets its right size at the end. For writers of XML text only.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace wsvirt::cim {

class TextBuffer {
  public:
    explicit TextBuffer(std::string& out) : out_(out) { used_ = out_.size(); }
    ~TextBuffer() { out_.resize(used_); }
    TextBuffer(const TextBuffer&) = delete;
    TextBuffer& operator=(const TextBuffer&) = delete;

    void put(std::string_view s) {
        std::memcpy(room(s.size()), s.data(), s.size());
        used_ += s.size();
    }
    void put(char c) {
        *room(1) = c;
        ++used_;
    }
    // Several short texts, such as the parts of a tag.
    template <class... Texts>
    void put_all(const Texts&... texts) {
        char* at = room((std::string_view(texts).size() + ...));
        char* const begin = at;
        ((at = copied(at, texts)), ...);
        used_ += static_cast<std::size_t>(at - begin);
    }
    template <class Integer>
    void number(Integer n) {
        char* at = room(24);
        used_ += static_cast<std::size_t>(std::to_chars(at, at + 24, n).ptr - at);
    }
    // Character data or an attribute's value: markup escaped, what XML cannot hold replaced by '?'
    // (W-ENC-11).
    void escaped(std::string_view text, bool attribute = false);

  private:
    // Names are 8 to 32 characters long nearly always: two moves that may overlap, without a call.
    static char* copied(char* to, std::string_view s) {
        const auto n = s.size();
        const char* from = s.data();
        if (n >= 16 && n <= 32) {
            std::memcpy(to, from, 16);
            std::memcpy(to + n - 16, from + n - 16, 16);
        } else if (n >= 8 && n < 16) {
            std::memcpy(to, from, 8);
            std::memcpy(to + n - 8, from + n - 8, 8);
        } else if (n > 32) {
            std::memcpy(to, from, n);
        } else {
            for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
        }
        return to + n;
    }
    char* room(std::size_t n) {
        if (out_.size() - used_ < n) grow(n);
        return out_.data() + used_;
    }
    // The string is never made much longer than it needs to be, because new characters are zeroed first.
    void grow(std::size_t n) {
        const std::size_t need = used_ + n + step;
        if (need > out_.capacity()) out_.reserve(need > out_.capacity() * 2 ? need : out_.capacity() * 2);
        out_.resize(need);
    }
    void escaped_slow(std::string_view text, bool attribute);

    static constexpr std::size_t step = 4096;
    std::string& out_;
    std::size_t used_;
};

}  // namespace wsvirt::cim
