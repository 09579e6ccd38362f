#include "cim/providers/export_import/contents.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"

namespace wsvirt::cim::export_import {

namespace {

// In the attributes of a disk, or of the system for its saved memory.
constexpr const char *path_key = "Planned.ContentPath", *size_key = "Planned.ContentSize",
                     *digest_key = "Planned.ContentDigest", *seen_key = "Planned.ContentSeen";

void expect(backend::Attributes& a, const std::string& path, const ExportDefinition::File& f) {
    if (f.digest.empty()) return;
    a[path_key] = path;
    a[size_key] = std::to_string(f.size);
    a[digest_key] = f.digest;
}

std::string value(const backend::Attributes& a, const char* key) {
    const auto it = a.find(key);
    return it == a.end() ? std::string() : it->second;
}

// What changes when somebody writes to the file.
std::string identity_of(const struct stat& s) {
    return std::to_string(s.st_dev) + ':' + std::to_string(s.st_ino) + ':' + std::to_string(s.st_size) + ':' +
           std::to_string(s.st_mtim.tv_sec) + '.' + std::to_string(s.st_mtim.tv_nsec);
}

struct File {
    backend::Attributes* attributes;
    std::string path;
};

std::vector<File> files_of(vs::PlannedSystem& p) {
    std::vector<File> out;
    for (auto& d : p.spec.disks)
        if (!d.path.empty() && value(d.attributes, path_key) == d.path)
            out.push_back({&d.attributes, d.path});
    const auto saved = value(p.spec.attributes, std::string(vs::planned_saved).c_str());
    if (!saved.empty() && value(p.spec.attributes, path_key) == saved)
        out.push_back({&p.spec.attributes, saved});
    return out;
}

Error damaged(const std::string& path, const char* how) {
    return Error(Status::invalid_parameter, "wsvirt.validate.content",
                 "\"" + path + "\" " + how +
                     " than when it was exported; copy the export again, or, to use the file as it is, "
                     "remove the resource and add it again.",
                 path);
}

}  // namespace

void expect_contents(vs::PlannedSystem& p, const std::string& root, const ExportDefinition& d) {
    for (auto& disk : p.spec.disks)
        for (const auto& f : d.disks)
            if (disk.path == root + '/' + f.path) expect(disk.attributes, disk.path, f);
    if (!d.saved_state.empty())
        expect(p.spec.attributes, root + '/' + d.saved_state.front().path, d.saved_state.front());
}

void forget_contents(backend::Attributes& of_disk) {
    for (const char* key : {path_key, size_key, digest_key, seen_key}) of_disk.erase(key);
}

Result<ContentCheck> check_contents(vs::PlannedSystem& p, JobContext& job) {
    ContentCheck out;
    const auto files = files_of(p);
    std::uint64_t total = 1, done = 0;
    struct stat s {};
    for (const auto& f : files)
        if (::stat(f.path.c_str(), &s) == 0) total += static_cast<std::uint64_t>(s.st_size);
    FileWork work;
    work.stop = job.stop();
    work.advanced = [&](std::uint64_t n) {
        done += n;
        job.progress(static_cast<unsigned>(std::min<std::uint64_t>(90, done * 90 / total)));
    };
    for (const auto& f : files) {
        auto& a = *f.attributes;
        if (::stat(f.path.c_str(), &s) != 0) continue;
        const auto identity = identity_of(s);
        if (value(a, seen_key) == identity) continue;
        if (std::to_string(s.st_size) != value(a, size_key)) {
            out.wrong.push_back(damaged(f.path, "has another size"));
            continue;
        }
        auto digest = content_digest(f.path, work);
        if (!digest) return digest.error();
        if (*digest != value(a, digest_key)) {
            out.wrong.push_back(damaged(f.path, "has another content"));
            continue;
        }
        a[seen_key] = identity;
        out.changed = true;
    }
    return out;
}

}  // namespace wsvirt::cim::export_import
