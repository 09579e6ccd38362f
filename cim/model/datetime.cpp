#include "cim/model/datetime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wsvirt::cim {

namespace {

constexpr std::int64_t second = 1'000'000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;

Error bad(std::string_view text, std::string_view why) {
    return {Status::type_mismatch, "wsvirt.datetime.form",
            fmt::format("'{}' is not a CIM datetime: {}.", text, why)};
}

// The 20 digits of a CIM datetime without its point, asterisks as '0', and how many of them are known.
struct Digits {
    std::array<char, 20> digit{};
    std::uint8_t known = 20;

    std::int64_t number(std::size_t from, std::size_t n) const {
        std::int64_t r = 0;
        for (std::size_t i = from; i < from + n; ++i) r = r * 10 + (digit[i] - '0');
        return r;
    }
};

// Asterisks stand for whole fields from some field to the end; within the microseconds from any digit on
// (DSP0004 5.2.4). `fields` holds the places where a field begins.
bool read_digits(std::string_view text, const std::array<std::uint8_t, 6>& fields, Digits& out) {
    std::string_view parts[2] = {text.substr(0, 14), text.substr(15, 6)};
    std::size_t at = 0;
    for (const auto part : parts) {
        for (const char c : part) {
            if (c == '*') {
                if (out.known == 20) out.known = static_cast<std::uint8_t>(at);
                out.digit[at++] = '0';
            } else if (c >= '0' && c <= '9' && out.known == 20) {
                out.digit[at++] = c;
            } else {
                return false;
            }
        }
    }
    if (out.known >= 14) return true;
    return std::find(fields.begin(), fields.end(), out.known) != fields.end();
}

std::int64_t from_civil(int y, unsigned m, unsigned d, std::int64_t time_of_day) {
    const std::chrono::sys_days days{std::chrono::year{y} / std::chrono::month{m} / std::chrono::day{d}};
    return days.time_since_epoch().count() * day + time_of_day;
}

bool civil_ok(int y, unsigned m, unsigned d) {
    return (std::chrono::year{y} / std::chrono::month{m} / std::chrono::day{d}).ok();
}

struct Civil {
    int year = 0;
    unsigned month = 0, mday = 0;
    std::int64_t time_of_day = 0;  // microseconds
};

Civil to_civil(std::int64_t us) {
    std::int64_t days = us / day, rest = us % day;
    if (rest < 0) rest += day, --days;
    const std::chrono::year_month_day ymd{std::chrono::sys_days{std::chrono::days{days}}};
    return {static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
            static_cast<unsigned>(ymd.day()), rest};
}

// Short text without allocation: datetimes are written several times for each instance of an enumeration.
class Text {
  public:
    Text& put(std::string_view s) {
        for (const char c : s) buffer_[used_++] = c;
        return *this;
    }
    Text& digits(std::int64_t n, std::size_t width) {
        for (std::size_t i = width; i-- > 0; n /= 10) buffer_[used_ + i] = static_cast<char>('0' + n % 10);
        used_ += width;
        return *this;
    }
    Text& number(std::int64_t n) {
        std::size_t width = 1;
        for (auto rest = n / 10; rest != 0; rest /= 10) ++width;
        return digits(n, width);
    }
    Text& time(std::int64_t us) {
        return digits(us / hour, 2).digits(us / minute % 60, 2).digits(us / second % 60, 2);
    }
    Text& fraction(std::int64_t us) { return us == 0 ? *this : put(".").digits(us, 6); }
    char& at(std::size_t i) { return buffer_[i]; }
    std::string string() const { return {buffer_.data(), used_}; }

