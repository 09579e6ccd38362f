#include "cim/providers/job/job_writer.hpp"

#include "cim/providers/instance_tools.hpp"
#include "cim/schema/mof.hpp"

namespace wsvirt::cim::job {

namespace {

// What the state says of the job's health, in the numbers of the several status properties.
struct Condition {
    std::uint16_t operational = 2;  // OK
    const char* description = "OK";
    std::uint16_t health = 5;     // OK
    std::uint16_t primary = 1;    // OK
    std::uint16_t operating = 0;  // unknown
};

Condition condition_of(JobState s) {
    switch (s) {
        case JobState::new_:
            return {2, "OK", 5, 1, 7};  // dormant
        case JobState::starting:
            return {2, "OK", 5, 1, 3};  // starting
        case JobState::suspended:
            return {2, "OK", 5, 1, 7};  // dormant
        case JobState::shutting_down:
            return {2, "OK", 5, 1, 13};  // shutting down
        case JobState::completed:
            return {2, "OK", 5, 1, 8};  // completed
        case JobState::completed_with_warnings:
            return {3, "Degraded", 10, 2, 8};
        case JobState::terminated:
        case JobState::killed:
            return {14, "Aborted", 5, 2, 6};  // aborted
        case JobState::exception:
            return {6, "Error", 20, 3, 6};  // aborted
        case JobState::running:
        case JobState::service:
            break;
    }
    return {2, "OK", 5, 1, 16};  // in service
}

bool known(const DateTime& t) {
    return t.microseconds() != 0;
}

// From the beginning of the work to its end, or to now.
DateTime elapsed(const JobRecord& r) {
    if (!known(r.started)) return DateTime::interval(0);
    const auto until = (r.ended ? *r.ended : DateTime::now()).microseconds();
    return DateTime::interval(std::max<std::int64_t>(0, until - r.started.microseconds()));
}

// A class's own property from the record's extras: text, number, or embedded instances as MOF text.
Value extra_value(const Property& p, const std::string& text, const Namespace& ns) {
    if (!p.embedded_class.empty()) {
        auto all = instances_from_mof(ns, text);
        if (!all || all->empty()) return {};
        if (!p.array) return Value(std::move(all->front()));
        Value::Array values;
        for (auto& i : *all) values.emplace_back(std::move(i));
        return Value(std::move(values));
    }
    auto v = value_from_text(p.type, text);
    if (!v) return {};
    return p.array ? array_with(std::move(*v)) : std::move(*v);
}

void write_identity(Instance& i, const JobRecord& r) {
    set_if(i, "InstanceID", r.instance_id);
    for (const char* name : {"Name", "Caption", "Description", "ElementName"}) set_if(i, name, r.caption);
    set_if(i, "Owner", r.owner);
    set_if(i, "JobType", r.job_type);
    set_if(i, "JobRunTimes", 1u);
    set_if(i, "LocalOrUtcTime", 2u);
    set_if(i, "DeleteOnCompletion", true);
    set_if(i, "Cancellable", r.cancellable);
}

void write_times(Instance& i, const JobRecord& r, std::chrono::seconds removal) {
    set_if(i, "TimeSubmitted", r.submitted);
    if (known(r.started)) set_if(i, "StartTime", r.started);
    set_if(i, "ElapsedTime", elapsed(r));
    set_if(i, "TimeOfLastStateChange", r.last_change);
    set_if(i, "TimeBeforeRemoval", DateTime::interval(std::chrono::microseconds(removal).count()));
}

void write_outcome(Instance& i, const JobRecord& r) {
    // A warning does not make a job's code bad: clients take any other code than 0 for a failure.
    const bool failed =
        job_ended(r.state) && r.state != JobState::completed && r.state != JobState::completed_with_warnings;
    const std::uint32_t code = !failed ? 0 : r.errors.empty() ? 32768 : r.errors.front().code;
    set_if(i, "ErrorCode", code & 0xffff);
    set_if(i, "JobCompletionStatusCode", code);
    if (r.errors.empty() || !job_ended(r.state)) return;
    std::string all;
    for (const auto& e : r.errors) all += (all.empty() ? "" : "\n") + e.message;
    set_if(i, "ErrorDescription", std::move(all));
    set_if(i, "ErrorSummaryDescription", r.errors.front().message);
    if (failed) set_if(i, "RecoveryAction", 2u);  // do not continue
}

}  // namespace

Instance write(const ClassPtr& cls, const JobRecord& r, std::chrono::seconds removal, const Namespace& ns) {
    Instance i(cls);
    write_identity(i, r);
    write_times(i, r, removal);
    const auto c = condition_of(r.state);
    set_if(i, "OperationalStatus", array_with(c.operational));
    set_if(i, "StatusDescriptions", array_with(c.description));
    set_if(i, "Status", c.operational == 2 ? "OK" : c.operational == 3 ? "Degraded" : "Error");
    set_if(i, "HealthState", c.health);
    set_if(i, "PrimaryStatus", c.primary);
    set_if(i, "OperatingStatus", c.operating);
    set_if(i, "JobState", static_cast<std::uint16_t>(r.state));
    set_if(i, "JobStatus", r.status_text);
    set_if(i, "PercentComplete", r.percent);
    write_outcome(i, r);
    for (const auto& [name, text] : r.extra)
        if (const auto* p = cls->property(name)) i.set(p->name, extra_value(*p, text, ns));
    return i;
}

std::vector<Instance> errors(const Namespace& ns, const JobRecord& r) {
    std::vector<Instance> all;
    const auto cls = ns.find("Msvm_Error");
    if (!cls || !job_ended(r.state)) return all;
    const bool failed =
        r.state == JobState::exception || r.state == JobState::terminated || r.state == JobState::killed;
    for (const auto& e : r.errors) {
        Instance i(cls);
        const bool reason = failed && &e == &r.errors.front();
        set_if(i, "Message", e.message);
        set_if(i, "MessageID", e.message_id);
        set_if(i, "OwningEntity", "wsvirt");
        set_if(i, "CIMStatusCode", e.cim_status);
        set_if(i, "ErrorSource", e.source);
        set_if(i, "ErrorSourceFormat", e.source.empty() ? 0u : 2u);  // an object path
        set_if(i, "PerceivedSeverity", reason ? 4u : 2u);            // high, low
        // Security, unsupported operation, unavailable resource, else software.
        const std::uint32_t type = e.code == 32769 ? 7 : e.code == 32770 ? 10 : e.code == 32777 ? 9 : 4;
        set_if(i, "ErrorType", type);
        // Unauthorized access, out of memory, else unknown.
        set_if(i, "ProbableCause", e.code == 32769 ? 65u : e.code == 32778 ? 33u : 0u);
        all.push_back(std::move(i));
    }
    return all;
}

}  // namespace wsvirt::cim::job
