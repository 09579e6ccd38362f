// Which files on a host are its UEFI firmware, where nobody says so: the packages' names are looked for, each
// with the variables that belong to it. Of another host only its libvirt can tell which of them are there.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "backend/libvirt/domain_xml.hpp"

namespace wsvirt::backend::libvirt {

using HasFirmware = std::function<bool(const std::string& code, const std::string& variables)>;

// Each of the two pairs as it is given, or else the first one that is there.
FirmwareFiles with_found(FirmwareFiles given, const HasFirmware& has);

bool has_firmware_here(const std::string& code, const std::string& variables);

// The firmware that a host's libvirt names in its capabilities; nullopt: they do not speak of any.
std::optional<std::set<std::string>> loaders_in(std::string_view domain_capabilities);

// given, and what libvirt at the other end knows of the rest; before: where it says nothing.
FirmwareFiles firmware_there(virConnectPtr connection, const FirmwareFiles& given, FirmwareFiles before);

}  // namespace wsvirt::backend::libvirt
