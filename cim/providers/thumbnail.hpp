// Screenshots as clients of the model want them: RGB565, little endian, scaled. No state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cim/model/value.hpp"

namespace wsvirt::cim {

// A binary PPM (P6) scaled to width x height; 2 bytes per pixel, row by row. Errors: malformed.
Result<std::string> rgb565_of_ppm(std::string_view ppm, unsigned width, unsigned height);
struct PictureSize {
    unsigned width = 0, height = 0;
};
std::optional<PictureSize> size_of_ppm(std::string_view ppm);
Value bytes_value(std::string_view bytes);  // uint8[]

}  // namespace wsvirt::cim
