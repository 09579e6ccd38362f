// GetSystemCompatibilityInfo, CheckSystemCompatibilityInfo, GetSystemCompatibilityVectors. The information is
// lines of text ("wsvirt compatibility 1", then name=value) as bytes: one host writes what a machine needs,
// or what its own machines find there, another reads whether it has that.
#include <algorithm>
#include <limits>
#include <map>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/providers/cluster.hpp"
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

struct Asked {
    std::shared_ptr<const backend::Machine> machine;  // null: the host itself
    backend::HostInfo host;

    bool active() const {
        return machine && (machine->state == backend::MachineState::running ||
                           machine->state == backend::MachineState::paused);
    }
    // A machine that is off takes whatever processor it finds.
    bool needs_accelerator() const { return !machine || active(); }
    bool needs_vendor() const { return needs_accelerator() && host.accelerator == "kvm"; }
};

// A machine, or a host that these services are over.
Result<Asked> asked_of(const MethodCall& call) {
    const auto path = call.reference("ComputerSystem");
    const auto guid = vs::system_guid_of(path);
    if (!guid.empty()) {
        const auto at = host_of_machine(call.services, guid);
        if (auto machine = at ? at->hypervisor->machine(guid) : nullptr)
            return Asked{std::move(machine), at->hypervisor->host()};
    } else if (const auto host = find_host(call.services, path, "ComputerSystem");
               host && (host->hypervisor == &call.services.hypervisor || is_cluster(call.services))) {
        return Asked{nullptr, host->hypervisor->host()};
    }
    return Error(Status::invalid_parameter, "wsvirt.migration.machine",
                 "ComputerSystem must refer to a virtual machine or a host that exists.", "ComputerSystem");
}

// Of a host what all machines that move between two have to find; how much of it they need is their own.
Needs needs_of(const Asked& asked) {
    Needs n;
    n["arch"] = asked.host.arch;
    if (asked.needs_accelerator()) n["accelerator"] = asked.host.accelerator;
    if (asked.needs_vendor()) n["vendor"] = asked.host.cpu_vendor;
    if (!asked.machine) return n;
    const auto& spec = asked.machine->spec;
    n["machine"] = spec.uuid;
    n["processors"] = std::to_string(spec.processors);
    n["memory"] = std::to_string(spec.memory_mib);
    n["firmware"] = spec.firmware == backend::Firmware::uefi ? "uefi" : "bios";
    n["secure_boot"] = spec.secure_boot ? "1" : "0";
    return n;
}

Result<MethodResult> get_info(const MethodCall& call) {
    const auto asked = asked_of(call);
    if (!asked) return refused_quietly(asked.error());
    std::string text(first_line);
    for (const auto& [name, value] : needs_of(*asked)) text += '\n' + name + '=' + value;
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

// CompareOperation: what a machine's number must be to its host's.
constexpr unsigned equal = 0, subset = 2, at_most = 7;
struct Vector {
    unsigned id, compare;
    std::uint64_t number;
};

// A host has all that a machine may have. What is not known of it holds nothing back.
std::vector<Vector> vectors_of(const Asked& asked) {
    constexpr std::uint64_t bios = 1, uefi = 2, secure_boot = 4;
    constexpr auto unknown = std::numeric_limits<std::uint64_t>::max();
    const auto& host = asked.host;
    std::uint64_t firmware = 0, processors = 0, memory = 0;
    if (asked.machine) {
        const auto& spec = asked.machine->spec;
        firmware = spec.firmware == backend::Firmware::uefi ? uefi : bios;
        if (spec.secure_boot) firmware |= secure_boot;
        processors = spec.processors;
        memory = spec.memory_mib;
    } else {
        firmware = bios | (host.uefi_available ? uefi : 0) | (host.secure_boot_available ? secure_boot : 0);
        processors = host.max_processors > 1 ? host.max_processors : unknown;
        memory = host.memory_mib != 0 ? host.memory_mib : unknown;
    }
    std::vector<Vector> out{{1, equal, mark_of(host.arch)}};
    if (asked.needs_accelerator()) out.push_back({2, equal, mark_of(host.accelerator)});
    if (asked.needs_vendor()) out.push_back({3, equal, mark_of(host.cpu_vendor)});
    out.push_back({4, subset, firmware});
    out.push_back({5, at_most, processors});
    out.push_back({6, at_most, memory});
    return out;
}

Result<MethodResult> get_vectors(const MethodCall& call) {
    const auto asked = asked_of(call);
    if (!asked) return refused_quietly(asked.error());
    const auto cls = call.request.ns.find("Msvm_CompatibilityVector");
    if (!cls) return MethodResult(32770);
    Value::Array all;
    for (const auto& v : vectors_of(*asked)) {
        Instance i(cls);
        i.set("VectorId", v.id);
        i.set("CompareOperation", v.compare);
        i.set("CompatibilityInfo", v.number);
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
