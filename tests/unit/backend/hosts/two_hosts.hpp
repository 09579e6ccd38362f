// What tests on two real libvirt hosts share; tests/lab/two_hosts.py runs them inside the first one.
#pragma once

#include <libvirt/libvirt-qemu.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "tests/support/ok.hpp"

namespace wsvirt::testing {

// Every call here takes seconds; how many depends on the machine.
constexpr auto patience = std::chrono::seconds(120);

inline backend::Call patiently() {
    backend::Call c;
    c.deadline = std::chrono::steady_clock::now() + patience;
    return c;
}

inline std::string lab() {
    return getenv("WSVIRT_LAB_FOLDER");
}
inline std::filesystem::path on_b(const std::string& path) {
    return lab() + "/hvB" + path;
}

// state: the folder of its own below the lab's.
inline std::unique_ptr<backend::Hypervisor> open_with(backend::libvirt::Settings s, const std::string& uri,
                                                      const std::string& state) {
    s.uri = uri;
    s.accelerator = "tcg";
    s.state_dir = lab() + "/" + state;
    std::filesystem::create_directories(s.state_dir);
    auto h = backend::libvirt::open_libvirt(s);
    BOOST_REQUIRE_MESSAGE(h, (h ? "" : h.error().full_text()));
    return std::move(*h);
}

// variable: "WSVIRT_LAB_A" or "WSVIRT_LAB_B".
inline std::unique_ptr<backend::Hypervisor> open_host(const char* variable) {
    const char* const uri = getenv(variable);
    BOOST_REQUIRE_MESSAGE(uri, "run this through tests/lab/two_hosts.py");
    return open_with({}, uri, variable);
}

// What QEMU on the first host says, while this lives, of how it sends the machine's memory.
class MemoryOnItsWay {
  public:
    std::atomic<bool> tls = false, compressed = false;

    explicit MemoryOnItsWay(std::string guid)
        : guid_(std::move(guid)), watcher_([this](const std::stop_token& stop) { watch(stop); }) {}

  private:
    void watch(const std::stop_token& stop) {
        const backend::libvirt::ConnectHandle a(virConnectOpen(getenv("WSVIRT_LAB_A")));
        const backend::libvirt::DomainHandle d(virDomainLookupByUUIDString(a.get(), guid_.c_str()));
        const auto says = [&](const char* question, std::string_view answer) {
            char* said = nullptr;
            virDomainQemuMonitorCommand(d.get(), question, &said, 0);
            return backend::libvirt::take(said).find(answer) != std::string::npos;
        };
        while (!stop.stop_requested()) {
            if (says(R"({"execute":"query-migrate-parameters"})", R"("tls-creds":"obj)")) tls = true;
            if (says(R"({"execute":"query-migrate-capabilities"})", R"("state":true,"capability":"xbzrle")"))
                compressed = true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }

    std::string guid_;
    std::jthread watcher_;
};

}  // namespace wsvirt::testing
