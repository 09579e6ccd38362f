// libvirt's files of saved memory: a header, the domain's XML, then QEMU's stream. libvirt refuses to restore
// one under another identifier, so moving saved memory to another machine means rewriting the header; the
// stream is copied as it is. Blocking; honours deadline and stop token; nothing half written is left.
#pragma once

#include <functional>
#include <string>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::libvirt {

struct SaveHeader {
    bool was_running = false;
    std::string domain_xml;
    std::string cookie;            // libvirt's own notes, kept as they are
    std::uint32_t compressed = 0;  // libvirt's number of the compression
    std::uint64_t stream_offset = 0;
};

Result<SaveHeader> read_save_header(const std::string& file);

// Copies a saved image; edit gets the domain XML and returns what takes its place (the same = plain copy).
Result<void> copy_save_image(const Call& call, const std::string& from, const std::string& to,
                             const std::function<Result<std::string>(const std::string&)>& edit);

// A file of saved memory, and what a copy to it that a kill cut off has left.
void remove_save_image(const std::string& file);

// The XML of a saved machine for use under the definition given: its name, identifier, metadata, the files
// of its disks and what its ports are connected to come from there; everything the guest can see stays.
// Errors: malformed; invalid_parameter when it wants files or devices of the host that the definition does
// not have, since saved memory may come from anywhere and libvirt starts QEMU as it says.
Result<std::string> adopt_saved_xml(const std::string& saved, const std::string& definition);

}  // namespace wsvirt::backend::libvirt
