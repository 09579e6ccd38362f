#include "backend/cluster.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "backend/place_sight.hpp"
#include "base/text.hpp"

namespace wsvirt::backend {

namespace {

using MachinePtr = std::shared_ptr<const Machine>;

bool runs(const Machine& m) {
    return m.state == MachineState::running;
}

// The files that a machine's drives need: what is in them, and what that stands on as far as `local` sees it.
std::vector<std::string> files_of(const Call& call, Hypervisor& local, const MachineSpec& spec) {
    constexpr std::size_t longest_chain = 64;
    std::vector<std::string> files;
    for (const auto& d : spec.disks) {
        std::string path = d.path, format = d.format;
        for (std::size_t depth = 0; !path.empty() && depth < longest_chain; ++depth) {
            files.push_back(path);
            if (d.device == DiskDevice::cdrom) break;
            const auto info = local.image_info(call, path, format);
            if (!info || info->backing_file.empty()) break;
            path = (std::filesystem::path(path).parent_path() / info->backing_file).string();
            format = info->backing_format;
        }
    }
    return files;
}

// The machine that has it, also in a snapshot, and does not share it with who shares it, too; "" = none.
std::string user_of(const Hypervisor& host, const Disk& wanted) {
    const auto uses = [&](const MachineSpec& s) {
        return std::any_of(s.disks.begin(), s.disks.end(), [&](const Disk& d) {
            return d.device != DiskDevice::cdrom && d.path == wanted.path &&
                   !(d.shareable && wanted.shareable);
        });
    };
    for (const auto& m : host.machines())
        if (uses(m->spec) || std::any_of(m->snapshots.begin(), m->snapshots.end(),
                                         [&](const auto& s) { return uses(s.spec); }))
            return m->spec.name;
    return {};
}

// The first switch of its ports that a host does not have; "" = none. The user's network is everywhere.
std::string lacking_switch(const Hypervisor& host, const MachineSpec& spec) {
    const auto all = host.switches();
    for (const auto& n : spec.nics) {
        const bool real = n.link == NicLink::bridge || n.link == NicLink::network;
        const bool there = std::any_of(all.begin(), all.end(), [&](const SwitchInfo& s) {
            return s.link == n.link && s.source == n.source;
        });
        if (real && !there) return n.source;
    }
    return {};
}

// What keeps a machine with these files from a host; "" = nothing, null = the host does not say. Files of one
// name may be different ones, so a disk is free there only if no machine of the host has it.
std::optional<std::string> lacks(const Call& call, const ClusterHost& h, const MachineSpec& spec,
                                 const std::vector<std::string>& files) {
    if (const auto missing = lacking_switch(*h.hypervisor, spec); !missing.empty())
        return "\"" + h.name + "\" has no virtual switch \"" + missing + "\"";
    for (const auto& d : spec.disks) {
        if (d.device == DiskDevice::cdrom || d.path.empty()) continue;
        if (const auto user = user_of(*h.hypervisor, d); !user.empty())
            return "\"" + d.path + "\" is in use by \"" + user + "\" on \"" + h.name + "\"";
    }
    bool sure = true;
    for (const auto& file : files) {
        const auto there = h.hypervisor->has_file(call, file);
        if (there && !*there) return "\"" + h.name + "\" does not have \"" + file + "\"";
        sure = sure && there;
    }
    return sure ? std::optional<std::string>("") : std::nullopt;
}

unsigned liveliness(const Machine& m) {
    switch (m.state) {
        case MachineState::running:
            return 4;
        case MachineState::starting:
        case MachineState::pausing:
        case MachineState::paused:
        case MachineState::stopping:
        case MachineState::saving:
            return 3;
        case MachineState::crashed:
            return 2;
        case MachineState::saved:
            return 1;
        case MachineState::off:
            break;
    }
    return m.has_saved_state ? 1 : 0;
}

class Cluster final : public Hypervisor {
  public:
    explicit Cluster(std::vector<ClusterHost> hosts) : hosts_(std::move(hosts)) {}

