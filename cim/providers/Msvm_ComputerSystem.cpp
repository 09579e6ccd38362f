// The host and its virtual machines.
#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/at_once.hpp"
#include "cim/providers/cluster.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/computer_writer.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "cim/providers/virtual_system/state_change.hpp"
#include "cim/providers/virtual_system/writer_cache.hpp"

namespace wsvirt::cim {

namespace {

Result<MethodResult> inject_nmi(const MethodCall& call) {
    const auto machine = call.services.hypervisor.machine(call.target.key_string("Name"));
    if (!machine) return MethodResult(32777);
    if (machine->state != backend::MachineState::running) return MethodResult(32775);
    backend::Call c;
    c.deadline = call.request.deadline;
    auto done = call.services.hypervisor.inject_nmi(c, machine->spec.uuid);
    return done ? MethodResult(0) : refused_quietly(done.error());
}

constexpr MethodEntry methods[] = {
    {"RequestStateChange", &vs::request_state_change},
    {"InjectNonMaskableInterrupt", &inject_nmi},
};

class ComputerSystem final : public Provider, public AtOnce {
  public:
    explicit ComputerSystem(Services& services) : services_(services) {}

    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        auto writer = writers_.get(services_, cls);
        auto all = services_.hypervisor.machines();
        auto jobs = vs::running_jobs(services_.jobs);
        const auto hosts = is_cluster(services_) ? services_.hosts.size() : 1;
        const auto count = all.size() + hosts;
        return lazy_stream(count,
                           [this, writer, hosts, all = std::move(all),
                            jobs = std::move(jobs)](std::size_t n) -> std::optional<Instance> {
                               if (n == 0) return writer->write_host();
                               if (n < hosts) return writer->write_host(services_.hosts[n]);
                               const auto& m = *all[n - hosts];
                               std::vector<std::uint16_t> types;
                               if (!jobs.empty())
                                   for (auto [j, end] = jobs.equal_range(m.spec.uuid); j != end; ++j)
                                       types.push_back(j->second.job_type);
                               return writer->write(m, types);
                           });
    }

    Result<Instance> get(const Request& request, const ClassPtr& cls, const ObjectPath& path) override {
        const auto name = path.key_string("Name");
        if (name.empty()) return Provider::get(request, cls, path);
        auto found = get_at_once(request, cls, path);
        if (!found)
            return Error(Status::not_found, "wsvirt.machine.missing",
                         "There is no virtual machine with the identifier \"" + name + "\".", name);
        return std::move(*found);
    }

    std::optional<Instance> get_at_once(const Request&, const ClassPtr& cls,
                                        const ObjectPath& path) override {
        const auto kind = path.key_string("CreationClassName");
        if (!kind.empty() && !iequals(kind, cls->name())) return std::nullopt;
        return look_up(cls, path.key_string("Name"));
    }

    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (iequals(property, "Name") && value.as_string()) {
            std::vector<Instance> out;
            if (auto i = look_up(cls, *value.as_string())) out.push_back(std::move(*i));
            return stream_of(std::move(out));
        }
        if (iequals(property, "ElementName") && value.as_string()) {
            const auto& name = *value.as_string();
            std::vector<Instance> out;
            if (auto host = look_up_host(cls, name)) out.push_back(std::move(*host));
            for (const auto& m : services_.hypervisor.machines())
                if (iequals(m->spec.name, name)) out.push_back(write(cls, *m));
            return stream_of(std::move(out));
        }
        return StreamPtr();
    }

    Result<MethodResult> invoke(const Request& request, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        return dispatch(methods, {services_, request, cls, target, method, in});
    }

    std::optional<MethodResult> invoke_at_once(const Request& request, const ClassPtr& cls,
                                               const ObjectPath& target, const Method& method,
                                               const Arguments& in) override {
        if (method.name != "RequestStateChange") return std::nullopt;
        const auto code = vs::state_change_refused({services_, request, cls, target, method, in});
        return code ? std::optional(MethodResult(*code)) : std::nullopt;
    }

  private:
    Instance write(const ClassPtr& cls, const backend::Machine& m) {
        std::vector<std::uint16_t> types;
        for (const auto& j : vs::running_jobs_of(services_.jobs, m.spec.uuid)) types.push_back(j.job_type);
        return writers_.get(services_, cls)->write(m, types);
    }

    std::optional<Instance> look_up(const ClassPtr& cls, const std::string& name) {
        if (auto guid = vs::clean_guid(name))
            if (auto m = services_.hypervisor.machine(*guid)) return write(cls, *m);
        return look_up_host(cls, name);
    }

    std::optional<Instance> look_up_host(const ClassPtr& cls, const std::string& name) {
        if (iequals(name, services_.host.name)) return writers_.get(services_, cls)->write_host();
        if (is_cluster(services_))
            for (const auto& h : services_.hosts)
                if (iequals(name, h.name)) return writers_.get(services_, cls)->write_host(h);
        return std::nullopt;
    }

    Services& services_;
    vs::WriterCache<vs::ComputerWriter> writers_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ComputerSystem(Services& services) {
    return std::make_unique<ComputerSystem>(services);
}

}  // namespace wsvirt::cim
