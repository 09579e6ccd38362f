#include "wsman/daemon/version.hpp"

namespace wsvirt::wsman {

const char* version() {
    return WSVIRT_VERSION;
}

}  // namespace wsvirt::wsman
