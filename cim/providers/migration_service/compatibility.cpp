// GetSystemCompatibilityInfo, CheckSystemCompatibilityInfo, GetSystemCompatibilityVectors. The information is
// lines of text ("wsvirt compatibility 1", then name=value) as bytes: one host writes what a machine needs,
// another reads whether it has that.
#include <algorithm>
#include <charconv>
#include <map>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/migration_service/hosts.hpp"
#include "cim/providers/migration_service/methods.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::migration_service {

namespace {

constexpr std::string_view first_line = "wsvirt compatibility 1";
constexpr std::uint32_t not_compatible = 32784;
using Needs = std::map<std::string, std::string>;

Result<Needs> needs_of(const MethodCall& call) {
    const auto guid = vs::system_guid_of(call.reference("ComputerSystem"));
    const auto host = guid.empty() ? std::nullopt : host_of_machine(call.services, guid);
    const auto machine = host ? host->hypervisor->machine(guid) : nullptr;
    if (!machine)
        return Error(Status::invalid_parameter, "wsvirt.migration.machine",
                     "ComputerSystem must refer to a virtual machine that exists.", "ComputerSystem");
    const auto info = host->hypervisor->host();
    const auto& spec = machine->spec;
    const bool active =
        machine->state == backend::MachineState::running || machine->state == backend::MachineState::paused;
    Needs n;
    n["machine"] = spec.uuid;
    n["arch"] = info.arch;
    n["processors"] = std::to_string(spec.processors);
    n["memory"] = std::to_string(spec.memory_mib);
    n["firmware"] = spec.firmware == backend::Firmware::uefi ? "uefi" : "bios";
    n["secure_boot"] = spec.secure_boot ? "1" : "0";
    if (active) {  // a machine that is off takes whatever processor it finds
        n["accelerator"] = info.accelerator;
        if (info.accelerator == "kvm") n["vendor"] = info.cpu_vendor;
    }
    return n;
}

Result<MethodResult> get_info(const MethodCall& call) {
    const auto needs = needs_of(call);
    if (!needs) return refused_quietly(needs.error());
    std::string text(first_line);
    for (const auto& [name, value] : *needs) text += '\n' + name + '=' + value;
    Value::Array bytes;
    for (char c : text) bytes.emplace_back(static_cast<unsigned char>(c));
    MethodResult out(0);
    out.out.set("CompatibilityInfo", Value(std::move(bytes)));
    return out;
}

std::optional<Needs> read_needs(const Value& v) {
    std::string text;
    const auto* bytes = v.as_array();
    if (!bytes || bytes->size() > 64 * 1024) return std::nullopt;
    for (const auto& b : *bytes) text += static_cast<char>(b.uint_or(0));
    const auto lines = split(text, '\n');
    if (lines.empty() || lines[0] != first_line) return std::nullopt;
    Needs n;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto at = lines[i].find('=');
        if (at == std::string::npos) return std::nullopt;
        n[lines[i].substr(0, at)] = lines[i].substr(at + 1);
    }
    return n;
}

std::vector<std::string> reasons(const backend::HostInfo& h, const Needs& needs) {
    std::vector<std::string> out;
    const auto differs = [&](const char* name, const std::string& here) {
        const auto it = needs.find(name);
        return it != needs.end() && !it->second.empty() && !here.empty() && it->second != here;
    };
    const auto number = [&](const char* name) {
        const auto it = needs.find(name);
        return it == needs.end() ? 0 : parse_uint(it->second).value_or(0);
    };
    const auto is = [&](const char* name, const char* value) {
        const auto it = needs.find(name);
        return it != needs.end() && it->second == value;
    };
    if (differs("arch", h.arch)) out.push_back("The processors are of another kind: " + h.arch + ".");
    if (differs("accelerator", h.accelerator))
        out.push_back("Machines run with " + h.accelerator + " here; shut the machine down to move it.");
    if (differs("vendor", h.cpu_vendor))
        out.push_back("The processors are of another make: " + h.cpu_vendor + ".");
    if (is("firmware", "uefi") && !h.uefi_available) out.emplace_back("There is no UEFI firmware here.");
    if (is("secure_boot", "1") && !h.secure_boot_available)
        out.emplace_back("There is no firmware with secure boot here.");
    if (h.max_processors > 1 && number("processors") > h.max_processors)
        out.push_back("A machine has at most " + std::to_string(h.max_processors) + " processors here.");
    if (h.memory_mib != 0 && number("memory") > h.memory_mib)
        out.push_back("There are only " + std::to_string(h.memory_mib) + " MiB of memory here.");
    return out;
}

Result<MethodResult> check_info(const MethodCall& call) {
    const auto needs = read_needs(call.in.get("CompatibilityInfo"));
    if (!needs) return MethodResult(32773);
    const auto why = reasons(call.services.hypervisor.host(), *needs);
    if (why.empty()) return MethodResult(0);
    MethodResult out(not_compatible);
    const auto cls = call.request.ns.find("Msvm_Error");
    if (!cls) return out;
    Value::Array all;
    for (const auto& text : why) {
        Instance i(cls);
        set_if(i, "Message", text);
        set_if(i, "MessageID", "wsvirt.migration.host_lacks");
        set_if(i, "OwningEntity", "wsvirt");
        set_if(i, "CIMStatusCode", 7);
        set_if(i, "PerceivedSeverity", 4);
        set_if(i, "ErrorType", 10);
        all.emplace_back(std::move(i));
    }
    out.out.set("Reasons", Value(std::move(all)));
    return out;
}

// A text as a number that two hosts can compare (FNV-1a).
std::uint64_t mark_of(std::string_view text) {
    std::uint64_t h = 14695981039346656037U;
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return h;
}

Result<MethodResult> get_vectors(const MethodCall& call) {
    const auto needs = needs_of(call);
    if (!needs) return refused_quietly(needs.error());
    const auto cls = call.request.ns.find("Msvm_CompatibilityVector");
    if (!cls) return MethodResult(32770);
    constexpr unsigned equal = 0, at_least = 5;
    struct Row {
        const char* name;
        unsigned id, compare;
    };
    constexpr Row rows[] = {{"arch", 1, equal},     {"accelerator", 2, equal},   {"vendor", 3, equal},
                            {"firmware", 4, equal}, {"processors", 5, at_least}, {"memory", 6, at_least}};
    Value::Array all;
    for (const auto& row : rows) {
        const auto it = needs->find(row.name);
        if (it == needs->end()) continue;
        Instance i(cls);
        i.set("VectorId", row.id);
        i.set("CompareOperation", row.compare);
        i.set("CompatibilityInfo",
              row.compare == equal ? mark_of(it->second) : parse_uint(it->second).value_or(0));
        all.emplace_back(std::move(i));
    }
    MethodResult out(0);
    out.out.set("CompatibilityVectors", Value(std::move(all)));
    return out;
}

constexpr MethodEntry table[] = {{"GetSystemCompatibilityInfo", &get_info},
                                 {"CheckSystemCompatibilityInfo", &check_info},
                                 {"GetSystemCompatibilityVectors", &get_vectors}};

}  // namespace

MethodTable compatibility_methods() {
    return table;
}

}  // namespace wsvirt::cim::migration_service
