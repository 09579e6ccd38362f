#include "backend/qemu/png.hpp"

#include <zlib.h>

#include <cstdint>
#include <cstdlib>

namespace wsvirt::backend::qemu {

namespace {

constexpr std::string_view signature("\x89PNG\r\n\x1a\n", 8);
constexpr std::uint32_t most_pixels_a_side = 16384;

std::uint32_t big(std::string_view s, std::size_t at) {
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<unsigned char>(s[at + i]);
    return v;
}

struct Picture {
    std::uint32_t width = 0, height = 0, channels = 0;
    std::string packed;
};

std::optional<Picture> read_chunks(std::string_view png) {
    Picture p;
    for (std::size_t at = signature.size(); at + 12 <= png.size();) {
        const std::uint32_t length = big(png, at);
        if (length > png.size() - at - 12) return std::nullopt;
        const auto type = png.substr(at + 4, 4), data = png.substr(at + 8, length);
        if (type == "IHDR" && length == 13) {
            p.width = big(data, 0);
            p.height = big(data, 4);
            const int colour = data[9];
            if (data[8] != 8 || data[12] != 0 || (colour != 2 && colour != 6)) return std::nullopt;
            p.channels = colour == 2 ? 3 : 4;
        } else if (type == "IDAT") {
            p.packed += data;
        } else if (type == "IEND") {
            break;
        }
        at += 12 + length;
    }
    if (p.channels == 0 || p.width == 0 || p.height == 0 || p.width > most_pixels_a_side ||
        p.height > most_pixels_a_side)
        return std::nullopt;
    return p;
}

// The predictor of filter type 4: whichever of left, above and above-left is nearest to their plane.
int paeth(int a, int b, int c) {
    const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

bool unfilter(unsigned char* line, const unsigned char* above, std::size_t length, std::size_t pixel,
              unsigned char filter) {
    for (std::size_t i = 0; i < length; ++i) {
        const int left = i >= pixel ? line[i - pixel] : 0, up = above ? above[i] : 0;
        const int corner = above && i >= pixel ? above[i - pixel] : 0;
        int add = 0;
        switch (filter) {
            case 0:
                break;
            case 1:
                add = left;
                break;
            case 2:
                add = up;
                break;
            case 3:
                add = (left + up) / 2;
                break;
            case 4:
                add = paeth(left, up, corner);
                break;
            default:
                return false;
        }
        line[i] = static_cast<unsigned char>(line[i] + add);
    }
    return true;
}

}  // namespace

std::optional<std::string> png_to_ppm(std::string_view png) {
    if (!png.starts_with(signature)) return std::nullopt;
    const auto p = read_chunks(png);
    if (!p) return std::nullopt;
    const std::size_t line = std::size_t{p->width} * p->channels;
    std::string raw((line + 1) * p->height, '\0');
    uLongf size = raw.size();
    if (uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                   reinterpret_cast<const Bytef*>(p->packed.data()), p->packed.size()) != Z_OK ||
        size != raw.size())
        return std::nullopt;
    std::string ppm = "P6\n" + std::to_string(p->width) + " " + std::to_string(p->height) + "\n255\n";
    ppm.reserve(ppm.size() + std::size_t{p->width} * p->height * 3);
    unsigned char* above = nullptr;
    for (std::uint32_t y = 0; y < p->height; ++y) {
        auto* const row = reinterpret_cast<unsigned char*>(raw.data()) + (line + 1) * y;
        if (!unfilter(row + 1, above, line, p->channels, row[0])) return std::nullopt;
        above = row + 1;
        for (std::uint32_t x = 0; x < p->width; ++x)
            ppm.append(reinterpret_cast<char*>(row + 1) + std::size_t{x} * p->channels, 3);
    }
    return ppm;
}

}  // namespace wsvirt::backend::qemu
