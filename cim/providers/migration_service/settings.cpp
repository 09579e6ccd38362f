// ModifyServiceSettings and the methods for the networks that migrations may use.
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/migration_service/service_state.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr std::uint64_t most_at_once = 1000;

Task task_of(const char* caption) {
    Task t;
    t.type = job_type::modify_service;
    t.caption = caption;
    t.owning_service = service_class;
    return t;
}

Error bad(const char* property, std::string text) {
    return Error(Status::invalid_parameter, "wsvirt.migration.service_setting", std::move(text), property);
}

// What is stored for each property; nothing is stored unless all are right.
Result<std::vector<Store::Row>> rows_of(const Instance& i) {
    std::vector<Store::Row> rows;
    const auto given = [&](const char* name) { return !i.get(name).is_null(); };
    if (i.get("EnableSmbTransport").bool_or(false))
        return Error(Status::not_supported, "wsvirt.migration.smb",
                     "Migrations over SMB are not available; set EnableSmbTransport to false.",
                     "EnableSmbTransport");
    for (const char* name : {"EnableVirtualSystemMigration", "EnableCompression"})
        if (given(name)) rows.push_back({name, i.get(name).bool_or(false) ? "1" : "0"});
    for (const char* name : {"MaximumActiveVirtualSystemMigration", "MaximumActiveStorageMigration"}) {
        if (!given(name)) continue;
        if (i.uint(name) > most_at_once)
            return bad(name, std::string(name) + " must be at most " + std::to_string(most_at_once) + ".");
        rows.push_back({name, std::to_string(i.uint(name))});
    }
    if (given("AuthenticationType")) {
        if (i.uint("AuthenticationType") > 1)
            return bad("AuthenticationType", "AuthenticationType must be 0 (CredSSP) or 1 (Kerberos).");
        rows.push_back({"AuthenticationType", std::to_string(i.uint("AuthenticationType"))});
    }
    return rows;
}

Result<MethodResult> modify_service(const MethodCall& call) {
    const auto task = task_of("Modifying Migration Settings");
    const auto* i = call.instance("ServiceSettingData");
    if (!i || !i->cls().is_a(settings_class))
        return refused(
            call, task,
            bad("ServiceSettingData", std::string("ServiceSettingData must hold a ") + settings_class + "."));
    auto rows = rows_of(*i);
    if (!rows) return refused(call, task, rows.error());
    auto& store = call.services.store;
    auto done = store.transaction([&]() -> Result<void> {
        for (const auto& row : *rows)
            if (auto r = store.put("migration_service", row.key, row.text); !r) return r;
        return {};
    });
    if (!done) return refused(call, task, done.error());
    return MethodResult(0);
}

// before: what is left out stays as it was; of a new network, the defaults.
Result<MigrationNetwork> network_of(const Instance& i, MigrationNetwork before) {
    MigrationNetwork n = std::move(before);
    if (n.subnet.empty() || !i.get("SubnetNumber").is_null())
        n.subnet = clean_address(i.string("SubnetNumber"));
    if (n.subnet.empty())
        return bad("SubnetNumber", "SubnetNumber must be an IPv4 or IPv6 address such as \"10.0.0.0\".");
    const unsigned bits = n.subnet.find(':') == std::string::npos ? 32 : 128;
    const auto prefix = i.uint("PrefixLength", n.id.empty() ? bits : n.prefix_length);
    if (prefix > bits)
        return bad("PrefixLength", "PrefixLength must be at most " + std::to_string(bits) + ".");
    n.prefix_length = static_cast<unsigned>(prefix);
    n.metric = static_cast<std::uint32_t>(i.uint("Metric", n.metric));
    if (const auto* tags = i.get("Tags").as_array()) {
        n.tags.clear();
        for (const auto& t : *tags) {
            if (t.string_or({}).find('\n') != std::string::npos)
                return bad("Tags", "A tag is one line of text.");
            n.tags.push_back(t.string_or({}));
        }
    }
    return n;
}

std::optional<MigrationNetwork> find(const MethodCall& call, std::string_view id) {
    for (const auto& n : networks(call.services))
        if (iequals(n.id, id)) return n;
    return std::nullopt;
}

Result<MethodResult> store_networks(const MethodCall& call, const char* caption, bool fresh) {
    const auto task = task_of(caption);
    const auto given = call.instances("NetworkSettings");
    if (given.empty())
        return refused(call, task,
                       bad("NetworkSettings",
                           std::string("NetworkSettings must hold one or more ") + network_class + "."));
    std::vector<MigrationNetwork> all;
    for (const auto* i : given) {
        if (!i->cls().is_a(network_class))
            return refused(call, task,
                           bad("NetworkSettings",
                               "NetworkSettings holds a " + i->cls().name() + ", which is no network."));
        const auto id = i->string("InstanceID");
        auto before = fresh ? MigrationNetwork{} : find(call, id);
        if (!before) return refused(call, task, bad("InstanceID", "There is no network \"" + id + "\"."));
        auto n = network_of(*i, std::move(*before));
        if (!n) return refused(call, task, n.error());
        if (fresh) n->id = "Microsoft:MigrationNetwork\\" + make_guid();
        all.push_back(std::move(*n));
    }
    auto done = call.services.store.transaction([&]() -> Result<void> {
        for (const auto& n : all)
            if (auto r = put_network(call.services, n); !r) return r;
        return {};
    });
    if (!done) return refused(call, task, done.error());
    return MethodResult(0);
}

Result<MethodResult> add_networks(const MethodCall& call) {
    return store_networks(call, "Adding Migration Networks", true);
}

Result<MethodResult> modify_networks(const MethodCall& call) {
    return store_networks(call, "Modifying Migration Networks", false);
}

Result<MethodResult> remove_networks(const MethodCall& call) {
    const auto task = task_of("Removing Migration Networks");
    const auto paths = call.references("NetworkSettings");
    if (paths.empty())
        return refused(call, task, bad("NetworkSettings", "NetworkSettings must refer to networks."));
    for (const auto& p : paths)
        if (!find(call, p.key_string("InstanceID")))
            return refused(
                call, task,
                bad("NetworkSettings", "There is no network \"" + p.key_string("InstanceID") + "\"."));
    auto done = call.services.store.transaction([&]() -> Result<void> {
        for (const auto& p : paths)
            for (const auto& n : networks(call.services))
                if (iequals(n.id, p.key_string("InstanceID")))
                    if (auto r = erase_network(call.services, n.id); !r) return r;
        return {};
    });
    if (!done) return refused(call, task, done.error());
    return MethodResult(0);
}

constexpr MethodEntry table[] = {{"ModifyServiceSettings", &modify_service},
                                 {"AddNetworkSettings", &add_networks},
                                 {"ModifyNetworkSettings", &modify_networks},
                                 {"RemoveNetworkSettings", &remove_networks}};

}  // namespace

MethodTable settings_methods() {
    return table;
}

}  // namespace wsvirt::cim::migration_service
