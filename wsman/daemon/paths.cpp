#include "wsman/daemon/paths.hpp"

#include <array>

namespace wsvirt::wsman {

namespace fs = std::filesystem;

fs::path schema_folder(const fs::path& configured) {
    if (!configured.empty()) return configured;
    std::error_code ec;
    const auto program = fs::read_symlink("/proc/self/exe", ec);
    const std::array<fs::path, 3> places{program.parent_path().parent_path() / "share/wsvirt/schemas",
                                         WSVIRT_INSTALLED_SCHEMAS, WSVIRT_SOURCE_SCHEMAS};
    for (const auto& place : places)
        if (fs::is_directory(place, ec)) return place;
    return WSVIRT_INSTALLED_SCHEMAS;
}

}  // namespace wsvirt::wsman
