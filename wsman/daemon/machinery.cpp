#include "wsman/daemon/machinery.hpp"

#include <spdlog/spdlog.h>

#include <future>

#include "backend/cluster.hpp"
#include "backend/libvirt/libvirt_hypervisor.hpp"
#include "base/files.hpp"
#include "base/thread_pool.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/kinds.hpp"
#include "cim/schema/repository.hpp"
#include "wsman/daemon/libvirt_settings.hpp"
#include "wsman/daemon/paths.hpp"
#include "wsman/daemon/version.hpp"
#include "wsman/ops/handler.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

class BlockingWork : public WorkPool {
  public:
    BlockingWork(unsigned threads, std::size_t queue) : pool_(threads, queue) {}
    bool post(std::function<void()> work) override { return pool_.post(std::move(work)); }
    void stop() { pool_.stop(); }

  private:
    ThreadPool pool_;
};

cim::HostSettings host_settings(const Config& config) {
    cim::HostSettings h;
    h.name = config.server.name;
    h.virtual_hard_disk_path = config.backend.virtual_hard_disk_path;
    h.data_root = config.server.state_dir;
    h.storage_folders = config.backend.storage_folders;
    h.storage_folders.insert(h.storage_folders.begin(), config.backend.virtual_hard_disk_path);
    h.export_folders = config.backend.export_folders;
    h.synchronous_window = config.jobs.synchronous_window;
    h.shutdown_timeout = config.backend.shut_down_limit;
    return h;
}

cim::JobManager::Settings job_settings(const Config& config) {
    cim::JobManager::Settings s;
    s.threads = config.jobs.threads;
    s.long_after = config.jobs.long_after;
    s.max_jobs = config.jobs.max_jobs;
    s.removal_delay = std::chrono::duration_cast<std::chrono::seconds>(config.jobs.removal_delay);
    s.synchronous = config.jobs.synchronous_window;
    return s;
}

OpsSettings operation_settings(const Config& config) {
    auto s = config.operations;
    s.version = version();
    s.machine = config.server.name;
    constexpr std::string_view profile = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/";
    for (const auto& l : config.listeners) {
        const std::string uri = std::string(profile) + (l.tls ? "https/basic" : "http/basic");
        if (std::find(s.security_profiles.begin(), s.security_profiles.end(), uri) ==
            s.security_profiles.end())
            s.security_profiles.push_back(uri);
    }
    return s;
}

// At the same time: each is waited for, but not long.
Result<void> open_others(const Config& config, std::vector<std::unique_ptr<backend::Hypervisor>>& hosts) {
    std::vector<std::future<Result<std::unique_ptr<backend::Hypervisor>>>> opening;
    for (const auto& host : config.hosts)
        opening.push_back(std::async(std::launch::async, [s = libvirt_settings(config, host)] {
            return backend::libvirt::open_libvirt(s);
        }));
    for (auto& o : opening) {
        auto opened = o.get();
        if (!opened) return opened.error();
        hosts.push_back(std::move(*opened));
    }
    return {};
}

Result<void> make_folders(const Config& config) {
    std::vector<fs::path> folders{config.backend.virtual_hard_disk_path};
    folders.insert(folders.end(), config.backend.export_folders.begin(), config.backend.export_folders.end());
    for (const auto& folder : folders)
        if (auto r = make_passable(folder); !r) return r;
    return {};
}

}  // namespace

// In the order of making; the end is the reverse.
struct Machinery::Parts {
    cim::Schema schema;
    std::unique_ptr<cim::Store> store;
    std::vector<std::unique_ptr<backend::Hypervisor>> hosts;
    std::unique_ptr<cim::JobManager> jobs;
    std::unique_ptr<cim::Services> services;
    std::unique_ptr<backend::Hypervisor> cluster;  // all hosts as one
    std::unique_ptr<cim::Services> cluster_services;
    std::unique_ptr<cim::ObjectManager> object_manager;
    std::vector<std::shared_ptr<void>> watch;  // for hosts that come back
    std::unique_ptr<BlockingWork> work;
    std::shared_ptr<WsmanHandler> wsman;
};

