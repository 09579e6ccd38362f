#include "backend/libvirt/connector.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "backend/libvirt/after_crash.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/handles.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

// sun_path holds 107 characters, and libvirt makes sockets as deep as this below the root.
constexpr std::size_t longest_root =
    107 - sizeof("/lib/qemu/channel/target/domain-99999-xxxxxxxxxxxxxxxxxxxx/org.qemu.guest_agent.0");

// Where the state directory is too deep for that, libvirt is given a short name for it. It depends only on
// the state directory, so that machines that run on are found again after a restart.
std::string short_root(const std::string& state_dir) {
    const std::string root = state_dir + "/qemu";
    if (root.size() <= longest_root) return root;
    return std::string(geteuid() == 0 ? "/run" : "/tmp") + "/wsvirt-" +
           to_lower(derived_guid(state_dir, "root").substr(0, 8));
}

HostKind kind_of(const std::string& uri) {
    if (uri.starts_with("test:")) return HostKind::test;
    if (uri == "qemu:///embed" || uri.starts_with("qemu:///embed?")) return HostKind::embedded;
    if (uri.starts_with("qemu:///") || uri.starts_with("qemu+unix:///")) return HostKind::local;
    return HostKind::remote;
}

// What QEMU's driver needs to know to run without systemd, virtlogd and cgroups. Run by root it would look
// for a user of its own that need not exist.
std::string embedded_configuration() {
    std::string text = geteuid() == 0 ? "user = \"root\"\ngroup = \"root\"\n" : "";
    text +=
        "security_driver = \"none\"\nremember_owner = 0\ndynamic_ownership = 0\nnamespaces = []\n"
        "cgroup_controllers = []\nstdio_handler = \"file\"\nset_process_name = 0\n"
        "clear_emulator_capabilities = 0\n";
    return text;
}

// libvirt writes the description of a snapshot under another name first. One that a kill left there it would
// read as a snapshot like any other, but never remove.
void remove_half_written(const fs::path& snapshots) {
    std::error_code ec;
    std::vector<fs::path> found;
    for (fs::recursive_directory_iterator i(snapshots, ec), end; !ec && i != end; i.increment(ec))
        if (i->path().extension() == ".new") found.push_back(i->path());
    for (const auto& file : found) fs::remove(file, ec);
}

Error cannot_prepare(const fs::path& path, const std::string& why) {
    return {Status::failed, "wsvirt.host.state_dir",
            "The state directory cannot be prepared; check its path, owner and mode.", path.string(), why};
}

}  // namespace

namespace {

std::string own_log(const Settings& settings) {
    return settings.state_dir + "/libvirt.log";
}

// libvirt would log to our standard error. Its log file can be chosen only by its environment and before its
// start.
std::shared_ptr<EventLoop> start_libvirt(const Settings& settings, HostKind kind) {
    std::error_code ec;
    if (kind == HostKind::embedded) fs::create_directories(settings.state_dir, ec);
    if (kind == HostKind::embedded && !ec)
        setenv("LIBVIRT_LOG_OUTPUTS", ("3:file:" + own_log(settings)).c_str(), 0);
    return EventLoop::acquire();
}

}  // namespace

Connector::Connector(Settings settings)
    : settings_(std::move(settings)),
      uri_(settings_.uri),
      kind_(kind_of(settings_.uri)),
      loop_(start_libvirt(settings_, kind_)) {
    if (kind_ == HostKind::embedded && uri_ == "qemu:///embed")
        uri_ += "?root=" + short_root(settings_.state_dir);
}

Result<void> Connector::prepare() {
    if (kind_ != HostKind::embedded) return {};
    const fs::path root = settings_.state_dir + "/qemu";
    if (!root.is_absolute()) return cannot_prepare(root, "the path is not absolute");
    log_.emplace(own_log(settings_), settings_.libvirt_log_limit);
    std::error_code ec;
    fs::create_directories(root / "etc", ec);
    if (!ec) fs::create_directories(root / "nbd", ec);
    if (ec) return cannot_prepare(root, ec.message());
    chmod(root.c_str(), 0700);
    remove_half_written(root / "lib" / "qemu" / "snapshot");
    if (const fs::path link = short_root(settings_.state_dir); link != root) {
        struct stat there {};
        const bool mine =
            lstat(link.c_str(), &there) == 0 && S_ISLNK(there.st_mode) && there.st_uid == geteuid();
        if (mine && fs::read_symlink(link, ec) != root) fs::remove(link, ec);
        fs::create_symlink(root, link, ec);
        if (fs::read_symlink(link, ec) != root)
            return cannot_prepare(link, "the short name for the state directory is taken");
    }
    const fs::path file = root / "etc" / "qemu.conf";
    std::ofstream out(file, std::ios::trunc);
    out << embedded_configuration();
    if (!out.flush()) return cannot_prepare(file, "cannot be written");
    static std::once_flag first;  // libvirt's driver begins once in a process, and stays
    std::call_once(first, [this] { clear_up_after_crash(run_dir(), settings_.call_limit); });
    return {};
}

Result<Connection> Connector::open() {
    std::unique_lock lock(mutex_, std::defer_lock);
    if (kind_ == HostKind::test) {
        lock.lock();
        if (auto shared = shared_.lock()) return shared;
    }
    ConnectHandle c(virConnectOpen(uri_.c_str()));
    if (!c) {
        Error e = last_error("reach the host");
        if (kind_ == HostKind::embedded && e.detail.find("driver.pid") != std::string::npos) {
            e.status = Status::busy;
            e.message_id = "wsvirt.host.in_use";
            e.text = "Another wsvirtd uses this state directory; stop it or configure another directory.";
        }
        if (e.detail.find("Failed to parse user") != std::string::npos) {
            e.status = Status::failed;
            e.message_id = "wsvirt.host.qemu_user";
            e.text =
                "libvirt run by root needs the system user and group libvirt-qemu; create them (useradd "
                "--system "
                "--user-group libvirt-qemu), or run wsvirtd as another user.";
        }
        return e;
    }
    if (kind_ == HostKind::remote || kind_ == HostKind::local)
        virConnectSetKeepAlive(c.get(), settings_.keepalive_interval_s, settings_.keepalive_count);
    Connection r(c.release(), [](virConnectPtr p) { virConnectClose(p); });
    if (kind_ == HostKind::test) shared_ = r;
    return r;
}

namespace {

constexpr const char* system_save_dir = "/var/lib/libvirt/qemu/save";

// Below the embedded root, or where the system's libvirt keeps it.
std::string local_dir(const Connector& c, const char* embedded, const char* system) {
    if (c.kind() == HostKind::embedded) return c.settings().state_dir + "/qemu" + embedded;
    if (c.kind() == HostKind::local && c.uri().find("/system") != std::string::npos) return system;
    return {};
}

}  // namespace

std::string Connector::run_dir() const {
    return local_dir(*this, "/run/qemu", "/run/libvirt/qemu");
}
std::string Connector::log_dir() const {
    return local_dir(*this, "/log/qemu", "/var/log/libvirt/qemu");
}
std::string Connector::disk_server_dir() const {
    return kind_ == HostKind::embedded ? short_root(settings_.state_dir) + "/nbd" : "";
}
std::string Connector::save_dir() const {
    return local_dir(*this, "/lib/qemu/save", system_save_dir);
}
std::string Connector::host_save_dir() const {
    const bool of_system = kind_ == HostKind::remote && uri_.find("/system") != std::string::npos;
    return of_system ? system_save_dir : save_dir();
}

}  // namespace wsvirt::backend::libvirt