    std::vector<MachinePtr> machines() const override {
        std::vector<Sighting> seen;
        std::vector<const ClusterHost*> places;
        std::unordered_map<std::string, std::size_t, IHash, IEqual> known;
        for (const auto& h : hosts_) {
            const bool connected = h.hypervisor->connected();
            for (auto& m : h.hypervisor->machines()) {
                const auto [at, is_new] = known.try_emplace(m->spec.uuid, seen.size());
                Sighting now{connected, std::move(m), h.hypervisor};
                if (is_new) {
                    seen.push_back(std::move(now));
                    places.push_back(&h);
                } else if (is_rather(now, seen[at->second])) {
                    seen[at->second] = std::move(now);
                    places[at->second] = &h;
                }
            }
        }
        std::vector<MachinePtr> all;
        all.reserve(seen.size());
        for (std::size_t i = 0; i < seen.size(); ++i) all.push_back(placed(*places[i], *seen[i].machine));
        return all;
    }
    MachinePtr machine(std::string_view uuid) const override {
        const auto* h = host_of(uuid);
        const auto m = h ? h->hypervisor->machine(uuid) : nullptr;
        return m ? placed(*h, *m) : nullptr;
    }
    HostInfo host() const override { return first().host(); }
    std::vector<SwitchInfo> switches() const override {
        std::vector<SwitchInfo> all;
        for (const auto& h : hosts_)
            for (auto& s : h.hypervisor->switches())
                if (std::none_of(all.begin(), all.end(),
                                 [&](const auto& other) { return iequals(other.id, s.id); }))
                    all.push_back(std::move(s));
        return all;
    }
    bool connected() const override {
        return std::any_of(hosts_.begin(), hosts_.end(),
                           [](const auto& h) { return h.hypervisor->connected(); });
    }
    std::shared_ptr<void> subscribe(std::function<void(const Event&)> on_event) override {
        auto all = std::make_shared<std::vector<std::shared_ptr<void>>>();
        for (const auto& h : hosts_) all->push_back(h.hypervisor->subscribe(on_event));
        return all;
    }

