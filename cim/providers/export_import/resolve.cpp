#include "cim/providers/export_import/resolve.hpp"

#include <map>
#include <tuple>

#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

class Resolver {
  public:
    Resolver(Services& services, const vs::PlannedSystem& planned) : services_(services), planned_(planned) {}

    Result<void> system(backend::MachineSpec& spec) {
        if (auto r = disks(spec); !r) return r;
        for (const auto name : {vs::planned_saved, vs::planned_nvram})
            if (const auto it = spec.attributes.find(std::string(name)); it != spec.attributes.end())
                if (auto r = file(it->second); !r) return r;
        return {};
    }

    Result<void> snapshot(backend::SnapshotInfo& s) {
        if (auto r = disks(s.spec); !r) return r;
        if (auto r = file(s.memory_file); !r) return r;
        return file(s.nvram_file);
    }

  private:
    Result<void> disks(backend::MachineSpec& spec) {
        for (auto& d : spec.disks)
            if (!d.path.empty())
                if (auto r = disk(d); !r) return r;
        return {};
    }

    Result<void> disk(backend::Disk& d) {
        const auto kind = vs::medium_kind(d);
        const std::string told(told_format(planned_, d));
        auto& medium = media_[{d.path, kind, told}];  // snapshots have mostly the disks of the system
        if (medium.path.empty()) {
            auto found =
                vs::check_medium(services_, d.path, {kind, planned_.spec.uuid, false, told, d.shareable});
            if (!found) return found.error();
            medium = std::move(*found);
        }
        d.path = medium.path;
        d.format = medium.format;
        return {};
    }

    Result<void> file(std::string& path) {
        if (path.empty()) return {};
        auto real = vs::check_existing(services_.host.export_folders, path, "SystemDefinitionFile");
        if (!real) return real.error();
        path = std::move(*real);
        return {};
    }

    Services& services_;
    const vs::PlannedSystem& planned_;
    std::map<std::tuple<std::string, vs::Kind, std::string>, vs::Medium> media_;
};

}  // namespace

std::string_view told_format(const vs::PlannedSystem& planned, const backend::Disk& d) {
    const bool imported = planned.spec.attributes.contains(std::string(vs::planned_folder));
    return imported && vs::medium_kind(d) == vs::Kind::hard_disk ? std::string_view(d.format)
                                                                 : std::string_view();
}

Result<vs::PlannedSystem> resolved(Services& services, const vs::PlannedSystem& planned) {
    auto out = planned;
    Resolver resolver(services, planned);
    if (auto r = resolver.system(out.spec); !r) return r.error();
    for (auto& s : out.snapshots)
        if (auto r = resolver.snapshot(s); !r) return r.error();
    return out;
}

}  // namespace wsvirt::cim::export_import
