// The program's version, as CMake's project() has it.
#pragma once

namespace wsvirt::wsman {

const char* version();

}  // namespace wsvirt::wsman