  private:
    std::array<char, 64> buffer_{};
    std::size_t used_ = 0;
};

// A cursor over xs:dateTime and xs:duration text.
struct Cursor {
    std::string_view s;
    bool eat(char c) {
        if (s.empty() || s[0] != c) return false;
        s.remove_prefix(1);
        return true;
    }
    // Between `least` and `most` digits.
    bool number(std::size_t least, std::size_t most, std::int64_t& out) {
        std::size_t n = 0;
        out = 0;
        while (n < s.size() && n < most && s[n] >= '0' && s[n] <= '9') out = out * 10 + (s[n++] - '0');
        if (n < least) return false;
        s.remove_prefix(n);
        return true;
    }
    // ".digits": microseconds; further digits are cut off.
    bool fraction(std::int64_t& us) {
        us = 0;
        if (!eat('.')) return true;
        std::int64_t scale = 100'000;
        bool any = false;
        while (!s.empty() && s[0] >= '0' && s[0] <= '9') {
            us += (s[0] - '0') * scale;
            scale /= 10;
            any = true;
            s.remove_prefix(1);
        }
        return any;
    }
};

bool read_zone(Cursor& c, int& minutes) {
    minutes = 0;
    if (c.s.empty() || c.eat('Z')) return true;
    const bool west = c.s[0] == '-';
    if (!c.eat('+') && !c.eat('-')) return false;
    std::int64_t h = 0, m = 0;
    if (!c.number(2, 2, h) || !c.eat(':') || !c.number(2, 2, m) || h > 14 || m > 59) return false;
    minutes = static_cast<int>(h * 60 + m) * (west ? -1 : 1);
    return true;
}

// A leap second or 24:00 at the very end.
bool beyond_years(std::int64_t local) {
    return to_civil(local).year > 9999;
}

Result<DateTime> read_duration(std::string_view text) {
    Cursor c{text};
    c.eat('P');
    std::int64_t us = 0;
    bool time = false, any = false;
    std::string_view order = "YMDHMS";
    while (!c.s.empty()) {
        if (!time && c.eat('T')) {
            time = true;
            order = "HMS";
            any = false;
            continue;
        }
        std::int64_t n = 0, frac = 0;
        const std::string_view before = c.s;
        if (!c.number(1, 12, n) || !c.fraction(frac) || c.s.empty()) return bad(text, "the duration is cut");
        const bool has_fraction = before.substr(0, before.size() - c.s.size()).find('.') != before.npos;
        const char unit = c.s[0];
        c.s.remove_prefix(1);
        const auto place = order.find(unit);
        if (place == std::string_view::npos || (has_fraction && unit != 'S') ||
            (!time && (unit == 'H' || unit == 'S')))
            return bad(text, "the parts of a duration are days, hours, minutes and seconds");
        if (!time && unit != 'D' && n != 0) return bad(text, "an interval has no years and no months");
        order.remove_prefix(place + 1);
        any = true;
        const std::int64_t size = !time         ? (unit == 'D' ? day : 0)
                                  : unit == 'H' ? hour
                                  : unit == 'M' ? minute
                                                : second;
        if (size != 0 && n > 99'999'999 * (day / size)) return bad(text, "the duration is too long");
        if (n * size + frac >= 100'000'000 * day - us) return bad(text, "the duration is too long");
        us += n * size + frac;
    }
    if (!any) return bad(text, "the duration is empty");
    return DateTime::interval(us);
}

}  // namespace

DateTime DateTime::timestamp(std::int64_t unix_microseconds, int utc_offset_minutes) {
    DateTime d;
    d.us_ = unix_microseconds;
    d.offset_ = static_cast<std::int16_t>(utc_offset_minutes);
    return d;
}

DateTime DateTime::interval(std::int64_t microseconds) {
    DateTime d;
    d.us_ = microseconds;
    d.interval_ = true;
    return d;
}

DateTime DateTime::now() {
    using namespace std::chrono;
    return timestamp(
        duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch()).count());
}

Result<DateTime> DateTime::from_cim(std::string_view text) {
    if (text.size() != 25 || text[14] != '.') return bad(text, "it must have 25 characters");
    DateTime d;
    Digits n;
    if (text[21] == ':') {
        if (!read_digits(text, {0, 8, 10, 12, 14, 14}, n) || text.substr(22) != "000")
            return bad(text, "an interval is ddddddddhhmmss.mmmmmm:000");
        if (n.number(8, 2) > 23 || n.number(10, 2) > 59 || n.number(12, 2) > 59)
            return bad(text, "hours, minutes or seconds are out of range");
        d.interval_ = true;
        d.us_ = n.number(0, 8) * day + n.number(8, 2) * hour + n.number(10, 2) * minute +
                n.number(12, 2) * second + n.number(14, 6);
        d.known_ = n.known;
        return d;
    }
    if (text[21] != '+' && text[21] != '-') return bad(text, "the UTC offset is missing");
    std::int64_t offset = 0;
    Cursor zone{text.substr(22)};
    if (!read_digits(text, {0, 4, 6, 8, 10, 12}, n) || !zone.number(3, 3, offset))
        return bad(text, "a timestamp is yyyymmddhhmmss.mmmmmmsutc");
    d.known_ = n.known;
    const int y = static_cast<int>(n.number(0, 4));
    const auto month = n.known < 6 ? 1u : static_cast<unsigned>(n.number(4, 2));
    const auto mday = n.known < 8 ? 1u : static_cast<unsigned>(n.number(6, 2));
    if (!civil_ok(y, month, mday)) return bad(text, "there is no such day");
    if (n.number(8, 2) > 23 || n.number(10, 2) > 59 || n.number(12, 2) > 60)
        return bad(text, "hours, minutes or seconds are out of range");
    d.offset_ = static_cast<std::int16_t>(text[21] == '-' ? -offset : offset);
    d.us_ = from_civil(y, month, mday,
                       n.number(8, 2) * hour + n.number(10, 2) * minute + n.number(12, 2) * second +
                           n.number(14, 6)) -
            d.offset_ * minute;
    if (beyond_years(d.us_ + d.offset_ * minute)) return bad(text, "the year has four digits");
    return d;
}

