// The services of root/HyperVCluster/v2: the same as the local ones, over every configured host.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cim/om/services.hpp"

namespace wsvirt::cim {

inline constexpr const char* cluster_namespace = "root/HyperVCluster/v2";

// With `hypervisor`, which is made by backend::make_cluster() from the same hosts and must outlive them. The
// folders are those of the local host, where files are made and opened.
Services cluster_services(const Services& local, backend::Hypervisor& hypervisor);
bool is_cluster(const Services& services);
// The names of the hosts beside the local one; none where only that is served.
std::vector<std::string> other_hosts(const Services& services);
// SystemName of each instance that a service has: the local host's first.
std::vector<std::string> hosts_of_services(const Services& services);

}  // namespace wsvirt::cim
