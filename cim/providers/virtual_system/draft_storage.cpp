// Controllers, drives and what lies in them.
#include "backend/cluster.hpp"
#include "base/text.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::vs {

using backend::Bus;
using backend::Disk;
using backend::DiskDevice;

Result<Element> Draft::add_controller(const Instance&) {
    if (auto r = need_off("ResourceSettings"); !r) return r.error();
    std::set<unsigned> used;
    for (const auto& c : spec_.controllers)
        if (c.bus == Bus::scsi) used.insert(c.index);
    if (used.size() >= max_scsi_controllers)
        return refuse(
            "wsvirt.scsi.controllers", "ResourceSubType",
            "A virtual machine has at most " + std::to_string(max_scsi_controllers) + " SCSI controllers.");
    unsigned index = 0;
    while (used.contains(index)) ++index;
    spec_.controllers.push_back({make_guid(), Bus::scsi, index, {}});
    return Element{Kind::scsi_controller, static_cast<unsigned>(spec_.controllers.size() - 1)};
}

Result<unsigned> Draft::free_slot(const Instance& wanted, Bus bus, unsigned controller,
                                  unsigned slots) const {
    std::set<unsigned> used;
    for (const auto& d : spec_.disks)
        if (d.bus == bus && d.controller == controller) used.insert(d.unit);
    const auto text = wanted.string("AddressOnParent");
    if (text.empty()) {
        for (unsigned n = 0; n < slots; ++n)
            if (!used.contains(n)) return n;
        return refuse("wsvirt.controller.full", "Parent", "All places on the controller are taken.");
    }
    const auto n = parse_uint(trim(text));
    if (!n || *n >= slots)
        return refuse("wsvirt.controller.slot", "AddressOnParent",
                      "AddressOnParent must be a number from 0 to " + std::to_string(slots - 1) + ".");
    if (used.contains(static_cast<unsigned>(*n)))
        return refuse("wsvirt.controller.slot_taken", "AddressOnParent",
                      "Place " + text + " on the controller is taken; choose another AddressOnParent.");
    return static_cast<unsigned>(*n);
}

Result<Element> Draft::add_drive(Kind k, const Instance& wanted) {
    auto parent = find_parent(wanted, "an IDE or SCSI controller");
    if (!parent) return parent.error();
    Disk d;
    if (parent->kind == Kind::ide_controller) {
        if (auto r = need_off("ResourceSettings"); !r) return r.error();
        d.bus = Bus::ide;
        d.controller = parent->index;
    } else if (parent->kind == Kind::scsi_controller) {
        // QEMU plugs SCSI disks into a running machine, but no CD drives.
        auto r = k == Kind::disk_drive ? need_not_saved("ResourceSettings") : need_off("ResourceSettings");
        if (!r) return r.error();
        d.bus = Bus::scsi;
        d.controller = spec_.controllers[parent->index].index;
    } else {
        return refuse("wsvirt.resource.parent_kind", "Parent",
                      "A drive's Parent is an IDE or SCSI controller.");
    }
    auto slot = free_slot(wanted, d.bus, d.controller, d.bus == Bus::ide ? ide_slots : scsi_slots);
    if (!slot) return slot.error();
    d.unit = *slot;
    d.id = make_guid();
    d.device = k == Kind::dvd_drive ? DiskDevice::cdrom : DiskDevice::disk;
    d.read_only = k == Kind::dvd_drive;
    if (generation_2(spec_)) spec_.boot_devices.push_back(d.id);
    spec_.disks.push_back(std::move(d));
    return Element{k, static_cast<unsigned>(spec_.disks.size() - 1)};
}

Result<Element> Draft::add_medium(Kind k, const Instance& wanted) {
    auto parent = find_parent(wanted, "the drive that the medium is put into");
    if (!parent) return parent.error();
    const auto drive = k == Kind::hard_disk  ? Kind::disk_drive
                       : k == Kind::dvd_disk ? Kind::dvd_drive
                                             : Kind::diskette_drive;
    if (parent->kind != drive)
        return refuse("wsvirt.medium.drive", "Parent",
                      "A medium of the kind \"" + std::string(info(k).caption) +
                          "\" needs a drive of the kind \"" + std::string(info(drive).caption) +
                          "\" as its Parent.");
    const auto& resource = wanted.get("HostResource");
    if (several(resource)) return one_resource();
    const auto path = first_of(resource);
    if (path.empty())
        return Error(Status::missing_value, "wsvirt.medium.path",
                     "HostResource must hold the path of the image file.", "HostResource");
    if (k == Kind::hard_disk)  // there is none without a medium
        if (auto r = need_in_memory({k, parent->index}, "ResourceSettings"); !r) return r.error();
    if (parent->index == spec_.disks.size())
        if (auto r = need_off_for_first_diskette(); !r) return r.error();
    keep_in(spec_, *parent);  // the diskette drive gets its entry here
    auto& d = spec_.disks[parent->index];
    if (!d.path.empty())
        return Error(Status::busy, "wsvirt.medium.drive_full",
                     "The drive holds a medium already; remove it first or change its HostResource.",
                     "Parent");
    if (auto r = put_medium(d, path, "HostResource"); !r) return r.error();
    return Element{k, parent->index};
}

