#include "cim/providers/export_import/export_plan.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cim/providers/export_import/export_checks.hpp"
#include "cim/providers/export_import/export_target.hpp"
#include "cim/providers/export_import/import_folder.hpp"
#include "cim/providers/export_import/same_files.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace fs = std::filesystem;

namespace {

Error unfit(Status status, std::string id, const char* property, std::string text) {
    return Error(status, std::move(id), std::move(text), property);
}

// Which of the disks the entry means: a path, or the path of the settings of a drive or a medium. Those of a
// snapshot are its own or the machine's.
std::optional<std::size_t> disk_meant(const vs::Configuration& what, const std::string& entry) {
    const auto& spec = what.spec();
    for (std::size_t n = 0; n < spec.disks.size(); ++n)
        if (spec.disks[n].path == entry) return n;
    const auto id = vs::parse_setting_id(vs::instance_id_of(entry));
    if (!id || (!iequals(id->guid, what.id()) && !iequals(id->guid, what.system()))) return std::nullopt;
    auto e = vs::find_element(spec, id->device);
    if (e && vs::is_medium(e->kind)) e = vs::parent_of(spec, *e);
    if (!e || !vs::is_drive(e->kind)) return std::nullopt;
    return e->index;
}

Result<std::set<std::size_t>> excluded_disks(const ExportPlan& plan) {
    std::set<std::size_t> out;
    for (const auto& entry : plan.wishes.excluded) {
        const auto n = disk_meant(plan.what, entry);
        if (!n)
            return unfit(
                Status::invalid_parameter, "wsvirt.export.excluded", "ExcludedVirtualHardDisks",
                "ExcludedVirtualHardDisks names \"" + entry + "\", which is no disk of this machine.");
        out.insert(*n);
    }
    return out;
}

// Where the ending of a file's name begins; with the identifier of the snapshot that the file began with
// ("disk.GUID.qcow2"), which has to stay there.
std::size_t ending_of(const std::string& name) {
    const auto dot = name.rfind('.');
    if (dot == std::string::npos || dot == 0) return name.size();
    const auto before = name.rfind('.', dot - 1);
    const bool guid = before != std::string::npos && before != 0 &&
                      is_guid(std::string_view(name).substr(before + 1, dot - before - 1));
    return guid ? before : dot;
}

// Two disks may have the same file name in different folders.
std::string unused_name(const std::string& path, std::set<std::string>& used) {
    const auto own = fs::path(path).filename().string();
    const auto ending = ending_of(own);
    auto name = own;
    for (int n = 2; !used.insert(name).second; ++n)
        name = own.substr(0, ending) + '-' + std::to_string(n) + own.substr(ending);
    return name;
}

// The earlier export.
Result<ImportFolder> open_earlier(Services& services, const ExportPlan& plan) {
    const char* property = "DifferentialBackupBase";
    auto base = open_import(services, plan.wishes.differential_base);
    if (!base) {
        auto e = base.error();
        e.subject = property;
        return e;
    }
    if (!iequals(base->definition.id, plan.machine().spec.uuid))
        return unfit(Status::invalid_parameter, "wsvirt.export.base_machine", property,
                     "DifferentialBackupBase is the export of another machine.");
    return base;
}

// Only disks that nobody writes to are compared with it.
Result<ImportFolder> open_base(Services& services, const ExportPlan& plan) {
    const char* property = "DifferentialBackupBase";
    auto base = open_earlier(services, plan);
    if (!base) return base;
    if (plan.what.snapshot ? !plan.what.snapshot->external : !plan.snapshots.empty())
        return unfit(Status::not_supported, "wsvirt.export.base_snapshots", property,
                     "Disks with snapshots inside, or together with their snapshots, cannot be exported as "
                     "changes; export without snapshots (CopySnapshotConfiguration 1).");
    if (plan.live && plan.wishes.live != ExportWishes::saved_state)
        return unfit(Status::not_supported, "wsvirt.export.base_live", property,
                     "The disks of a running machine can be exported as changes only with its saved state "
                     "(CaptureLiveState 1).");
    return base;
}

// Where no disk comes along, what is said of disks has no effect; but nothing wrong is said of them.
Result<void> check_without_disks(Services& services, const ExportPlan& plan) {
    if (auto r = excluded_disks(plan); !r) return r.error();
    if (plan.wishes.differential_base.empty()) return {};
    auto base = open_earlier(services, plan);
    return base ? Result<void>{} : Result<void>(base.error());
}

// Plans the copies of disks, each file once, parents before what stands on them.
class DiskPlanner {
  public:
    DiskPlanner(Services& services, ExportPlan& plan, bool whole, SameFiles& files)
        : services_(services), plan_(plan), whole_(whole), files_(files) {}

