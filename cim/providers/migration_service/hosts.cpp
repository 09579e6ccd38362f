#include "cim/providers/migration_service/hosts.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <memory>

#include "backend/cluster.hpp"
#include "base/text.hpp"
#include "cim/providers/export_import/half_made.hpp"
#include "cim/providers/migration_service/last_places.hpp"
#include "cim/providers/migration_service/settle.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::migration_service {

namespace {

struct Bytes {
    std::array<unsigned char, 16> data{};
    unsigned size = 0;  // 4 or 16
};

std::optional<Bytes> bytes_of(const std::string& text) {
    Bytes b;
    if (::inet_pton(AF_INET, text.c_str(), b.data.data()) == 1)
        b.size = 4;
    else if (::inet_pton(AF_INET6, text.c_str(), b.data.data()) == 1)
        b.size = 16;
    else
        return std::nullopt;
    return b;
}

std::string text_of(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* raw = nullptr;
    if (address->sa_family == AF_INET)
        raw = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    else if (address->sa_family == AF_INET6)
        raw = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (raw == nullptr || !::inet_ntop(address->sa_family, raw, text.data(), text.size())) return {};
    return text.data();
}

std::vector<std::string> interface_addresses() {
    std::vector<std::string> out;
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) return out;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(raw, &::freeifaddrs);
    for (const auto* i = raw; i; i = i->ifa_next) {
        if (!i->ifa_addr) continue;
        const auto text = text_of(i->ifa_addr);
        if (text.empty() || text == "::1" || text.starts_with("127.") || istarts_with(text, "fe80:"))
            continue;
        out.push_back(text);
    }
    return out;
}

void resolve(const std::string& name, std::vector<std::string>& out) {
    if (name.empty()) return;
    addrinfo hints{}, *raw = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &raw) != 0) return;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(raw, &::freeaddrinfo);
    for (const auto* a = raw; a; a = a->ai_next)
        if (auto text = text_of(a->ai_addr);
            !text.empty() && std::find(out.begin(), out.end(), text) == out.end())
            out.push_back(std::move(text));
}

std::vector<std::string> names_of(const HostEntry& h) {
    return {h.name, h.hypervisor->host().name, host_in_uri(h.uri), host_in_uri(h.migration_uri),
            h.migration_data_address};
}

std::string first_label(std::string_view name) {
    return std::string(name.substr(0, name.find('.')));
}

// "alpha" and "alpha.example.com" are the same host; two names with different domains are not.
bool same_host_name(const std::string& a, const std::string& b) {
    if (a.empty() || b.empty()) return false;
    if (iequals(a, b)) return true;
    const bool one_short = (a.find('.') == std::string::npos) != (b.find('.') == std::string::npos);
    return one_short && clean_address(a).empty() && clean_address(b).empty() &&
           iequals(first_label(a), first_label(b));
}

bool below_folders(const std::vector<std::filesystem::path>& folders, const std::string& path) {
    if (folders.empty()) return true;
    const auto normal = std::filesystem::path(path).lexically_normal().string();
    return std::any_of(folders.begin(), folders.end(), [&](const auto& f) {
        const auto root = (f / "").lexically_normal().string();
        return normal.starts_with(root);
    });
}

}  // namespace

std::vector<HostEntry> hosts_of(const Services& services) {
    if (!services.hosts.empty()) return services.hosts;
    HostEntry local;
    local.name = services.host.name;
    local.hypervisor = &services.hypervisor;
    return {local};
}

bool is_local(const Services& services, const HostEntry& host) {
    return host.hypervisor == hosts_of(services).front().hypervisor;
}

std::optional<HostEntry> host_of_machine(const Services& services, std::string_view machine) {
    if (!services.hypervisor.machine(machine)) return std::nullopt;
    const auto all = hosts_of(services);
    for (const auto& h : all)
        if (h.hypervisor == &services.hypervisor) return h;
    const auto* place = backend::place_of(all, machine);
    return place ? std::optional(*place) : std::nullopt;
}

Result<void> check_only_there(const Services& services, const HostEntry& place, std::string_view machine,
                              Elsewhere allowed) {
    for (const auto& h : hosts_of(services)) {
        const auto m = h.hypervisor == place.hypervisor ? nullptr : h.hypervisor->machine(machine);
        if (!m) continue;
        const bool runs = m->state == backend::MachineState::running;
        if (!runs && (allowed == Elsewhere::not_running ||
                      (m->state == backend::MachineState::off && !m->has_saved_state) ||
                      is_left_over(services, m->spec.uuid, h)))
            continue;
        const auto both = "The host \"" + h.name + "\" has \"" + m->spec.name + "\" as well, and ";
        return Error(Status::invalid_state, "wsvirt.machine.elsewhere",
                     h.hypervisor->connected()
                         ? both +
                               "it is not off there. Control it there, as root/HyperVCluster/v2 does, and "
                               "remove the definition on \"" +
                               place.name + "\"; or turn it off there first."
                         : both +
                               "it was not off when that host last answered. Wait until it answers, or "
                               "take it out of this service's configuration when it is gone for good.",
                     m->spec.uuid);
    }
    return {};
}

Result<void> check_only_here(const Services& services, std::string_view machine, Elsewhere allowed) {
    const auto place = host_of_machine(services, machine);
    if (!place) return {};
    if (auto r = check_only_there(services, *place, machine, allowed); !r) return r;
    return check_was_last_there(services, *place, machine);
}

