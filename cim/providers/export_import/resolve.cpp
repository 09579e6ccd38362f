#include "cim/providers/export_import/resolve.hpp"

#include <map>

#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

class Resolver {
  public:
    Resolver(Services& services, const vs::PlannedSystem& planned)
        : services_(services),
          uuid_(planned.spec.uuid),
          imported_(planned.spec.attributes.contains(std::string(vs::planned_folder))) {}

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
        auto& medium = media_[{d.path, kind}];  // snapshots have mostly the disks of the system
        if (medium.path.empty()) {
            auto found = vs::check_medium(services_, d.path, {kind, uuid_, false});
            if (!found) return found.error();
            medium = std::move(*found);
        }
        d.path = medium.path;
        // An export says what it has written; by now the guest may have made the disk look like something
        // else.
        const bool known = imported_ && kind == vs::Kind::hard_disk && !d.format.empty();
        if (!known) d.format = medium.format;
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
    std::string uuid_;
    bool imported_;
    std::map<std::pair<std::string, vs::Kind>, vs::Medium> media_;
};

}  // namespace

Result<vs::PlannedSystem> resolved(Services& services, const vs::PlannedSystem& planned) {
    auto out = planned;
    Resolver resolver(services, planned);
    if (auto r = resolver.system(out.spec); !r) return r.error();
    for (auto& s : out.snapshots)
        if (auto r = resolver.snapshot(s); !r) return r.error();
    return out;
}

}  // namespace wsvirt::cim::export_import