    Result<void> run() {
        auto excluded = excluded_disks(plan_);
        if (!excluded) return excluded.error();
        if (auto r = find_bases(); !r) return r;
        const auto& disks = plan_.what.spec().disks;
        for (std::size_t n = 0; n < disks.size(); ++n) {
            if (disks[n].device != backend::DiskDevice::disk || disks[n].path.empty()) continue;
            if (excluded->contains(n)) continue;
            if (auto r = add(disks[n].path, disks[n].format, snapshot_inside(disks[n])); !r) return r.error();
        }
        if (!whole_) return {};
        std::set<std::string> left_out;
        for (const auto n : *excluded) left_out.insert(disks[n].id);
        return add_disks_of_snapshots(left_out);
    }

  private:
    // Which disk of the earlier export a disk is compared with: that of the same drive.
    Result<void> find_bases() {
        if (plan_.wishes.differential_base.empty()) return {};
        auto base = open_base(services_, plan_);
        if (!base) return base.error();
        auto then = services_.hypervisor.spec_from_text(base->definition.settings);
        if (!then) return then.error();
        const auto from = plan_.target / disks_folder;
        for (const auto& d : plan_.what.spec().disks)
            for (const auto& old : then->disks)
                for (const auto& f : base->definition.disks) {
                    const bool same =
                        !d.id.empty() && d.id == old.id && !d.path.empty() && f.source == old.path;
                    if (!same) continue;
                    auto medium = check_base(base->root / f.path, f.format);
                    if (!medium) return medium.error();
                    bases_[d.path] = {fs::path(medium->path).lexically_relative(from).string(),
                                      medium->format};
                }
        return {};
    }

    // Whoever can write to the export may have changed its disks since, and qemu-img opens what they name.
    Result<vs::Medium> check_base(const fs::path& file, const std::string& format) const {
        auto medium = vs::check_medium(services_, file.string(), {vs::Kind::hard_disk, {}, true, format});
        if (medium && !medium->format.empty()) return medium;
        auto e = medium ? unfit(Status::invalid_parameter, "wsvirt.export.base_missing", "",
                                "The export that DifferentialBackupBase names lacks \"" + file.string() +
                                    "\"; name one that is whole.")
                        : medium.error();
        e.subject = "DifferentialBackupBase";
        return e;
    }

    // A snapshot may name disks that the machine does not have any more, and that nobody may have.
    Result<void> add_disks_of_snapshots(const std::set<std::string>& left_out) {
        for (const auto& s : plan_.machine().snapshots)
            for (const auto& d : s.spec.disks) {
                if (d.device != backend::DiskDevice::disk || d.path.empty()) continue;
                if (left_out.contains(d.id) || names_.contains(d.path)) continue;
                const auto there = files_.exists(d.path);
                if (!there) return there.error();
                if (!*there) continue;
                if (auto r = add(d.path, d.format); !r) return r.error();
            }
        return {};
    }

    // What the exported snapshot is called inside the disk; "": it is not there.
    std::string snapshot_inside(const backend::Disk& d) const {
        const auto* s = plan_.what.snapshot;
        if (!s || s->external || d.read_only || d.shareable) return {};
        return s->name.empty() ? s->id : s->name;
    }

