// Jobs: Msvm_ConcreteJob and its sisters (migration, storage, export ...), which differ only in their own
// properties.
#include "base/text.hpp"
#include "cim/om/authorisation.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/keys.hpp"
#include "cim/providers/job/job_writer.hpp"
#include "cim/providers/methods.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::uint64_t terminate = 4, kill = 5;

// Msvm_ConcreteJob documents CIM's own number for a wrong state, its sisters the one of the Hyper-V services.
std::uint32_t wrong_state(const Method& m) {
    const auto* map = find_qualifier(m.qualifiers, "ValueMap");
    if (map != nullptr && map->as_array() != nullptr)
        for (const auto& v : *map->as_array())
            if (v.string_or({}) == "4097") return 4097;
    return 32775;
}

// Whoever may start a job may stop it.
Result<void> may_stop(const MethodCall& call) {
    const auto& who = call.request.who;
    const auto record = call.services.jobs.find(call.target.key_string("InstanceID"));
    if (!record) return no_such_instance(*call.cls, call.target);
    if (record->owner == who.name()) return {};
    return authorise(who, record->role, "cancelling the job \"" + record->caption + "\"");
}

Result<MethodResult> request_state_change(const MethodCall& call) {
    if (auto may = may_stop(call); !may) return may.error();
    const auto& asked = call.in.get("RequestedState");
    const auto& timeout = call.in.get("TimeoutPeriod");
    const auto state = asked.uint_or(0);
    const auto wrong = wrong_state(call.method);
    if (state < 2 || state > 6) return MethodResult(wrong == 4097 ? 5 : 32773);  // invalid parameter
    if (timeout.as_datetime() != nullptr && timeout.as_datetime()->microseconds() != 0)
        return MethodResult(wrong == 4097 ? 4098 : 32770);  // a timeout is not supported
    if (state != terminate && state != kill) return MethodResult(wrong);
    const auto id = call.target.key_string("InstanceID");
    const auto stopped = call.services.jobs.request_stop(id, state == kill);
    if (!stopped && stopped.error().status == Status::not_found) return stopped.error();
    return MethodResult(stopped ? 0 : wrong);
}

Result<MethodResult> kill_job(const MethodCall& call) {
    if (auto may = may_stop(call); !may) return may.error();
    const auto stopped = call.services.jobs.request_stop(call.target.key_string("InstanceID"), true);
    if (!stopped && stopped.error().status == Status::not_found) return stopped.error();
    return MethodResult(stopped ? 0 : 4);
}

Result<std::vector<Instance>> errors_of(const MethodCall& call) {
    const auto id = call.target.key_string("InstanceID");
    const auto record = call.services.jobs.find(id);
    if (!record) return no_such_instance(*call.cls, call.target);
    return job::errors(call.request.ns, *record);
}

Result<MethodResult> get_error(const MethodCall& call) {
    auto all = errors_of(call);
    if (!all) return all.error();
    MethodResult r(0);
    if (!all->empty()) r.out.set("Error", Value(std::move(all->front())));
    return r;
}

Result<MethodResult> get_errors(const MethodCall& call) {
    auto all = errors_of(call);
    if (!all) return all.error();
    MethodResult r(0);
    if (all->empty()) return r;
    Value::Array values;
    for (auto& e : *all) values.emplace_back(std::move(e));
    r.out.set("Errors", Value(std::move(values)));
    return r;
}

constexpr MethodEntry methods[] = {
    {"RequestStateChange", &request_state_change},
    {"KillJob", &kill_job},
    {"GetError", &get_error},
    {"GetErrorEx", &get_errors},
    {"GetErrors", &get_errors},
};

class ConcreteJob final : public Provider {
  public:
    explicit ConcreteJob(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request& request, const ClassPtr& cls) override {
        std::vector<std::string> ids;
        for (auto& r : services_.jobs.all())
            if (iequals(r.class_name, cls->name())) ids.push_back(std::move(r.instance_id));
        const auto n = ids.size();
        return lazy_stream(n, [this, cls, &ns = request.ns, ids = std::move(ids)](std::size_t at) {
            return look_up(ns, cls, ids[at]);
        });
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        if (auto i = look_up(request.ns, cls, path.key_string("InstanceID"))) return std::move(*i);
        return no_such_instance(*cls, path);
    }

    Result<void> remove(const Request&, const ClassPtr&, const ObjectPath& path) override {
        return services_.jobs.remove(path.key_string("InstanceID"));
    }

    Result<MethodResult> invoke(const Request& request, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        return dispatch(methods, {services_, request, cls, target, method, in});
    }

    // Stopping one needs what starting it needed: see may_stop().
    Role needed_role(const Method& method) const override {
        const bool stops = iequals(method.name, "KillJob") || iequals(method.name, "RequestStateChange");
        return stops ? Role::viewer : Provider::needed_role(method);
    }

  private:
    std::optional<Instance> look_up(const Namespace& ns, const ClassPtr& cls, const std::string& id) const {
        const auto record = services_.jobs.find(id);
        if (!record || !iequals(record->class_name, cls->name())) return std::nullopt;
        return job::write(cls, *record, services_.jobs.settings().removal_delay, ns);
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ConcreteJob(Services& services) {
    return std::make_unique<ConcreteJob>(services);
}

}  // namespace wsvirt::cim