Result<DateTime> DateTime::from_xsd(std::string_view text) {
    if (!text.empty() && text[0] == 'P') return read_duration(text);
    Cursor c{text};
    std::int64_t y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, us = 0;
    int zone = 0;
    if (!c.number(4, 4, y) || !c.eat('-') || !c.number(2, 2, mo) || !c.eat('-') || !c.number(2, 2, d))
        return bad(text, "it is neither the 25-character form nor an xs:dateTime");
    if (c.eat('T') && (!c.number(2, 2, h) || !c.eat(':') || !c.number(2, 2, mi) || !c.eat(':') ||
                       !c.number(2, 2, s) || !c.fraction(us)))
        return bad(text, "the time must be hh:mm:ss");
    if (!read_zone(c, zone) || !c.s.empty()) return bad(text, "the time zone must be Z or +hh:mm");
    if (!civil_ok(static_cast<int>(y), static_cast<unsigned>(mo), static_cast<unsigned>(d)))
        return bad(text, "there is no such day");
    const bool end_of_day = h == 24 && mi == 0 && s == 0 && us == 0;
    if ((h > 23 && !end_of_day) || mi > 59 || s > 60)
        return bad(text, "hours, minutes or seconds are out of range");
    const auto local = from_civil(static_cast<int>(y), static_cast<unsigned>(mo), static_cast<unsigned>(d),
                                  h * hour + mi * minute + s * second + us);
    if (beyond_years(local)) return bad(text, "the year has four digits");
    return timestamp(local - zone * minute, zone);
}

std::string DateTime::to_cim() const {
    Text out;
    if (interval_) {
        const auto us = us_ < 0 ? 0 : us_;
        out.digits(us / day, 8).time(us % day);
        out.digits(us % second, 6).put(":000");
    } else {
        const auto c = to_civil(us_ + offset_ * minute);
        out.digits(c.year, 4).digits(c.month, 2).digits(c.mday, 2).time(c.time_of_day);
        out.digits(c.time_of_day % second, 6)
            .put(offset_ < 0 ? "-" : "+")
            .digits(offset_ < 0 ? -offset_ : offset_, 3);
    }
    for (std::size_t i = known_; i < 20; ++i) out.at(i) = '*';
    auto r = out.string();
    r.insert(14, 1, '.');
    return r;
}

std::optional<std::string> DateTime::to_xsd() const {
    if (known_ != 20) return std::nullopt;
    Text out;
    if (interval_) {
        if (us_ < 0) return std::nullopt;
        out.put("P").number(us_ / day).put("DT").number(us_ / hour % 24).put("H").number(us_ / minute % 60);
        out.put("M").number(us_ / second % 60).fraction(us_ % second).put("S");
        return out.string();
    }
    const auto c = to_civil(us_ + offset_ * minute);
    const int off = offset_ < 0 ? -offset_ : offset_;
    if (c.year < 1 || c.year > 9999 || off > 14 * 60) return std::nullopt;
    const auto t = c.time_of_day;
    out.digits(c.year, 4).put("-").digits(c.month, 2).put("-").digits(c.mday, 2).put("T");
    out.digits(t / hour, 2).put(":").digits(t / minute % 60, 2).put(":").digits(t / second % 60, 2);
    out.fraction(t % second);
    if (off == 0)
        out.put("Z");
    else
        out.put(offset_ < 0 ? "-" : "+").digits(off / 60, 2).put(":").digits(off % 60, 2);
    return out.string();
}

}  // namespace wsvirt::cim
