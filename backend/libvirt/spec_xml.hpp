// The complete MachineSpec as one XML element in wsvirt's own namespace. It is what a domain carries in its
// <metadata>, so that nothing that libvirt drops (ids, attributes, free text, devices without a libvirt
// counterpart) is lost, and it is the neutral text form of settings. Values, no threads, no libvirt calls.
// Text that XML 1.0 cannot hold (control characters, broken UTF-8) is written in hexadecimal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "backend/machine.hpp"
#include "base/result.hpp"

namespace pugi {
class xml_node;
}

namespace wsvirt::backend::libvirt {

inline constexpr const char* metadata_uri = "https://wsvirt.org/ns/domain/1";
inline constexpr const char* metadata_prefix = "wsvirt";
// On the element: the variables of the firmware are to be made anew (secure_boot.hpp).
inline constexpr const char* variables_note = "awaits-variables";

// What the element holds: the settings and the two times that libvirt does not keep (microseconds, unix
// time).
struct KeptSpec {
    MachineSpec spec;
    std::int64_t created_us = 0, config_changed_us = 0;
};

// Appends <wsvirt:machine xmlns:wsvirt="..."> to the parent.
void append_spec(pugi::xml_node parent, const KeptSpec& kept);
// Reads an element written by append_spec, whatever its prefix; unknown parts are skipped.
Result<KeptSpec> read_spec(pugi::xml_node machine);
// The first child of a <metadata> node (or any parent) that is a machine element in our namespace; may be
// null.
pugi::xml_node find_spec(pugi::xml_node parent);

// The same as a whole document in text.
std::string spec_text(const KeptSpec& kept);
Result<KeptSpec> spec_from_text(std::string_view text);

// One named set of attributes, for elements of our namespace elsewhere (snapshots).
void append_attributes(pugi::xml_node parent, const Attributes& attributes);
Attributes read_attributes(pugi::xml_node parent);

// Whether XML 1.0 can hold this text: valid UTF-8 without forbidden characters.
bool xml_text(std::string_view s);

}  // namespace wsvirt::backend::libvirt
