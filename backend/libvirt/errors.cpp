#include "backend/libvirt/errors.hpp"

#include <libvirt/virterror.h>

#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {

bool has(const std::string& message, std::string_view part) {
    return message.find(part) != std::string::npos;
}

struct Mapped {
    Status status;
    const char* id;
    const char* advice;
};

// What libvirt reports as "internal" or "failed" but says more precisely in its message.
const Mapped* by_message(const std::string& message) {
    static constexpr std::pair<const char*, Mapped> table[] = {
        {"No space left on device",
         {Status::no_space, "wsvirt.host.no_space",
          "The host's disk is full; free some space and try again."}},
        {"Cannot allocate memory",
         {Status::out_of_memory, "wsvirt.host.no_memory",
          "The host has not enough free memory; give the machine less or stop others."}},
        {"cannot set up guest memory",
         {Status::out_of_memory, "wsvirt.host.no_memory",
          "The host has not enough free memory; give the machine less or stop others."}},
        {"cannot acquire state change lock",
         {Status::busy, "wsvirt.machine.busy",
          "Another operation on the machine has not finished; try again later."}},
        {"Failed to get \"write\" lock",
         {Status::busy, "wsvirt.disk.in_use",
          "A disk of the machine is used by another program or machine."}},
        {"Failed to get shared",
         {Status::busy, "wsvirt.disk.in_use",
          "A disk of the machine is used by another program or machine."}},
        {"No such file or directory",
         {Status::not_found, "wsvirt.file.missing",
          "A file that the machine needs does not exist on the host."}},
        {"Permission denied",
         {Status::access_denied, "wsvirt.file.access",
          "The host may not open a file that the machine needs; check its owner and mode."}},
        {"not managed by", {Status::not_found, "wsvirt.machine.unknown", "There is no such machine."}},
    };
    for (const auto& [part, mapped] : table)
        if (has(message, part)) return &mapped;
    return nullptr;
}

// Formats of disks that QEMU or libvirt cannot do everything with, in their own untranslated words.
const Mapped* by_format(const std::string& message) {
    static constexpr Mapped no_memory{
        Status::not_supported, "wsvirt.disk.no_memory",
        "QEMU cannot keep or move the memory of a machine with a disk of this format: turn the machine off "
        "first, leave its memory out, or convert the disk to qcow2 or raw."};
    static constexpr Mapped unknown{
        Status::not_supported, "wsvirt.disk.format",
        "libvirt does not know this disk format; convert the disk to VHD, qcow2 or raw first."};
    if (has(message, "does not support live migration")) return &no_memory;
    if (has(message, "unknown driver format value")) return &unknown;
    return nullptr;
}

