#include "cim/providers/thumbnail.hpp"

#include "base/text.hpp"

namespace wsvirt::cim {

namespace {

struct Picture {
    unsigned width = 0, height = 0;
    std::string_view pixels;  // 3 bytes each
};

// One token of the header; skips white space and comments.
std::string_view token(std::string_view& s) {
    for (;;) {
        while (!s.empty() &&
               (s.front() == ' ' || s.front() == '\n' || s.front() == '\t' || s.front() == '\r'))
            s.remove_prefix(1);
        if (s.empty() || s.front() != '#') break;
        s.remove_prefix(std::min(s.size(), s.find('\n')));
    }
    const auto end = std::min(s.size(), s.find_first_of(" \n\t\r"));
    const auto out = s.substr(0, end);
    s.remove_prefix(end);
    return out;
}

Result<Picture> read(std::string_view ppm) {
    const Error bad(Status::malformed, "wsvirt.screenshot.format", "The screenshot could not be read.");
    if (token(ppm) != "P6") return bad;
    const auto width = parse_uint(token(ppm)), height = parse_uint(token(ppm)), most = parse_uint(token(ppm));
    if (!width || !height || !most || *most != 255 || *width == 0 || *height == 0) return bad;
    if (*width > 16384 || *height > 16384 || ppm.empty()) return bad;
    ppm.remove_prefix(1);
    if (ppm.size() < *width * *height * 3) return bad;
    return Picture{static_cast<unsigned>(*width), static_cast<unsigned>(*height), ppm};
}

// The average colour of the source pixels that one target pixel covers.
unsigned pixel(const Picture& p, unsigned x0, unsigned x1, unsigned y0, unsigned y1) {
    std::uint64_t sum[3] = {0, 0, 0};
    for (unsigned y = y0; y < y1; ++y)
        for (unsigned x = x0; x < x1; ++x)
            for (unsigned c = 0; c < 3; ++c)
                sum[c] += static_cast<unsigned char>(p.pixels[(std::size_t{y} * p.width + x) * 3 + c]);
    const std::uint64_t n = std::uint64_t{x1 - x0} * (y1 - y0);
    const auto r = static_cast<unsigned>(sum[0] / n), g = static_cast<unsigned>(sum[1] / n),
               b = static_cast<unsigned>(sum[2] / n);
    return (r >> 3) << 11 | (g >> 2) << 5 | b >> 3;
}

}  // namespace

Result<std::string> rgb565_of_ppm(std::string_view ppm, unsigned width, unsigned height) {
    auto picture = read(ppm);
    if (!picture) return picture.error();
    std::string out;
    out.reserve(std::size_t{width} * height * 2);
    for (unsigned y = 0; y < height; ++y) {
        const auto y0 = static_cast<unsigned>(std::uint64_t{y} * picture->height / height);
        const auto y1 =
            std::max(y0 + 1, static_cast<unsigned>(std::uint64_t{y + 1} * picture->height / height));
        for (unsigned x = 0; x < width; ++x) {
            const auto x0 = static_cast<unsigned>(std::uint64_t{x} * picture->width / width);
            const auto x1 =
                std::max(x0 + 1, static_cast<unsigned>(std::uint64_t{x + 1} * picture->width / width));
            const auto colour = pixel(*picture, x0, x1, y0, y1);
            out += static_cast<char>(colour & 0xFFU);
            out += static_cast<char>(colour >> 8);
        }
    }
    return out;
}

std::optional<PictureSize> size_of_ppm(std::string_view ppm) {
    const auto picture = read(ppm);
    if (!picture) return std::nullopt;
    return PictureSize{picture->width, picture->height};
}

Value bytes_value(std::string_view bytes) {
    Value::Array out;
    out.reserve(bytes.size());
    for (char c : bytes) out.emplace_back(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
    return Value(std::move(out));
}

}  // namespace wsvirt::cim
