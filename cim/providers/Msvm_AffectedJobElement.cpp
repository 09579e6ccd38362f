// Job → what it works on or made: how clients find the result of a job.
#include "cim/om/association.hpp"
#include "cim/om/jobs.hpp"
#include "cim/om/services.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim {

namespace {

using Paths = DerivedAssociation::Paths;

Paths elements_of(const JobManager& jobs, const ObjectPath& job) {
    Paths all;
    const auto record = jobs.find(job.key_string("InstanceID"));
    if (!record) return all;
    for (const auto& a : record->affected)
        if (auto path = ObjectPath::parse(a.path)) all.push_back(std::move(*path));
    return all;
}

Paths jobs_on(const JobManager& jobs, const ObjectPath& element) {
    Paths all;
    for (const auto& r : jobs.all())
        for (const auto& a : r.affected)
            if (const auto path = ObjectPath::parse(a.path); path && *path == element) {
                all.push_back(vs::job_path(r.class_name, r.instance_id));
                break;
            }
    return all;
}

void fill_effects(const JobManager& jobs, Instance& link) {
    const auto* job = link.get("AffectingElement").as_path();
    const auto* element = link.get("AffectedElement").as_path();
    if (job == nullptr || element == nullptr) return;
    const auto record = jobs.find(job->key_string("InstanceID"));
    if (!record) return;
    for (const auto& a : record->affected)
        if (const auto path = ObjectPath::parse(a.path); path && *path == *element)
            link.set("ElementEffects", Value::array_of(a.effects));
}

}  // namespace

std::unique_ptr<Provider> make_Msvm_AffectedJobElement(Services& services) {
    DerivedAssociation::Ends e;
    auto& jobs = services.jobs;
    e.left = "AffectingElement";
    e.right = "AffectedElement";
    e.lefts = [&jobs](const Request&) {
        Paths all;
        for (const auto& r : jobs.all()) all.push_back(vs::job_path(r.class_name, r.instance_id));
        return all;
    };
    e.rights_of = [&jobs](const Request&, const ObjectPath& job) { return elements_of(jobs, job); };
    e.lefts_of = [&jobs](const Request&, const ObjectPath& element) { return jobs_on(jobs, element); };
    e.fill = [&jobs](const Request&, Instance& link) { fill_effects(jobs, link); };
    return std::make_unique<DerivedAssociation>(std::move(e));
}

}  // namespace wsvirt::cim
