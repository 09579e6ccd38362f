// The Default, Minimum, Maximum and Increment settings of every kind of resource, as clients copy them before
// they add a device, and what leads to them: one resource pool and one Msvm_AllocationCapabilities per kind,
// named after the same GUID. Made when asked for; the numbers come from the host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"

namespace wsvirt::cim::vs {

// ValueRange and ValueRole of Msvm_SettingsDefineCapabilities: see values_of().
enum class TemplateType : std::uint8_t { standard, minimum, maximum, increment };
inline constexpr TemplateType template_types[] = {TemplateType::standard, TemplateType::minimum,
                                                  TemplateType::maximum, TemplateType::increment};

struct TemplateId {
    Kind kind = Kind::processor;
    TemplateType type = TemplateType::standard;
};
std::string template_id(const TemplateId& t);  // "Microsoft:Definition\<GUID>\Default"
std::optional<TemplateId> parse_template_id(std::string_view instance_id);
std::string capabilities_id(Kind k);  // InstanceID of its Msvm_AllocationCapabilities
std::optional<Kind> parse_capabilities_id(std::string_view instance_id);
std::string pool_id(Kind k);  // InstanceID and PoolID of its primordial pool
std::optional<Kind> parse_pool_id(std::string_view instance_id);

// writer: of the class that describes the kind.
Instance write_template(Services& services, const ElementWriter& writer, const TemplateId& t);

}  // namespace wsvirt::cim::vs
