#include "cim/schema/mof_lexer.hpp"

namespace wsvirt::cim::mof {

namespace {

bool name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool digit(char c) {
    return c >= '0' && c <= '9';
}

int hex_digit(char c) {
    if (digit(c)) return c - '0';
    const char l = ascii_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace

Lexer::Lexer(std::string_view text) : text_(text) {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = line_start_ = 3;
}

Position Lexer::here() const {
    return {line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)};
}

bool Lexer::skip_blank() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '\n') {
            line_start_ = ++at_;
            ++line_;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
            ++at_;
        } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '*') {
            const auto end = text_.find("*/", at_ + 2);
            if (end == std::string_view::npos) return false;
            for (; at_ < end + 2; ++at_)
                if (text_[at_] == '\n') line_start_ = at_ + 1, ++line_;
        } else {
            break;
        }
    }
    return true;
}

Token Lexer::quoted(Position at, char quote) {
    const auto from = at_++;
    while (at_ < text_.size() && text_[at_] != quote) {
        if (text_[at_] == '\\') ++at_;
        if (at_ < text_.size() && text_[at_] == '\n') line_start_ = at_ + 1, ++line_;
        ++at_;
    }
    if (at_ >= text_.size()) {
        at_ = text_.size();
        return {Token::Kind::bad, "a quotation mark is not closed", at};
    }
    ++at_;
    return {quote == '"' ? Token::Kind::text : Token::Kind::character, text_.substr(from, at_ - from), at};
}

Token Lexer::next() {
    if (!skip_blank()) {
        const Position at = here();
        at_ = text_.size();
        return {Token::Kind::bad, "a comment is not closed", at};
    }
    const Position at = here();
    if (at_ >= text_.size()) return {Token::Kind::end, {}, at};
    const auto from = at_;
    const char c = text_[at_];
    if (c == '"' || c == '\'') return quoted(at, c);
    if (name_start(c) || c == '$') {
        ++at_;
        while (at_ < text_.size() && (name_start(text_[at_]) || digit(text_[at_]))) ++at_;
        return {c == '$' ? Token::Kind::alias : Token::Kind::name, text_.substr(from, at_ - from), at};
    }
    if (digit(c) || c == '+' || c == '-' || c == '.') {
        ++at_;
        while (at_ < text_.size() &&
               (name_start(text_[at_]) || digit(text_[at_]) || text_[at_] == '.' ||
                ((text_[at_] == '+' || text_[at_] == '-') && ascii_lower(text_[at_ - 1]) == 'e' &&
                 !text_.substr(from).starts_with("0x"))))
            ++at_;
        return {Token::Kind::number, text_.substr(from, at_ - from), at};
    }
    constexpr std::string_view punctuation = "{}[](),;:=#";
    ++at_;
    if (punctuation.find(c) == std::string_view::npos)
        return {Token::Kind::bad, "a character that MOF does not have", at};
    return {Token::Kind::punctuation, text_.substr(from, 1), at};
}

std::optional<std::string> unescape(std::string_view token) {
    const auto s = token.substr(1, token.size() - 2);
    if (s.find('\\') == std::string_view::npos) return std::string(s);
    std::string r;
    r.reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] != '\\') {
            r += s[i];
            continue;
        }
        if (++i >= s.size()) return std::nullopt;
        constexpr std::string_view from = "btnfr\"'\\", to = "\b\t\n\f\r\"'\\";
        if (const auto known = from.find(s[i]); known != std::string_view::npos) {
            r += to[known];
        } else if (s[i] == 'x' || s[i] == 'X') {
            std::uint64_t code = 0;
            std::size_t n = 0;
            for (; n < 4 && i + 1 < s.size() && hex_digit(s[i + 1]) >= 0; ++n)
                code = code * 16 + static_cast<std::uint64_t>(hex_digit(s[++i]));
            if (n == 0) return std::nullopt;
            r += value_to_text(Type::char16, Value(code));
        } else {
            return std::nullopt;
        }
    }
    return r;
}

}  // namespace wsvirt::cim::mof
