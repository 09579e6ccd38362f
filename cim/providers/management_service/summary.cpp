// GetSummaryInformation and GetVirtualSystemThumbnailImage.
#include <set>
#include <thread>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/management_service/methods.hpp"
#include "cim/providers/thumbnail.hpp"
#include "cim/providers/virtual_system/computer_writer.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/element_writer.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/system_writer.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim::management_service {

using backend::MachineState;
using vs::Configuration;

namespace {

// RequestedInformation.
enum Wanted : std::uint32_t {
    name = 0,
    element_name = 1,
    creation_time = 2,
    notes = 3,
    processors = 4,
    small_image = 5,
    middle_image = 6,
    large_image = 7,
    switch_names = 9,
    version = 10,
    shielded = 11,
    enabled_state = 100,
    processor_load = 101,
    load_history = 102,
    memory_usage = 103,
    heartbeat = 104,
    up_time = 105,
    guest_system = 106,
    snapshots = 107,
    tasks = 108,
    health_state = 109,
    operational_status = 110,
    descriptions = 111,
    memory_available = 112,
    memory_buffer = 113,
    replication_mode = 114,
    replication_state = 115,
    replication_health = 116,
    application_health = 117,
    swap_files = 120,
    integration_version = 121,
    spans_numa = 123,
    other_state = 132
};

struct Load {
    std::optional<backend::MachineStats> stats;
    std::optional<std::uint16_t> processor;  // percent of all its processors
};

class Summary {
  public:
    explicit Summary(const MethodCall& call) : call_(call) {
        for (const auto* v = call.in.get("RequestedInformation").as_array(); v;) {
            for (const auto& x : *v) wanted_.insert(static_cast<std::uint32_t>(x.uint_or(~0U)));
            break;
        }
    }

    bool wants(std::uint32_t n) const { return wanted_.contains(n); }
    void measure(const std::vector<Configuration>& all);
    Instance write(const Configuration& c) const;
    Instance not_found() const { return Instance(summary_class()); }

  private:
    ClassPtr summary_class() const { return call_.request.ns.find("Msvm_SummaryInformation"); }
    void general(const Configuration& c, Instance& i) const;
    void state(const Configuration& c, Instance& i) const;
    void load(const Configuration& c, Instance& i) const;
    void related(const Configuration& c, Instance& i) const;
    void image(const Configuration& c, Instance& i) const;

    const MethodCall& call_;
    std::set<std::uint32_t> wanted_;
    std::map<std::string, Load> loads_;
};

bool runs(const Configuration& c) {
    return c.kind == Configuration::Kind::active &&
           (c.machine->state == MachineState::running || c.machine->state == MachineState::paused);
}

// Processor load is a difference: two looks at all machines, a moment apart.
constexpr std::chrono::milliseconds load_window{100};

void Summary::measure(const std::vector<Configuration>& all) {
    const bool processor = wants(processor_load) || wants(load_history);
    if (!processor && !wants(memory_usage) && !wants(memory_available) && !wants(memory_buffer)) return;
    backend::Call c;
    c.deadline = call_.request.deadline;
    auto& hypervisor = call_.services.hypervisor;
    const auto before = Clock::now();
    for (const auto& one : all) {
        if (!runs(one)) continue;
        if (auto s = hypervisor.stats(c, one.system())) loads_[one.system()].stats = std::move(*s);
    }
    if (!processor || loads_.empty()) return;
    std::this_thread::sleep_for(load_window);
    for (const auto& one : all) {
        auto it = loads_.find(one.system());
        if (it == loads_.end() || !it->second.stats || !runs(one)) continue;
        auto now = hypervisor.stats(c, one.system());
        if (!now) continue;
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - before).count();
        const auto used = now->cpu_time_ns - std::min(now->cpu_time_ns, it->second.stats->cpu_time_ns);
        const auto all_of_it = static_cast<std::uint64_t>(ns) * std::max(1U, one.spec().processors);
        it->second.processor =
            static_cast<std::uint16_t>(std::min<std::uint64_t>(100, used * 100 / all_of_it));
    }
}

