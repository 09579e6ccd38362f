#include "cim/providers/methods.hpp"

#include "base/text.hpp"
#include "cim/om/authorisation.hpp"
#include "cim/providers/virtual_system/kinds.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

std::optional<std::uint32_t> unsupported_code(const Method& m) {
    const auto* map = find_qualifier(m.qualifiers, "ValueMap");
    if (!map || !map->as_array()) return std::nullopt;
    std::optional<std::uint32_t> plain;
    for (const auto& v : *map->as_array()) {
        const auto text = v.string_or({});
        if (text == "32770" || text.starts_with("32768..")) return 32770;
        if (text == "1") plain = 1;
    }
    return plain;
}

ObjectPath path_of(const Value& v) {
    if (const auto* p = v.as_path()) return *p;
    if (const auto* text = v.as_string())
        if (auto p = ObjectPath::parse(*text)) return *p;
    return {};
}

JobSpec spec_of(const MethodCall& call, Task task) {
    JobSpec spec;
    spec.job_type = task.type;
    spec.class_name = std::move(task.class_name);
    spec.caption = std::move(task.caption);
    spec.owner = call.request.who.name();
    spec.role = usual_role(call.method.name);
    spec.owning_service = std::move(task.owning_service);
    spec.cancellable = task.cancellable;
    spec.affected = std::move(task.affected);
    spec.busy_key = std::move(task.busy_key);
    spec.extra = std::move(task.extra);
    spec.limit = std::move(task.limit);
    return spec;
}

}  // namespace

std::vector<const Instance*> MethodCall::instances(std::string_view name) const {
    std::vector<const Instance*> out;
    const auto& v = in.get(name);
    if (const auto* one = v.as_instance()) return {one};
    if (const auto* all = v.as_array())
        for (const auto& x : *all)
            if (const auto* i = x.as_instance()) out.push_back(i);
    return out;
}

ObjectPath MethodCall::reference(std::string_view name) const {
    return path_of(in.get(name));
}

std::vector<ObjectPath> MethodCall::references(std::string_view name) const {
    std::vector<ObjectPath> out;
    const auto& v = in.get(name);
    if (const auto* all = v.as_array()) {
        for (const auto& x : *all) out.push_back(path_of(x));
    } else if (!v.is_null()) {
        out.push_back(path_of(v));
    }
    return out;
}

Result<MethodResult> dispatch(MethodTable table, const MethodCall& call) {
    for (const auto& entry : table)
        if (iequals(entry.name, call.method.name)) return entry.function(call);
    Error why(Status::not_supported, "wsvirt.method.unsupported",
              call.method.name + " of " + call.cls->name() + " is not supported on this host.",
              call.method.name);
    const auto code = unsupported_code(call.method);
    if (!code) return why;
    Task task;
    task.caption = call.method.name;
    if (call.cls->is_a("CIM_Service")) task.owning_service = call.cls->name();
    auto r = refused(call, std::move(task), why);
    if (r) r->return_value = Value(*code);
    return r;
}

Result<MethodResult> run(const MethodCall& call, Task task, JobManager::Work work, Arguments results,
                         std::shared_ptr<JobManager::Guard> held) {
    auto& jobs = call.services.jobs;
    const auto class_name = task.class_name;
    const bool wait = !task.always_a_job;
    auto id = jobs.start(spec_of(call, task), std::move(work), std::move(held));
    if (!id) return refused(call, std::move(task), id.error());
    if (wait) {
        auto window = call.services.host.synchronous_window;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(call.request.deadline - Clock::now());
        if (call.request.deadline != Clock::time_point::max()) window = std::min(window, left / 2);
        const auto record = jobs.wait(*id, std::max(window, std::chrono::milliseconds(0)));
        if (record && record->state == JobState::completed) {
            MethodResult done(0);
            done.out = std::move(results);
            return done;
        }
    }
    MethodResult started(4096);
    started.out = std::move(results);
    started.out.set("Job", Value(vs::job_path(class_name, *id)));
    return started;
}

MethodResult refused_quietly(const Error& why) {
    return MethodResult(code_of(why));
}

Result<MethodResult> refused(const MethodCall& call, Task task, const Error& why) {
    MethodResult out(code_of(why));
    if (!call.method.parameter("Job")) return out;
    task.busy_key.clear();
    task.affected.clear();
    const auto class_name = task.class_name;
    auto id = call.services.jobs.record_ended(spec_of(call, std::move(task)), why);
    if (!id) return out;
    out.out.set("Job", Value(vs::job_path(class_name, *id)));
    return out;
}

}  // namespace wsvirt::cim
