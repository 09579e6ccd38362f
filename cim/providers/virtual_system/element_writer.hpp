// Turns the elements of configurations into instances of one setting class. Made once per enumeration or
// look-up: the slots of the class are resolved and the constant properties laid out then, so that each
// instance is a copy plus the few properties that differ. Immutable after construction.
#pragma once

#include <array>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/elements.hpp"

namespace wsvirt::cim::vs {

class ElementWriter {
  public:
    ElementWriter(Services& services, ClassPtr cls);

    // The kinds that the class describes.
    const std::vector<Kind>& kinds() const { return kinds_; }
    // Every element of the class that the configuration has.
    void write_all(const Configuration& c, std::vector<Instance>& out) const;
    // One element; its kind must be one of kinds(). id: GUID of the settings it belongs to.
    Instance write(const backend::MachineSpec& spec, std::string_view id, const Element& e) const;

  private:
    enum P : std::size_t {
        InstanceID,
        ElementName,
        HostResource,
        VirtualQuantity,
        Reservation,
        Limit,
        Weight,
        Parent,
        Connection,
        Address,
        AddressOnParent,
        DynamicMemoryEnabled,
        ExposeVirtualizationExtensions,
        StaticMacAddress,
        EnabledState,
        LastKnownSwitchName,
        IOPSLimit,
        IOPSReservation,
        Access,
        HostExtentName,
        PersistentReservationsSupported,
        property_count
    };

    void lay_out(Kind k);
    void put(Instance& i, P p, Value v) const;
    void processor(const backend::MachineSpec& s, Instance& i) const;
    void memory(const backend::MachineSpec& s, Instance& i) const;
    void medium(const backend::Disk& d, Instance& i) const;
    void nic(const backend::Nic& n, Instance& i) const;
    void connection(const backend::Nic& n, Instance& i) const;
    void serial(const backend::MachineSpec& s, unsigned port, Instance& i) const;

    Services& services_;
    ClassPtr class_;
    std::string host_;
    std::vector<Kind> kinds_;
    std::array<Instance, kind_count> prototypes_;
    std::array<int, property_count> slots_{};
};

// The instance of one element of a configuration, with a writer made for it; for methods.
Instance write_element(Services& services, const Namespace& ns, const backend::MachineSpec& spec,
                       std::string_view id, const Element& e);

// The switch that a network port is plugged into; null when into none or into one that is gone.
const backend::SwitchInfo* switch_of(const std::vector<backend::SwitchInfo>& all, const backend::Nic& n);

}  // namespace wsvirt::cim::vs
