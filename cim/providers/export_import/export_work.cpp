#include "cim/providers/export_import/export_work.hpp"

#include <algorithm>
#include <chrono>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cim/om/job_record.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/export_import/contents.hpp"
#include "cim/providers/export_import/stillness.hpp"
#include "version.hpp"

namespace wsvirt::cim::export_import {

namespace fs = std::filesystem;

namespace {

Error file_error(const std::error_code& ec, const fs::path& path) {
    const auto status = ec == std::errc::no_space_on_device ? Status::no_space : Status::failed;
    return Error(status, "wsvirt.export.write", "\"" + path.string() + "\" could not be written.",
                 path.string(), ec.message());
}

// Adds up the progress of the steps.
class Meter {
  public:
    Meter(const ExportPlan& plan, JobContext& job) : job_(job) {
        for (const auto& s : plan.steps) total_ += s.weight;
        for (const auto& f : plan.side_files) total_ += f.step.weight;
    }
    void step(std::uint64_t weight) {
        before_ += weight_;
        weight_ = weight;
        bytes_ = 0;
        at(0, 1);
    }
    void advanced(std::uint64_t bytes) {
        bytes_ += bytes;
        at(std::min(bytes_, weight_), weight_);
    }
    void at(std::uint64_t done, std::uint64_t of) {
        if (total_ == 0 || of == 0) return;
        const auto here = static_cast<double>(weight_) * static_cast<double>(done) / static_cast<double>(of);
        // The rest is for digests, the definition and the flush to disk.
        job_.progress(static_cast<unsigned>(90.0 * (static_cast<double>(before_) + here) /
                                            static_cast<double>(total_)));
    }

  private:
    JobContext& job_;
    std::uint64_t total_ = 0, before_ = 0, weight_ = 0, bytes_ = 0;
};

bool is_missing(const fs::path& folder) {
    std::error_code ec;
    return !fs::exists(folder, ec) && !ec;
}

// Kind of the rows whose keys are the folders that this service is writing; their texts are the folders
// around these where the export makes them, too.
constexpr std::string_view partial_kind = "export_partial";

class Export {
  public:
    Export(Services& services, const ExportPlan& plan, JobContext& job)
        : services_(services),
          plan_(plan),
          job_(job),
          folder_(plan.target.parent_path() / (partial_mark + ('-' + make_guid()))),
          new_parent_(is_missing(plan.target.parent_path())),
          still_(services, plan),
          meter_(plan, job) {}

    Result<void> run() {
        // Whatever else has such a name, of another service perhaps, is not ours to remove.
        const auto parent = new_parent_ ? folder_.parent_path().string() : std::string();
        if (auto r = services_.store.put(partial_kind, folder_.string(), parent); !r) return r;
        auto r = make();
        (void)still_.release();  // the folder may have taken the room that its note needed
        if (std::error_code ec; !fs::exists(folder_, ec))
            (void)services_.store.erase(partial_kind, folder_.string());
        return r;
    }

  private:
    Result<void> make() {
        std::error_code ec;
        Result<void> r;
        // The last one also where it stays empty: clients name it when they import.
        for (const char* sub : {machines_folder, disks_folder, snapshots_folder})
            if (r) r = make_passable(folder_ / sub);
        if (r) r = write();
        (void)still_.release();
        if (r) r = finish();
        if (!r) fs::remove_all(folder_, ec);
        if (!r && new_parent_) fs::remove(folder_.parent_path(), ec);
        return r;
    }

    Result<void> write() {
        if (auto r = still_.begin(call()); !r) return r;
        if (plan_.with_memory)
            if (auto r = save_memory(); !r) return r;
        for (const auto& step : plan_.steps)
            if (auto r = copy(step); !r) return r;
        definition_.snapshots = plan_.snapshots;
        for (const auto& f : plan_.side_files)
            if (auto r = copy_beside(f.step, list_for(f)); !r) return r;
        if (auto r = still_.check(); !r) return r;
        if (auto r = still_.release(); !r) return r;
        if (auto r = digest_files(); !r) return r;
        return describe();
    }

    backend::Call call() {
        backend::Call c;
        c.stop = job_.stop();
        return c;
    }
    FileWork work() {
        FileWork w;
        w.stop = job_.stop();
        return w;
    }

    Result<void> copy(const CopyStep& step) {
        meter_.step(step.weight);
        job_.progress(0, "Copying " + fs::path(step.from).filename().string());
        const auto to = folder_ / step.to;
        Result<void> r;
        if (step.whole) {
            r = copy_file(step.from, to);
            if (r && !step.parent.empty())
                r = services_.hypervisor.rebase_image(call(), to.string(), step.parent, step.parent_format);
        } else {
            backend::ImageSpec image;
            image.path = to.string();
            image.format = step.format;
            image.kind = step.subformat == "fixed" ? backend::ImageSpec::Kind::fixed
                                                   : backend::ImageSpec::Kind::dynamic;
            image.from_snapshot = step.from_snapshot;
            image.parent = step.parent;
            image.parent_format = step.parent_format;
            image.source_format = step.source_format;
            if (!step.parent.empty()) image.kind = backend::ImageSpec::Kind::differencing;
            image.source_in_use = step.in_use;
            image.changes_only = step.changes_only;
            auto c = call();
            c.progress = [this](const backend::Progress& p) { meter_.at(p.done, p.total); };
            r = services_.hypervisor.convert_image(c, step.from, image);
        }
        if (r) r = record(definition_.disks, step.from, step.to, step.format);
        if (r && step.changes_only) definition_.disks.back().base = step.parent;
        return r;
    }