Result<void> check_at_hand(const Services& services, const backend::Machine& machine) {
    if (auto r = export_import::check_whole(machine.spec); !r) return r;
    const bool idle =
        machine.state == backend::MachineState::off || machine.state == backend::MachineState::saved;
    // A paused half elsewhere of one that is under way here is a migration's.
    return check_only_here(services, machine.spec.uuid, idle ? Elsewhere::off : Elsewhere::not_running);
}

Result<HostEntry> find_host(const Services& services, std::string_view given, const std::string& parameter) {
    const std::string name(trim(given));
    if (name.empty())
        return Error(Status::invalid_parameter, "wsvirt.migration.no_host",
                     parameter + " must say which host the virtual machine goes to.", parameter);
    const auto all = hosts_of(services);
    const auto address = clean_address(name);
    for (const auto& h : all)
        for (const auto& n : names_of(h)) {
            const bool same =
                address.empty() ? !n.empty() && iequals(n, name) : !n.empty() && clean_address(n) == address;
            if (same) return h;
        }
    for (const auto& h : all) {
        const auto names = address.empty() ? names_of(h) : addresses_of(services, h);
        for (const auto& n : names)
            if (address.empty() ? same_host_name(n, name) : n == address) return h;
    }
    return Error(Status::invalid_parameter, "wsvirt.migration.unknown_host",
                 "\"" + name + "\" is none of the hosts in this service's configuration ([[host]]).",
                 parameter);
}

Result<HostEntry> find_host(const Services& services, const ObjectPath& system,
                            const std::string& parameter) {
    const auto name = system.key_string("Name");
    if (!name.empty() || !system.keys().empty()) return find_host(services, name, parameter);
    // A name of one word looks like that of a class.
    return find_host(services, system.host().empty() ? system.class_name() : system.host(), parameter);
}

Services services_at(const Services& services, const HostEntry& host) {
    auto settings = services.host;
    if (!is_local(services, host)) {
        settings.name = host.name;
        settings.storage_folders = host.storage_folders;
    }
    return Services{
        services.schema,     *host.hypervisor, services.jobs,           services.store,
        std::move(settings), services.hosts,   services.object_manager, services.repository_namespaces};
}

bool sees_files(const Services& services, const HostEntry& host) {
    return is_local(services, host) && host_in_uri(host.uri).empty();
}

Result<std::string> place_at(const Services& services, const HostEntry& host, const std::string& path,
                             bool made) {
    const std::string property = "HostResource";
    const auto there = services_at(services, host);
    if (sees_files(services, host)) {
        if (made) return vs::check_place(there.host.storage_folders, path, property);
        auto file = vs::check_existing(there.host.media_folders(), path, property);
        if (!file && file.error().status == Status::not_found) return path;
        return file;
    }
    if (auto r = vs::check_path(path, property); !r) return r.error();
    if (below_folders(there.host.storage_folders, path)) return path;
    return Error(Status::access_denied, "wsvirt.migration.outside",
                 "\"" + path + "\" lies outside the storage folders of \"" + host.name +
                     "\"; give the disk a path below one of them in NewResourceSettingData.",
                 property);
}

std::string host_in_uri(std::string_view uri) {
    const auto begin = uri.find("://");
    if (begin == std::string_view::npos) return {};
    uri.remove_prefix(begin + 3);
    uri = uri.substr(0, uri.find_first_of("/?"));
    if (const auto user = uri.rfind('@'); user != std::string_view::npos) uri.remove_prefix(user + 1);
    if (uri.starts_with('[')) return std::string(uri.substr(1, uri.find(']') - 1));
    return std::string(uri.substr(0, uri.find(':')));
}

std::string clean_address(std::string_view given) {
    std::string text(trim(given));
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    const auto b = bytes_of(text);
    if (!b) return {};
    std::array<char, INET6_ADDRSTRLEN> out{};
    ::inet_ntop(b->size == 4 ? AF_INET : AF_INET6, b->data.data(), out.data(), out.size());
    return out.data();
}

bool in_subnet(const std::string& address, const std::string& subnet, unsigned prefix) {
    const auto a = bytes_of(address), s = bytes_of(subnet);
    if (!a || !s || a->size != s->size || prefix > a->size * 8) return false;
    for (unsigned bit = 0; bit < prefix; ++bit) {
        const auto mask = static_cast<unsigned char>(0x80U >> (bit % 8));
        if ((a->data[bit / 8] & mask) != (s->data[bit / 8] & mask)) return false;
    }
    return true;
}

std::vector<std::string> addresses_of(const Services& services, const HostEntry& host) {
    std::vector<std::string> out;
    if (is_local(services, host)) {
        out = interface_addresses();
        resolve(host.migration_data_address, out);
        return out;
    }
    for (const auto& name :
         {host.migration_data_address, host_in_uri(host.migration_uri), host_in_uri(host.uri)})
        resolve(name, out);
    return out;
}

std::string data_uri(const std::string& address) {
    if (address.empty()) return {};
    const auto clean = clean_address(address);
    return clean.find(':') == std::string::npos ? "tcp://" + address : "tcp://[" + clean + "]";
}

}  // namespace wsvirt::cim::migration_service
