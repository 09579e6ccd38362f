#include "backend/libvirt/memory_fits.hpp"

#include <pugixml.hpp>

#include "backend/hypervisor.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* way_out =
    " Clear the saved state of the snapshot to apply it without its memory; the machine is as it was.";

Error too_much(Status status, const std::string& what, std::uint64_t wanted, std::uint64_t here) {
    return {status, "wsvirt.snapshot.memory_exceeds",
            "The memory of the snapshot belongs to a machine with " + std::to_string(wanted) + what +
                ", and this host has " + std::to_string(here) + "." + way_out};
}

}  // namespace

Result<void> memory_fits(const HostInfo& host, const std::string& xml, const SnapshotLayout& layout) {
    if (!layout.memory_internal || !layout.note.from_elsewhere) return {};
    if (!layout.note.memory_unfit.empty())
        return Error{Status::not_supported, "wsvirt.snapshot.memory_unfit",
                     layout.note.memory_unfit + way_out};
    pugi::xml_document doc;
    doc.load_buffer(xml.data(), xml.size());
    const auto domain = doc.child("domainsnapshot").child("domain");
    const std::uint64_t mib = domain.child("memory").text().as_ullong() / 1024;  // libvirt's unit: KiB
    const std::uint64_t processors = domain.child("vcpu").text().as_ullong();
    if (host.memory_mib != 0 && mib > host.memory_mib)
        return too_much(Status::out_of_memory, " MB of memory", mib, host.memory_mib);
    if (processors > host.max_processors)
        return too_much(Status::not_supported, " processors", processors, host.max_processors);
    return {};
}

}  // namespace wsvirt::backend::libvirt
