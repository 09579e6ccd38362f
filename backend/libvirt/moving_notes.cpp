#include "backend/libvirt/moving_notes.hpp"

#include <filesystem>
#include <limits>

#include "base/files.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

fs::path note_of(const Settings& settings, const char* kind, std::string_view machine) {
    if (settings.state_dir.empty()) return {};
    return fs::path(settings.state_dir) / kind / to_upper(machine);
}

}  // namespace

Result<void> note_moving(const Settings& settings, const char* kind, std::string_view machine,
                         const std::string& text) {
    const auto file = note_of(settings, kind, machine);
    if (file.empty()) return {};
    std::error_code ec;
    fs::create_directories(file.parent_path(), ec);
    return write_file(file, text);
}

std::string noted_moving(const Settings& settings, const char* kind, std::string_view machine) {
    const auto file = note_of(settings, kind, machine);
    if (file.empty()) return {};
    auto text = read_file(file, std::numeric_limits<std::uint64_t>::max());
    return text ? std::move(*text) : std::string();
}

void drop_moving(const Settings& settings, const char* kind, std::string_view machine) {
    std::error_code ec;
    if (const auto file = note_of(settings, kind, machine); !file.empty()) fs::remove(file, ec);
}

}  // namespace wsvirt::backend::libvirt
