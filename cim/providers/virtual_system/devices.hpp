// The logical devices that machines show besides their settings: keyboard, display, integration components. A
// device is an instance of its class while its condition holds (most only while the machine runs); its
// DeviceID is "Microsoft:<GUID of the machine>\<device data>". One provider serves every such class.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backend/machine.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/methods.hpp"

namespace wsvirt::cim::vs {

struct DeviceFacts {
    std::string_view class_name, caption, description, device;
    bool (*exists)(const backend::Machine&);
};
std::span<const DeviceFacts> devices();
const DeviceFacts* device_facts(std::string_view class_name);
std::string device_id(const std::string& machine, const DeviceFacts& facts);

// Whether a component of the machine is not disabled in its settings.
bool component_enabled(const backend::MachineSpec& s, std::string_view device);
bool is_running(const backend::Machine& m);

// fill: what the class has beyond what all devices have; may be empty.
using DeviceFill = std::function<void(const backend::Machine&, Instance&)>;
std::unique_ptr<Provider> make_device_provider(Services& services, MethodTable methods = {},
                                               DeviceFill fill = {});

// The machine that a device method is called on. Errors: not_found (also when the device is not there now).
Result<std::shared_ptr<const backend::Machine>> machine_of_device(const MethodCall& call);

}  // namespace wsvirt::cim::vs
