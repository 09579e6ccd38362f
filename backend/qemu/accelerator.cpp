#include "backend/qemu/accelerator.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "backend/qemu/process.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::qemu {

namespace fs = std::filesystem;

namespace {

constexpr auto boot_limit = std::chrono::seconds(30);

bool device_usable() {
    const int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

// Without the processor's extensions /dev/kvm is an emulation that does not carry a kernel.
bool processor_extensions() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("flags")) {
            const auto flags = split(line, ' ');
            return std::find(flags.begin(), flags.end(), "vmx") != flags.end() ||
                   std::find(flags.begin(), flags.end(), "svm") != flags.end();
        }
    return false;
}

std::string newest_kernel() {
    std::string best;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator("/boot", ec)) {
        const std::string path = e.path();
        if (e.path().filename().native().starts_with("vmlinuz") && access(path.c_str(), R_OK) == 0)
            best = std::max(best, path);
    }
    return best;
}

// The kernel's first line on its serial console is proof enough.
bool kernel_boots(const std::string& kernel) {
    Call call;
    call.deadline = std::chrono::steady_clock::now() + boot_limit;
    std::stop_source seen;
    call.stop = seen.get_token();
    std::string output;
    auto r = run_program(call,
                         {"qemu-system-x86_64", "-machine", "pc,accel=kvm", "-cpu", "host", "-m", "256",
                          "-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio", "-kernel",
                          kernel, "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1"},
                         [&](std::string_view part) {
                             output += part;
                             if (output.find("Linux version") != std::string::npos) seen.request_stop();
                         });
    return output.find("Linux version") != std::string::npos;
}

std::string circumstances() {
    utsname u{};
    uname(&u);
    Call call;
    call.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    auto version = run_program(call, {"qemu-system-x86_64", "--version"});
    return std::string(u.release) + " " +
           (version ? version->out.substr(0, version->out.find('\n')) : "no QEMU");
}

}  // namespace

bool kvm_works(const std::string& state_dir) {
    if (!device_usable() || !processor_extensions()) return false;
    const std::string kernel = newest_kernel();
    if (kernel.empty()) return true;  // nothing to try with; the extensions are there
    const fs::path file = fs::path(state_dir.empty() ? "/nonexistent" : state_dir) / "kvm-probe";
    const std::string now = circumstances();
    std::ifstream in(file);
    std::string verdict, when;
    if (std::getline(in, verdict) && std::getline(in, when) && when == now) return verdict == "works";
    const bool works = kernel_boots(kernel);
    std::ofstream(file) << (works ? "works" : "does not work") << "\n" << now << "\n";
    return works;
}

}  // namespace wsvirt::backend::qemu
