#include "cim/providers/export_import/contents.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::export_import {

namespace {

// In the attributes of a disk, or of the system: for its saved memory, and (numbered) for the disks that
// others stand on, the memory of snapshots and the variables of firmware.
constexpr const char *content = "Planned.Content.", *parent = "Planned.Parent";
constexpr const char *path_key = "Path", *size_key = "Size", *digest_key = "Digest", *seen_key = "Seen";

std::string prefix_of_parent(std::size_t n) {
    return parent + std::to_string(n) + '.';
}

void expect(backend::Attributes& a, const std::string& prefix, const std::string& path,
            const ExportDefinition::File& f) {
    a[prefix + path_key] = path;
    a[prefix + size_key] = std::to_string(f.size);
    a[prefix + digest_key] = f.digest;
}

std::string value(const backend::Attributes& a, const std::string& key) {
    const auto it = a.find(key);
    return it == a.end() ? std::string() : it->second;
}

struct File {
    backend::Attributes* attributes;
    std::string prefix, path;
    std::string real = {};  // where links lead
};

std::vector<File> files_of(vs::PlannedSystem& p) {
    std::vector<File> out;
    for (auto& d : p.spec.disks)
        if (!d.path.empty() && value(d.attributes, std::string(content) + path_key) == d.path)
            out.push_back({&d.attributes, content, d.path});
    auto& a = p.spec.attributes;
    const auto saved = value(a, std::string(vs::planned_saved));
    if (!saved.empty() && value(a, std::string(content) + path_key) == saved)
        out.push_back({&a, content, saved});
    for (std::size_t n = 0;; ++n) {
        auto path = value(a, prefix_of_parent(n) + path_key);
        if (path.empty()) return out;
        out.push_back({&a, prefix_of_parent(n), std::move(path)});
    }
}

Error damaged(const std::string& path, const char* how) {
    return Error(Status::invalid_parameter, "wsvirt.validate.content",
                 "\"" + path + "\" " + how +
                     " than when it was exported; copy the export again, or, to use the file as it is, "
                     "remove the resource and add it again.",
                 path);
}

}  // namespace

std::filesystem::path base_file(const std::filesystem::path& disk, const ExportDefinition::File& f) {
    return (disk.parent_path() / f.base).lexically_normal();
}

void expect_contents(vs::PlannedSystem& p, const std::string& root, const ExportDefinition& d) {
    std::size_t parents = 0;
    const auto expect_numbered = [&](const std::string& path, const ExportDefinition::File& f) {
        expect(p.spec.attributes, prefix_of_parent(parents++), path, f);
    };
    for (const auto& f : d.disks) {
        const auto path = root + '/' + f.path;
        bool own = false;
        for (auto& disk : p.spec.disks) {
            if (disk.path != path) continue;
            expect(disk.attributes, content, path, f);
            own = true;
        }
        if (!f.base.empty()) {
            ExportDefinition::File base;
            base.size = f.base_size;
            base.digest = f.base_digest;
            expect_numbered(base_file(path, f).string(), base);
        }
        if (!own) expect_numbered(path, f);
    }
    std::vector<const std::vector<ExportDefinition::File>*> others{&d.firmware};
    for (const auto& s : d.snapshots) others.insert(others.end(), {&s.memory, &s.firmware});
    for (const auto* files : others)
        for (const auto& f : *files) expect_numbered(root + '/' + f.path, f);
    if (!d.saved_state.empty())
        expect(p.spec.attributes, content, root + '/' + d.saved_state.front().path, d.saved_state.front());
}

void forget_contents(backend::Attributes& of_disk) {
    std::erase_if(of_disk, [](const auto& a) { return a.first.starts_with(content); });
}

Result<ContentCheck> check_contents(const Services& services, vs::PlannedSystem& p, JobContext& job) {
    ContentCheck out;
    auto files = files_of(p);
    std::uint64_t total = 1, done = 0;
    struct stat s {};
    std::erase_if(files, [&](File& f) {
        auto real = vs::check_existing(services.host.export_folders, f.path, "SystemDefinitionFile");
        if (!real && real.error().status != Status::not_found) out.wrong.push_back(real.error());
        if (!real || ::stat(real->c_str(), &s) != 0) return true;
        f.real = std::move(*real);
        total += static_cast<std::uint64_t>(s.st_size);
        return false;
    });
    FileWork work;
    work.stop = job.stop();
    work.advanced = [&](std::uint64_t n) {
        done += n;
        job.progress(static_cast<unsigned>(std::min<std::uint64_t>(90, done * 90 / total)));
    };
    for (const auto& f : files) {
        auto& a = *f.attributes;
        if (::stat(f.real.c_str(), &s) != 0) continue;
        const auto identity = write_mark(f.real);
        if (!identity.empty() && value(a, f.prefix + seen_key) == identity) continue;
        if (std::to_string(s.st_size) != value(a, f.prefix + size_key)) {
            out.wrong.push_back(damaged(f.path, "has another size"));
            continue;
        }
        auto digest = content_digest(f.real, work);
        if (!digest) return digest.error();
        if (*digest != value(a, f.prefix + digest_key)) {
            out.wrong.push_back(damaged(f.path, "has another content"));
            continue;
        }
        a[f.prefix + seen_key] = identity;
        out.changed = true;
    }
    return out;
}

}  // namespace wsvirt::cim::export_import
