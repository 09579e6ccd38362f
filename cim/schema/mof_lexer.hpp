// MOF text cut into tokens (DSP0004 Annex A): names, numbers, strings, characters, aliases, punctuation.
// Tokens are views into the text, which must outlive them. Comments and white space vanish.
#pragma once

#include <string>
#include <string_view>

#include "cim/schema/mof_syntax.hpp"

namespace wsvirt::cim::mof {

struct Token {
    enum class Kind : std::uint8_t { end, name, number, text, character, alias, punctuation, bad };
    Kind kind = Kind::end;
    std::string_view text;  // as written, with quotation marks; for bad: what is wrong
    Position at;

    bool is(char c) const { return kind == Kind::punctuation && text[0] == c; }
    bool is_word(std::string_view word) const { return kind == Kind::name && iequals(text, word); }
};

class Lexer {
  public:
    explicit Lexer(std::string_view text);
    Token next();

  private:
    bool skip_blank();  // false: a comment is not closed
    Token quoted(Position at, char quote);
    Position here() const;

    std::string_view text_;
    std::size_t at_ = 0, line_start_ = 0;
    std::uint32_t line_ = 1;
};

// What a string or character token says. nullopt: a broken escape.
std::optional<std::string> unescape(std::string_view token);

}  // namespace wsvirt::cim::mof