    Result<void> copy_file(const fs::path& from, const fs::path& to) {
        auto w = work();
        w.advanced = [this](std::uint64_t n) { meter_.advanced(n); };
        return copy_sparse(from, to, w);
    }

    std::vector<ExportDefinition::File>& list_for(const ExportPlan::SideFile& f) {
        if (!f.snapshot) return definition_.firmware;
        auto& s = definition_.snapshots[*f.snapshot];
        return f.firmware ? s.firmware : s.memory;
    }

    Result<void> copy_beside(const CopyStep& step, std::vector<ExportDefinition::File>& list) {
        meter_.step(step.weight);
        job_.progress(0, "Copying " + fs::path(step.to).filename().string());
        const auto to = folder_ / step.to;
        if (auto r = make_passable(to.parent_path()); !r) return r;
        if (auto r = copy_file(step.from, to); !r) return r;
        return record(list, "", step.to, "");
    }

    Result<void> save_memory() {
        const auto& guid = plan_.machine().spec.uuid;
        const auto relative = std::string(machines_folder) + '/' + guid + ".save";
        const auto to = folder_ / relative;
        if (auto r = services_.hypervisor.export_saved_state(call(), guid, to.string()); !r) return r;
        return record(definition_.saved_state, "", relative, "");
    }

    Result<void> record(std::vector<ExportDefinition::File>& list, const std::string& source,
                        const std::string& relative, const std::string& format) {
        const auto file = folder_ / relative;
        std::error_code ec;
        list.push_back({source, relative, format, fs::file_size(file, ec), {}});
        return ec ? Result<void>(file_error(ec, file)) : Result<void>{};
    }

    // When the machine goes on already.
    Result<void> digest_files() {
        job_.progress(90, "Computing checksums");
        for (auto* list : files())
            for (auto& f : *list) {
                auto digest = content_digest(folder_ / f.path, work());
                if (!digest) return digest.error();
                f.digest = std::move(*digest);
                if (f.base.empty()) continue;
                const auto base = base_file(folder_ / f.path, f);
                auto of_base = content_digest(base, work());
                if (!of_base) return of_base.error();
                std::error_code ec;
                f.base_size = fs::file_size(base, ec);
                f.base_digest = std::move(*of_base);
            }
        return {};
    }

    std::vector<std::vector<ExportDefinition::File>*> files() {
        std::vector<std::vector<ExportDefinition::File>*> all{&definition_.disks, &definition_.saved_state,
                                                              &definition_.firmware};
        for (auto& s : definition_.snapshots) all.insert(all.end(), {&s.memory, &s.firmware});
        return all;
    }

    Result<void> describe() {
        definition_.id = plan_.what.system();
        definition_.name = plan_.what.spec().name;
        definition_.host = services_.host.name;
        definition_.producer = std::string("wsvirt ") + version;
        definition_.created_us = std::chrono::duration_cast<std::chrono::microseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count();
        definition_.settings = plan_.settings;
        return write_file(folder_ / machines_folder / (definition_.id + ".xml"),
                          export_definition_to_text(definition_));
    }

    Result<void> finish() {
        if (job_.stop().stop_requested())
            return Error(Status::cancelled, "wsvirt.export.cancelled", "The export was cancelled.");
        if (auto r = flush(); !r) return r;
        std::error_code ec;
        fs::rename(folder_, plan_.target, ec);  // replaces an empty folder, and nothing else
        if (ec == std::errc::file_exists || ec == std::errc::directory_not_empty ||
            ec == std::errc::not_a_directory)
            return Error(Status::invalid_parameter, "wsvirt.export.taken",
                         "\"" + plan_.target.string() +
                             "\" was made by somebody else meanwhile; choose another ExportDirectory.",
                         "ExportDirectory", ec.message());
        if (ec) return file_error(ec, plan_.target);
        auto r = flush_to_disk(plan_.target.parent_path());
        if (!r) fs::remove_all(plan_.target, ec);
        return r;
    }

    // qemu-img leaves that to the system; an export that is said to be there survives a power cut.
    Result<void> flush() {
        job_.progress(95, "Writing to disk");
        std::error_code ec;
        for (auto i = fs::recursive_directory_iterator(folder_, ec);
             !ec && i != fs::recursive_directory_iterator(); i.increment(ec))
            if (auto r = flush_to_disk(i->path()); !r) return r;
        return ec ? Result<void>(file_error(ec, folder_)) : flush_to_disk(folder_);
    }

    Services& services_;
    const ExportPlan& plan_;
    JobContext& job_;
    fs::path folder_;
    bool new_parent_;  // ExportDirectory is made for the export
    Stillness still_;
    Meter meter_;
    ExportDefinition definition_;
};

}  // namespace

Result<void> carry_out(Services& services, const ExportPlan& plan, JobContext& job) {
    auto r = Export(services, plan, job).run();
    if (r && !plan.left_out.empty())
        job.warn(job_error_of(Error(Status::not_supported, "wsvirt.export.devices",
                                    "The export has no word for some of what the machine has (" +
                                        plan.left_out + "); a machine that is imported from it lacks that.",
                                    "ComputerSystem")));
    return r;
}

void remove_partial_exports(Services& services) {
    const auto rows = services.store.list(partial_kind);
    if (!rows) return;
    for (const auto& row : *rows) {
        std::error_code ec;
        fs::remove_all(row.key, ec);
        if (ec) continue;
        if (!row.text.empty()) fs::remove(row.text, ec);  // one that has something in it stays
        (void)services.store.erase(partial_kind, row.key);
    }
}

}  // namespace wsvirt::cim::export_import
