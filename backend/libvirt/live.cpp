#include "backend/libvirt/live.hpp"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/handles.hpp"
#include "backend/libvirt/observe.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr auto unplug_patience = std::chrono::seconds(10);
constexpr auto unplug_poll = std::chrono::milliseconds(50);
constexpr std::string_view being_unplugged = "already in the process of unplug";
constexpr unsigned usual_shares = 100;  // of a machine whose weight nobody has said
constexpr int medium_tries = 6;
constexpr auto medium_pause = std::chrono::milliseconds(250);

std::string target_mark(const Disk& d) {
    return "<target dev='" + target_name(slot_of(d)) + "'";
}

std::string mac_mark(const Nic& n) {
    return "<mac address='" + to_lower(n.mac) + "'/>";
}

std::string without_link(Nic nic) {
    nic.link_up = false;
    return nic_xml(nic);
}

class Live {
  public:
    Live(virDomainPtr domain, const DiskServers& servers) : domain_(domain), servers_(servers) {}

    // Steps that failed because QEMU cannot do them while it runs are left for the next start.
    Result<void> step(int result, std::function<void()> undo, const char* doing) {
        if (result == 0) {
            undo_.push_back(std::move(undo));
            return {};
        }
        const int code = last_error_code();
        Error e = last_error(doing);
        const bool later = code == VIR_ERR_OPERATION_UNSUPPORTED || code == VIR_ERR_CONFIG_UNSUPPORTED ||
                           code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_ARGUMENT_UNSUPPORTED;
        if (later) return {};
        return undone(std::move(e));
    }
    Error undone(Error e) {
        for (auto u = undo_.rbegin(); u != undo_.rend(); ++u)
            if (*u) (*u)();
        return e;
    }
    std::string xml_of(const Disk& d) const { return servers_.with_chains(disk_xml(d, servers_.socket(d))); }
    Result<void> plug(const Disk& d) {
        if (auto ok = servers_.start(xml_of(d)); !ok) return undone(ok.error());
        const int r = attach(xml_of(d));
        const std::string mark = target_mark(d);
        auto done = step(
            r, [this, d, mark] { take_back(xml_of(d), mark); }, "add the disk");
        if (r < 0) servers_.stop(xml_of(d));
        return done;
    }
    Result<void> unplug(const Disk& d) {
        return unplug(
            xml_of(d), target_mark(d),
            [this, d] {
                if (servers_.start(xml_of(d))) attach(xml_of(d));
            },
            "remove the disk", "disk");
    }
    // What moves no more frames is off its network, whether or not the guest gives it back.
    Result<void> unplug(const Nic& nic) {
        const std::string xml = nic_xml(nic), cut = without_link(nic);
        if (!is_there(mac_mark(nic))) return {};
        if (cut != xml)
            if (auto ok = step(
                    update(cut), [this, xml] { update(xml); }, "disconnect the network adapter");
                !ok)
                return ok;
        return unplug(
            xml, mac_mark(nic), [this, xml] { attach(xml); }, "remove the network adapter",
            "network adapter");
    }
    int attach(const std::string& xml) {
        return virDomainAttachDeviceFlags(domain_, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE);
    }
    int detach(const std::string& xml) {
        return virDomainDetachDeviceFlags(domain_, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE);
    }
    int update(const std::string& xml) {
        return virDomainUpdateDeviceFlags(domain_, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE);
    }
    // A guest's firmware that resets its drives closes a tray between libvirt's opening it and putting the
    // medium in. QEMU says nothing of it, so libvirt takes the tray for open from then on: it is opened here.
    int change_medium(const std::string& xml, const std::string& mark) {
        for (int tries = 1; tries < medium_tries; ++tries) {
            if (update(xml) == 0) return 0;
            if (last_error_code() != VIR_ERR_INTERNAL_ERROR) return -1;
            std::this_thread::sleep_for(medium_pause);
            open_tray(mark);
        }
        return update(xml);
    }
    void open_tray(const std::string& mark) {
        const std::string xml = take(virDomainGetXMLDesc(domain_, 0));
        constexpr std::string_view before = "<alias name='";
        const auto at = xml.find(before, std::min(xml.find(mark), xml.size()));
        if (at == std::string::npos) return;
        const auto begin = at + before.size();
        const std::string id = xml.substr(begin, xml.find('\'', begin) - begin);
        char* answer = nullptr;
        virDomainQemuMonitorCommand(
            domain_, (R"({"execute":"blockdev-open-tray","arguments":{"id":")" + id + "\"}}").c_str(),
            &answer, 0);
        std::free(answer);
    }
    // For undoing: there is nobody to tell where the guest keeps it.
    void take_back(const std::string& xml, const std::string& mark) {
        if (detach(xml) == 0) (void)gone(mark);
    }
    void take_back(const Nic& nic) {
        update(without_link(nic));
        take_back(nic_xml(nic), mac_mark(nic));
    }
    virDomainPtr domain() const { return domain_; }

  private:
    // Unplugging is a request to the guest; it is done when the device is gone from the live XML. A guest may
    // also do it long after it was asked.
    Result<void> unplug(const std::string& xml, const std::string& mark, std::function<void()> undo,
                        const char* doing, const std::string& what) {
        if (!is_there(mark)) return {};
        if (detach(xml) < 0 && !asked_before()) return step(-1, {}, doing);
        if (!gone(mark))
            return undone({Status::timed_out, "wsvirt.machine.guest_keeps",
                           "The guest does not give the " + what +
                               " back; it may have no operating system that listens, or be paused. Turn the "
                               "machine off and change it then.",
                           uuid_of(domain_)});
        undo_.push_back(std::move(undo));
        return {};
    }
    // QEMU asks a guest once only.
    static bool asked_before() {
        const virErrorPtr e = virGetLastError();
        return e && e->message &&
               std::string_view(e->message).find(being_unplugged) != std::string_view::npos;
    }
    bool is_there(const std::string& mark) const {
        const std::string xml = take(virDomainGetXMLDesc(domain_, 0));
        return xml.empty() || xml.find(mark) != std::string::npos;  // no answer is no answer
    }
    bool gone(const std::string& mark) const {
        const auto end = std::chrono::steady_clock::now() + unplug_patience;
        while (is_there(mark)) {
            if (std::chrono::steady_clock::now() >= end) return false;
            std::this_thread::sleep_for(unplug_poll);
        }
        return true;
    }
    virDomainPtr domain_;
    const DiskServers& servers_;
    std::vector<std::function<void()>> undo_;
};