    // The name below the export's folder of disks.
    Result<std::string> add(const std::string& path, const std::string& format,
                            const std::string& from_snapshot = {}) {
        if (const auto known = names_.find(path); known != names_.end()) return known->second;
        if (auto r = files_.check(path); !r) return r.error();
        auto image = services_.hypervisor.image_info({}, path, format);
        if (!image) return image.error();
        const bool stands = !image->backing_file.empty();
        CopyStep step;
        step.from = path;
        step.format = step.source_format = image->format;
        step.subformat = image->subformat;
        step.weight = std::max<std::uint64_t>(image->actual_size, 1);
        step.from_snapshot = from_snapshot;
        // A machine that runs writes beside what a snapshot inside its disk holds, never into it.
        step.in_use = plan_.live || (!from_snapshot.empty() && is_active(plan_.machine()));
        step.whole = whole_;
        if (step.whole && stands && plan_.wishes.merge)
            return unfit(Status::not_supported, "wsvirt.export.chain", "BackupIntent",
                         "\"" + path +
                             "\" stands on another disk, which its snapshots need; leave BackupIntent at 0, "
                             "or export without snapshots (CopySnapshotConfiguration 1).");
        const auto base = bases_.find(path);
        if (base != bases_.end()) {
            step.changes_only = true;
            step.parent = base->second.path;
            step.parent_format = base->second.format;
            step.format = "qcow2";
            step.subformat.clear();
        } else if (stands && !plan_.wishes.merge && step.from_snapshot.empty()) {
            if (image->format != "qcow2")
                return unfit(Status::not_supported, "wsvirt.export.chain_format", "BackupIntent",
                             "\"" + path + "\" stands on another disk and has the format " + image->format +
                                 "; set BackupIntent to 1 to export the two as one disk.");
            const auto below = parent_of(path, image->backing_file);
            auto parent = add(below, image->backing_format);
            if (!parent) return parent.error();
            step.parent = as_file(*parent);
            step.parent_format = formats_[below];
        } else if (auto r = check_below(path, *image); !r) {
            return r.error();
        }
        formats_[path] = image->format;
        auto name = unused_name(
            step.changes_only ? fs::path(path).replace_extension(".qcow2").string() : path, used_);
        step.to = std::string(disks_folder) + '/' + name;
        plan_.steps.push_back(std::move(step));
        return names_[path] = std::move(name);
    }
    // QEMU takes what is before a colon for the name of a protocol, unless a slash comes first.
    static std::string as_file(const std::string& name) {
        return name.find(':') == std::string::npos ? name : "./" + name;
    }
    static std::string parent_of(const std::string& path, const std::string& backing) {
        return (fs::path(path).parent_path() / backing).lexically_normal().string();
    }

    // Through a disk that becomes one with those below it these are read, too.
    Result<void> check_below(const std::string& path, const backend::ImageInfo& image) {
        if (image.backing_file.empty()) return {};
        const auto below = parent_of(path, image.backing_file);
        if (auto r = files_.check(below); !r) return r;
        auto next = services_.hypervisor.image_info({}, below, image.backing_format);
        return next ? check_below(below, *next) : Result<void>(next.error());
    }

