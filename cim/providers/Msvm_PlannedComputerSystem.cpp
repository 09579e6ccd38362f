// Systems that are described but not made yet. They can be changed, validated, realized and destroyed, never
// started.
#include "base/text.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/made_late.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::uint32_t off = 3, invalid_state = 32775;

DateTime moment(const backend::MachineSpec& spec, std::string_view key) {
    const auto it = spec.attributes.find(std::string(key));
    return DateTime::timestamp(it == spec.attributes.end() ? 0 : parse_int(it->second).value_or(0));
}

class PlannedComputerSystem final : public Provider {
  public:
    explicit PlannedComputerSystem(Services& services) : services_(services), planned_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> out;
        for (const auto& p : planned_.all()) out.push_back(write(cls, *p));
        return stream_of(std::move(out));
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!iequals(property, "Name") || !value.as_string()) return StreamPtr();
        std::vector<Instance> out;
        if (const auto guid = vs::clean_guid(*value.as_string()))
            if (const auto p = planned_.find(*guid)) out.push_back(write(cls, *p));
        return stream_of(std::move(out));
    }

    Result<MethodResult> invoke(const Request&, const ClassPtr&, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        if (iequals(method.name, "RequestStateChange"))
            return in.get("RequestedState").uint_or(0) == off
                       ? give_memory_up(vs::clean_guid(target.key_string("Name")).value_or(""))
                       : MethodResult(invalid_state);
        return Error(Status::not_supported, "wsvirt.planned.method",
                     "A planned system has no " + method.name + "; realize it first.", method.name);
    }

  private:
    // As with a machine that is saved; the file that came along stays where it is.
    MethodResult give_memory_up(const std::string& guid) {
        const auto held = services_.jobs.lock(guid);
        const auto now = held ? planned_.find(guid) : nullptr;
        if (!now || !now->spec.attributes.contains(std::string(vs::planned_saved)))
            return MethodResult(invalid_state);
        auto p = *now;
        std::erase_if(p.spec.attributes, [](const auto& a) {
            return a.first == vs::planned_saved || a.first.starts_with(vs::planned_emptied);
        });
        p.spec.attributes[std::string(vs::planned_changed)] = std::to_string(vs::now_us());
        const auto done = planned_.replace(p);
        return done ? MethodResult(0) : refused_quietly(done.error());
    }

    static Instance write(const ClassPtr& cls, const vs::PlannedSystem& p) {
        Instance i(cls);
        const bool saved = p.spec.attributes.contains(std::string(vs::planned_saved));
        set_if(i, "CreationClassName", cls->name());
        set_if(i, "Name", p.spec.uuid);
        set_if(i, "NameFormat", "GUID");
        set_if(i, "ElementName", p.spec.name);
        set_if(i, "Caption", "Planned Virtual Machine");
        set_if(i, "Description", "Microsoft Planned Virtual Machine");
        set_if(i, "InstallDate", moment(p.spec, vs::planned_created));
        set_if(i, "TimeOfLastConfigurationChange", moment(p.spec, vs::planned_changed));
        set_if(i, "OperationalStatus", array_with(2));
        set_if(i, "StatusDescriptions", array_with("Operating normally"));
        set_if(i, "HealthState", 5);
        set_if(i, "EnabledState", saved ? 6 : 3);
        set_if(i, "EnabledDefault", 3);
        set_if(i, "RequestedState", 12);
        set_if(i, "OnTimeInMilliseconds", 0);
        return i;
    }

    Services& services_;
    vs::PlannedSystems planned_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_PlannedComputerSystem(Services& services) {
    return std::make_unique<PlannedComputerSystem>(services);
}

}  // namespace wsvirt::cim
