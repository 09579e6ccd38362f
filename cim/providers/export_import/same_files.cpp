#include "cim/providers/export_import/same_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/cluster.hpp"

namespace wsvirt::cim::export_import {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kind = "shared_mark";
constexpr auto look_limit = std::chrono::seconds(15);
constexpr auto short_limit = std::chrono::seconds(5);  // of calls that otherwise answer at once

// A new empty file. The other host's libvirt opens what it finds in a folder, so it has to be readable.
class Mark {
  public:
    Mark(Store& store, const std::string& folder)
        : store_(store), file_((fs::path(folder) / (".wsvirt-" + make_guid())).string()) {
        if (!store_.put(kind, file_, "")) return;
        const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0) {
            (void)store_.erase(kind, file_);
            return;
        }
        ::fchmod(fd, 0644);
        ::close(fd);
        made_ = true;
    }
    ~Mark() {
        if (made_ && ::unlink(file_.c_str()) == 0) (void)store_.erase(kind, file_);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

    bool made() const { return made_; }
    const std::string& file() const { return file_; }

  private:
    Store& store_;
    std::string file_;
    bool made_ = false;
};

}  // namespace

SameFiles::SameFiles(Services& services, const backend::Machine& machine)
    : services_(services), limit_(look_limit) {
    if (!is_cluster(services)) return;
    for (std::size_t n = 1; n < services.hosts.size(); ++n)
        if (iequals(services.hosts[n].name, machine.host)) {
            host_ = services.hosts[n].name;
            other_ = services.hosts[n].hypervisor;
        }
}

SameFiles::SameFiles(Services& services, const HostEntry& host, std::chrono::milliseconds limit)
    : services_(services), limit_(limit), host_(host.name) {
    if (host.hypervisor != services.hosts.front().hypervisor) other_ = host.hypervisor;
}

backend::Call SameFiles::briefly() const {
    backend::Call call;
    call.deadline = std::chrono::steady_clock::now() + limit_;
    return call;
}

Result<void> SameFiles::check(const std::string& file) {
    if (!other_) return {};
    // A link is the same file as little as what it leads to.
    std::error_code ec;
    if (!fs::is_regular_file(fs::symlink_status(file, ec))) return elsewhere(file);
    auto same = shared(fs::path(file).parent_path().string());
    if (!same) return same.error();
    return *same ? Result<void>{} : elsewhere(file);
}

Result<bool> SameFiles::exists(const std::string& file) {
    if (file.empty()) return false;
    if (!other_) {
        std::error_code ec;
        return fs::exists(file, ec);
    }
    const auto there = other_->has_file(briefly(), file);
    if (!there) return there.error();
    if (*there)
        if (auto r = check(file); !r) return r.error();
    return *there;
}

Result<bool> SameFiles::shared(const std::string& folder) {
    if (const auto known = folders_.find(folder); known != folders_.end()) return known->second;
    const Mark mark(services_.store, folder);
    if (!mark.made()) return folders_[folder] = false;
    const auto seen = other_->has_file(briefly(), mark.file());
    if (!seen) return seen.error();
    return folders_[folder] = *seen;
}

Error SameFiles::elsewhere(const std::string& file) const {
    return Error(Status::not_supported, "wsvirt.export.elsewhere",
                 "The machine is on the host \"" + host_ + "\", and nothing shows that this host's \"" +
                     file +
                     "\" is the same file. Move the machine here first, export it with the service of that "
                     "host, or leave its disks out (CopyVmStorage false).",
                 "ComputerSystem");
}

bool same_on_all(Services& services, const std::string& file, const std::vector<const HostEntry*>& hosts) {
    return std::all_of(hosts.begin(), hosts.end(), [&](const HostEntry* h) {
        return h->hypervisor->connected() && SameFiles(services, *h, short_limit).check(file).ok();
    });
}

void remove_left_marks(Store& store) {
    const auto rows = store.list(kind);
    if (!rows) return;
    for (const auto& row : *rows)
        if (::unlink(row.key.c_str()) == 0 || errno == ENOENT) (void)store.erase(kind, row.key);
}

}  // namespace wsvirt::cim::export_import
