#include "backend/libvirt/definition_text.hpp"

#include <string>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/spec_xml.hpp"
#include "backend/unknown_devices.hpp"

namespace wsvirt::backend::libvirt {

Result<MachineSpec> read_definition(std::string_view text) {
    auto read = read_domain(text);
    if (!read) return read.error();
    pugi::xml_document doc;
    doc.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    const auto domain = doc.child("domain");
    if (const auto kept = find_spec(domain.child("metadata")))
        if (auto whole = read_spec(kept); !whole) return whole.error();
    auto spec = std::move(read->kept.spec);
    if (auto unknown = names_of(read->unknown); !unknown.empty())
        spec.attributes[std::string(unknown_devices)] = std::move(unknown);
    return spec;
}

}  // namespace wsvirt::backend::libvirt
