// The host → the machines that are on it.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/association.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

using Paths = DerivedAssociation::Paths;
constexpr const char* system_class = "Msvm_ComputerSystem";

// The local host has no name of its own in what it says of its machines.
std::string host_name(const Services& services, const backend::Machine& m) {
    return m.host.empty() || !is_cluster(services) ? services.host.name : m.host;
}

}  // namespace

std::unique_ptr<Provider> make_Msvm_HostedDependency(Services& services) {
    DerivedAssociation::Ends e;
    e.left = "Antecedent";
    e.right = "Dependent";
    e.left_class = e.right_class = system_class;
    e.lefts = [&services](const Request&) {
        Paths out{vs::system_path(system_class, services.host.name)};
        for (const auto& name : other_hosts(services)) out.push_back(vs::system_path(system_class, name));
        return out;
    };
    e.rights_of = [&services](const Request&, const ObjectPath& host) {
        Paths out;
        for (const auto& m : services.hypervisor.machines())
            if (iequals(host_name(services, *m), host.key_string("Name")))
                out.push_back(vs::system_path(system_class, m->spec.uuid));
        return out;
    };
    e.lefts_of = [&services](const Request&, const ObjectPath& machine) {
        Paths out;
        if (const auto m = services.hypervisor.machine(machine.key_string("Name")))
            out.push_back(vs::system_path(system_class, host_name(services, *m)));
        return out;
    };
    return std::make_unique<DerivedAssociation>(std::move(e));
}

}  // namespace wsvirt::cim
