#include "cim/providers/host/host_facts.hpp"

#include <sys/utsname.h>
#include <unistd.h>
#include <utmpx.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <fstream>
#include <map>

#include "base/text.hpp"

namespace wsvirt::cim::host {

namespace {

std::string read_file(const Path& file) {
    std::ifstream in(file);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    return text;
}

std::string read_line(const Path& file) {
    return std::string(trim(read_file(file)));
}

using Table = std::map<std::string, std::string>;

// Lines of name, separator, value; the first of a name counts.
Table table(const std::string& text, char separator) {
    Table t;
    for (const auto& line : split(text, '\n')) {
        const auto at = line.find(separator);
        if (at == std::string::npos) continue;
        t.emplace(trim(std::string_view(line).substr(0, at)), trim(std::string_view(line).substr(at + 1)));
    }
    return t;
}

std::string value(const Table& t, const std::string& name) {
    const auto it = t.find(name);
    return it == t.end() ? std::string() : it->second;
}

// The number at the beginning of a text.
std::optional<std::uint64_t> leading_number(std::string_view s) {
    std::uint64_t n = 0;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), n);
    return r.ec == std::errc{} ? std::optional(n) : std::nullopt;
}

std::optional<std::uint32_t> small_number(std::string_view s) {
    const auto n = leading_number(s);
    return n ? std::optional(static_cast<std::uint32_t>(*n)) : std::nullopt;
}

std::string unquoted(std::string s) {
    if (s.size() >= 2 && (s.front() == '"' || s.front() == '\'') && s.back() == s.front())
        return s.substr(1, s.size() - 2);
    return s;
}

// A machine id is a GUID without its dashes.
std::string dashed(const std::string& id) {
    if (id.size() != 32) return {};
    return to_upper(id.substr(0, 8) + "-" + id.substr(8, 4) + "-" + id.substr(12, 4) + "-" +
                    id.substr(16, 4) + "-" + id.substr(20));
}

std::string root_device(const Path& root) {
    for (const auto& line : split(read_file(root / "proc/self/mounts"), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() > 1 && fields[1] == "/") return fields[0];
    }
    return {};
}

std::uint32_t signed_in_users() {
    std::uint32_t n = 0;
    setutxent();
    while (const auto* entry = getutxent()) n += entry->ut_type == USER_PROCESS ? 1 : 0;
    endutxent();
    return n;
}

std::uint32_t count_processes(const Path& root) {
    std::error_code error;
    std::uint32_t n = 0;
    for (std::filesystem::directory_iterator it(root / "proc", error), end; !error && it != end;
         it.increment(error))
        n += parse_uint(it->path().filename().string()) ? 1 : 0;
    return n;
}

std::optional<std::uint32_t> cache_kib(const Path& root, const std::string& level) {
    for (int i = 0; i < 8; ++i) {
        const auto folder = root / "sys/devices/system/cpu/cpu0/cache" / ("index" + std::to_string(i));
        if (read_line(folder / "level") == level) return small_number(read_line(folder / "size"));
    }
    return std::nullopt;
}

bool has_word(const std::string& text, std::string_view word) {
    const auto words = split(text, ' ');
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string host_name() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

Memory memory(const Path& root) {
    const auto t = table(read_file(root / "proc/meminfo"), ':');
    const auto kib = [&](const char* name) { return leading_number(value(t, name)).value_or(0); };
    return {kib("MemTotal"), kib("MemAvailable"), kib("SwapTotal"), kib("SwapFree")};
}

Product product(const backend::HostInfo& info, const Path& root) {
    const auto dmi = root / "sys/class/dmi/id";
    Product p;
    p.vendor = read_line(dmi / "sys_vendor");
    p.name = read_line(dmi / "product_name");
    p.version = read_line(dmi / "product_version");
    p.serial = read_line(dmi / "product_serial");
    p.sku = read_line(dmi / "product_sku");
    p.uuid = to_upper(read_line(dmi / "product_uuid"));
    if (!is_guid(p.uuid)) p.uuid = to_upper(info.uuid);
    if (!is_guid(p.uuid)) p.uuid = dashed(read_line(root / "etc/machine-id"));
    return p;
}

std::string three_numbers(std::string_view version) {
    std::array<std::uint64_t, 3> n{};
    std::size_t at = 0;
    for (auto& part : n) {
        const auto found = leading_number(version.substr(at));
        if (!found) break;
        part = *found;
        while (at < version.size() && version[at] >= '0' && version[at] <= '9') ++at;
        if (at == version.size() || version[at] != '.') break;
        ++at;
    }
    return std::to_string(n[0]) + "." + std::to_string(n[1]) + "." + std::to_string(n[2]);
}

OperatingSystem operating_system(const Path& root) {
    OperatingSystem os;
    const auto release = table(read_file(root / "etc/os-release"), '=');
    os.pretty_name = unquoted(value(release, "PRETTY_NAME"));
    os.name = unquoted(value(release, "NAME"));
    utsname kernel{};
    if (uname(&kernel) == 0) os.kernel_release = kernel.release;
    // The release of the distribution, not of the kernel: clients take 6.x for an old Windows and change what
    // they ask for. A distribution without releases has only its kernel's.
    const auto id = unquoted(value(release, "VERSION_ID"));
    os.version = three_numbers(id.empty() ? os.kernel_release : id);
    os.root_device = root_device(root);
    for (const auto& line : split(read_file(root / "proc/stat"), '\n'))
        if (line.starts_with("btime "))
            if (const auto t = leading_number(std::string_view(line).substr(6)))
                os.boot_time = static_cast<std::int64_t>(*t);
    os.processes = count_processes(root);
    os.users = signed_in_users();
    os.max_processes = small_number(read_line(root / "proc/sys/kernel/pid_max"));
    return os;
}

Processor processor(const Path& root) {
    const auto t = table(read_file(root / "proc/cpuinfo"), ':');
    Processor p;
    p.model_name = value(t, "model name");
    p.vendor = value(t, "vendor_id");
    p.family = small_number(value(t, "cpu family"));
    p.model = small_number(value(t, "model"));
    p.stepping = small_number(value(t, "stepping"));
    p.mhz = small_number(value(t, "cpu MHz"));
    if (const auto khz =
            leading_number(read_line(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")))
        p.max_mhz = static_cast<std::uint32_t>(*khz / 1000);
    p.l2_kib = cache_kib(root, "2");
    p.l3_kib = cache_kib(root, "3");
    const auto flags = value(t, "flags");
    p.nx = has_word(flags, "nx");
    p.pae = has_word(flags, "pae");
    return p;
}

TimeZone time_zone() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    return {static_cast<int>(local.tm_gmtoff / 60), local.tm_isdst > 0};
}

std::string dns_host_name() {
    const auto name = host_name();
    return name.substr(0, name.find('.'));
}

std::string dns_domain() {
    const auto name = host_name();
    const auto dot = name.find('.');
    return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

std::optional<std::uint64_t> virtual_processor_ns(int qemu_pid, unsigned processor_number, const Path& root) {
    const std::string wanted = "CPU " + std::to_string(processor_number) + "/";  // "CPU 0/KVM", "CPU 0/TCG"
    const auto tasks = root / "proc" / std::to_string(qemu_pid) / "task";
    std::error_code error;
    for (std::filesystem::directory_iterator it(tasks, error), end; !error && it != end;
         it.increment(error)) {
        if (!read_line(it->path() / "comm").starts_with(wanted)) continue;
        return leading_number(read_line(it->path() / "schedstat"));
    }
    return std::nullopt;
}

}  // namespace wsvirt::cim::host
