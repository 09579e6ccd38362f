// The daemon's configuration: one TOML file and the drop-ins of its conf.d folder. Every key has the default
// that stands here; an unknown key, a wrong type or an impossible value is an error with file, line and
// column. Durations are texts with a unit ("500ms", "15s", "5min", "1h") or numbers of seconds; sizes are
// texts with a unit ("64KiB", "2MiB") or numbers of bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/identity.hpp"
#include "wsman/http/limits.hpp"
#include "wsman/ops/settings.hpp"

namespace wsvirt::wsman {

struct ListenerConfig {
    std::string address = "localhost";
    std::uint16_t port = 5985;
    bool tls = false;
    bool allow_basic = false;                // passwords over plain HTTP, also from other machines
    std::filesystem::path certificate, key;  // "" = the self-signed one in the state folder
    std::string minimum_tls = "1.2";
};

struct SwitchConfig {
    std::string name;    // as clients see it
    std::string bridge;  // one of the two
    std::string network;
};

struct FirmwareConfig {                    // UEFI images; "" = looked for under the usual names
    std::string code, vars;                // without secure boot
    std::string secure_code, secure_vars;  // with it and its keys
    std::string at, secure_at;             // where they were read, for errors
};

struct HostConfig {  // a remote libvirt host
    std::string name;
    std::string uri;                     // as this machine reaches its libvirt
    std::string migration_uri;           // as other hosts reach it for migrations; "" = uri
    std::string migration_data_address;  // where the data of a migration goes; "" = libvirt decides
    std::string accelerator = "auto";
    std::string emulator;  // "" = libvirt's choice
    FirmwareConfig firmware;
    std::vector<std::filesystem::path> storage_folders;
    std::vector<SwitchConfig> switches;
    std::string name_at, uri_at;  // where they were read, for errors
};

// A namespace filled from MOF files, whose classes without a provider keep their instances in the state
// database.
struct NamespaceConfig {
    std::string name;
    std::vector<std::filesystem::path> mof;
};

struct ServerConfig {
    std::string name;                  // this host's name to clients; "" = the system's
    std::filesystem::path state_dir;   // "" = /var/lib/wsvirt for root, else below $XDG_STATE_HOME
    std::filesystem::path schema_dir;  // "" = as installed
    std::uint32_t io_threads = 0;      // 0 = one per processor
    std::uint32_t workers = 16;        // threads for calls that block
    std::uint32_t work_queue = 1'000;
    std::chrono::milliseconds stop_time{30'000};  // for what runs when the daemon is told to stop
};

struct AuthConfig {
    std::string realm = "wsvirt";
    std::filesystem::path users_file;  // "" = "users" in the state folder
    std::chrono::milliseconds remember{300'000};
    std::chrono::milliseconds remember_connection{3'600'000};
    std::uint32_t remembered = 1'000;
    std::uint32_t threads = 2;
    std::uint32_t queue = 200;
    std::uint32_t failures = 10;
    std::chrono::milliseconds failure_refill{6'000};
    std::chrono::milliseconds failure_delay{500};
    std::chrono::milliseconds longest_failure_delay{4'000};
};

struct PamConfig {
    bool enabled = false;
    std::string service = "wsvirt";
    std::filesystem::path config_dir;  // "" = the system's
    std::map<std::string, Role> groups, users;
};

struct BackendConfig {
    std::string uri = "qemu:///embed";
    std::string accelerator = "auto";
    std::filesystem::path virtual_hard_disk_path;        // "" = "disks" in the state folder
    std::vector<std::filesystem::path> storage_folders;  // besides virtual_hard_disk_path
    std::vector<std::filesystem::path> export_folders;   // "exports" in the state folder when empty
    std::string emulator;                                // "" = libvirt's choice
    std::string qemu_img = "qemu-img";
    std::string qemu_nbd = "qemu-nbd";
    FirmwareConfig firmware;
    std::string migration_data_address;                  // of this host, where machines come to it
    std::chrono::milliseconds open_limit{30'000};        // the first connection
    std::chrono::milliseconds call_limit{120'000};       // a call that has no limit of its own
    std::chrono::milliseconds read_limit{10'000};        // statistics, screenshots
    std::chrono::milliseconds agent_limit{10'000};       // the guest agent's answers
    std::chrono::milliseconds shut_down_limit{300'000};  // a guest that was asked to shut down
    std::uint32_t max_calls = 64;                        // calls under way
    std::uint64_t libvirt_log_limit = 10 << 20;          // bytes of libvirt.log in the state folder
    std::vector<SwitchConfig> switches;
};

struct JobsConfig {
    std::uint32_t threads = 8;
    std::chrono::milliseconds long_after{2'000};
    std::uint32_t max_jobs = 1'000;
    std::chrono::milliseconds removal_delay{300'000};
    std::chrono::milliseconds synchronous_window{250};
};

struct LogConfig {
    std::string level = "info";
};

struct MetricsConfig {
    bool enabled = false;  // /metrics, for loopback peers without sign-in and for others with
};

struct Config {
    ServerConfig server;
    std::vector<ListenerConfig> listeners;  // none given: HTTP 5985 on loopback, HTTPS 5986 everywhere
    HttpLimits limits;
    OpsSettings operations;
    AuthConfig auth;
    PamConfig pam;
    BackendConfig backend;
    std::vector<HostConfig> hosts;
    std::vector<NamespaceConfig> namespaces;
    JobsConfig jobs;
    LogConfig log;
    MetricsConfig metrics;
};

// What goes over the keys: a reader, a printer. Each key of the configuration is named once, in visit().
class ConfigVisitor {
  public:
    virtual ~ConfigVisitor() = default;
    virtual void section(std::string_view name) = 0;  // "server", "auth.pam"
    virtual void key(std::string_view name, std::string& value) = 0;
    virtual void key(std::string_view name, bool& value) = 0;
    virtual void key(std::string_view name, std::uint32_t& value, std::uint64_t least,
                     std::uint64_t most) = 0;
    virtual void key(std::string_view name, std::uint64_t& value, std::uint64_t least,
                     std::uint64_t most) = 0;
    virtual void key(std::string_view name, std::chrono::milliseconds& value) = 0;
    virtual void size(std::string_view name, std::uint64_t& bytes, std::uint64_t least,
                      std::uint64_t most) = 0;
    virtual void key(std::string_view name, std::filesystem::path& value) = 0;
    virtual void key(std::string_view name, std::vector<std::filesystem::path>& value) = 0;
    virtual void key(std::string_view name, std::map<std::string, Role>& value) = 0;
    // An array of tables: each(i) visits entry i; `count` entries exist, add() makes another.
    virtual void list(std::string_view name, const std::function<std::size_t()>& count,
                      const std::function<void()>& add, const std::function<void(std::size_t)>& each) = 0;
    // A value that was just visited is impossible.
    virtual void refuse(std::string_view why) = 0;
    // The same to be said later: goes before the reason. "" = nowhere.
    virtual std::string here() const { return {}; }
};
void visit(Config& config, ConfigVisitor& visitor);
// What no single file can tell: values that do not go together.
std::vector<std::string> contradictions(const Config& config);

struct ConfigResult {
    Config config;
    std::vector<std::string>
        errors;  // "file:line:column: what"; the configuration is usable when there are none
};

// `file`, then conf.d/*.toml beside it in the order of their names: later values win, [[...]] entries add up.
ConfigResult load_config(const std::filesystem::path& file, bool may_be_absent = false);
ConfigResult parse_config(std::string_view text, const std::string& name);  // one text, for tests

// Fills in what depends on the machine: state folder, listeners, host name, paths below the state folder.
void complete(Config& config);

std::string print_config(const Config& config);  // as TOML that load_config() reads

}  // namespace wsvirt::wsman
