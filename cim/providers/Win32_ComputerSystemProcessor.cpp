// The host → its processors.
#include "backend/hypervisor.hpp"
#include "cim/om/association.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim {

namespace {

using Paths = DerivedAssociation::Paths;

ObjectPath computer(const Services& services) {
    return {"root/cimv2", "Win32_ComputerSystem", {{"Name", services.host.name}}};
}

Paths processors(const Services& services) {
    Paths all;
    const auto sockets = std::max(1u, services.hypervisor.host().sockets);
    for (unsigned n = 0; n < sockets; ++n)
        all.emplace_back("root/cimv2", "Win32_Processor",
                         ObjectPath::Keys{{"DeviceID", "CPU" + std::to_string(n)}});
    return all;
}

}  // namespace

std::unique_ptr<Provider> make_Win32_ComputerSystemProcessor(Services& services) {
    DerivedAssociation::Ends e;
    e.left = "GroupComponent";
    e.right = "PartComponent";
    e.lefts = [&services](const Request&) { return Paths{computer(services)}; };
    e.rights_of = [&services](const Request&, const ObjectPath& p) {
        return p == computer(services) ? processors(services) : Paths();
    };
    e.lefts_of = [&services](const Request&, const ObjectPath&) { return Paths{computer(services)}; };
    return std::make_unique<DerivedAssociation>(std::move(e));
}

}  // namespace wsvirt::cim
