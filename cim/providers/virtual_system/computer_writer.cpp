#include "cim/providers/virtual_system/computer_writer.hpp"

#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::vs {

using backend::Machine;
using backend::MachineState;

namespace {

constexpr std::array<std::string_view, 14> names{"Name",
                                                 "ElementName",
                                                 "InstallDate",
                                                 "OperationalStatus",
                                                 "StatusDescriptions",
                                                 "HealthState",
                                                 "EnabledState",
                                                 "RequestedState",
                                                 "TimeOfLastStateChange",
                                                 "AvailableRequestedStates",
                                                 "OnTimeInMilliseconds",
                                                 "ProcessID",
                                                 "TimeOfLastConfigurationChange",
                                                 "EnabledDefault"};

struct Activity {
    std::uint16_t status;
    const char* text;
};

const Activity* activity_of(std::uint16_t job) {
    static constexpr Activity taking{32768, "Creating Snapshot"}, applying{32769, "Applying Snapshot"},
        deleting{32770, "Deleting Snapshot"}, merging{32772, "Merging Disks"},
        exporting{32773, "Exporting Virtual Machine"}, migrating{32774, "Migrating Virtual Machine"};
    switch (job) {
        case job_type::take_snapshot:
            return &taking;
        case job_type::apply_snapshot:
            return &applying;
        case job_type::delete_snapshot:
            return &deleting;
        case job_type::merge:
            return &merging;
        case job_type::export_system:
            return &exporting;
        default:
            break;
    }
    return job >= job_type::migrate_first && job <= job_type::migrate_last ? &migrating : nullptr;
}

Value numbers(const std::vector<std::uint16_t>& all) {
    return Value::array_of(all);
}

Value moment(std::int64_t us) {
    return us > 0 ? Value(DateTime::timestamp(us)) : Value();
}

}  // namespace

RunningJobs running_jobs(const JobManager& jobs) {
    RunningJobs out;
    for (auto& job : jobs.all()) {
        if (job_ended(job.state)) continue;
        for (const auto& a : job.affected) {
            auto path = ObjectPath::parse(a.path);
            if (!path) continue;
            const auto guid = system_guid_of(*path);
            if (!guid.empty()) {
                out.emplace(guid, job);
                break;
            }
        }
    }
    return out;
}

std::vector<JobRecord> running_jobs_of(const JobManager& jobs, std::string_view guid) {
    return jobs.running_for(guid);
}

std::uint16_t enabled_state(MachineState s) {
    switch (s) {
        case MachineState::off:
            return 3;
        case MachineState::starting:
            return 10;
        case MachineState::running:
            return 2;
        case MachineState::pausing:
            return 32776;
        case MachineState::paused:
            return 9;
        case MachineState::stopping:
            return 4;
        case MachineState::saving:
            return 32773;
        case MachineState::saved:
            return 6;
        case MachineState::crashed:
            return 2;
    }
    return 0;
}

std::uint16_t health_state(MachineState s) {
    return s == MachineState::crashed ? 25 : 5;
}

OperationalStatus operational_status(MachineState s, const std::vector<std::uint16_t>& job_types) {
    OperationalStatus out;
    const bool bad = s == MachineState::crashed;
    out.status.push_back(bad ? 3 : 2);
    out.descriptions.emplace_back(bad ? "The guest operating system has stopped working"
                                      : "Operating normally");
    for (auto job : job_types)
        if (const auto* a = activity_of(job)) {
            out.status.push_back(a->status);
            out.descriptions.emplace_back(a->text);
            break;
        }
    return out;
}

std::uint64_t up_time_ms(const Machine& m) {
    if (m.started_us <= 0 || m.id < 0) return 0;
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    return now > m.started_us ? static_cast<std::uint64_t>(now - m.started_us) / 1000 : 0;
}

std::vector<std::uint16_t> requested_states(MachineState s) {
    switch (s) {
        case MachineState::off:
            return {2};
        case MachineState::running:
            return {3, 4, 6, 9, 10, 11};
        case MachineState::paused:
            return {2, 3, 6, 11};
        case MachineState::stopping:
            return {3};
        case MachineState::saved:
            return {2, 3};
        case MachineState::crashed:
            return {3, 11};
        default:
            return {};
    }
}

