// Msvm_VirtualHardDiskSettingData and what it says about an image file. The format is that of the file's
// extension (.vhd, .vhdx, .qcow2, .raw, .img), which Format must not contradict: the model has numbers for
// VHD and VHDX only. No state.
#pragma once

#include <string>

#include "backend/hypervisor.hpp"
#include "cim/model/instance.hpp"
#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::image_service {

// Checks everything that can be checked before the file is made. Errors: invalid_parameter, missing_value,
// access_denied, not_supported, already_exists; subject = the property.
// source_size: of the image that is converted; 0 for a new one.
Result<backend::ImageSpec> image_spec_of(Services& services, const Instance& settings,
                                         std::uint64_t source_size);

Instance disk_settings(const ClassPtr& cls, const backend::ImageInfo& image, const std::string& path);

// "vpc", "vhdx", "qcow2", "raw" by extension; "" for any other.
std::string format_of_extension(const std::string& path);

}  // namespace wsvirt::cim::image_service
