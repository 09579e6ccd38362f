#include "backend/libvirt/watcher.hpp"

#include <libvirt/virterror.h>

#include <atomic>
#include <condition_variable>
#include <set>
#include <thread>

#include "backend/libvirt/after_crash.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/observe.hpp"
#include "backend/libvirt/opener.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds pause_at_start{1'000};

}  // namespace

struct Watcher::State {
    explicit State(std::shared_ptr<Connector> c) : connector(std::move(c)), opener(connector) {}
    const std::shared_ptr<Connector> connector;
    Opener opener;
    std::shared_ptr<Inventory> inventory;
    std::function<void(virConnectPtr)> on_listed;
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> dirty;  // machines to look at
    bool stopping = false, closed = false, ended = false;
    std::optional<Result<void>> first;
    std::optional<Error> away;  // of the attempts so far, while a first success is waited for

    void mark(std::string uuid) {
        const std::lock_guard lock(mutex);
        dirty.insert(std::move(uuid));
        changed.notify_all();
    }
    void mark_closed() {
        const std::lock_guard lock(mutex);
        closed = true;
        changed.notify_all();
    }
    void tell_first(Result<void> r) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::move(r);
        changed.notify_all();
    }
    // A libvirtd that starts beside us, or again, may be there in a moment. A host that need not be there is
    // not waited for.
    void tell_failure(const Error& e) {
        const HostKind kind = connector->kind();
        const bool passing = e.status == Status::unavailable && !connector->settings().start_disconnected &&
                             (kind == HostKind::local || kind == HostKind::remote);
        if (!passing) return tell_first(e);
        const std::lock_guard lock(mutex);
        away = e;
    }
    std::chrono::milliseconds longest_pause() const {  // with the mutex held
        return first ? connector->settings().reconnect_most : pause_at_start;
    }
};

namespace {

// libvirt's callbacks: each gets a weak holder of the state, freed by libvirt when it drops the callback.
// That may be on the event loop's thread, which must not be the one to end the loop.
template <class S>
struct Callbacks {
    static std::shared_ptr<S> state(void* opaque) { return static_cast<std::weak_ptr<S>*>(opaque)->lock(); }
    static void mark(virDomainPtr d, void* opaque) {
        if (const auto s = state(opaque)) s->mark(uuid_of(d));
    }
    static int lifecycle(virConnectPtr, virDomainPtr d, int, int, void* o) {
        mark(d, o);
        return 0;
    }
    static void plain(virConnectPtr, virDomainPtr d, void* o) { mark(d, o); }
    static void metadata(virConnectPtr, virDomainPtr d, int, const char*, void* o) { mark(d, o); }
    static void device(virConnectPtr, virDomainPtr d, const char*, void* o) { mark(d, o); }
    static void two_numbers(virConnectPtr, virDomainPtr d, int, int, void* o) { mark(d, o); }
    static void tray(virConnectPtr, virDomainPtr d, const char*, int, void* o) { mark(d, o); }
    static void block_job(virConnectPtr, virDomainPtr d, const char*, int, int, void* o) { mark(d, o); }
    static void closed(virConnectPtr, int, void* o) {
        if (const auto s = state(o)) s->mark_closed();
    }
    static void release(void* o) { delete static_cast<std::weak_ptr<S>*>(o); }

    // Events that a driver does not have are simply not sent.
    static std::vector<int> attach(virConnectPtr c, const std::shared_ptr<S>& owner) {
        const std::pair<int, virConnectDomainEventGenericCallback> wanted[] = {
            {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(lifecycle)},
            {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(plain)},
            {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(metadata)},
            {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(device)},
            {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(device)},
            {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(two_numbers)},
            {VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(tray)},
            {VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK(block_job)}};
        std::vector<int> ids;
        for (const auto& [event, callback] : wanted) {
            auto* holder = new std::weak_ptr<S>(owner);
            const int id = virConnectDomainEventRegisterAny(c, nullptr, event, callback, holder, release);
            if (id >= 0)
                ids.push_back(id);
            else
                release(holder);
        }
        return ids;
    }
    // `holder` belongs to the caller: a driver without such callbacks says yes and never calls a release
    // function.
    static void attach_closed(virConnectPtr c, std::weak_ptr<S>& holder) {
        virConnectRegisterCloseCallback(c, closed, &holder, nullptr);
    }
    static void detach(virConnectPtr c, const std::vector<int>& ids) {
        for (const int id : ids) virConnectDomainEventDeregisterAny(c, id);
        virConnectUnregisterCloseCallback(c, closed);
    }
};

template <class S>
class Watch {
  public:
    explicit Watch(std::shared_ptr<S> state) : s_(std::move(state)), closed_holder_(s_) {}

