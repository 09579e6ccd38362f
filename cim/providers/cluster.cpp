#include "cim/providers/cluster.hpp"

#include <algorithm>

namespace wsvirt::cim {

Services cluster_services(const Services& local, backend::Hypervisor& hypervisor) {
    return Services{local.schema, hypervisor,  local.jobs,           local.store,
                    local.host,   local.hosts, local.object_manager, local.repository_namespaces};
}

bool is_cluster(const Services& services) {
    return !services.hosts.empty() &&
           std::none_of(services.hosts.begin(), services.hosts.end(),
                        [&](const HostEntry& h) { return h.hypervisor == &services.hypervisor; });
}

std::vector<std::string> other_hosts(const Services& services) {
    std::vector<std::string> out;
    if (is_cluster(services))
        for (std::size_t n = 1; n < services.hosts.size(); ++n) out.push_back(services.hosts[n].name);
    return out;
}

std::vector<std::string> hosts_of_services(const Services& services) {
    auto out = other_hosts(services);
    out.insert(out.begin(), services.host.name);
    return out;
}

}  // namespace wsvirt::cim
