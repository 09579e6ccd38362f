#include "wsman/ops/fragment_path.hpp"

#include <cctype>

#include "base/text.hpp"

namespace wsvirt::wsman {
namespace {

bool is_name_char(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || std::isalnum(u) || c == '_' || c == '-' || c == '.';
}

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<FragmentPath> run() {
        FragmentPath p;
        skip_space();
        if (rest() == "." || rest() == "/") return p;
        if (eat("../")) {
            p.absolute = true;
        } else if (eat("./")) {
        } else if (eat("/")) {
            p.absolute = true;
        }
        for (;;) {
            if (eat("@")) {
                if (!name(p.attribute)) return wrong("a name after @");
                break;
            }
            if (eat("text()")) {
                if (p.steps.empty()) return wrong("a name before text()");
                p.text = true;
                break;
            }
            FragmentPath::Step s;
            if (!name(s.name)) return wrong("a name");
            if (auto bad = index(s)) return *bad;
            p.steps.push_back(std::move(s));
            if (!eat("/")) break;
        }
        if (p.absolute && p.steps.empty()) return wrong("the name of the object");
        skip_space();
        if (!rest().empty()) return wrong("the end");
        return p;
    }

  private:
    std::string_view rest() const { return text_.substr(at_); }
    bool eat(std::string_view s) {
        if (!rest().starts_with(s)) return false;
        at_ += s.size();
        return true;
    }
    void skip_space() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    }
    bool name(std::string& out) {
        const auto part = [&] {
            const auto from = at_;
            while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
            return text_.substr(from, at_ - from);
        };
        auto n = part();
        if (!n.empty() && rest().starts_with(":") && !rest().starts_with("::")) {
            ++at_;
            n = part();
        }
        out = n;
        return !n.empty() && !std::isdigit(static_cast<unsigned char>(n[0])) && n[0] != '.' && n[0] != '-';
    }
    std::optional<Error> index(FragmentPath::Step& s) {
        if (!eat("[")) return std::nullopt;
        const auto close = rest().find(']');
        const auto n = parse_uint(trim(rest().substr(0, close)));
        if (close == std::string_view::npos || !n || *n == 0 || *n > 0xFFFFFFFFu)
            return wrong("an index from 1 on in brackets");
        s.index = static_cast<std::uint32_t>(*n);
        at_ += close + 1;
        return std::nullopt;
    }
    Error wrong(const char* expected) const {
        return {Status::invalid_query, "wsvirt.fragment.path",
                "The fragment expression \"" + std::string(text_) + "\" is not of XPath level 1: " +
                    expected + " is expected at position " + std::to_string(at_ + 1) + "."};
    }
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Result<FragmentPath> FragmentPath::parse(std::string_view expression) {
    return Parser(expression).run();
}

}  // namespace wsvirt::wsman
