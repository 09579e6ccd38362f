#include "backend/libvirt/follower.hpp"

#include <libvirt/libvirt-qemu.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "backend/libvirt/guarded.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/observe.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr auto interval = std::chrono::milliseconds(250);
constexpr auto other_job_patience = std::chrono::seconds(15);
// What was asked to end may have begun to copy only then.
constexpr auto end_patience = std::chrono::seconds(1);
// A guest that writes faster than its memory is sent never gets done by itself: after so many rounds it may
// stand still for longer, or the migration is given up where that is not allowed.
constexpr std::uint64_t patient_rounds = 20;
constexpr std::chrono::milliseconds first_standstill{600}, longest_standstill{30'000};

std::uint64_t rounds(virDomainPtr d) {
    int type = 0, n = 0;
    virTypedParameterPtr all = nullptr;
    unsigned long long round = 0;
    if (virDomainGetJobStats(d, &type, &all, &n, 0) != 0) return 0;
    virTypedParamsGetULLong(all, n, VIR_DOMAIN_JOB_MEMORY_ITERATION, &round);
    virTypedParamsFree(all, n);
    return round;
}

std::string ask_qemu(virDomainPtr d, const std::string& command) {
    char* answer = nullptr;
    virDomainQemuMonitorCommand(d, command.c_str(), &answer, 0);
    std::string text = answer != nullptr ? answer : "";
    std::free(answer);
    return text;
}

// The connections of a migration that QEMU can cut, as JSON: its own, and those of the copies of disks, whose
// nodes libvirt names after it. The guest's other connections stay.
std::string connections(const std::string& known) {
    constexpr std::string_view node = "\"node-name\": \"", compact = "\"node-name\":\"";
    std::string list;
    if (known.find("\"migration\"") != std::string::npos) list = R"({"type":"migration"})";
    for (const auto& mark : {node, compact})
        for (auto at = known.find(mark); at != std::string::npos; at = known.find(mark, at + 1)) {
            const auto begin = at + mark.size();
            const auto name = known.substr(begin, known.find('"', begin) - begin);
            if (!name.starts_with("migration-")) continue;
            if (!list.empty()) list += ',';
            list += R"({"type":"block-node","node-name":")" + name + "\"}";
        }
    return list;
}

// Ends it although nothing comes back from the other side. The connections go first: a QEMU that has been
// told to end the copy of a disk waits for what it has sent to be answered, stands still and takes no word
// more.
Result<void> cut_off(virDomainPtr d) {
    if (const auto all = connections(ask_qemu(d, R"({"execute":"query-yank"})")); !all.empty())
        ask_qemu(d, R"({"execute":"yank","arguments":{"instances":[)" + all + "]}}");
    return checked(virDomainAbortJob(d), "cancel");
}

}  // namespace

void wait_for_other_job(const Session& s, virDomainPtr d) {
    const auto end = std::chrono::steady_clock::now() + other_job_patience;
    virDomainJobInfo info{};
    while (!s.stop.stop_requested() && std::chrono::steady_clock::now() < end &&
           virDomainGetJobInfo(d, &info) == 0 && info.type != VIR_DOMAIN_JOB_NONE)
        std::this_thread::sleep_for(interval);
}

std::function<void()> abort_migration(const CorePtr& core, std::string_view uuid) {
    return [core, id = std::string(uuid)] {
        const auto grace = core->settings().cancel_grace;
        Call call;
        call.deadline = std::chrono::steady_clock::now() + grace;
        core->workers->run<void>(call, {"cancel", grace, false, {}, {}}, [id](Session& s) -> Result<void> {
            const auto domain = find_domain(s.connection, id);
            return domain ? cut_off(domain.get()) : last_error("cancel");
        });
    };
}

Follower::Follower(const CorePtr& core, const MigrationRequest& request, Session& session,
                   virConnectPtr destination)
    : standstill_(first_standstill),
      thread_([this, core, request, &session, destination](const std::stop_token& stop) {
          (void)guarded("follow the migration", [&]() -> Result<void> {
              follow(stop, core, request, session, destination);
              return {};
          });
      }) {}

void Follower::follow(const std::stop_token& stop, const CorePtr& core, const MigrationRequest& request,
                      Session& session, virConnectPtr destination) {
    auto connection = core->opener->borrow();
    if (!connection) return;
    auto d = find_domain(connection->get(), request.machine);
    if (d && request.max_downtime)
        virDomainMigrateSetMaxDowntime(d.get(),
                                       static_cast<unsigned long long>(request.max_downtime->count()), 0);
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    auto end_by = std::chrono::steady_clock::time_point::max();
    const auto goes_on = [&] {  // waits no longer than the migration takes
        return !never.wait_for(lock, stop, interval, [] { return false; }) && !stop.stop_requested();
    };
    while (d && goes_on()) {
        const auto now = std::chrono::steady_clock::now();
        if (session.stop.stop_requested()) end_by = std::min(end_by, now + end_patience);
        if (virConnectIsAlive(destination) != 1) lost_ = true;
        if (lost_ || now >= end_by) (void)cut_off(d.get());
        bring_to_an_end(d.get(), request);
        virDomainJobInfo info{};
        if (!stop.stop_requested() && virDomainGetJobInfo(d.get(), &info) == 0 &&
            info.type != VIR_DOMAIN_JOB_NONE && info.dataTotal > 0)
            session.progress({info.dataProcessed, info.dataTotal});
    }
    d.reset();
    core->opener->give_back(std::move(*connection));
}

void Follower::bring_to_an_end(virDomainPtr d, const MigrationRequest& request) {
    const auto round = rounds(d);
    if (round < patient_rounds || round == last_round_) return;
    last_round_ = round;
    if (request.max_downtime) {
        if (!gave_up_.exchange(true)) virDomainAbortJob(d);
    } else if (standstill_ <= longest_standstill) {
        virDomainMigrateSetMaxDowntime(d, static_cast<unsigned long long>(standstill_.count()), 0);
        standstill_ *= 2;
    }
}

}  // namespace wsvirt::backend::libvirt
