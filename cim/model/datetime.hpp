// CIM datetime (DSP0004 5.2.4): a point in time with a UTC offset, or an interval, each with a precision
// (asterisks in the 25-character form). A plain value; no thread rules.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wsvirt::cim {

class DateTime {
  public:
    DateTime() = default;

    // Microseconds since 1970-01-01T00:00:00Z, shown with the given offset (minutes east of UTC).
    static DateTime timestamp(std::int64_t unix_microseconds, int utc_offset_minutes = 0);
    static DateTime interval(std::int64_t microseconds);
    static DateTime now();

    // The 25-character CIM string, "yyyymmddhhmmss.mmmmmmsutc" or "ddddddddhhmmss.mmmmmm:000".
    static Result<DateTime> from_cim(std::string_view text);
    // xs:dateTime (with or without time zone; without means UTC), xs:date, xs:duration. DSP0230 8.1.
    static Result<DateTime> from_xsd(std::string_view text);

    std::string to_cim() const;
    // xs:dateTime or xs:duration; nullopt when the precision cannot be said that way (asterisks).
    std::optional<std::string> to_xsd() const;

    bool is_interval() const { return interval_; }
    std::int64_t microseconds() const { return us_; }  // since 1970 in UTC, or length of the interval
    int utc_offset_minutes() const { return offset_; }
    // Number of leading digits that are known in the 20-digit form without the point; 20 = all.
    int known_digits() const { return known_; }

    friend bool operator==(const DateTime& a, const DateTime& b) {
        return a.interval_ == b.interval_ && a.us_ == b.us_ && a.known_ == b.known_;
    }
    friend bool operator<(const DateTime& a, const DateTime& b) { return a.us_ < b.us_; }

  private:
    std::int64_t us_ = 0;
    std::int16_t offset_ = 0;
    std::uint8_t known_ = 20;
    bool interval_ = false;
};

}  // namespace wsvirt::cim
