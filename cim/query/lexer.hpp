// Splits query text into tokens. Words keep their spelling; strings come without quotes and escapes. Each
// token knows its position so that an error can name it. No state beyond the text; errors are invalid_query.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim::query {

enum class TokenKind : std::uint8_t {
    end,
    word,     // identifier or keyword
    text,     // quoted string
    number,   // value: uint64, sint64 or double
    compare,  // = != <> < <= > >=
    comma,
    dot,
    star,
    open,
    close,
    open_index,
    close_index,
    path  // { ... }, text without the braces, escapes kept
};

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

struct Token {
    TokenKind kind = TokenKind::end;
    std::string text;
    Value number;
    Comparison comparison = Comparison::equal;
    std::size_t at = 0;  // bytes from the start of the query

    bool is_word(std::string_view word) const;  // without case
};

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}
    Result<Token> next();

  private:
    void skip_space();
    Result<Token> quoted();
    Result<Token> number();
    Result<Token> braces();
    Result<Token> symbol();

    std::string_view text_;
    std::size_t at_ = 0;
};

// "... at position 12: what" with positions counted from 1.
Error query_error(std::size_t at, std::string_view what);

}  // namespace wsvirt::cim::query