ComputerWriter::ComputerWriter(Services& services, ClassPtr cls)
    : services_(services), prototype_(std::move(cls)) {
    static_assert(names.size() == property_count);
    auto& i = prototype_;
    for (std::size_t p = 0; p < property_count; ++p) slots_[p] = i.cls().slot(names[p]);
    set_if(i, "CreationClassName", "Msvm_ComputerSystem");
    set_if(i, "Caption", "Virtual Machine");
    set_if(i, "Description", "Microsoft Virtual Machine");
    set_if(i, "Dedicated", Value::array_of(std::vector<std::uint16_t>{0}));
    set_if(i, "ResetCapability", 1);
    set_if(i, "RequestedState", 12);
    set_if(i, "TransitioningToState", 12);
    set_if(i, "EnabledDefault", 2);
    set_if(i, "NumberOfNumaNodes", 1);
    for (const char* none : {"ReplicationState", "ReplicationHealth", "ReplicationMode",
                             "FailedOverReplicationType", "LastReplicationType"})
        set_if(i, none, 0);
    set_if(i, "EnhancedSessionModeState", 3);
    set_if(i, "HwThreadsPerCoreRealized", 1);
    for (std::size_t n = 0; n < states_.size(); ++n) {
        const auto state = static_cast<MachineState>(n);
        const auto status = operational_status(state, {});
        states_[n] = {numbers(status.status), Value::array_of(status.descriptions),
                      numbers(requested_states(state))};
    }
}

void ComputerWriter::put(Instance& i, P p, Value v) const {
    if (slots_[p] >= 0) i.set_at(static_cast<std::size_t>(slots_[p]), std::move(v));
}

Instance ComputerWriter::write(const Machine& m, const std::vector<std::uint16_t>& job_types) const {
    Instance i = prototype_;
    put(i, Name, Value(m.spec.uuid));
    put(i, ElementName, Value(m.spec.name));
    put(i, InstallDate, moment(m.created_us));
    const auto& usual = states_[static_cast<std::size_t>(m.state)];
    if (job_types.empty()) {
        put(i, OperationalStatusP, usual.status);
        put(i, StatusDescriptions, usual.descriptions);
    } else {
        const auto status = operational_status(m.state, job_types);
        put(i, OperationalStatusP, numbers(status.status));
        put(i, StatusDescriptions, Value::array_of(status.descriptions));
    }
    put(i, HealthState, Value(health_state(m.state)));
    put(i, EnabledState, Value(enabled_state(m.state)));
    put(i, TimeOfLastStateChange, moment(m.state_since_us));
    put(i, TimeOfLastConfigurationChange, moment(m.config_changed_us));
    put(i, AvailableRequestedStates, usual.requested);
    put(i, OnTimeInMilliseconds, Value(up_time_ms(m)));
    // libvirt's own id where the process is not known: clients use it to tell running machines apart.
    if (m.pid)
        put(i, ProcessID, Value(static_cast<std::uint32_t>(*m.pid)));
    else if (m.id >= 0)
        put(i, ProcessID, Value(static_cast<std::uint32_t>(m.id)));
    if (m.spec.autostart)
        put(i, EnabledDefault, Value(2));
    else
        put(i, EnabledDefault, Value(3));
    return i;
}

Instance ComputerWriter::write_host() const {
    HostEntry local;
    local.name = services_.host.name;
    local.hypervisor = services_.hosts.empty() ? &services_.hypervisor : services_.hosts.front().hypervisor;
    return write_host(local);
}

Instance ComputerWriter::write_host(const HostEntry& host) const {
    Instance i = prototype_;
    const bool connected = host.hypervisor->connected();
    set_if(i, "Caption", "Hosting Computer System");
    set_if(i, "Description", "Microsoft Hosting Computer System");
    put(i, Name, Value(host.name));
    put(i, ElementName, Value(host.name));
    put(i, OperationalStatusP,
        Value::array_of(std::vector<std::uint16_t>{static_cast<std::uint16_t>(connected ? 2 : 3)}));
    put(i, StatusDescriptions,
        Value::array_of(
            std::vector<std::string>{connected ? "Operating normally" : "The hypervisor does not answer"}));
    put(i, HealthState, Value(connected ? 5 : 20));
    put(i, EnabledState, Value(2));
    put(i, EnabledDefault, Value(2));
    put(i, AvailableRequestedStates, Value());
    return i;
}

}  // namespace wsvirt::cim::vs
