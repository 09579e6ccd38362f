// Every key of the configuration, once: its section, name, place in Config and the values it may have.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "base/text.hpp"
#include "wsman/daemon/config.hpp"
#include "wsman/daemon/config_units.hpp"

namespace wsvirt::wsman {

namespace fs = std::filesystem;

namespace {

void one_of(ConfigVisitor& v, std::string_view name, std::string& value,
            std::vector<std::string_view> allowed) {
    v.key(name, value);
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
    std::string text = "must be one of";
    for (const auto a : allowed) text += " \"" + std::string(a) + "\"";
    v.refuse(text);
}

template <class T>
void list_of(ConfigVisitor& v, std::string_view name, std::vector<T>& all,
             const std::function<void(T&)>& each) {
    v.list(
        name, [&] { return all.size(); }, [&] { all.emplace_back(); }, [&](std::size_t i) { each(all[i]); });
}

void absolute_paths(ConfigVisitor& v, std::string_view name, std::vector<fs::path>& paths) {
    v.key(name, paths);
    for (const auto& path : paths)
        if (!path.is_absolute()) v.refuse("must hold absolute paths; \"" + path.string() + "\" is not");
}

// What has no time at all never gets done.
void waiting(ConfigVisitor& v, std::string_view name, std::chrono::milliseconds& value,
             std::chrono::milliseconds least = std::chrono::milliseconds(100)) {
    v.key(name, value);
    if (value < least) v.refuse("must be at least " + print_duration(least));
}

void visit_listener(ConfigVisitor& v, ListenerConfig& l) {
    v.key("address", l.address);
    if (l.address.empty()) v.refuse("must be an address, \"localhost\" or \"*\"");
    std::uint32_t port = l.port;
    v.key("port", port, 0, 65535);
    l.port = static_cast<std::uint16_t>(port);
    v.key("tls", l.tls);
    v.key("allow_basic", l.allow_basic);
    v.key("certificate", l.certificate);
    v.key("key", l.key);
    if (l.certificate.empty() != l.key.empty())
        v.refuse("certificate and key belong together; give both or none");
    one_of(v, "minimum_tls", l.minimum_tls, {"1.2", "1.3"});
}

void visit_switches(ConfigVisitor& v, std::vector<SwitchConfig>& switches) {
    list_of<SwitchConfig>(v, "switch", switches, [&](SwitchConfig& s) {
        v.key("name", s.name);
        v.key("bridge", s.bridge);
        v.key("network", s.network);
        if (s.name.empty()) v.refuse("a switch needs a name");
        if (s.bridge.empty() == s.network.empty()) v.refuse("a switch is either a bridge or a network");
    });
}

void visit_http(ConfigVisitor& v, HttpLimits& h) {
    v.section("http");
    std::uint64_t header = h.header_bytes;
    v.size("max_header", header, 4 * 1024, 1024 * 1024);
    h.header_bytes = static_cast<std::uint32_t>(header);
    v.size("max_body", h.body_bytes, 32 * 1024, 1024ull * 1024 * 1024);
    v.size("max_body_before_sign_in", h.anonymous_body_bytes, 1024, 1024ull * 1024 * 1024);
    waiting(v, "header_time", h.header_time);
    waiting(v, "body_time", h.body_time);
    waiting(v, "idle_time", h.idle_time);
    waiting(v, "write_time", h.write_time);
    v.key("linger_time", h.linger_time);
    v.key("max_connections", h.connections, 1, 1'000'000);
    v.key("max_connections_per_peer", h.connections_per_peer, 1, 1'000'000);
}

void visit_operations(ConfigVisitor& v, OpsSettings& o) {
    constexpr std::uint64_t many = 10'000'000;
    v.section("wsman");
    v.key("default_namespace", o.default_namespace);
    v.key("sender_fault_status", o.sender_fault_status, 400, 500);
    if (o.sender_fault_status != 400 && o.sender_fault_status != 500) v.refuse("must be 400 or 500");
    v.key("quota_fault", o.quota_fault);
    if (o.quota_fault != "QuotaLimit" && o.quota_fault != "InternalError")
        v.refuse("must be QuotaLimit or InternalError");
    v.section("wsman.limits");
    v.size("max_envelope_size", o.max_envelope_size, 8192, 1024ull * 1024 * 1024);
    v.size("usual_envelope_size", o.usual_envelope_size, 8192, 1024ull * 1024 * 1024);
    waiting(v, "default_timeout", o.default_timeout);
    waiting(v, "max_timeout", o.max_timeout);
    v.key("max_selectors", o.max_selectors, 1, 10'000);
    v.key("max_options", o.max_options, 1, 10'000);
    v.key("max_uri_characters", o.max_uri_characters, 2048, 1'000'000);
    v.size("max_filter_bytes", o.max_filter_bytes, 256, 1024 * 1024);
    v.key("max_filter_nesting", o.max_filter_nesting, 1, 64);
    v.key("max_filter_steps", o.max_filter_steps, 10'000, 100'000'000'000);
    v.key("max_operations", o.max_operations, 1, many);
    v.key("max_operations_per_user", o.max_operations_per_user, 1, many);
    v.key("max_contexts", o.max_contexts, 1, many);
    v.key("max_contexts_per_user", o.max_contexts_per_user, 1, many);
    v.key("max_elements", o.max_elements, 1, many);
    waiting(v, "context_idle", o.context_idle);
    waiting(v, "max_context_life", o.max_context_life);
    v.section("wsman.gate");
    v.size("max_bytes", o.gate.max_bytes, 32 * 1024, 1024ull * 1024 * 1024);
    v.size("max_header_bytes", o.gate.max_header_bytes, 8192, 1024 * 1024);
    v.key("max_depth", o.gate.max_depth, 16, 512);
    v.key("max_elements", o.gate.max_elements, 1000, many);
    v.key("max_attributes", o.gate.max_attributes, 16, 10'000);
    v.size("max_attribute_bytes", o.gate.max_attribute_bytes, 1024, 1024 * 1024);
    v.size("max_name_bytes", o.gate.max_name_bytes, 128, 64 * 1024);
    v.key("max_prefixes", o.gate.max_prefixes, 16, 100'000);
}

void visit_auth(ConfigVisitor& v, AuthConfig& a, PamConfig& p) {
    v.section("auth");
    v.key("realm", a.realm);
    v.key("users_file", a.users_file);
    v.key("remember", a.remember);
    v.key("remember_connection", a.remember_connection);
    v.key("remembered", a.remembered, 0, 1'000'000);
    v.key("threads", a.threads, 1, 64);
    v.key("queue", a.queue, 1, 100'000);
    v.key("failures", a.failures, 1, 1'000'000);
    v.key("failure_refill", a.failure_refill);
    v.key("failure_delay", a.failure_delay);
    v.key("longest_failure_delay", a.longest_failure_delay);
    v.section("auth.pam");
    v.key("enabled", p.enabled);
    v.key("service", p.service);
    v.key("config_dir", p.config_dir);
    v.key("groups", p.groups);
    v.key("users", p.users);
}

void visit_firmware(ConfigVisitor& v, FirmwareConfig& f) {
    const auto file = [&](const char* name, std::string& value, std::string& at) {
        const auto before = value;
        v.key(name, value);
        if (value != before) at = v.here();
    };
    file("firmware_code", f.code, f.at);
    file("firmware_vars", f.vars, f.at);
    file("secure_firmware_code", f.secure_code, f.secure_at);
    file("secure_firmware_vars", f.secure_vars, f.secure_at);
}

void visit_data_address(ConfigVisitor& v, std::string& address) {
    v.key("migration_data_address", address);
    if (address.find_first_of("/ \t") != std::string::npos)
        v.refuse("must be an address or a name, such as \"10.2.0.2\"");
}

void visit_backend(ConfigVisitor& v, BackendConfig& b) {
    v.section("backend");
    v.key("uri", b.uri);
    if (b.uri.find(':') == std::string::npos) v.refuse("must be a libvirt URI such as \"qemu:///embed\"");
    one_of(v, "accelerator", b.accelerator, {"auto", "kvm", "tcg"});
    v.key("virtual_hard_disk_path", b.virtual_hard_disk_path);
    absolute_paths(v, "storage_folders", b.storage_folders);
    absolute_paths(v, "export_folders", b.export_folders);
    v.key("emulator", b.emulator);
    v.key("qemu_img", b.qemu_img);
    v.key("qemu_nbd", b.qemu_nbd);
    visit_firmware(v, b.firmware);
    visit_data_address(v, b.migration_data_address);
    waiting(v, "open_limit", b.open_limit, std::chrono::seconds(1));
    waiting(v, "call_limit", b.call_limit, std::chrono::seconds(1));
    waiting(v, "read_limit", b.read_limit, std::chrono::seconds(1));
    waiting(v, "agent_limit", b.agent_limit, std::chrono::seconds(1));
    waiting(v, "shut_down_limit", b.shut_down_limit, std::chrono::seconds(1));
    v.key("max_calls", b.max_calls, 1, 10'000);
    v.size("libvirt_log_limit", b.libvirt_log_limit, 64 * 1024, 1024ull * 1024 * 1024);
    visit_switches(v, b.switches);
}

std::string system_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

bool inside_this_process(const std::string& uri) {
    return uri.starts_with("qemu:///embed") || uri.starts_with("test:");
}

void check_host_uri(ConfigVisitor& v, const std::string& uri) {
    if (uri.find("://") == std::string::npos)
        v.refuse("must be a libvirt URI such as \"qemu+tls://host/system\"");
    else if (inside_this_process(uri))
        v.refuse("must be a host where libvirtd runs, such as \"qemu+tls://host/system\"");
}

// As far as a text shows that two are one host.
std::string comparable(std::string uri) {
    while (uri.ends_with('/')) uri.pop_back();
    return to_lower(uri);
}

void visit_host(ConfigVisitor& v, HostConfig& h) {
    v.key("name", h.name);
    h.name_at = v.here();
    if (h.name.empty()) v.refuse("a host needs a name");
    v.key("uri", h.uri);
    h.uri_at = v.here();
    check_host_uri(v, h.uri);
    v.key("migration_uri", h.migration_uri);
    if (!h.migration_uri.empty()) check_host_uri(v, h.migration_uri);
    visit_data_address(v, h.migration_data_address);
    one_of(v, "accelerator", h.accelerator, {"auto", "kvm", "tcg"});
    v.key("emulator", h.emulator);
    visit_firmware(v, h.firmware);
    absolute_paths(v, "storage_folders", h.storage_folders);
    visit_switches(v, h.switches);
}

}  // namespace

void visit(Config& c, ConfigVisitor& v) {
    v.section("server");
    v.key("name", c.server.name);
    v.key("state_dir", c.server.state_dir);
    v.key("schema_dir", c.server.schema_dir);
    v.key("io_threads", c.server.io_threads, 0, 256);
    v.key("workers", c.server.workers, 1, 1'000);
    v.key("work_queue", c.server.work_queue, 1, 1'000'000);
    v.key("stop_time", c.server.stop_time);
    visit_http(v, c.limits);
    visit_operations(v, c.operations);
    visit_auth(v, c.auth, c.pam);
    visit_backend(v, c.backend);
    v.section("jobs");
    v.key("threads", c.jobs.threads, 1, 256);
    v.key("long_after", c.jobs.long_after);
    v.key("max_jobs", c.jobs.max_jobs, 1, 1'000'000);
    v.key("removal_delay", c.jobs.removal_delay);
    v.key("synchronous_window", c.jobs.synchronous_window);
    v.section("log");
    one_of(v, "level", c.log.level, {"debug", "info", "warn", "error"});
    v.section("metrics");
    v.key("enabled", c.metrics.enabled);
    v.section("");
    list_of<ListenerConfig>(v, "listener", c.listeners, [&](ListenerConfig& l) { visit_listener(v, l); });
    list_of<HostConfig>(v, "host", c.hosts, [&](HostConfig& h) { visit_host(v, h); });
    list_of<NamespaceConfig>(v, "namespace", c.namespaces, [&](NamespaceConfig& n) {
        v.key("name", n.name);
        absolute_paths(v, "mof", n.mof);
        if (n.name.empty() || n.mof.empty()) v.refuse("a namespace needs a name and MOF files");
    });
}

namespace {

// One without the other makes no machine start.
void check_pairs(const FirmwareConfig& f, std::vector<std::string>& out) {
    if (f.code.empty() != f.vars.empty())
        out.push_back(f.at + "firmware_code and firmware_vars belong together; give both or none");
    if (f.secure_code.empty() != f.secure_vars.empty())
        out.push_back(f.secure_at +
                      "secure_firmware_code and secure_firmware_vars belong together; give both or none");
}

}  // namespace

std::vector<std::string> contradictions(const Config& c) {
    std::vector<std::string> out;
    check_pairs(c.backend.firmware, out);
    for (const auto& h : c.hosts) check_pairs(h.firmware, out);
    std::set<std::string> names, uris{comparable(c.backend.uri)};
    const auto own_name = c.server.name.empty() ? system_name() : c.server.name;
    for (const auto& h : c.hosts) {
        if (!h.name.empty() && iequals(h.name, own_name))
            out.push_back(h.name_at + "\"" + h.name + "\" is the name of this host; [[host]] is for others");
        else if (!h.name.empty() && !names.insert(to_lower(h.name)).second)
            out.push_back(h.name_at + "there is another host named \"" + h.name + "\"");
        if (!h.uri.empty() && !inside_this_process(h.uri) && !uris.insert(comparable(h.uri)).second)
            out.push_back(h.uri_at + "\"" + h.uri +
                          "\" is this host's own (backend.uri), or another entry's; a host is named once");
    }
    return out;
}

void complete(Config& c) {
    if (c.server.name.empty()) c.server.name = system_name();
    if (c.server.state_dir.empty()) {
        const auto* state = std::getenv("XDG_STATE_HOME");
        const auto* home = std::getenv("HOME");
        if (::geteuid() == 0)
            c.server.state_dir = "/var/lib/wsvirt";
        else if (state && *state)
            c.server.state_dir = fs::path(state) / "wsvirt";
        else
            c.server.state_dir = fs::path(home ? home : "/tmp") / ".local/state/wsvirt";
    }
    c.server.state_dir = fs::absolute(c.server.state_dir).lexically_normal();
    const auto& state = c.server.state_dir;
    if (c.auth.users_file.empty()) c.auth.users_file = state / "users";
    if (c.backend.virtual_hard_disk_path.empty()) c.backend.virtual_hard_disk_path = state / "disks";
    if (c.backend.export_folders.empty()) c.backend.export_folders = {state / "exports"};
    if (c.listeners.empty()) {
        c.listeners.emplace_back();
        ListenerConfig https;
        https.address = "*";
        https.port = 5986;
        https.tls = true;
        c.listeners.push_back(https);
    }
    for (auto& l : c.listeners)
        if (l.tls && l.certificate.empty()) {
            l.certificate = state / "tls/server.crt";
            l.key = state / "tls/server.key";
        }
}

}  // namespace wsvirt::wsman