Instance Summary::write(const Configuration& c) const {
    Instance i(summary_class());
    set_if(i, "InstanceID", vs::setting_id(c.id()));
    // The system's name tells that the object was found; clients look at it whatever they asked for.
    set_if(i, "Name", c.snapshot ? c.id() : c.system());
    general(c, i);
    if (!c.snapshot) {
        state(c, i);
        load(c, i);
        image(c, i);
    }
    related(c, i);
    return i;
}

void Summary::general(const Configuration& c, Instance& i) const {
    if (wants(element_name)) set_if(i, "ElementName", vs::element_name(c));
    if (wants(creation_time) || wants(notes) || wants(version)) {
        const auto settings =
            vs::SystemWriter(call_.services, call_.request.ns.find("Msvm_VirtualSystemSettingData")).write(c);
        if (wants(creation_time)) set_if(i, "CreationTime", settings.get("CreationTime"));
        if (wants(version)) set_if(i, "Version", settings.get("Version"));
        if (wants(notes)) set_if(i, "Notes", vs::description_of(vs::notes_of(c)));
    }
    if (wants(processors)) set_if(i, "NumberOfProcessors", c.spec().processors);
    if (wants(shielded)) set_if(i, "Shielded", false);
    if (wants(switch_names)) {
        Value::Array all;
        const auto switches = call_.services.hypervisor.switches();
        for (const auto& n : c.spec().nics)
            if (const auto* s = vs::switch_of(switches, n)) all.emplace_back(s->name);
        set_if(i, "VirtualSwitchNames", Value(std::move(all)));
    }
    set_if(i, "VirtualSystemSubType",
           vs::generation_2(c.spec()) ? "Microsoft:Hyper-V:SubType:2" : "Microsoft:Hyper-V:SubType:1");
    // The place of a machine, where several hosts are served.
    const bool elsewhere = c.machine && !c.machine->host.empty() && is_cluster(call_.services);
    set_if(i, "HostComputerSystemName", elsewhere ? c.machine->host : call_.services.host.name);
}

void Summary::state(const Configuration& c, Instance& i) const {
    const auto s = c.machine                                                      ? c.machine->state
                   : c.spec().attributes.contains(std::string(vs::planned_saved)) ? MachineState::saved
                                                                                  : MachineState::off;
    if (wants(enabled_state)) set_if(i, "EnabledState", vs::enabled_state(s));
    if (wants(health_state)) set_if(i, "HealthState", vs::health_state(s));
    if (wants(up_time)) set_if(i, "UpTime", c.machine ? vs::up_time_ms(*c.machine) : 0);
    if (wants(heartbeat) && runs(c)) set_if(i, "Heartbeat", c.machine->agent_connected ? 2 : 12);
    if (wants(operational_status) || wants(descriptions)) {
        std::vector<std::uint16_t> types;
        for (const auto& j : vs::running_jobs_of(call_.services.jobs, c.system()))
            types.push_back(j.job_type);
        const auto status = vs::operational_status(s, types);
        if (wants(operational_status)) set_if(i, "OperationalStatus", Value::array_of(status.status));
        if (wants(descriptions)) set_if(i, "StatusDescriptions", Value::array_of(status.descriptions));
    }
    for (auto [number, property] :
         {std::pair{replication_mode, "ReplicationMode"}, std::pair{replication_state, "ReplicationState"},
          std::pair{replication_health, "ReplicationHealth"}})
        if (wants(number)) set_if(i, property, 0);
    if (wants(application_health) && runs(c)) set_if(i, "ApplicationHealth", 2);
    if (wants(swap_files)) set_if(i, "SwapFilesInUse", false);
    if (wants(spans_numa)) set_if(i, "MemorySpansPhysicalNumaNodes", false);
}

void Summary::load(const Configuration& c, Instance& i) const {
    const auto it = loads_.find(c.system());
    const bool off = !runs(c);
    if (wants(processor_load)) {
        if (off)
            set_if(i, "ProcessorLoad", 0);
        else if (it != loads_.end() && it->second.processor)
            set_if(i, "ProcessorLoad", *it->second.processor);
    }
    if (wants(load_history) && it != loads_.end() && it->second.processor)
        set_if(i, "ProcessorLoadHistory", array_with(*it->second.processor));
    if (wants(memory_usage)) {
        if (off)
            set_if(i, "MemoryUsage", 0);
        else if (it != loads_.end())
            set_if(i, "MemoryUsage", it->second.stats->memory_actual_mib);
    }
    if (it == loads_.end() || !it->second.stats->memory_unused_mib) return;
    const auto actual = std::max<std::uint64_t>(1, it->second.stats->memory_actual_mib);
    const auto percent = static_cast<std::int64_t>(*it->second.stats->memory_unused_mib * 100 / actual);
    if (wants(memory_available)) set_if(i, "MemoryAvailable", percent);
    if (wants(memory_buffer)) set_if(i, "AvailableMemoryBuffer", percent);
}

