#include "wsman/daemon/config_units.hpp"

#include <array>
#include <limits>

#include "base/text.hpp"

namespace wsvirt::wsman {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::array times{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"min", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array sizes{Unit{"", 1}, Unit{"KiB", 1024}, Unit{"MiB", 1024 * 1024},
                           Unit{"GiB", 1024ull * 1024 * 1024}};
constexpr std::uint64_t year_ms = 366ull * 24 * 3'600'000;

template <std::size_t N>
std::optional<std::uint64_t> with_unit(std::string_view text, const std::array<Unit, N>& units) {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_uint(text.substr(0, end));
    const auto name = trim(text.substr(end));
    for (const auto& unit : units)
        if (number && unit.name == name && *number <= std::numeric_limits<std::uint64_t>::max() / unit.factor)
            return *number * unit.factor;
    return std::nullopt;
}

template <std::size_t N>
std::string print(std::uint64_t value, const std::array<Unit, N>& units) {
    const Unit* best = &units.front();
    for (const auto& unit : units)
        if (value != 0 && value % unit.factor == 0) best = &unit;
    return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto ms = with_unit(text, times);
    if (!ms || *ms > year_ms) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(*ms));
}

std::optional<std::chrono::milliseconds> duration_of(double seconds) {
    if (!(seconds >= 0) || seconds * 1000 > static_cast<double>(year_ms)) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

std::string print_duration(std::chrono::milliseconds value) {
    return print(static_cast<std::uint64_t>(value.count()), times);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return with_unit(text, sizes);
}

std::string print_size(std::uint64_t bytes) {
    return print(bytes, sizes);
}

}  // namespace wsvirt::wsman
