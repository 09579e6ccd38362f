// wsvirtd_faults: wsvirtd as it is, from its sockets to its providers, whose host is a FakeHypervisor, so
// that tests over the network meet what a real host does once in a year. The host is steered through the unix
// socket STATE_DIR/faults-NAME: a line is a command, the answer "ok" or "no".
//     fail OPERATION STATUS   the next call fails        always OPERATION STATUS   all do until "clear"
//     hold OPERATION          calls block until          release OPERATION
//     away                    no contact until           back
//     appears IDENTIFIER      somebody else makes a machine there
// Besides, it serves the class T_Echo (tests/support/echo_provider.hpp) in namespaces that declare it.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "support/echo_provider.hpp"
#include "support/fake_hypervisor.hpp"
// The list of the real providers, under another name.
#define provider_registry product_registry
#include "generated/provider_registry.cpp"
#undef provider_registry

namespace wsvirt::testing {

namespace {

constexpr int look_again_ms = 100;

Error error_of(const std::string& status) {
    static const std::map<std::string, Status> names{{"failed", Status::failed},
                                                     {"no_space", Status::no_space},
                                                     {"denied", Status::access_denied},
                                                     {"unsupported", Status::not_supported},
                                                     {"timed_out", Status::timed_out},
                                                     {"invalid", Status::invalid_parameter},
                                                     {"busy", Status::busy},
                                                     {"state", Status::invalid_state},
                                                     {"away", Status::unavailable},
                                                     {"memory", Status::out_of_memory}};
    return Error(names.at(status), "test.fault", "The host refused.", "", "the host's own words");
}

class FaultyHost final : public FakeHypervisor {
  public:
    FaultyHost(const std::string& name, const std::string& socket_path) : FakeHypervisor(name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (socket_path.size() >= sizeof address.sun_path) throw std::runtime_error("long socket path");
        std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
        ::unlink(socket_path.c_str());
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 4) != 0)
            throw std::runtime_error("cannot listen at " + socket_path);
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    ~FaultyHost() override {
        thread_.request_stop();
        thread_.join();
        ::close(listener_);
    }

  private:
    static bool readable(int fd, const std::stop_token& stop) {
        pollfd p{fd, POLLIN, 0};
        while (!stop.stop_requested())
            if (::poll(&p, 1, look_again_ms) > 0) return true;
        return false;
    }
    void serve(const std::stop_token& stop) {
        while (readable(listener_, stop)) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            std::string line;
            char c = 0;
            while (readable(fd, stop) && ::read(fd, &c, 1) == 1) {
                if (c != '\n') {
                    line += c;
                    continue;
                }
                const std::string answer = obey(line) ? "ok\n" : "no\n";
                if (::write(fd, answer.data(), answer.size()) < 0) break;
                line.clear();
            }
            ::close(fd);
        }
    }
    bool appears(const std::string& identifier) {
        backend::MachineSpec spec;
        spec.uuid = identifier;
        spec.name = "made by somebody else";
        return define({}, spec).ok();
    }
    bool obey(const std::string& line) {
        std::istringstream in(line);
        std::string command, operation, status;
        in >> command >> operation >> status;
        try {
            if (command == "fail")
                fail_next(operation, error_of(status));
            else if (command == "always")
                fail_always(operation, error_of(status));
            else if (command == "clear")
                clear_failures();
            else if (command == "hold")
                hold(operation);
            else if (command == "release")
                release(operation);
            else if (command == "away" || command == "back")
                set_connected(command == "back");
            else if (command == "appears")
                return appears(operation);
            else
                return false;
        } catch (const std::out_of_range&) {
            return false;
        }
        return true;
    }

    int listener_ = -1;
    std::jthread thread_;
};

}  // namespace

}  // namespace wsvirt::testing

namespace wsvirt::backend::libvirt {

// In the place of the real one, which the linker leaves out.
Result<std::unique_ptr<Hypervisor>> open_libvirt(Settings settings) {
    const auto name = settings.name.empty() ? std::string("host") : settings.name;
    return std::unique_ptr<Hypervisor>(
        std::make_unique<testing::FaultyHost>(name, settings.state_dir + "/faults-" + name));
}

}  // namespace wsvirt::backend::libvirt

namespace wsvirt::cim {

// In the place of the real one, too.
std::vector<ProviderEntry> provider_registry() {
    auto all = product_registry();
    all.push_back(
        {"T_Echo", [](Services&) -> std::unique_ptr<Provider> { return std::make_unique<testing::Echo>(); }});
    return all;
}

}  // namespace wsvirt::cim