bool pluggable(const Disk& d) {
    return d.device == DiskDevice::disk && (d.bus == Bus::scsi || d.bus == Bus::virtio);
}

const Disk* find(const std::vector<Disk>& all, const Disk& like) {
    for (const auto& d : all)
        if (slot_of(d) == slot_of(like) && d.device == like.device) return &d;
    return nullptr;
}

const Nic* find(const std::vector<Nic>& all, const Nic& like) {
    for (const auto& n : all)
        if (iequals(n.mac, like.mac)) return &n;
    return nullptr;
}

int set_iops(virDomainPtr domain, const Disk& d) {
    virTypedParameterPtr params = nullptr;
    int n = 0, size = 0;
    virTypedParamsAddULLong(&params, &n, &size, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
                            d.iops_limit.value_or(0));
    const int r =
        virDomainSetBlockIoTune(domain, target_name(slot_of(d)).c_str(), params, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(params, n);
    return r;
}

Result<void> controllers(Live& live, const MachineSpec& before, const MachineSpec& after) {
    const auto has = [](const MachineSpec& s, unsigned index) {
        return std::any_of(s.controllers.begin(), s.controllers.end(),
                           [&](const Controller& c) { return c.bus == Bus::scsi && c.index == index; }) ||
               std::any_of(s.disks.begin(), s.disks.end(),
                           [&](const Disk& d) { return d.bus == Bus::scsi && d.controller == index; });
    };
    for (const Controller& c : after.controllers) {
        if (c.bus != Bus::scsi || has(before, c.index)) continue;
        const std::string xml = controller_xml(c);
        if (auto ok = live.step(
                live.attach(xml), [&live, xml] { live.detach(xml); }, "add the controller");
            !ok)
            return ok;
    }
    return {};
}

Result<void> unplug_disks(Live& live, const MachineSpec& before, const MachineSpec& after) {
    for (const Disk& old : before.disks) {
        const Disk* const now = find(after.disks, old);
        if (!pluggable(old) || old.path.empty() || (now && now->path == old.path)) continue;
        if (auto ok = live.unplug(old); !ok) return ok;
    }
    return {};
}

Result<void> plug_disks(Live& live, const MachineSpec& before, const MachineSpec& after) {
    for (const Disk& now : after.disks) {
        const Disk* const old = find(before.disks, now);
        Result<void> ok;
        if (pluggable(now) && !now.path.empty() && (!old || old->path != now.path)) {
            ok = live.plug(now);
        } else if (old && now.device != DiskDevice::disk && old->path != now.path) {
            const std::string xml = live.xml_of(now), back = live.xml_of(*old), mark = target_mark(*old);
            ok = live.step(
                live.change_medium(xml, mark), [&live, back, mark] { live.change_medium(back, mark); },
                "change the medium");
        } else if (old && old->path == now.path && !now.path.empty() && old->iops_limit != now.iops_limit) {
            ok = live.step(
                set_iops(live.domain(), now), [&live, was = *old] { set_iops(live.domain(), was); },
                "change the limit of the disk");
        }
        if (!ok) return ok;
    }
    return {};
}

Result<void> nics(Live& live, const MachineSpec& before, const MachineSpec& after) {
    const auto type = [](const Nic& n) { return n.link == NicLink::none ? NicLink::user : n.link; };
    for (const Nic& old : before.nics) {
        const Nic* const now = find(after.nics, old);
        // An adapter keeps its kind of connection while it is plugged in; another kind means unplug and plug.
        if (now && now->model == old.model && type(*now) == type(old)) continue;
        if (auto ok = live.unplug(old); !ok) return ok;
    }
    for (const Nic& now : after.nics) {
        const Nic* const old = find(before.nics, now);
        const std::string xml = nic_xml(now);
        Result<void> ok;
        if (!old || old->model != now.model || type(*old) != type(now)) {
            ok = live.step(
                live.attach(xml), [&live, now] { live.take_back(now); }, "add the network adapter");
        } else if (nic_xml(*old) != xml) {
            const std::string back = nic_xml(*old);
            ok = live.step(
                live.update(xml), [&live, back] { live.update(back); }, "change the network adapter");
        }
        if (!ok) return ok;
    }
    return {};
}

Result<void> memory(Live& live, const MachineSpec& before, const MachineSpec& after) {
    if (before.memory_mib == after.memory_mib ||
        after.memory_mib * 1024 > virDomainGetMaxMemory(live.domain()))
        return {};
    const auto set = [&live](std::uint64_t mib) {
        return virDomainSetMemoryFlags(live.domain(), static_cast<unsigned long>(mib * 1024),
                                       VIR_DOMAIN_AFFECT_LIVE);
    };
    return live.step(
        set(after.memory_mib), [set, mib = before.memory_mib] { set(mib); }, "change the memory");
}

int set_tuning(virDomainPtr domain, const MachineSpec& spec, bool weighed) {
    virTypedParameterPtr params = nullptr;
    int n = 0, size = 0;
    const long long quota = spec.cpu_limit_permille ? cpu_quota_us(*spec.cpu_limit_permille) : -1;
    virTypedParamsAddULLong(&params, &n, &size, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, cpu_period_us);
    virTypedParamsAddLLong(&params, &n, &size, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, quota);
    if (weighed)
        virTypedParamsAddULLong(&params, &n, &size, VIR_DOMAIN_SCHEDULER_CPU_SHARES,
                                spec.cpu_weight.value_or(usual_shares));
    const int r = virDomainSetSchedulerParametersFlags(domain, params, n, VIR_DOMAIN_AFFECT_LIVE);
    virTypedParamsFree(params, n);
    return r;
}

Result<void> processors(Live& live, const MachineSpec& before, const MachineSpec& after) {
    if (before.cpu_limit_permille == after.cpu_limit_permille && before.cpu_weight == after.cpu_weight)
        return {};
    const bool weighed = before.cpu_weight || after.cpu_weight;
    const int r = set_tuning(live.domain(), after, weighed);
    if (r < 0 && last_error_code() == VIR_ERR_OPERATION_INVALID) return {};  // no cgroup controller
    return live.step(
        r, [&live, before, weighed] { set_tuning(live.domain(), before, weighed); },
        "change the processors' share");
}

}  // namespace

void tune_processors(virDomainPtr domain, const MachineSpec& spec) {
    if (spec.cpu_limit_permille || spec.cpu_weight) set_tuning(domain, spec, spec.cpu_weight.has_value());
}

Result<void> apply_live(virDomainPtr domain, const DiskServers& servers, const MachineSpec& before,
                        const MachineSpec& after) {
    Live live(domain, servers);
    for (const auto part : {unplug_disks, controllers, plug_disks, nics, memory, processors})
        if (auto ok = part(live, before, after); !ok) return ok;
    return {};
}

}  // namespace wsvirt::backend::libvirt