    void run() {
        const Settings& settings = s_->connector->settings();
        auto pause = settings.reconnect_first;
        std::unique_lock lock(s_->mutex);
        while (!s_->stopping) {
            s_->closed = false;
            lock.unlock();
            auto ok = guarded("list the machines", [this] { return attach(); });
            if (ok) {
                s_->inventory->set_connected(true);
                s_->tell_first({});
                pause = settings.reconnect_first;
                ok = guarded("follow the host", [this]() -> Result<void> {
                    follow();
                    return {};
                });
                s_->inventory->set_connected(false);
            }
            detach();
            if (!ok) s_->tell_failure(ok.error());
            lock.lock();
            if (!ok || s_->closed) s_->changed.wait_for(lock, pause, [this] { return s_->stopping; });
            pause = std::min(pause * 2, s_->longest_pause());
        }
        s_->ended = true;
        s_->changed.notify_all();
    }

  private:
    Result<void> attach() {
        auto opened = s_->opener.open();
        if (!opened) return opened.error();
        connection_ = std::move(*opened);
        events_ = Callbacks<S>::attach(connection_.get(), s_);
        Callbacks<S>::attach_closed(connection_.get(), closed_holder_);
        if (s_->connector->kind() == HostKind::embedded && !std::exchange(taken_up_, true))
            wait_until_taken_up(connection_, s_->connector->settings().take_up_limit,
                                [weak = std::weak_ptr<S>(s_)](std::string uuid) {
                                    if (const auto s = weak.lock()) s->mark(std::move(uuid));
                                });
        return list_all();
    }
    Result<void> list_all() {
        auto r = refresh_all(connection_.get(), *s_->connector, *s_->inventory);
        if (r) s_->on_listed(connection_.get());
        return r;
    }
    void detach() {
        if (!connection_) return;
        Callbacks<S>::detach(connection_.get(), events_);
        connection_.reset();
    }
    // Until the connection is lost or the watcher stops.
    void follow() {
        const Settings& settings = s_->connector->settings();
        const HostKind kind = s_->connector->kind();
        const bool shared = kind == HostKind::local || kind == HostKind::remote;
        auto next_verify = Clock::now() + settings.verify_interval;
        std::unique_lock lock(s_->mutex);
        for (;;) {
            s_->changed.wait_until(lock, shared ? next_verify : Clock::now() + std::chrono::hours(1),
                                   [this] { return s_->stopping || s_->closed || !s_->dirty.empty(); });
            if (s_->stopping || s_->closed) return;
            const auto dirty = std::exchange(s_->dirty, {});
            lock.unlock();
            bool lost = false;
            for (const auto& uuid : dirty) {
                if (s_->inventory->takes_snapshot(uuid)) continue;
                auto r = refresh(connection_.get(), uuid, *s_->connector, *s_->inventory);
                lost |= !r && r.error().status == Status::unavailable;
            }
            if (shared && Clock::now() >= next_verify) {
                auto r = list_all();
                lost |= !r && r.error().status == Status::unavailable;
                next_verify = Clock::now() + settings.verify_interval;
            }
            if (virConnectIsAlive(connection_.get()) != 1) lost = true;
            lock.lock();
            if (lost) {
                s_->closed = true;
                return;
            }
        }
    }

    std::shared_ptr<S> s_;
    std::weak_ptr<S> closed_holder_;
    Connection connection_;
    std::vector<int> events_;
    bool taken_up_ = false;
};

constexpr auto exit_patience = std::chrono::seconds(5);
// For a host that need not be there at the start: it is found later.
constexpr std::chrono::milliseconds start_patience = std::chrono::seconds(3);

}  // namespace

Watcher::Watcher(std::shared_ptr<Connector> connector, std::shared_ptr<Inventory> inventory,
                 std::function<void(virConnectPtr)> on_listed)
    : state_(std::make_shared<State>(std::move(connector))) {
    state_->on_listed = std::move(on_listed);
    state_->inventory = std::move(inventory);
    // Detached: a watcher that hangs in a silent host must not hold up the end of the program.
    std::thread([state = state_] { Watch<State>(state).run(); }).detach();
}

Watcher::~Watcher() {
    state_->opener.give_up();
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
    state_->changed.wait_for(lock, exit_patience, [this] { return state_->ended; });
}

Result<void> Watcher::wait_first() {
    const Settings& settings = state_->connector->settings();
    const auto limit =
        settings.start_disconnected ? std::min(settings.open_limit, start_patience) : settings.open_limit;
    std::unique_lock lock(state_->mutex);
    const bool told = state_->changed.wait_for(lock, limit, [this] { return state_->first.has_value(); });
    if (told) return *state_->first;
    return state_->away.value_or(deadline_passed("answer"));
}

}  // namespace wsvirt::backend::libvirt
