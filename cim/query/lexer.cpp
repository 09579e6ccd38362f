#include "cim/query/lexer.hpp"

#include <charconv>
#include <limits>

#include "base/text.hpp"

namespace wsvirt::cim::query {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool starts_word(char c) {
    // Bytes above 127 belong to UTF-8 letters, which DSP0004 allows in names.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) > 127;
}

}  // namespace

Error query_error(std::size_t at, std::string_view what) {
    return {Status::invalid_query, "wsvirt.query.syntax",
            "The query is not right at position " + std::to_string(at + 1) + ": " + std::string(what) + "."};
}

bool Token::is_word(std::string_view word) const {
    return kind == TokenKind::word && iequals(text, word);
}

void Lexer::skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n\f\v").find(text_[at_]) != std::string_view::npos)
        ++at_;
}

Result<Token> Lexer::next() {
    skip_space();
    Token t;
    t.at = at_;
    if (at_ == text_.size()) return t;
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted();
    if (c == '{') return braces();
    const bool sign = (c == '-' || c == '+') && at_ + 1 < text_.size() &&
                      (is_digit(text_[at_ + 1]) || text_[at_ + 1] == '.');
    if (is_digit(c) || sign) return number();
    if (starts_word(c)) {
        const auto from = at_;
        while (at_ < text_.size() && (starts_word(text_[at_]) || is_digit(text_[at_]))) ++at_;
        t.kind = TokenKind::word;
        t.text = text_.substr(from, at_ - from);
        return t;
    }
    return symbol();
}

// A backslash makes the next quote or backslash literal; before anything else it stands for itself, because
// clients write '%\Default' and 'C:\disks' with one.
Result<Token> Lexer::quoted() {
    Token t;
    t.kind = TokenKind::text;
    t.at = at_;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size() &&
            std::string_view("\\'\"").find(text_[at_ + 1]) != std::string_view::npos)
            ++at_;
        t.text += text_[at_++];
    }
    if (at_ == text_.size()) return query_error(t.at, "the string that begins here has no closing quote");
    ++at_;
    return t;
}

Result<Token> Lexer::braces() {
    Token t;
    t.kind = TokenKind::path;
    t.at = at_++;
    char quote = 0;
    const auto from = at_;
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        if (quote != 0) {
            if (c == '\\')
                ++at_;
            else if (c == quote)
                quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '}') {
            t.text = trim(text_.substr(from, at_ - from));
            ++at_;
            return t;
        }
    }
    at_ = text_.size();
    return query_error(t.at, "the object path that begins here has no closing brace");
}

Result<Token> Lexer::number() {
    Token t;
    t.kind = TokenKind::number;
    t.at = at_;
    const bool negative = text_[at_] == '-';
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    std::uint64_t n = 0;
    const bool hex = last - first > 2 && first[0] == '0' && (first[1] == 'x' || first[1] == 'X');
    auto whole = std::from_chars(hex ? first + 2 : first, last, n, hex ? 16 : 10);
    const bool real =
        !hex && whole.ptr != last && (*whole.ptr == '.' || *whole.ptr == 'e' || *whole.ptr == 'E');
    if (real) {
        double d = 0;
        const auto r = std::from_chars(first, last, d);
        if (r.ec != std::errc{}) return query_error(t.at, "this number cannot be read");
        t.number = Value(negative ? -d : d);
        whole.ptr = r.ptr;
    } else {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + 1;
        if (whole.ec != std::errc{} || (negative && n > most))
            return query_error(t.at, "this number cannot be read or is too large");
        if (negative)
            t.number = Value(static_cast<std::int64_t>(0 - n));
        else
            t.number = Value(n);
    }
    at_ = static_cast<std::size_t>(whole.ptr - text_.data());
    if (at_ < text_.size() && starts_word(text_[at_])) return query_error(at_, "a letter follows a number");
    return t;
}

Result<Token> Lexer::symbol() {
    Token t;
    t.at = at_;
    const char c = text_[at_++];
    const char following = at_ < text_.size() ? text_[at_] : '\0';
    const auto compare = [&](Comparison how, bool two) {
        if (two) ++at_;
        t.kind = TokenKind::compare;
        t.comparison = how;
        return t;
    };
    switch (c) {
        case '=':
            return compare(Comparison::equal, false);
        case '!':
            if (following == '=') return compare(Comparison::not_equal, true);
            return query_error(t.at, "'!' must be followed by '='");
        case '<':
            if (following == '>') return compare(Comparison::not_equal, true);
            if (following == '=') return compare(Comparison::less_equal, true);
            return compare(Comparison::less, false);
        case '>':
            if (following == '=') return compare(Comparison::greater_equal, true);
            return compare(Comparison::greater, false);
        case ',':
            t.kind = TokenKind::comma;
            return t;
        case '.':
            t.kind = TokenKind::dot;
            return t;
        case '*':
            t.kind = TokenKind::star;
            return t;
        case '(':
            t.kind = TokenKind::open;
            return t;
        case ')':
            t.kind = TokenKind::close;
            return t;
        case '[':
            t.kind = TokenKind::open_index;
            return t;
        case ']':
            t.kind = TokenKind::close_index;
            return t;
        default:
            return query_error(t.at, "this character means nothing here");
    }
}

}  // namespace wsvirt::cim::query
