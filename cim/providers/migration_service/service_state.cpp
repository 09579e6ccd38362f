#include "cim/providers/migration_service/service_state.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/migration_service/hosts.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr std::string_view setting_kind = "migration_service", network_kind = "migration_network";
constexpr const char* machines_setting = "MaximumActiveVirtualSystemMigration";
constexpr const char* storage_setting = "MaximumActiveStorageMigration";

struct Kind {
    std::uint16_t type;
    const char* name;
};
constexpr Kind kinds[] = {{32768, "VirtualSystem"},
                          {32769, "Storage"},
                          {32770, "Staged"},
                          {32771, "VirtualSystemAndStorage"},
                          {32772, "StorageDeepCheck"}};

std::string template_id(const Kind& k) {
    return std::string("Microsoft:Migration\\") + k.name;
}

std::uint32_t number(const Services& services, std::string_view property, std::uint32_t other) {
    const auto text = services.store.get(setting_kind, property);
    const auto n = text && *text ? parse_uint(**text) : std::nullopt;
    return n ? static_cast<std::uint32_t>(*n) : other;
}

// Subnet, prefix length and metric, then one tag a line.
std::string row_of(const MigrationNetwork& n) {
    auto out = n.subnet + '\n' + std::to_string(n.prefix_length) + '\n' + std::to_string(n.metric);
    for (const auto& t : n.tags) out += '\n' + t;
    return out;
}

std::optional<MigrationNetwork> network_of(const Store::Row& row) {
    auto lines = split(row.text, '\n');
    if (lines.size() < 3) return std::nullopt;
    MigrationNetwork n;
    n.id = row.key;
    n.subnet = lines[0];
    n.prefix_length = static_cast<unsigned>(parse_uint(lines[1]).value_or(0));
    n.metric = static_cast<std::uint32_t>(parse_uint(lines[2]).value_or(0));
    n.tags.assign(lines.begin() + 3, lines.end());
    return n;
}

}  // namespace

ServiceState service_state(const Services& services) {
    ServiceState s;
    s.enabled = number(services, "EnableVirtualSystemMigration", 1) != 0;
    s.most_machines = number(services, machines_setting, s.most_machines);
    s.most_storage = number(services, storage_setting, s.most_storage);
    s.authentication = number(services, "AuthenticationType", s.authentication);
    s.compression = number(services, "EnableCompression", 0) != 0;
    return s;
}

Instance settings_instance(const Services& services, const ClassPtr& cls) {
    const auto s = service_state(services);
    Instance i(cls);
    set_if(i, "InstanceID", settings_id);
    set_if(i, "Caption", "Hyper-V Migration Service Settings");
    set_if(i, "Description", "Settings of the service that moves virtual machines");
    set_if(i, "ElementName", "Hyper-V Migration Service Settings");
    set_if(i, "EnableVirtualSystemMigration", s.enabled);
    set_if(i, machines_setting, s.most_machines);
    set_if(i, storage_setting, s.most_storage);
    set_if(i, "AuthenticationType", s.authentication);
    set_if(i, "EnableCompression", s.compression);
    set_if(i, "EnableSmbTransport", false);
    return i;
}

std::vector<MigrationNetwork> networks(const Services& services) {
    std::vector<MigrationNetwork> out;
    const auto rows = services.store.list(network_kind);
    if (!rows) return out;
    for (const auto& row : *rows)
        if (auto n = network_of(row)) out.push_back(std::move(*n));
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.metric < b.metric; });
    return out;
}

Result<void> put_network(const Services& services, const MigrationNetwork& n) {
    return services.store.put(network_kind, n.id, row_of(n));
}

Result<void> erase_network(const Services& services, std::string_view id) {
    auto gone = services.store.erase(network_kind, id);
    return gone ? Result<void>() : Result<void>(gone.error());
}

Instance network_instance(const ClassPtr& cls, const MigrationNetwork& n) {
    Instance i(cls);
    set_if(i, "InstanceID", n.id);
    set_if(i, "Caption", "Migration Network Settings");
    set_if(i, "Description", "A network that migrations may use");
    set_if(i, "ElementName", n.subnet + "/" + std::to_string(n.prefix_length));
    set_if(i, "SubnetNumber", n.subnet);
    set_if(i, "PrefixLength", n.prefix_length);
    set_if(i, "Metric", n.metric);
    set_if(i, "Tags", Value::array_of(n.tags));
    return i;
}

bool allowed(const std::vector<MigrationNetwork>& all, const std::string& address) {
    return all.empty() || std::any_of(all.begin(), all.end(), [&](const MigrationNetwork& n) {
               return in_subnet(address, n.subnet, n.prefix_length);
           });
}

JobLimit most_active(const Services& services, bool storage) {
    const auto state = service_state(services);
    JobLimit out;
    if (storage)
        out.types = {job_type::move_storage};
    else
        out.types = {job_type::move_machine, job_type::move_both};
    out.most = storage ? state.most_storage : state.most_machines;
    const std::string name = storage ? storage_setting : machines_setting;
    out.full = Error(Status::busy, "wsvirt.migration.too_many",
                     "As many migrations are running as " + name + " allows (" + std::to_string(out.most) +
                         "): wait until one has ended, or allow more with ModifyServiceSettings.",
                     name);
    return out;
}

void fill_service(const Services& services, Instance& service) {
    const auto active = [&](bool storage) {
        return services.jobs.unfinished(most_active(services, storage).types);
    };
    set_if(service, "ActiveVirtualSystemMigrationCount", active(false));
    set_if(service, "ActiveStorageMigrationCount", active(true));
    const auto hosts = hosts_of(services);
    const auto name = service.string("SystemName");
    const auto host =
        std::find_if(hosts.begin(), hosts.end(), [&](const HostEntry& h) { return iequals(h.name, name); });
    auto addresses = addresses_of(services, host == hosts.end() ? hosts.front() : *host);
    const auto nets = networks(services);
    std::erase_if(addresses, [&](const std::string& a) { return !allowed(nets, a); });
    set_if(service, "MigrationServiceListenerIPAddressList", Value::array_of(addresses));
}

std::vector<std::string> setting_template_ids() {
    std::vector<std::string> out;
    for (const auto& k : kinds) out.push_back(template_id(k));
    return out;
}

std::vector<Instance> setting_templates(const Services& services, const ClassPtr& cls) {
    const bool compression = service_state(services).compression;
    std::vector<Instance> out;
    for (const auto& k : kinds) {
        Instance i(cls);
        set_if(i, "InstanceID", template_id(k));
        set_if(i, "Caption", "Migration Setting Data");
        set_if(i, "Description", "Virtual System Migration Setting Data");
        set_if(i, "ElementName", k.name);
        set_if(i, "MigrationType", k.type);
        set_if(i, "TransportType", 5);
        set_if(i, "RetainVhdCopiesOnSource", false);
        set_if(i, "CancelIfBlackoutThresholdExceeded", false);
        set_if(i, "AllowOverwriteExistingFile", false);
        set_if(i, "RemoveSourceUnmanagedVhds", false);
        set_if(i, "AvoidRemovingVHDs", false);
        set_if(i, "EnableCompression", compression);
        set_if(i, "CPUCappingMagnitude", 0);
        set_if(i, "Priority", 0);
        set_if(i, "Bandwidth", 0);
        set_if(i, "BandwidthUnit", "byte per second * 2^20");
        out.push_back(std::move(i));
    }
    return out;
}

}  // namespace wsvirt::cim::migration_service