    Services& services_;
    ExportPlan& plan_;
    bool whole_;
    SameFiles& files_;
    std::map<std::string, std::string> names_, formats_;
    struct Base {
        std::string path, format;
    };
    std::map<std::string, Base> bases_;  // by path of the machine's disk
    std::set<std::string> used_;
};

CopyStep step_for(const std::string& from, const std::string& to) {
    CopyStep step;
    step.from = from;
    step.to = to;
    std::error_code ec;
    const auto size = fs::file_size(from, ec);
    if (!ec) step.weight = std::max<std::uint64_t>(size, 1);
    return step;
}

// A machine that never ran has none yet.
Result<void> plan_firmware(ExportPlan& plan, SameFiles& files) {
    const auto& file = plan.what.snapshot ? plan.what.snapshot->nvram_file : plan.machine().nvram_file;
    const auto there = files.exists(file);
    if (!there) return there.error();
    if (!*there) return {};
    const auto to = std::string(machines_folder) + '/' + plan.machine().spec.uuid + ".nvram";
    plan.side_files.push_back({step_for(file, to), std::nullopt, true});
    return {};
}

Result<void> plan_snapshots(Services& services, ExportPlan& plan, SameFiles& files) {
    const auto beside = [&](const std::string& file, const std::string& ending,
                            const backend::SnapshotInfo& s, bool firmware) -> Result<void> {
        if (auto r = files.check(file); !r) return r;
        const auto to = std::string(snapshots_folder) + '/' + s.id + ending;
        plan.side_files.push_back({step_for(file, to), plan.snapshots.size(), firmware});
        return {};
    };
    for (const auto& s : plan.machine().snapshots) {
        auto text = services.hypervisor.spec_to_text(s.spec);
        if (!text) return text.error();
        const bool in_a_file = !s.memory_file.empty();
        const bool comes_along = in_a_file && plan.wishes.runtime && vs::keeps_memory(s);
        if (comes_along)
            if (auto r = beside(s.memory_file, ".save", s, false); !r) return r;
        if (!s.nvram_file.empty())
            if (auto r = beside(s.nvram_file, ".nvram", s, true); !r) return r;
        std::string hardware;
        if (!in_a_file && vs::keeps_memory(s)) {
            auto known = services.hypervisor.snapshot_hardware({}, s.spec.uuid, s.id);
            if (!known) return known.error();
            hardware = std::move(*known);
        }
        plan.snapshots.push_back({s.id,
                                  s.parent,
                                  s.created_us,
                                  in_a_file ? comes_along : s.has_memory,
                                  s.current,
                                  std::move(*text),
                                  s.external,
                                  {},
                                  {},
                                  s.external ? std::string() : s.name,
                                  std::move(hardware)});
    }
    return {};
}

// What SnapshotVirtualSystem says.
Result<vs::Configuration> snapshot_meant(Services& services, const vs::Configuration& given,
                                         const std::string& text) {
    const auto path = ObjectPath::parse(text);
    const auto guid = path ? vs::system_guid_of(*path) : std::string();
    auto c = guid.empty() ? std::nullopt : vs::find_configuration(services, guid);
    if (!c || !c->snapshot || !c->machine || c->system() != given.system())
        return unfit(Status::invalid_parameter, "wsvirt.export.snapshot", "SnapshotVirtualSystem",
                     "SnapshotVirtualSystem must be the path of the settings of a snapshot of this machine.");
    return *c;
}

// What is said of a snapshot is not true of the machine that is made of its settings.
Result<std::string> settings_of(const Services& services, const ExportPlan& plan) {
    auto spec = plan.what.spec();
    backend::erase_snapshot_notes(spec.attributes);
    return services.hypervisor.spec_to_text(spec);
}

Result<vs::Configuration> subject_of(Services& services, const vs::Configuration& given,
                                     const ExportWishes& wishes) {
    const bool none_said = wishes.snapshot_path.empty();
    if (wishes.snapshots != ExportWishes::one && wishes.snapshots != ExportWishes::one_for_backup) {
        if (given.snapshot)
            return unfit(Status::invalid_parameter, "wsvirt.export.snapshot_config",
                         "CopySnapshotConfiguration",
                         "To export a snapshot set CopySnapshotConfiguration to 2.");
        if (none_said) return given;
        auto meant = snapshot_meant(services, given, wishes.snapshot_path);
        return meant ? given : meant;
    }
    if (given.snapshot && none_said) return given;
    return snapshot_meant(services, given, wishes.snapshot_path);
}

}  // namespace

