#include "support/backend_live/lab_machine.hpp"

#include <thread>

#include "backend/qemu/process.hpp"

namespace wsvirt::testing {

bool eventually(const std::function<bool()>& what, int seconds) {
    for (int i = 0; i < seconds * 50; ++i) {
        if (what()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

void write_pattern(const std::string& image, int pattern) {
    const auto info = hv().image_info(within(patience), image);
    OK(info);
    auto r = backend::qemu::run_program(
        within(patience),
        {"qemu-io", "-f", info->format, "-c", "write -P " + std::to_string(pattern) + " 0 64k", image});
    OK(r);
    BOOST_REQUIRE_MESSAGE(r->exit_code == 0, r->err);
}

bool has_pattern(const std::string& image, int pattern) {
    const auto info = hv().image_info(within(patience), image);
    OK(info);
    auto r = backend::qemu::run_program(
        within(patience),
        {"qemu-io", "-r", "-f", info->format, "-c", "read -P " + std::to_string(pattern) + " 0 64k", image});
    OK(r);
    return r->exit_code == 0 && r->out.find("verification failed") == std::string::npos;
}

}  // namespace wsvirt::testing
