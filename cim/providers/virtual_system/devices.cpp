#include "cim/providers/virtual_system/devices.hpp"

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::vs {

using backend::Machine;
using backend::MachineState;

namespace {

bool always(const Machine&) {
    return true;
}
bool has_display(const Machine& m) {
    return !m.spec.displays.empty();
}
bool component_runs(const Machine& m, Kind k) {
    return is_running(m) && component_enabled(m.spec, info(k).device);
}

constexpr std::string_view keyboard_device = "F912AD6D-2B17-48EA-BD65-F927A61C7684",
                           mouse_device = "CFA8B69E-5B4A-4CC0-B98B-8BA1A1F3F95A",
                           display_device = "DA0A7802-E377-4AAC-8E77-0558EB1073F8",
                           head_device = R"(DA0A7802-E377-4AAC-8E77-0558EB1073F8\0)",
                           shutdown_device = "9F8233AC-BE49-4C79-8EE3-E7E1985B2077",
                           heartbeat_device = "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47";

constexpr std::array<DeviceFacts, 6> table{{
    {"Msvm_Keyboard", "Keyboard", "Microsoft Virtual Keyboard", keyboard_device, &always},
    {"Msvm_SyntheticMouse", "Mouse", "Microsoft Synthetic Mouse", mouse_device, &always},
    {"Msvm_SyntheticDisplayController", "Display Controller", "Microsoft Synthetic Display Controller",
     display_device, &has_display},
    {"Msvm_VideoHead", "Video Head", "Microsoft Virtual Video Head", head_device, &has_display},
    {"Msvm_ShutdownComponent", "Shutdown", "Microsoft Shutdown Service", shutdown_device,
     [](const Machine& m) { return component_runs(m, Kind::shutdown); }},
    {"Msvm_HeartbeatComponent", "Heartbeat", "Microsoft Heartbeat Service", heartbeat_device,
     [](const Machine& m) { return component_runs(m, Kind::heartbeat); }},
}};

// EnabledState is a number or a string, depending on the class.
void set_state(Instance& i, unsigned state) {
    const auto* p = i.cls().property("EnabledState");
    if (!p) return;
    set_if(i, "EnabledState", p->type == Type::string ? Value(std::to_string(state)) : Value(state));
}

class DeviceProvider final : public Provider {
  public:
    DeviceProvider(Services& services, MethodTable methods, DeviceFill fill)
        : services_(services), methods_(methods), fill_(std::move(fill)) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        const auto* facts = device_facts(cls->name());
        auto all = services_.hypervisor.machines();
        const auto count = all.size();
        return lazy_stream(count, [this, cls, facts, all = std::move(all)](std::size_t n) {
            return instance(cls, facts, *all[n]);
        });
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        const auto system = path.key_string("SystemName");
        if (system.empty()) return Provider::get(request, cls, path);
        auto i = of_system(cls, system);
        const auto wanted = path.key_string("DeviceID");
        if (!i || (!wanted.empty() && !iequals(wanted, i->string("DeviceID"))))
            return Error(Status::not_found, "wsvirt.device.missing",
                         "There is no " + cls->name() + " in the machine \"" + system +
                             "\" now; some devices exist only while the machine runs.",
                         system);
        return std::move(*i);
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "SystemName") || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        if (auto i = of_system(cls, *value.as_string())) out.push_back(std::move(*i));
        return stream_of(std::move(out));
    }

    Result<MethodResult> invoke(const Request& request, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        return dispatch(methods_, {services_, request, cls, target, method, in});
    }

  private:
    std::optional<Instance> of_system(const ClassPtr& cls, const std::string& system) {
        const auto guid = clean_guid(system);
        const auto m = guid ? services_.hypervisor.machine(*guid) : nullptr;
        if (!m) return std::nullopt;
        return instance(cls, device_facts(cls->name()), *m);
    }

    std::optional<Instance> instance(const ClassPtr& cls, const DeviceFacts* facts, const Machine& m) const {
        if (!facts || !facts->exists(m)) return std::nullopt;
        Instance i(cls);
        set_if(i, "SystemCreationClassName", "Msvm_ComputerSystem");
        set_if(i, "SystemName", m.spec.uuid);
        set_if(i, "CreationClassName", cls->name());
        set_if(i, "DeviceID", device_id(m.spec.uuid, *facts));
        for (const char* name : {"Caption", "ElementName", "Name"}) set_if(i, name, facts->caption);
        set_if(i, "Description", facts->description);
        set_if(i, "OperationalStatus", array_with(2));
        set_if(i, "StatusDescriptions", array_with("OK"));
        set_if(i, "HealthState", 5);
        set_if(i, "RequestedState", 12);
        set_if(i, "EnabledDefault", 2);
        set_if(i, "Availability", 6);
        set_if(i, "AdditionalAvailability", array_with(6));
        set_state(i, is_running(m) ? 2 : 3);
        if (fill_) fill_(m, i);
        return i;
    }

    Services& services_;
    MethodTable methods_;
    DeviceFill fill_;
};

}  // namespace

std::span<const DeviceFacts> devices() {
    return table;
}

const DeviceFacts* device_facts(std::string_view class_name) {
    for (const auto& d : table)
        if (iequals(d.class_name, class_name)) return &d;
    return nullptr;
}

std::string device_id(const std::string& machine, const DeviceFacts& facts) {
    return setting_id(machine, facts.device);
}

bool is_running(const Machine& m) {
    return m.state == MachineState::running || m.state == MachineState::paused;
}

bool component_enabled(const backend::MachineSpec& s, std::string_view device) {
    for (const auto& o : s.others) {
        if (o.id != device) continue;
        const auto state = o.attributes.find("EnabledState");
        return state == o.attributes.end() || state->second == "2";
    }
    return true;
}

std::unique_ptr<Provider> make_device_provider(Services& services, MethodTable methods, DeviceFill fill) {
    return std::make_unique<DeviceProvider>(services, methods, std::move(fill));
}

Result<std::shared_ptr<const Machine>> machine_of_device(const MethodCall& call) {
    const auto* facts = device_facts(call.cls->name());
    const auto guid = clean_guid(call.target.key_string("SystemName"));
    auto m = guid ? call.services.hypervisor.machine(*guid) : nullptr;
    if (!m || !facts || !facts->exists(*m))
        return Error(Status::not_found, "wsvirt.device.missing",
                     "The device does not exist now; some exist only while the machine runs.",
                     call.target.key_string("SystemName"));
    return m;
}

}  // namespace wsvirt::cim::vs
