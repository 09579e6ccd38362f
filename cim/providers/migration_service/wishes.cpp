#include "cim/providers/migration_service/wishes.hpp"

#include <cmath>

#include "base/text.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/service_state.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr const char* parameter = "MigrationSettingData";
constexpr std::uint64_t transport_tls = 3, transport_tls_strict = 4, transport_tcp = 5;

Error bad(const char* property, std::string text) {
    return vs::named({Status::invalid_parameter, "wsvirt.migration.setting", std::move(text), property});
}

Error unsupported(const char* property, std::string text) {
    return vs::named(
        {Status::not_supported, "wsvirt.migration.setting_unsupported", std::move(text), property});
}

bool flag(const Instance& i, const char* property) {
    return i.get(property).bool_or(false);
}

Result<void> read_transport(const Instance& i, Wishes& w) {
    const auto type = i.uint("TransportType");
    w.tls = type == transport_tls || type == transport_tls_strict;
    if (type == 0 || type == transport_tcp || w.tls) return {};
    return unsupported("TransportType", "TransportType may be 0 or 5 (TCP), 3 or 4 (TLS); " +
                                            std::to_string(type) + " is not available on this host.");
}

Result<void> read_type(const Instance& i, Wishes& w) {
    const auto type = i.uint("MigrationType", 0);
    if (type == 0) return {};
    if (type < 32768 || type > 32772)
        return bad("MigrationType",
                   "MigrationType must be 32768 (machine), 32769 (storage), 32770 (staged) "
                   "or 32771 (machine and storage).");
    w.type = static_cast<MigrationType>(type);
    return {};
}

// What has no effect here must not be asked for.
Result<void> refuse_rest(const Instance& i) {
    if (flag(i, "AllowOverwriteExistingFile"))
        return unsupported("AllowOverwriteExistingFile",
                           "Files that exist are never overwritten; leave AllowOverwriteExistingFile out and "
                           "choose paths that are free.");
    if (const auto* v = i.get("UnmanagedVhds").as_array(); v && !v->empty())
        return unsupported("UnmanagedVhds",
                           "Only disks that are in the virtual machine's drives move with "
                           "it; leave UnmanagedVhds out.");
    if (flag(i, "RemoveSourceUnmanagedVhds"))
        return unsupported("RemoveSourceUnmanagedVhds",
                           "Disks that are in no drive of the virtual machine stay; leave "
                           "RemoveSourceUnmanagedVhds out.");
    if (i.uint("CPUCappingMagnitude") != 0)
        return unsupported("CPUCappingMagnitude",
                           "The processor use of a migration cannot be limited; use 0.");
    if (i.uint("Priority") != 0)
        return unsupported("Priority", "Migrations have no priorities; use 0 or leave it out.");
    if (flag(i, "EnableVhdCompression"))
        return unsupported("EnableVhdCompression", "Disks are copied without compression.");
    for (const char* text : {"AdvancedOptions", "OtherTransportType"})
        if (!i.string(text).empty())
            return unsupported(text, std::string(text) + " has no meaning on this host; leave it out.");
    return {};
}

Result<void> read_addresses(const Instance& i, Wishes& w) {
    const auto* all = i.get("DestinationIPAddressList").as_array();
    if (!all) return {};
    for (const auto& v : *all) {
        auto clean = clean_address(v.string_or({}));
        if (clean.empty())
            return bad("DestinationIPAddressList", "\"" + v.string_or({}) + "\" is not an IP address.");
        w.addresses.push_back(std::move(clean));
    }
    return {};
}

}  // namespace

Result<std::uint64_t> bandwidth_of(std::uint64_t number, std::string_view unit) {
    const auto wrong = bad("BandwidthUnit",
                           "BandwidthUnit must be like \"byte per second * 2^20\" or \"bit "
                           "per second * 10^6\".");
    auto text = replace_all(to_lower(trim(unit)), " ", "");
    double bytes = 1;
    if (text.empty()) text = "bytepersecond*2^20";
    if (text.starts_with("bitpersecond")) {
        bytes = 1.0 / 8;
        text = text.substr(12);
    } else if (text.starts_with("bytepersecond")) {
        text = text.substr(13);
    } else {
        return wrong;
    }
    for (const auto& factor : split(text, '*')) {
        if (factor.empty()) continue;
        const auto power = factor.find('^');
        const auto base = parse_uint(std::string_view(factor).substr(0, power));
        const auto exponent = power == std::string::npos
                                  ? std::optional<std::uint64_t>(1)
                                  : parse_uint(std::string_view(factor).substr(power + 1));
        if (!base || !exponent || *base > 1024 || *exponent > 60) return wrong;
        bytes *= std::pow(static_cast<double>(*base), static_cast<double>(*exponent));
    }
    const double mib = std::ceil(bytes * static_cast<double>(number) / (1024 * 1024));
    if (mib > 1e9) return wrong;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(mib));
}

Result<Wishes> wishes_of(const MethodCall& call) {
    Wishes w;
    const auto state = service_state(call.services);
    w.compression = state.compression;
    const auto* i = call.instance(parameter);
    if (!i) {
        if (trim(call.in.get(parameter).string_or({})).empty()) return w;
        return Error(Status::type_mismatch, "wsvirt.migration.settings",
                     "MigrationSettingData must hold a Msvm_VirtualSystemMigrationSettingData.", parameter);
    }
    if (!i->cls().is_a(migration_class))
        return Error(Status::type_mismatch, "wsvirt.migration.settings",
                     "MigrationSettingData must hold a Msvm_VirtualSystemMigrationSettingData, not a " +
                         i->cls().name() + ".",
                     parameter);
    if (auto r = read_type(*i, w); !r) return r.error();
    if (auto r = read_transport(*i, w); !r) return r.error();
    if (auto r = refuse_rest(*i); !r) return r.error();
    if (auto r = read_addresses(*i, w); !r) return r.error();
    if (!i->get("EnableCompression").is_null()) w.compression = flag(*i, "EnableCompression");
    w.keep_source_disks = flag(*i, "RetainVhdCopiesOnSource") || flag(*i, "AvoidRemovingVHDs");
    w.cancel_on_blackout = flag(*i, "CancelIfBlackoutThresholdExceeded");
    if (const auto n = i->uint("Bandwidth"); n != 0) {
        auto mib = bandwidth_of(n, i->string("BandwidthUnit"));
        if (!mib) return mib.error();
        w.bandwidth_mib_s = *mib;
    }
    if (const auto id = i->string("DestinationPlannedVirtualSystemId"); !trim(id).empty()) {
        const auto guid = vs::clean_guid(id);
        if (!guid)
            return bad("DestinationPlannedVirtualSystemId",
                       "DestinationPlannedVirtualSystemId must be the Name of a planned system.");
        w.planned_system = *guid;
    }
    return w;
}

}  // namespace wsvirt::cim::migration_service
