// The service itself: its settings.
#include "base/text.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/virtual_system/draft.hpp"
#include "cim/providers/virtual_system/kept.hpp"
#include "cim/providers/virtual_system/mac_address.hpp"
#include "cim/providers/virtual_system/service_settings.hpp"

namespace wsvirt::cim::management_service {

namespace {

// What can be set: the two ends of the MAC range (effect), and what is only kept.
constexpr std::array<std::string_view, 7> changeable{
    "MinimumMacAddress",   "MaximumMacAddress", "BiosLockString",     "PrimaryOwnerName",
    "PrimaryOwnerContact", "HbaLunTimeout",     "NumaSpanningEnabled"};

Result<void> check(const Property& p, const Value& v) {
    const bool known =
        std::any_of(changeable.begin(), changeable.end(), [&](auto c) { return iequals(c, p.name); });
    if (!known) return vs::read_only(p.name);
    if (iends_with(p.name, "MacAddress") &&
        (!vs::mac_with_colons(v.string_or({})) || v.string_or({}).size() != 12))
        return vs::refuse("wsvirt.service.mac", p.name,
                          p.name + " must be the 12 hexadecimal digits of a unicast MAC address.");
    return vs::check_value_map(p, v);
}

using Changes = std::vector<std::pair<std::string, std::string>>;

Result<void> check_range(Services& services, const Changes& changes) {
    auto range = vs::mac_range(services);
    for (const auto& [name, text] : changes) {
        if (iequals(name, "MinimumMacAddress")) range.low = to_upper(text);
        if (iequals(name, "MaximumMacAddress")) range.high = to_upper(text);
    }
    if (to_upper(range.low) > to_upper(range.high))
        return vs::refuse("wsvirt.service.mac_range", "MaximumMacAddress",
                          "MaximumMacAddress must not be below MinimumMacAddress.");
    // Between two first bytes lies one of multicast addresses.
    if (!iequals(range.low.substr(0, 2), range.high.substr(0, 2)))
        return vs::refuse("wsvirt.service.mac_range", "MaximumMacAddress",
                          "MaximumMacAddress and MinimumMacAddress must have the same first two digits: "
                          "there are multicast addresses between them otherwise.");
    return {};
}

Result<MethodResult> modify_service(const MethodCall& call) {
    Task task;
    task.type = job_type::modify_service;
    task.caption = "Modifying Management Service Settings";
    const auto* wanted = call.instance("SettingData");
    if (!wanted || !wanted->cls().is_a("Msvm_VirtualSystemManagementServiceSettingData"))
        return refused(call, task,
                       vs::refuse("wsvirt.service.settings", "SettingData",
                                  "SettingData must hold a Msvm_VirtualSystemManagementServiceSettingData."));
    const auto current = vs::service_settings_instance(call.services, wanted->class_ptr());
    Changes changes;
    for (std::size_t slot = 0; slot < wanted->size(); ++slot) {
        const auto& v = wanted->at(slot);
        const auto& p = *wanted->cls().properties()[slot];
        if (!wanted->given(slot) || v.is_null() || vs::same_value(current.at(slot), v)) continue;
        if (auto r = check(p, v); !r) return refused(call, task, r.error());
        changes.emplace_back(p.name, vs::keep_text(p, v));
    }
    if (auto r = check_range(call.services, changes); !r) return refused(call, task, r.error());
    auto& services = call.services;
    auto work = [&services, changes = std::move(changes)](JobContext&) {
        // All of them or none, and the range is looked at when nobody else changes it.
        return services.store.transaction([&]() -> Result<void> {
            if (auto r = check_range(services, changes); !r) return r;
            for (const auto& [name, text] : changes)
                if (auto r = vs::set_service_setting(services, name, text); !r) return r;
            return {};
        });
    };
    return run(call, std::move(task), std::move(work), {});
}

constexpr MethodEntry table[] = {{"ModifyServiceSettings", &modify_service}};

}  // namespace

MethodTable service_methods() {
    return table;
}

}  // namespace wsvirt::cim::management_service