void Summary::related(const Configuration& c, Instance& i) const {
    if (wants(snapshots) && !c.snapshot) {
        const vs::SystemWriter writer(call_.services, call_.request.ns.find("Msvm_VirtualSystemSettingData"));
        Value::Array all;
        for (const auto& s : vs::configurations_of(call_.services, c.system()))
            if (s.snapshot) all.emplace_back(writer.write(s));
        set_if(i, "Snapshots", Value(std::move(all)));
    }
    if (wants(tasks) && call_.services.object_manager) {
        Value::Array all;
        for (const auto& j : vs::running_jobs_of(call_.services.jobs, c.system())) {
            auto job =
                call_.services.object_manager->get(call_.request, vs::job_path(j.class_name, j.instance_id));
            if (job) all.emplace_back(std::move(*job));
        }
        set_if(i, "AsynchronousTasks", Value(std::move(all)));
    }
}

Result<std::string> screen_of(const MethodCall& call, const std::string& guid, unsigned width,
                              unsigned height) {
    backend::Call c;
    c.deadline = call.request.deadline;
    auto ppm = call.services.hypervisor.screenshot(c, guid);
    if (!ppm) return ppm.error();
    return rgb565_of_ppm(*ppm, width, height);
}

void Summary::image(const Configuration& c, Instance& i) const {
    const unsigned width = wants(large_image) ? 320 : wants(middle_image) ? 160 : wants(small_image) ? 80 : 0;
    if (width == 0 || !runs(c)) return;
    const unsigned height = width * 3 / 4;
    auto picture = screen_of(call_, c.system(), width, height);
    if (!picture) return;
    set_if(i, "ThumbnailImage", bytes_value(*picture));
    set_if(i, "ThumbnailImageWidth", width);
    set_if(i, "ThumbnailImageHeight", height);
}

Result<MethodResult> get_summary(const MethodCall& call) {
    Summary summary(call);
    std::vector<std::optional<Configuration>> asked;
    const auto paths = call.references("SettingData");
    if (paths.empty()) {
        for (auto& c : vs::configurations(call.services))
            if (c.kind == Configuration::Kind::active) asked.emplace_back(std::move(c));
    } else {
        for (const auto& p : paths) {
            const auto guid = vs::system_guid_of(p);
            asked.push_back(guid.empty() ? std::nullopt : vs::find_configuration(call.services, guid));
        }
    }
    std::vector<Configuration> found;
    for (const auto& c : asked)
        if (c) found.push_back(*c);
    summary.measure(found);
    Value::Array all;
    for (const auto& c : asked) all.emplace_back(c ? summary.write(*c) : summary.not_found());
    MethodResult out(0);
    out.out.set("SummaryInformation", Value(std::move(all)));
    return out;
}

constexpr unsigned largest_image = 4096;

Result<MethodResult> get_thumbnail(const MethodCall& call) {
    const auto guid = vs::system_guid_of(call.reference("TargetSystem"));
    const auto width = call.in.get("WidthPixels").uint_or(0), height = call.in.get("HeightPixels").uint_or(0);
    if (guid.empty() || width == 0 || height == 0 || width > largest_image || height > largest_image)
        return MethodResult(32773);
    if (!call.services.hypervisor.machine(guid)) return MethodResult(32773);
    auto picture = screen_of(call, guid, static_cast<unsigned>(width), static_cast<unsigned>(height));
    if (!picture) return refused_quietly(picture.error());
    MethodResult out(0);
    out.out.set("ImageData", bytes_value(*picture));
    return out;
}

constexpr MethodEntry table[] = {
    {"GetSummaryInformation", &get_summary},
    {"GetVirtualSystemThumbnailImage", &get_thumbnail},
};

}  // namespace

MethodTable summary_methods() {
    return table;
}

}  // namespace wsvirt::cim::management_service
