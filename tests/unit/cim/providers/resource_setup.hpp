// A machine without anything, and settings of resources for it as clients send them.
#pragma once

#include <string>

#include "tests/unit/cim/providers/world.hpp"

namespace wsvirt::cim::provider_test {

inline constexpr const char* rasd = "Msvm_ResourceAllocationSettingData";
inline constexpr const char* sasd = "Msvm_StorageAllocationSettingData";

struct ResourceSetup {
    World w;
    std::string guid = w.define({{"ElementName", "m"}});

    std::string ide(unsigned n) const {
        return w.parent_text(
            rasd, "Microsoft:" + guid + "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\" + std::to_string(n));
    }
    // As libvirt sends it: one class name for everything.
    Instance drive(const std::string& parent, const std::string& slot, bool dvd = false) const {
        return w.make(rasd, {{"ResourceType", dvd ? 16 : 17},
                             {"ResourceSubType", dvd ? "Microsoft:Hyper-V:Synthetic DVD Drive"
                                                     : "Microsoft:Hyper-V:Synthetic Disk Drive"},
                             {"Parent", parent},
                             {"AddressOnParent", slot}});
    }
    Instance medium(const std::string& drive_id, const std::string& path,
                    const char* sub = "Virtual Hard Disk") const {
        return w.make(rasd, {{"ResourceType", 31},
                             {"ResourceSubType", std::string("Microsoft:Hyper-V:") + sub},
                             {"Parent", w.parent_text(rasd, drive_id)},
                             {"HostResource", World::texts({path})}});
    }
    Instance scsi() const {
        return w.make(
            rasd, {{"ResourceType", 6}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller"}});
    }
    Instance nic(const Given& more = {}) const {
        Given g{{"ResourceType", 10}, {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port"}};
        g.insert(g.end(), more.begin(), more.end());
        return w.make("Msvm_SyntheticEthernetPortSettingData", g);
    }
    Instance change(const char* cls, const std::string& id, const Given& more) const {
        Given g{{"InstanceID", id}};
        g.insert(g.end(), more.begin(), more.end());
        return w.make(cls, g);
    }
    std::string instance_parent(const std::string& id) {
        return vs::instance_id_of(w.get_setting(rasd, id).string("Parent"));
    }
    std::string memory_id() const { return "Microsoft:" + guid + "\\4764334D-E001-4176-82EE-5594EC9B530E"; }
    std::string cpu_id() const { return "Microsoft:" + guid + "\\B637F346-6A0E-4DEC-AF52-BD70CB80A21D\\0"; }
};

}  // namespace wsvirt::cim::provider_test
