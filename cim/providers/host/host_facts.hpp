// What the host says of itself: /proc, /sys, os-release and uname, read when asked. Strings are "" and
// numbers nullopt where the host does not tell (some files are for root only). `root` is "/" except in tests.
// No state; thread safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "backend/hypervisor.hpp"

namespace wsvirt::cim::host {

using Path = std::filesystem::path;

struct Memory {  // KiB
    std::uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
};
Memory memory(const Path& root = "/");

struct Product {
    std::string vendor, name, version, serial, uuid, sku;
};
// uuid: of the board; where only root may read it, the one the hypervisor or the system itself has.
Product product(const backend::HostInfo& info, const Path& root = "/");

struct OperatingSystem {
    std::string pretty_name, name;
    std::string version;         // three numbers with points
    std::string kernel_release;  // uname -r
    std::string root_device;
    std::optional<std::int64_t> boot_time;  // unix seconds
    std::uint32_t processes = 0, users = 0;
    std::optional<std::uint32_t> max_processes;
};
OperatingSystem operating_system(const Path& root = "/");
// "12" → "12.0.0", "22.04.1 LTS" → "22.4.1": clients read three numbers.
std::string three_numbers(std::string_view version);

struct Processor {
    std::string model_name, vendor;
    std::optional<std::uint32_t> family, model, stepping, mhz, max_mhz;
    std::optional<std::uint32_t> l2_kib, l3_kib;
    bool nx = false, pae = false;
};
Processor processor(const Path& root = "/");

struct TimeZone {
    int minutes_east = 0;
    bool daylight = false;
};
TimeZone time_zone();
std::string dns_host_name();  // without the domain
std::string dns_domain();     // "" when the host has none

// Processor time of a virtual processor's thread, from QEMU's named threads. nullopt: no such thread.
std::optional<std::uint64_t> virtual_processor_ns(int qemu_pid, unsigned processor, const Path& root = "/");

}  // namespace wsvirt::cim::host
