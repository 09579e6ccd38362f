// PNG to PPM for QEMU's pictures of a screen: 8 bits a channel, RGB or RGBA, not interlaced (what QEMU
// writes). Pure function, any thread. Other PNG files and anything else give no value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wsvirt::backend::qemu {

std::optional<std::string> png_to_ppm(std::string_view png);

}  // namespace wsvirt::backend::qemu
