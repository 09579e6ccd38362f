#include "backend/libvirt/carried_variables.hpp"

#include <filesystem>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/moving_notes.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/target_storage.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {
constexpr std::uint64_t largest = 64u << 20;
constexpr const char* kind = "moving-variables";
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
                             const std::optional<std::string>& variables,
                             const std::function<void(const std::string& file)>& before) {
    const std::string path = nvram_path(domain_xml);
    if (!variables || path.empty()) return false;
    const auto there_now = read_host_file(there, path, largest);
    if (!there_now) return there_now.error();
    if (*there_now == variables) return false;
    before(path);
    if (auto ok = write_host_file(there, path, *variables); !ok) return ok.error();
    return true;
}

void note_own_variables(const Settings& settings, std::string_view machine, const FileOnHost& from,
                        const FileOnHost& to) {
    std::string text;
    for (const auto* file : {&from, &to}) {
        if ((file->host + file->path).find('\n') != std::string::npos) return;
        text += file->host + '\n' + file->path + '\n';
    }
    (void)note_moving(settings, kind, machine, text);
}

std::string own_variables(const Settings& settings, std::string_view machine) {
    const auto lines = split(noted_moving(settings, kind, machine), '\n');
    for (std::size_t i = 0; i + 1 < lines.size(); i += 2)
        if (lines[i] == settings.name) return lines[i + 1];
    return {};
}

void drop_own_variables(const Settings& settings, std::string_view machine) {
    drop_moving(settings, kind, machine);
}

}  // namespace wsvirt::backend::libvirt