Mapped by_code(int code) {
    switch (code) {
        case VIR_ERR_NO_DOMAIN:
            return {Status::not_found, "wsvirt.machine.unknown", "The host has no such machine."};
        case VIR_ERR_NO_DOMAIN_SNAPSHOT:
            return {Status::not_found, "wsvirt.snapshot.unknown", "The machine has no such snapshot."};
        case VIR_ERR_NO_NETWORK:
            return {Status::not_found, "wsvirt.switch.unknown", "The host has no such network."};
        case VIR_ERR_DOM_EXIST:
            return {Status::already_exists, "wsvirt.machine.exists",
                    "The host has a machine with this identifier already."};
        case VIR_ERR_OPERATION_INVALID:
            return {Status::invalid_state, "wsvirt.machine.state",
                    "The machine is not in a state that allows this."};
        case VIR_ERR_OPERATION_TIMEOUT:
            return {Status::busy, "wsvirt.machine.busy",
                    "Another operation on the machine has not finished; try again later."};
        case VIR_ERR_OPERATION_ABORTED:
            return {Status::cancelled, "wsvirt.call.cancelled", "The operation was cancelled."};
        case VIR_ERR_OPERATION_UNSUPPORTED:
        case VIR_ERR_CONFIG_UNSUPPORTED:
        case VIR_ERR_ARGUMENT_UNSUPPORTED:
        case VIR_ERR_NO_SUPPORT:
            return {Status::not_supported, "wsvirt.host.unsupported", "This host cannot do that."};
        case VIR_ERR_XML_ERROR:
        case VIR_ERR_XML_DETAIL:
        case VIR_ERR_XML_INVALID_SCHEMA:
        case VIR_ERR_INVALID_ARG:
            return {Status::invalid_parameter, "wsvirt.machine.settings",
                    "The host does not accept these settings."};
        case VIR_ERR_ACCESS_DENIED:
        case VIR_ERR_AUTH_FAILED:
        case VIR_ERR_AUTH_CANCELLED:
        case VIR_ERR_OPERATION_DENIED:
            return {Status::access_denied, "wsvirt.host.access",
                    "The host does not allow wsvirt to do this."};
        case VIR_ERR_AGENT_UNRESPONSIVE:
        case VIR_ERR_AGENT_UNSYNCED:
            return {Status::unavailable, "wsvirt.guest.agent", "The guest agent does not answer."};
        case VIR_ERR_NO_MEMORY:
            return {Status::out_of_memory, "wsvirt.host.no_memory", "The host has not enough free memory."};
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_INVALID_CONN:
        case VIR_ERR_RPC:
        case VIR_ERR_GNUTLS_ERROR:
            return {Status::unavailable, "wsvirt.host.lost",
                    "The host does not answer at the moment; try again later."};
        default:
            return {Status::failed, "wsvirt.host.failed", "The host could not do it."};
    }
}

}  // namespace

bool connection_lost(int code, const std::string& message) {
    switch (code) {
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_INVALID_CONN:
        case VIR_ERR_RPC:
        case VIR_ERR_GNUTLS_ERROR:
            return true;
        case VIR_ERR_SYSTEM_ERROR:
        case VIR_ERR_INTERNAL_ERROR:
            return has(message, "Cannot recv data") || has(message, "Cannot write data") ||
                   has(message, "client socket is closed") || has(message, "keepalive") ||
                   has(message, "unable to connect to server") || has(message, "Failed to connect socket") ||
                   has(message, "End of file while reading data");
        default:
            return false;
    }
}

Error error_from(int code, const std::string& message, const std::string& doing) {
    Mapped m = by_code(code);
    if (connection_lost(code, message))
        m = by_code(VIR_ERR_NO_CONNECT);
    else if (const Mapped* format = by_format(message))
        m = *format;
    else if (m.status == Status::failed || m.status == Status::busy)
        if (const Mapped* better = by_message(message)) m = *better;
    return {m.status,
            m.id,
            doing.empty() ? std::string(m.advice) : "Cannot " + doing + ". " + m.advice,
            {},
            message};
}

Error last_error(const std::string& doing) {
    const virError* const e = virGetLastError();
    const int code = e ? e->code : VIR_ERR_OK;
    const std::string message = e && e->message ? e->message : "";
    return error_from(code, message, doing);
}

int last_error_code() {
    return virGetLastErrorCode();
}

Error no_machine(std::string_view uuid) {
    return {Status::not_found, "wsvirt.machine.unknown", "There is no machine with this identifier.",
            std::string(uuid)};
}

Error deadline_passed(const std::string& doing) {
    return {Status::timed_out, "wsvirt.call.deadline",
            "The host did not " + doing + " in time; look at the machine's state before trying again."};
}

Error cancelled(const std::string& doing) {
    return {Status::cancelled, "wsvirt.call.cancelled", "The request to " + doing + " was cancelled."};
}

Error host_lost() {
    return {Status::unavailable, "wsvirt.host.lost",
            "The host does not answer at the moment; try again later."};
}

Error no_agent(const std::string& uuid, const Error& why) {
    return {Status::not_supported, "wsvirt.snapshot.no_agent",
            "The guest's file systems cannot be frozen because its agent does not answer; install the QEMU "
            "guest agent in the guest, or do without frozen file systems.",
            uuid, why.detail};
}

}  // namespace wsvirt::backend::libvirt
