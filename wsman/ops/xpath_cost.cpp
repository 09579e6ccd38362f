#include "wsman/ops/xpath_cost.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace wsvirt::wsman {

namespace {

bool is_name_char(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || std::isalnum(u) || c == '_' || c == '-' || c == '.';
}

// The expression's words: names and numbers, literals, and one or two characters of anything else.
std::vector<std::string_view> words_of(std::string_view e) {
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < e.size();) {
        if (std::isspace(static_cast<unsigned char>(e[i]))) {
            ++i;
            continue;
        }
        auto end = i + 1;
        if (e[i] == '"' || e[i] == '\'') {
            end = std::min(e.find(e[i], i + 1), e.size() - 1) + 1;
        } else if (is_name_char(e[i])) {
            while (end < e.size() && is_name_char(e[end])) ++end;
        } else if (end < e.size() && (e.substr(i, 2) == "//" || e.substr(i, 2) == "::")) {
            ++end;
        }
        words.push_back(e.substr(i, end - i));
        i = end;
    }
    return words;
}

bool is_literal(std::string_view w) {
    return !w.empty() && (w[0] == '"' || w[0] == '\'' || std::isdigit(static_cast<unsigned char>(w[0])));
}
// The end of a path's step or of an operand.
bool ends_operand(std::string_view w) {
    return !w.empty() && (is_name_char(w[0]) || w == "]" || w == ")" || w == "*" || is_literal(w));
}
// Of axes, those on which no node is met from two others.
bool is_narrow(std::string_view axis) {
    return axis == "child" || axis == "attribute" || axis == "self";
}

}  // namespace

XPathCost::XPathCost(std::string_view expression) {
    const auto words = words_of(expression);
    const auto at = [&](std::size_t i) { return i < words.size() ? words[i] : std::string_view(); };
    std::size_t depth = 0;  // the power of what is looked at for each node of the steps around it
    std::size_t wide = 1;   // that of the nodes that the step before selects, from every node
    std::vector<std::size_t> around;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto w = words[i];
        const auto before = i == 0 ? std::string_view() : words[i - 1];
        std::size_t power = 1;
        if (w == "[") {
            around.push_back(wide);
            depth += wide;
        } else if (w == "]" && !around.empty()) {
            wide = around.back();
            depth -= wide;
            around.pop_back();
        } else if (w == "//") {
            wide = power = ends_operand(before) ? 2 : 1;
        } else if (w == "::") {
            wide = power = is_narrow(before) ? 1 : 2;
        } else if (w == "=" || w == "<" || w == ">") {
            const auto next = at(i + 1) == "=" ? at(i + 2) : at(i + 1);
            power = is_literal(before) || is_literal(next) ? 1 : 2;
            wide = 1;
        } else if (w == "|" || w == "(" || w == "," || (w == "/" && before != "::")) {
            wide = 1;
        }
        constexpr std::size_t short_text = 64;  // a literal may be looked for at each character
        powers_[std::min(depth + power, most)] += static_cast<double>(1 + w.size() / short_text);
    }
}

double XPathCost::steps(double size) const {
    double sum = 0, weight = 1;
    for (const double count : powers_) {
        sum += count * weight;
        weight *= size;
    }
    return sum;
}

}  // namespace wsvirt::wsman