    Result<MachineStats> stats(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.stats(c, uuid); });
    }
    Result<std::string> screenshot(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.screenshot(c, uuid); });
    }
    Result<void> define(const Call& c, const MachineSpec& wanted) override {
        if (machine(wanted.uuid))
            return Error{Status::already_exists, "wsvirt.machine.exists",
                         "One of the hosts has a machine with this identifier already.", wanted.uuid};
        auto h = choose(c, wanted);
        if (!h) return h.error();
        MachineSpec spec = wanted;
        spec.attributes.erase(std::string(new_machine_host));
        return (*h)->define(c, spec);
    }
    Result<void> redefine(const Call& c, const MachineSpec& spec) override {
        return at(spec.uuid, [&](Hypervisor& h) { return h.redefine(c, spec); });
    }
    Result<void> undefine(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.undefine(c, uuid); });
    }
    Result<void> forget(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.forget(c, uuid); });
    }
    Result<void> start(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.start(c, uuid); });
    }
    Result<void> power_off(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.power_off(c, uuid); });
    }
    Result<void> shut_down(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.shut_down(c, uuid); });
    }
    Result<void> suspend(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.suspend(c, uuid); });
    }
    Result<void> resume(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.resume(c, uuid); });
    }
    Result<void> save(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.save(c, uuid); });
    }
    Result<void> discard_saved_state(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.discard_saved_state(c, uuid); });
    }
    Result<void> reset(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.reset(c, uuid); });
    }
    Result<void> reboot(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.reboot(c, uuid); });
    }
    Result<void> inject_nmi(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.inject_nmi(c, uuid); });
    }
    Result<void> send_keys(const Call& c, std::string_view uuid,
                           const std::vector<unsigned>& keycodes) override {
        return at(uuid, [&](Hypervisor& h) { return h.send_keys(c, uuid, keycodes); });
    }
    Result<void> freeze(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.freeze(c, uuid); });
    }
    Result<void> thaw(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.thaw(c, uuid); });
    }

    Result<SnapshotInfo> snapshot(const Call& c, const SnapshotRequest& r) override {
        return at(r.machine, [&](Hypervisor& h) { return h.snapshot(c, r); });
    }
    Result<void> revert(const Call& c, std::string_view uuid, std::string_view id,
                        const AfterRevert& then) override {
        return at(uuid, [&](Hypervisor& h) { return h.revert(c, uuid, id, then); });
    }
    Result<void> delete_snapshot(const Call& c, std::string_view uuid, std::string_view id,
                                 bool with_children) override {
        return at(uuid, [&](Hypervisor& h) { return h.delete_snapshot(c, uuid, id, with_children); });
    }
    Result<void> modify_snapshot(const Call& c, std::string_view uuid, const SnapshotInfo& s) override {
        return at(uuid, [&](Hypervisor& h) { return h.modify_snapshot(c, uuid, s); });
    }
    Result<void> adopt_snapshots(const Call& c, std::string_view uuid, const std::vector<SnapshotInfo>& all,
                                 const std::vector<std::string>& names,
                                 const std::vector<std::string>& hardware) override {
        return at(uuid, [&](Hypervisor& h) { return h.adopt_snapshots(c, uuid, all, names, hardware); });
    }
    Result<std::string> snapshot_hardware(const Call& c, std::string_view uuid,
                                          std::string_view id) override {
        return at(uuid, [&](Hypervisor& h) { return h.snapshot_hardware(c, uuid, id); });
    }
    Result<void> export_saved_state(const Call& c, std::string_view uuid, const std::string& file) override {
        return at(uuid, [&](Hypervisor& h) { return h.export_saved_state(c, uuid, file); });
    }
    Result<void> import_saved_state(const Call& c, std::string_view uuid, const std::string& file) override {
        return at(uuid, [&](Hypervisor& h) { return h.import_saved_state(c, uuid, file); });
    }
    Result<void> import_nvram(const Call& c, std::string_view uuid, const std::string& file) override {
        return at(uuid, [&](Hypervisor& h) { return h.import_nvram(c, uuid, file); });
    }
    Result<std::uint64_t> saved_state_size(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.saved_state_size(c, uuid); });
    }
    Result<void> migrate(const Call& c, const MigrationRequest& r, Hypervisor& destination) override {
        return at(r.machine, [&](Hypervisor& h) { return h.migrate(c, r, destination); });
    }

    Result<void> check_whole(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.check_whole(c, uuid); });
    }
    Result<void> bring_back_snapshots(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.bring_back_snapshots(c, uuid); });
    }
    Result<void> forget_rest(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.forget_rest(c, uuid); });
    }
    Result<void> abandon(const Call& c, std::string_view uuid) override {
        return at(uuid, [&](Hypervisor& h) { return h.abandon(c, uuid); });
    }
    Result<void> check_copied(const Call& c, const std::string& path) override {
        return first().check_copied(c, path);
    }
    Result<bool> has_file(const Call& c, const std::string& path) override {
        return first().has_file(c, path);
    }
    Result<bool> is_made(const Call& c, const std::string& path, const std::string& mark) override {
        return first().is_made(c, path, mark);
    }
    Result<void> remove_file(const Call& c, const std::string& path) override {
        return first().remove_file(c, path);
    }
    Result<ImageInfo> image_info(const Call& c, const std::string& path, const std::string& format) override {
        return first().image_info(c, path, format);
    }
    Result<void> create_image(const Call& c, const ImageSpec& s) override {
        return first().create_image(c, s);
    }
    Result<void> convert_image(const Call& c, const std::string& from, const ImageSpec& to) override {
        return first().convert_image(c, from, to);
    }
    Result<void> resize_image(const Call& c, const std::string& path, std::uint64_t size) override {
        return first().resize_image(c, path, size);
    }
    Result<void> rebase_image(const Call& c, const std::string& path, const std::string& backing,
                              const std::string& backing_format) override {
        return first().rebase_image(c, path, backing, backing_format);
    }
    Result<std::string> spec_to_text(const MachineSpec& s) const override { return first().spec_to_text(s); }
    Result<MachineSpec> spec_from_text(std::string_view text) const override {
        return first().spec_from_text(text);
    }

  private:
    Hypervisor& first() const { return *hosts_.front().hypervisor; }

    static MachinePtr placed(const ClusterHost& h, const Machine& m) {
        auto copy = std::make_shared<Machine>(m);
        copy->host = h.name;
        return copy;
    }
    const ClusterHost* host_of(std::string_view uuid) const { return place_of(hosts_, uuid); }
    template <class Work>
    auto at(std::string_view uuid, Work work) -> decltype(work(std::declval<Hypervisor&>())) {
        if (const auto* h = host_of(uuid)) return work(*h->hypervisor);
        return Error{Status::not_found, "wsvirt.machine.missing",
                     "None of the hosts has the machine; it may have been deleted.", std::string(uuid)};
    }

    // Among the hosts that can give the memory and the processors, the one with the most free memory for each
    // machine that runs there; where all have little, the one with the most. It must have the disks and the
    // switches.
    Result<Hypervisor*> choose(const Call& call, const MachineSpec& spec) const {
        if (const auto it = spec.attributes.find(std::string(new_machine_host));
            it != spec.attributes.end()) {
            for (const auto& h : hosts_)
                if (iequals(h.name, it->second)) return named(h, spec);
            return Error{Status::invalid_parameter, "wsvirt.host.unknown",
                         "There is no host \"" + it->second + "\".", it->second};
        }
        const auto ranked = able(spec);
        if (ranked.empty())
            return Error{
                Status::unavailable, "wsvirt.host.none",
                "None of the hosts can take the machine: they do not answer, have too few processors "
                "or lack the firmware it needs."};
        const auto files = files_of(call, first(), spec);
        std::string why;
        const ClusterHost* unsure = nullptr;
        for (const auto* h : ranked) {
            const auto lacking = lacks(call, *h, spec, files);
            if (!lacking && !unsure) unsure = h;
            if (!lacking) continue;
            if (lacking->empty()) return h->hypervisor;
            why += (why.empty() ? "" : ", ") + *lacking;
        }
        if (unsure) return unsure->hypervisor;
        return Error{Status::invalid_parameter, "wsvirt.host.lacking",
                     "None of the hosts that can take the machine has all its disks and switches for it: " +
                         why + ". Put its disks where one host has them all, and plug it in there.",
                     "HostResource"};
    }
    static Result<Hypervisor*> named(const ClusterHost& h, const MachineSpec& spec) {
        const auto missing = lacking_switch(*h.hypervisor, spec);
        if (missing.empty()) return h.hypervisor;
        return Error{Status::invalid_parameter, "wsvirt.host.no_switch",
                     "The host \"" + h.name + "\" has no virtual switch \"" + missing +
                         "\"; plug the machine into one that it has, or choose another host.",
                     "HostResource"};
    }

    // The best first.
    std::vector<const ClusterHost*> able(const MachineSpec& spec) const {
        std::vector<std::pair<std::uint64_t, const ClusterHost*>> scores;
        for (const auto& h : hosts_) {
            if (!h.hypervisor->connected()) continue;
            const auto info = h.hypervisor->host();
            if (info.max_processors > 1 && spec.processors > info.max_processors) continue;
            if (spec.firmware == Firmware::uefi && !info.uefi_available) continue;
            if (spec.secure_boot && !info.secure_boot_available) continue;
            const auto all = h.hypervisor->machines();
            const auto running =
                std::count_if(all.begin(), all.end(), [](const auto& m) { return runs(*m); });
            // Free memory counts first, processors that are not spoken for second.
            const bool fits = info.free_memory_mib >= spec.memory_mib;
            const std::uint64_t idle =
                info.cpus > static_cast<unsigned>(running) ? info.cpus - static_cast<unsigned>(running) : 0;
            scores.emplace_back((fits ? std::uint64_t{1} << 40U : 0) + info.free_memory_mib * (1 + idle), &h);
        }
        std::stable_sort(scores.begin(), scores.end(),
                         [](const auto& a, const auto& b) { return a.first > b.first; });
        std::vector<const ClusterHost*> out;
        for (const auto& [score, h] : scores) out.push_back(h);
        return out;
    }

    std::vector<ClusterHost> hosts_;
};

}  // namespace

// A host that does not answer may be out of date. What stands still is where it stands still; a definition
// that is off is where libvirt leaves one.
bool is_rather(const Sighting& there, const Sighting& other) {
    const auto rank = [](const Sighting& s) { return std::tuple(s.connected, liveliness(*s.machine)); };
    if (rank(there) != rank(other)) return rank(there) > rank(other);
    const auto& uuid = there.machine->spec.uuid;
    const bool last = was_last_on(*there.host, uuid);
    if (last != was_last_on(*other.host, uuid)) return last;
    return there.machine->state_since_us > other.machine->state_since_us;
}

bool is_off(const Machine& m) {
    return liveliness(m) == 0;
}

std::unique_ptr<Hypervisor> make_cluster(std::vector<ClusterHost> hosts) {
    return std::make_unique<Cluster>(std::move(hosts));
}

}  // namespace wsvirt::backend
