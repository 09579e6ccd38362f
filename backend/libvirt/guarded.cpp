#include "backend/libvirt/guarded.hpp"

#include <spdlog/spdlog.h>

namespace wsvirt::backend::libvirt {

Error caught(const char* doing, const std::exception& e) {
    spdlog::error("wsvirt.host.exception doing=\"{}\" error=\"{}\"", doing, e.what());
    return {Status::failed, "wsvirt.host.exception",
            "The service itself failed at this; its log says more. Try again, and report it if it stays.",
            doing, e.what()};
}

}  // namespace wsvirt::backend::libvirt
