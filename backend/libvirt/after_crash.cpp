#include "backend/libvirt/after_crash.hpp"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <pugixml.hpp>
#include <thread>
#include <vector>

#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/observe.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_waiters = 16;
constexpr std::uint64_t most_status = 64 << 20;

// The driver locks this file as long as its program lives. Closing the file drops a lock that this process
// has on it, which is why the caller looks only before its own driver begins.
bool in_use_by_others(const std::string& run_dir) {
    const int fd = ::open((run_dir + "/driver.pid").c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const bool used = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(fd);
    return used;
}

bool never_ran(const fs::path& status) {
    pugi::xml_document doc;
    if (!doc.load_file(status.c_str())) return false;
    const auto root = doc.child("domstatus");
    return root.attribute("pid") && root.attribute("pid").as_llong(-1) == 0 &&
           std::string_view(root.attribute("reason").value()) == "starting up";
}

// QEMU's command line names its machine.
bool has_process(const fs::path& status) {
    std::ifstream pid_file(fs::path(status).replace_extension(".pid"));
    long pid = 0;
    if (!(pid_file >> pid) || pid <= 0) return false;
    std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(in)), {});
    return line.find("guest=" + status.stem().string()) != std::string::npos;
}

void mend(const fs::path& status, std::chrono::milliseconds limit) {
    const auto text = read_file(status, most_status);
    if (!text || !notes_merges(*text)) return;
    const auto right = mended_status(*text, merges_in_qemu(*text, limit));
    if (!right) return;
    (void)write_file(status, right->text);
    close_nodes(*text, right->left, limit);
}

std::vector<DomainHandle> active_machines(virConnectPtr connection) {
    virDomainPtr* list = nullptr;
    const int n = virConnectListAllDomains(connection, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    std::vector<DomainHandle> domains;
    for (int i = 0; i < n; ++i) domains.emplace_back(list[i]);
    std::free(list);
    return domains;
}

// Asks for something that has to wait for its turn, until it has had it.
void wait_for_turn(virDomainPtr domain) {
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    while (virDomainMemoryStats(domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0) < 0 &&
           last_error_code() == VIR_ERR_OPERATION_TIMEOUT) {
    }
}

struct Waiting {
    Connection connection;
    std::vector<DomainHandle> machines;
    std::function<void(std::string)> late;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t next = 0, done = 0;
    bool left = false;  // nobody waits any more

    void work() {
        std::unique_lock lock(mutex);
        while (next < machines.size()) {
            const auto domain = machines[next++].get();
            lock.unlock();
            wait_for_turn(domain);
            lock.lock();
            ++done;
            changed.notify_all();
            if (left) late(uuid_of(domain));
        }
    }
};

}  // namespace

void clear_up_after_crash(const std::string& run_dir, std::chrono::milliseconds limit) {
    if (in_use_by_others(run_dir)) return;
    std::error_code ec;
    std::vector<fs::path> dead, others;
    for (const auto& e : fs::directory_iterator(run_dir, ec))
        if (e.path().extension() == ".xml")
            (never_ran(e.path()) && !has_process(e.path()) ? dead : others).push_back(e.path());
    for (const auto& path : dead) fs::remove(path, ec);
    hear_out_monitors(run_dir, limit);
    for (const auto& path : others) mend(path, limit);
}

void wait_until_taken_up(const Connection& connection, std::chrono::milliseconds limit,
                         std::function<void(std::string uuid)> late) {
    const auto waiting = std::make_shared<Waiting>();
    waiting->connection = connection;
    waiting->machines = active_machines(connection.get());
    waiting->late = std::move(late);
    const auto n = waiting->machines.size();
    for (std::size_t i = 0; i < std::min(n, most_waiters); ++i)
        std::thread([waiting] { waiting->work(); }).detach();
    {
        std::unique_lock lock(waiting->mutex);
        waiting->left = !waiting->changed.wait_for(lock, limit, [&] { return waiting->done == n; });
        if (waiting->left) return;
    }
    for (const auto& domain : waiting->machines)
        if (virDomainIsActive(domain.get()) == 1 && virDomainHasManagedSaveImage(domain.get(), 0) == 1)
            virDomainManagedSaveRemove(domain.get(), 0);
}

}  // namespace wsvirt::backend::libvirt
