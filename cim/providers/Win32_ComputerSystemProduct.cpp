// The host as a product: what the firmware says of the board, and the UUID by which clients know the host.
#include "backend/hypervisor.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/host/host_facts.hpp"
#include "cim/providers/host/single_instance.hpp"

namespace wsvirt::cim {

namespace {

Instance make(Services& services, const ClassPtr& cls) {
    const auto p = host::product(services.hypervisor.host());
    Instance i(cls);
    i.set("Caption", "Computer System Product");
    i.set("Description", "Computer System Product");
    // The keys are never NULL; the serial number is for root's eyes only.
    i.set("IdentifyingNumber", p.serial);
    i.set("Name", p.name);
    i.set("Version", p.version);
    if (!p.vendor.empty()) i.set("Vendor", p.vendor);
    if (!p.sku.empty()) i.set("SKUNumber", p.sku);
    if (!p.uuid.empty()) i.set("UUID", p.uuid);
    return i;
}

}  // namespace

std::unique_ptr<Provider> make_Win32_ComputerSystemProduct(Services& services) {
    return std::make_unique<host::SingleInstance>(
        [&services](const ClassPtr& cls) { return make(services, cls); });
}

}  // namespace wsvirt::cim