Result<ExportWishes> wishes_of(const Instance* s) {
    ExportWishes w;
    if (!s) return w;
    if (!s->cls().is_a("Msvm_VirtualSystemExportSettingData"))
        return unfit(Status::invalid_parameter, "wsvirt.export.settings", "ExportSettingData",
                     "ExportSettingData must hold a Msvm_VirtualSystemExportSettingData.");
    w.snapshots = static_cast<std::uint8_t>(
        std::min<std::uint64_t>(s->uint("CopySnapshotConfiguration", w.snapshots), 99));
    w.live = static_cast<std::uint8_t>(std::min<std::uint64_t>(s->uint("CaptureLiveState", w.live), 99));
    w.storage = s->get("CopyVmStorage").bool_or(w.storage);
    w.runtime = s->get("CopyVmRuntimeInformation").bool_or(w.runtime);
    w.subdirectory = s->get("CreateVmExportSubdirectory").bool_or(w.subdirectory);
    w.snapshot_path = s->string("SnapshotVirtualSystem");
    if (const auto* all = s->get("ExcludedVirtualHardDisks").as_array())
        for (const auto& v : *all)
            if (!v.string_or({}).empty()) w.excluded.push_back(v.string_or({}));
    if (w.snapshots > ExportWishes::one_for_backup)
        return unfit(Status::invalid_parameter, "wsvirt.export.snapshots", "CopySnapshotConfiguration",
                     "CopySnapshotConfiguration must be 0 (all), 1 (none), 2 or 3 (one snapshot).");
    if (w.live > ExportWishes::application_consistent)
        return unfit(Status::invalid_parameter, "wsvirt.export.live", "CaptureLiveState",
                     "CaptureLiveState must be 0, 1 or 2.");
    if (s->uint("BackupIntent") > 1)
        return unfit(Status::invalid_parameter, "wsvirt.export.intent", "BackupIntent",
                     "BackupIntent must be 0 or 1.");
    w.merge = s->uint("BackupIntent") == 1;
    w.differential_base = s->string("DifferentialBackupBase");
    if (!s->string("GuestDebugStateFilePath").empty())
        return unfit(Status::not_supported, "wsvirt.export.unsupported", "GuestDebugStateFilePath",
                     "GuestDebugStateFilePath is not supported on this host; leave it out.");
    if (s->get("ExportForLiveMigration").bool_or(false))
        return unfit(Status::not_supported, "wsvirt.export.unsupported", "ExportForLiveMigration",
                     "Live migration does not need an export here; leave ExportForLiveMigration out.");
    return w;
}

Result<ExportPlan> plan_export(Services& services, const vs::Configuration& given,
                               const std::string& directory, const ExportWishes& wishes) {
    auto what = subject_of(services, given, wishes);
    if (!what) return what.error();
    ExportPlan plan;
    plan.what = std::move(*what);
    plan.wishes = wishes;
    plan.live = !plan.what.snapshot && is_active(plan.machine());
    if (auto r = check_state(plan); !r) return r.error();
    auto text = settings_of(services, plan);
    if (!text) return text.error();
    plan.settings = std::move(*text);
    auto target = target_of(services, directory, wishes.subdirectory, plan.what.spec());
    if (!target) return target.error();
    plan.target = std::move(*target);
    // Of one snapshot, storage always comes along and memory never does.
    const bool all_snapshots = !plan.what.snapshot && wishes.snapshots == ExportWishes::all;
    SameFiles files(services, plan.machine());
    if (all_snapshots)
        if (auto r = plan_snapshots(services, plan, files); !r) return r.error();
    if (auto r = plan_firmware(plan, files); !r) return r.error();
    if (wishes.storage || plan.what.snapshot) {
        if (auto r = DiskPlanner(services, plan, all_snapshots && !plan.snapshots.empty(), files).run(); !r)
            return r.error();
    } else if (auto r = check_without_disks(services, plan); !r) {
        return r.error();
    }
    plan.with_memory = !plan.what.snapshot && wishes.runtime &&
                       (plan.machine().state == backend::MachineState::saved ||
                        (plan.live && wishes.live == ExportWishes::saved_state));
    if (plan.with_memory)
        if (auto r = check_memory(services, plan.machine()); !r) return r.error();
    if (auto r = check_unknown(plan); !r) return r.error();
    return plan;
}

}  // namespace wsvirt::cim::export_import