namespace {

// root/HyperVCluster/v2: the same classes over every host.
template <class Parts>
void serve_cluster(Parts& parts) {
    std::vector<backend::ClusterHost> hosts;
    for (const auto& h : parts.services->hosts) hosts.push_back({h.name, h.hypervisor});
    parts.cluster = backend::make_cluster(std::move(hosts));
    parts.cluster_services =
        std::make_unique<cim::Services>(cim::cluster_services(*parts.services, *parts.cluster));
    parts.object_manager->serve_apart(cim::cluster_namespace, *parts.cluster_services,
                                      cim::provider_registry());
}

}  // namespace

Machinery::Machinery(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Machinery::~Machinery() {
    stop();
}

std::shared_ptr<HttpHandler> Machinery::wsman_handler() const {
    return parts_->wsman;
}

Machinery::Figures Machinery::figures() const {
    Figures f{parts_->wsman->usage(), parts_->jobs->unfinished()};
    if (const auto refused = parts_->jobs->refused(); refused > 0)
        f.usage.refusals[{"jobs.max_jobs", ""}] = refused;
    return f;
}

void Machinery::begin_stop() {
    parts_->jobs->begin_stop();
}

void Machinery::stop() {
    parts_->work->stop();
    parts_->watch.clear();
    parts_->jobs->stop();
}

Result<std::unique_ptr<Machinery>> Machinery::start(const Config& config) {
    auto parts = std::make_unique<Parts>();
    if (auto made = make_folders(config); !made) return made.error();

    auto schema = cim::Schema::load(schema_folder(config.server.schema_dir));
    if (!schema) return schema.error();
    parts->schema = std::move(*schema);
    for (const auto& n : config.namespaces)
        for (const auto& file : n.mof)
            if (auto loaded = parts->schema.load_file(file, n.name); !loaded) return loaded.error();
    auto store = cim::Store::open(config.server.state_dir / "wsvirt.db");
    if (!store) return store.error();
    parts->store = std::move(*store);

    auto local = backend::libvirt::open_libvirt(libvirt_settings(config));
    if (!local) return local.error();
    parts->hosts.push_back(std::move(*local));
    if (auto opened = open_others(config, parts->hosts); !opened) return opened.error();

    parts->jobs = std::make_unique<cim::JobManager>(*parts->store, job_settings(config));
    parts->services.reset(new cim::Services{parts->schema,
                                            *parts->hosts.front(),
                                            *parts->jobs,
                                            *parts->store,
                                            host_settings(config),
                                            {},
                                            nullptr,
                                            {}});
    parts->services->hosts.push_back({config.server.name,
                                      parts->hosts.front().get(),
                                      config.backend.uri,
                                      {},
                                      config.backend.migration_data_address,
                                      {}});
    for (std::size_t i = 0; i < config.hosts.size(); ++i) {
        const auto& h = config.hosts[i];
        parts->services->hosts.push_back({h.name, parts->hosts[i + 1].get(), h.uri, h.migration_uri,
                                          h.migration_data_address, h.storage_folders});
    }
    for (const auto& n : config.namespaces) parts->services->repository_namespaces.push_back(n.name);
    cim::recover(*parts->services);
    parts->watch = cim::watch(*parts->services);
    parts->object_manager =
        std::make_unique<cim::ObjectManager>(parts->schema, *parts->services, cim::provider_registry());
    parts->services->object_manager = parts->object_manager.get();
    parts->object_manager->serve_apart(cim::vs::version_1_namespace, *parts->services,
                                       cim::provider_registry());
    serve_cluster(*parts);
    parts->work = std::make_unique<BlockingWork>(config.server.workers, config.server.work_queue);
    parts->wsman = make_wsman_handler(*parts->object_manager, *parts->work, operation_settings(config));
    return std::unique_ptr<Machinery>(new Machinery(std::move(parts)));
}

}  // namespace wsvirt::wsman