// QEMU has a diskette drive from the start on or not at all, and until there was a medium for it not at all.
Result<void> Draft::need_off_for_first_diskette() const {
    if (hot())
        return Error(Status::invalid_state, "wsvirt.floppy.running",
                     "The first diskette can be put in only while the virtual machine is off; it has the "
                     "drive when it starts.",
                     "ResourceSettings");
    return need_not_saved("ResourceSettings");
}

Result<void> Draft::put_medium(Disk& d, const std::string& path, const std::string& property) {
    if (auto r = need_not_fitted(property); !r) return r;
    if (hot() && d.device == DiskDevice::disk && d.bus != Bus::scsi)
        if (auto r = need_off(property); !r) return r;
    if (path.empty()) {
        empty_drive(d);
        return {};
    }
    // Whether this machine shares it may be told only later; claim_disks() knows.
    MediumUse use{medium_kind(d), spec_.uuid, state_ == State::planned, {}, true, {}};
    if (const auto host = spec_.attributes.find(std::string(backend::new_machine_host));
        host != spec_.attributes.end())
        use.host = host->second;
    auto found = check_medium(services_, path, use);
    if (!found) return found.error();
    for (const auto& other : spec_.disks)
        if (&other != &d && other.path == found->path && d.device == DiskDevice::disk)
            return in_another_drive(path, property);
    d.path = found->path;
    d.format = found->format;
    return {};
}

Result<bool> Draft::set_place(const Element& e, const Property& p, const Value& v) {
    if (iequals(p.name, "Address")) {
        if (v.string_or({}).empty() || e.kind == Kind::scsi_controller) return false;
        return read_only(p.name);
    }
    if (iequals(p.name, "HostResource")) {
        if (first_of(v).empty()) return true;
        return refuse("wsvirt.drive.host_resource", p.name,
                      "A drive has no HostResource; put the image into it as a resource of its own.");
    }
    return false;
}

Result<bool> Draft::set_medium(const Element& e, const Property& p, const Value& v) {
    auto& d = spec_.disks[e.index];
    if (iequals(p.name, "HostResource")) {
        if (several(v)) return one_resource();
        const auto path = first_of(v);
        if (path.empty())
            return refuse("wsvirt.medium.path", p.name,
                          "HostResource must hold a path; to empty the drive use RemoveResourceSettings.");
        if (auto r = put_medium(d, path, p.name); !r) return r.error();
        return true;
    }
    const bool of_disks = iequals(p.name, "IOPSLimit") || iequals(p.name, "IOPSReservation") ||
                          iequals(p.name, "PersistentReservationsSupported");
    if (of_disks && e.kind != Kind::hard_disk) {
        if (v.bool_or(false) || v.uint_or(0) != 0)
            return refuse("wsvirt.medium.disks_only", p.name, p.name + " is for hard disks only.");
        return false;
    }
    if (iequals(p.name, "IOPSLimit") || iequals(p.name, "IOPSReservation")) {
        auto& slot = iequals(p.name, "IOPSLimit") ? d.iops_limit : d.iops_reservation;
        const auto n = v.uint_or(0);
        // Memory that is saved comes back with the limits that it was saved with.
        if (iequals(p.name, "IOPSLimit"))
            if (auto r = need_not_fitted(p.name); !r) return r.error();
        if (n > 1'000'000'000)
            return refuse("wsvirt.value.range", p.name, p.name + " must be at most 1000000000.");
        slot.reset();
        if (n != 0) slot = n;
        return true;
    }
    if (iequals(p.name, "PersistentReservationsSupported")) {
        if (auto r = brings_memory() ? Result<void>() : need_off(p.name); !r) return r.error();
        d.shareable = v.bool_or(false);
        return true;
    }
    return false;
}

Result<void> Draft::remove_drive(const Element& e) {
    const auto& d = spec_.disks[e.index];
    const bool pluggable = d.bus == Bus::scsi && d.device == DiskDevice::disk;
    auto r = pluggable ? need_not_saved("ResourceSettings") : need_off("ResourceSettings");
    if (!r) return r;
    forget_boot_device(d.id);
    spec_.disks.erase(spec_.disks.begin() + e.index);
    return {};
}

Result<void> Draft::remove_controller(const Element& e) {
    if (auto r = need_off("ResourceSettings"); !r) return r;
    const auto index = spec_.controllers[e.index].index;
    for (const auto& d : spec_.disks)
        if (d.bus == Bus::scsi && d.controller == index) forget_boot_device(d.id);
    std::erase_if(spec_.disks, [&](const Disk& d) { return d.bus == Bus::scsi && d.controller == index; });
    spec_.controllers.erase(spec_.controllers.begin() + e.index);
    // QEMU's controllers are numbered without gaps: libvirt adds one wherever a number is left out below a
    // disk's. Those above move down; what they are called does not depend on their number.
    for (auto& c : spec_.controllers)
        if (c.bus == Bus::scsi && c.index > index) --c.index;
    for (auto& d : spec_.disks)
        if (d.bus == Bus::scsi && d.controller > index) --d.controller;
    return {};
}

}  // namespace wsvirt::cim::vs
