#include "backend/libvirt/carried_variables.hpp"

#include <filesystem>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/target_storage.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace {
constexpr std::uint64_t largest = 64u << 20;
}  // namespace

Result<std::optional<std::string>> read_variables(const Connector& source, virConnectPtr connection,
                                                  const std::string& domain_xml) {
    const std::string path = nvram_path(domain_xml);
    if (path.empty()) return std::optional<std::string>();
    if (source.kind() != HostKind::embedded) return read_host_file(connection, path, largest);
    std::error_code ec;
    if (!std::filesystem::exists(path, ec)) return std::optional<std::string>();
    auto content = read_file(path, largest);
    if (!content) return content.error();
    return std::optional<std::string>(std::move(*content));
}

std::string with_own_variables(const std::string& domain_xml) {
    pugi::xml_document doc;
    if (!doc.load_string(domain_xml.c_str(), pugi::parse_full)) return domain_xml;
    const auto domain = doc.child("domain");
    auto nvram = domain.child("os").child("nvram");
    const std::filesystem::path path(nvram.text().get());
    if (path.filename() != std::string(domain.child("name").text().get()) + "_VARS.fd") return domain_xml;
    while (nvram.first_child()) nvram.remove_child(nvram.first_child());
    return to_text(doc);
}

Result<bool> write_variables(virConnectPtr there, const std::string& domain_xml,
                             const std::optional<std::string>& variables) {
    const std::string path = nvram_path(domain_xml);
    if (!variables || path.empty()) return false;
    const auto before = read_host_file(there, path, largest);
    if (!before) return before.error();
    if (*before == variables) return false;
    if (auto ok = write_host_file(there, path, *variables); !ok) return ok.error();
    return true;
}

}  // namespace wsvirt::backend::libvirt
