#include "backend/libvirt/opener.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/sign_of_life.hpp"

namespace wsvirt::backend::libvirt {

struct Opener::State {
    std::mutex mutex;
    std::condition_variable changed;
    unsigned left_behind = 0;
    bool given_up = false;
    std::vector<Connection> spare;

    bool gives_up() {
        const std::lock_guard lock(mutex);
        return given_up;
    }
};

namespace {

constexpr std::size_t most_spare = 4;

struct Attempt {
    std::optional<Result<Connection>> result;
    bool abandoned = false;
};

}  // namespace

Opener::Opener(std::shared_ptr<Connector> connector)
    : connector_(std::move(connector)), state_(std::make_shared<State>()) {}

void Opener::give_up() {
    const std::lock_guard lock(state_->mutex);
    state_->given_up = true;
    state_->changed.notify_all();
    const bool in_process = connector_->kind() == HostKind::embedded || connector_->kind() == HostKind::test;
    if (in_process) state_->spare.clear();
    if (state_->spare.empty()) return;
    // To close one waits for libvirtd's answer, and needs the connector's event loop.
    (void)guarded("begin a thread", [this]() -> Result<void> {
        std::thread([connector = connector_, spare = std::exchange(state_->spare, {})]() mutable {
            spare.clear();
        }).detach();
        return {};
    });
}

Result<Connection> Opener::borrow() {
    for (;;) {
        Connection connection;
        {
            const std::lock_guard lock(state_->mutex);
            if (state_->spare.empty()) break;
            connection = std::move(state_->spare.back());
            state_->spare.pop_back();
        }
        if (virConnectIsAlive(connection.get()) == 1) return connection;
    }
    return open();
}

void Opener::give_back(Connection connection) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->given_up && state_->spare.size() < most_spare)
        state_->spare.push_back(std::move(connection));
}

Result<Connection> Opener::open() {
    if (connector_->kind() != HostKind::remote) return connector_->open();
    const Settings& settings = connector_->settings();
    std::unique_lock lock(state_->mutex);
    if (state_->given_up || state_->left_behind >= settings.max_workers) return host_lost();
    if (state_->left_behind > 0) {
        lock.unlock();
        if (!gives_sign_of_life(connector_->uri(), settings.open_limit,
                                [this] { return state_->gives_up(); }))
            return host_lost();
        lock.lock();
    }
    const auto attempt = std::make_shared<Attempt>();
    const auto begun = guarded("begin a thread", [&]() -> Result<void> {
        std::thread([state = state_, attempt, connector = connector_] {
            auto opened = guarded("reach the host", [&] { return connector->open(); });
            const std::lock_guard told(state->mutex);
            if (attempt->abandoned) {
                --state->left_behind;
                return;
            }
            attempt->result = std::move(opened);
            state->changed.notify_all();
        }).detach();
        return {};
    });
    if (!begun) return begun.error();
    state_->changed.wait_for(lock, settings.open_limit, [&] { return attempt->result || state_->given_up; });
    if (attempt->result) return std::move(*attempt->result);
    attempt->abandoned = true;
    ++state_->left_behind;
    return host_lost();
}

}  // namespace wsvirt::backend::libvirt
