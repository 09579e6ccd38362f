#include "backend/libvirt/firmware.hpp"

#include <filesystem>
#include <pugixml.hpp>

#include "backend/libvirt/handles.hpp"

namespace wsvirt::backend::libvirt {

namespace {

struct Pair {
    const char *code, *variables;
};
constexpr Pair plain[] = {{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
                          {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"}};
constexpr Pair secure[] = {{"/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"},
                           {"/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"}};

template <std::size_t Size>
void find(const Pair (&pairs)[Size], const HasFirmware& has, std::string& code, std::string& variables) {
    if (!code.empty()) return;
    for (const auto& pair : pairs) {
        if (!has(pair.code, pair.variables)) continue;
        code = pair.code;
        variables = pair.variables;
        return;
    }
}

}  // namespace

FirmwareFiles with_found(FirmwareFiles given, const HasFirmware& has) {
    find(plain, has, given.code, given.vars);
    find(secure, has, given.secure_code, given.secure_vars);
    return given;
}

bool has_firmware_here(const std::string& code, const std::string& variables) {
    std::error_code ec;
    return std::filesystem::exists(code, ec) && std::filesystem::exists(variables, ec);
}

std::optional<std::set<std::string>> loaders_in(std::string_view domain_capabilities) {
    pugi::xml_document doc;
    if (!doc.load_buffer(domain_capabilities.data(), domain_capabilities.size())) return std::nullopt;
    const auto os = doc.child("domainCapabilities").child("os");
    if (!os) return std::nullopt;
    std::set<std::string> loaders;
    for (const auto value : os.child("loader").children("value")) loaders.insert(value.text().get());
    return loaders;
}

FirmwareFiles firmware_there(virConnectPtr connection, const FirmwareFiles& given, FirmwareFiles before) {
    const auto loaders =
        loaders_in(take(virConnectGetDomainCapabilities(connection, nullptr, "x86_64", "q35", nullptr, 0)));
    if (!loaders) return before;
    return with_found(given, [&](const auto& code, const auto&) { return loaders->contains(code); });
}

}  // namespace wsvirt::backend::libvirt
