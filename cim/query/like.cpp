#include "cim/query/like.hpp"

#include "base/text.hpp"
#include "cim/query/wql.hpp"

namespace wsvirt::cim {
namespace query {

namespace {

// Lower-case code points, so that "_" is one character whatever its length in UTF-8.
std::vector<std::uint32_t> characters(std::string_view s) {
    std::vector<std::uint32_t> r;
    r.reserve(s.size());
    for (std::size_t i = 0; i < s.size();) {
        const auto c = static_cast<unsigned char>(s[i]);
        std::size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (i + n > s.size()) n = 1;
        std::uint32_t code = n == 1 ? static_cast<unsigned char>(ascii_lower(s[i])) : c & (0xffu >> (n + 1));
        for (std::size_t k = 1; k < n; ++k) code = code << 6 | (static_cast<unsigned char>(s[i + k]) & 0x3fu);
        r.push_back(code);
        i += n;
    }
    return r;
}

}  // namespace

bool LikePattern::Piece::takes(std::uint32_t c) const {
    if (kind == Kind::any_one) return true;
    if (kind == Kind::one) return character == c;
    for (const auto& [low, high] : ranges)
        if (c >= low && c <= high) return !negative;
    return negative;
}

// [abc], [a-f], [^a-f]; WMI's own documentation writes ranges as [a=f], so that is one too. False when the
// bracket is never closed; it then stands for itself.
bool LikePattern::read_set(const std::vector<std::uint32_t>& p, std::size_t& at, Piece& piece) {
    auto i = at + 1;
    piece.kind = Piece::Kind::set;
    if (i < p.size() && p[i] == '^') {
        piece.negative = true;
        ++i;
    }
    for (bool first = true; i < p.size(); first = false) {
        if (p[i] == ']' && !first) {
            at = i + 1;
            return true;
        }
        if (i + 2 < p.size() && (p[i + 1] == '-' || p[i + 1] == '=') && p[i + 2] != ']') {
            piece.ranges.emplace_back(p[i], p[i + 2]);
            i += 3;
        } else {
            piece.ranges.emplace_back(p[i], p[i]);
            ++i;
        }
    }
    return false;
}

LikePattern::LikePattern(std::string_view pattern) {
    const auto p = characters(pattern);
    bool brackets = true;  // off once one was found that is never closed: later ones are not closed either
    for (std::size_t i = 0; i < p.size();) {
        Piece piece;
        if (brackets && p[i] == '[') {
            if (read_set(p, i, piece)) {
                pieces_.push_back(std::move(piece));
                continue;
            }
            brackets = false;
            piece = Piece();
        }
        if (p[i] == '%')
            piece.kind = Piece::Kind::any_run;
        else if (p[i] == '_')
            piece.kind = Piece::Kind::any_one;
        else
            piece.character = p[i];
        ++i;
        const bool repeated = piece.kind == Piece::Kind::any_run && !pieces_.empty() &&
                              pieces_.back().kind == Piece::Kind::any_run;
        if (!repeated) pieces_.push_back(std::move(piece));
    }
}

// Greedy with one point of return.
bool LikePattern::matches(std::string_view text) const {
    const auto t = characters(text);
    const auto& p = pieces_;
    std::size_t i = 0, k = 0, run_piece = p.size(), run_text = 0;
    while (i < t.size()) {
        if (k < p.size() && p[k].kind == Piece::Kind::any_run) {
            run_piece = k++;
            run_text = i;
        } else if (k < p.size() && p[k].takes(t[i])) {
            ++i;
            ++k;
        } else if (run_piece < p.size()) {
            k = run_piece + 1;
            i = ++run_text;
        } else {
            return false;
        }
    }
    while (k < p.size() && p[k].kind == Piece::Kind::any_run) ++k;
    return k == p.size();
}

}  // namespace query

bool wql_like(std::string_view text, std::string_view pattern) {
    return query::LikePattern(pattern).matches(text);
}

}  // namespace wsvirt::cim
