#include "wsman/http/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace wsvirt::wsman {

namespace {

struct Phrase {
    unsigned status;
    std::string_view text;
};

constexpr std::array phrases{
    Phrase{200, "OK"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{411, "Length Required"},
    Phrase{413, "Content Too Large"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
};

void append_number(std::string& out, std::size_t n) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out.append(digits.data(), end);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    out += "\r\n";
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
    const auto* hit =
        std::find_if(phrases.begin(), phrases.end(), [&](const Phrase& p) { return p.status == status; });
    return hit != phrases.end() ? hit->text : "Status";
}

void append_head(std::string& out, const HttpResponse& response, std::string_view date, bool keep_alive) {
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out.append(" ")
        .append(reason_phrase(response.status))
        .append("\r\nServer: wsvirt\r\nDate: ")
        .append(date);
    out += "\r\n";
    for (const auto& [name, value] : response.headers) append_header(out, name, value);
    if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
    if (!keep_alive) out += "Connection: close\r\n";
    if (response.status != 204) {
        out += "Content-Length: ";
        append_number(out, response.body.size());
        out += "\r\n";
    }
    out += "\r\n";
}

std::string http_date(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm t{};
    gmtime_r(&seconds, &t);
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::array<char, 64> text;
    const int n = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                days.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
                                months.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour,
                                t.tm_min, t.tm_sec);
    return {text.data(), static_cast<std::size_t>(n)};
}

HttpResponse refusal(unsigned status, std::string_view text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body.assign(text).append("\n");
    return response;
}

}  // namespace wsvirt::wsman
