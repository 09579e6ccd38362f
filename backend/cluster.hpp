// Several hosts seen as one: every machine of every host, whichever way it got there, each with the name of
// its host in Machine::host. A call about a machine goes to the host that it is on at that moment; a new
// machine goes to the host that its attribute new_machine_host names, else to one that has the files of its
// drives and can take it, by free memory and processors. What is not about a machine (images, settings as
// text) is the first host's, which is the local one. The hosts must outlive this. Thread rules and errors as
// for Hypervisor.
#pragma once

#include "backend/hypervisor.hpp"

namespace wsvirt::backend {

// In MachineSpec::attributes of a machine that is being defined; not kept.
inline constexpr std::string_view new_machine_host = "Cluster.Host";

struct ClusterHost {
    std::string name;
    Hypervisor* hypervisor = nullptr;
};

// What a host says of a machine. Several can have it: for a moment while it moves, and for good where others
// have moved it and its definition has stayed behind.
struct Sighting {
    bool connected = false;
    std::shared_ptr<const Machine> machine;
    const Hypervisor* host = nullptr;
};
// Whether the machine is rather there than where the other was seen. Of two that are off: where it was last
// (place_sight.hpp), else where it has changed last as far as the hosts know.
bool is_rather(const Sighting& there, const Sighting& other);
// And has no saved memory either.
bool is_off(const Machine& m);

// The one of the hosts (each has a `hypervisor`) that the machine is on; null when none has it.
template <class Hosts>
const typename Hosts::value_type* place_of(const Hosts& hosts, std::string_view uuid) {
    const typename Hosts::value_type* place = nullptr;
    Sighting best;
    for (const auto& h : hosts) {
        Sighting seen{h.hypervisor->connected(), h.hypervisor->machine(uuid), h.hypervisor};
        if (!seen.machine || (place && !is_rather(seen, best))) continue;
        place = &h;
        best = std::move(seen);
    }
    return place;
}

std::unique_ptr<Hypervisor> make_cluster(std::vector<ClusterHost> hosts);

}  // namespace wsvirt::backend
