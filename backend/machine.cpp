#include "backend/machine.hpp"

#include "base/text.hpp"

namespace wsvirt::backend {

std::string snapshot_id(std::string_view machine, std::string_view name) {
    return is_guid(name) ? to_upper(name) : derived_guid(machine, "snapshot " + std::string(name));
}

void erase_snapshot_notes(Attributes& attributes) {
    std::erase_if(attributes, [](const auto& a) { return istarts_with(a.first, "Snapshot."); });
}

std::string names_of(const UnknownDevices& unknown) {
    std::string all;
    for (const auto* names : {&unknown.disks, &unknown.devices, &unknown.connections})
        if (!names->empty()) all += (all.empty() ? "" : ", ") + *names;
    return all;
}

}  // namespace wsvirt::backend
