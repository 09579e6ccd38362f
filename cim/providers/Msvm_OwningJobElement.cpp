// Service → the jobs that its methods started.
#include "base/text.hpp"
#include "cim/om/association.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

using Paths = DerivedAssociation::Paths;

Paths jobs_of(const JobManager& jobs, const ObjectPath& service) {
    Paths all;
    for (const auto& r : jobs.all())
        if (iequals(r.owning_service, service.class_name()))
            all.push_back(vs::job_path(r.class_name, r.instance_id));
    return all;
}

// Services are alone of their class: the class name is enough to find the whole path.
void add_service(Services& services, const Request& request, const std::string& class_name, Paths& out) {
    if (class_name.empty()) return;
    auto path = services.object_manager->resolve(request, ObjectPath(request.ns.name(), class_name));
    if (path) out.push_back(std::move(*path));
}

Paths owner_of(Services& services, const Request& request, const ObjectPath& job) {
    Paths all;
    if (const auto record = services.jobs.find(job.key_string("InstanceID")))
        add_service(services, request, record->owning_service, all);
    return all;
}

Paths owners(Services& services, const Request& request) {
    std::vector<std::string> names;
    for (const auto& r : services.jobs.all()) {
        const bool known = std::any_of(names.begin(), names.end(),
                                       [&](const auto& name) { return iequals(name, r.owning_service); });
        if (!known) names.push_back(r.owning_service);
    }
    Paths all;
    for (const auto& name : names) add_service(services, request, name, all);
    return all;
}

}  // namespace

std::unique_ptr<Provider> make_Msvm_OwningJobElement(Services& services) {
    DerivedAssociation::Ends e;
    e.left = "OwningElement";
    e.right = "OwnedElement";
    e.lefts = [&services](const Request& r) { return owners(services, r); };
    e.rights_of = [&services](const Request&, const ObjectPath& p) { return jobs_of(services.jobs, p); };
    e.lefts_of = [&services](const Request& r, const ObjectPath& p) { return owner_of(services, r, p); };
    return std::make_unique<DerivedAssociation>(std::move(e));
}

}  // namespace wsvirt::cim
