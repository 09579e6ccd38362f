// How methods are dispatched and how they end. A provider lists its methods in a table; each is a function of
// a MethodCall. Every method of the virtualization model ends in one of three ways: at once with 0 and its
// results, with 4096 and a job, or refused with a documented code before anything changed; the text of a
// refusal reaches the client as the error of an ended job in the Job parameter.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/provider.hpp"
#include "cim/om/services.hpp"

namespace wsvirt::cim {

struct MethodCall {
    Services& services;
    const Request& request;
    const ClassPtr& cls;
    const ObjectPath& target;
    const Method& method;
    const Arguments& in;

    // An embedded instance; null when it was not given.
    const Instance* instance(std::string_view name) const { return in.get(name).as_instance(); }
    // All of an array of embedded instances, NULL entries left out.
    std::vector<const Instance*> instances(std::string_view name) const;
    // A reference, also when it came as path text; an empty path when it was not given.
    ObjectPath reference(std::string_view name) const;
    std::vector<ObjectPath> references(std::string_view name) const;
};

using MethodFunction = Result<MethodResult> (*)(const MethodCall&);
struct MethodEntry {
    std::string_view name;
    MethodFunction function;
};
using MethodTable = std::span<const MethodEntry>;

// Calls the entry of call.method. A method without an entry answers "not supported" with the code that its
// declaration has for that (32770 or 1); one that documents none gives the error not_supported.
Result<MethodResult> dispatch(MethodTable table, const MethodCall& call);

// JobType numbers of Msvm_ConcreteJob.
namespace job_type {
inline constexpr std::uint16_t define_system = 1, modify_system = 2, destroy_system = 3, modify_service = 4,
                               start = 12, power_off = 13, save = 14, restore = 15, shut_down = 16,
                               pause = 26, resume = 27, reset = 28, reboot = 29, add_resources = 30,
                               modify_resources = 31, remove_resources = 32, merge = 50, import_system = 61,
                               export_system = 62, take_snapshot = 70, apply_snapshot = 71,
                               delete_snapshot = 72, validate_planned = 140, realize_planned = 141,
                               migrate_first = 300, create_remote = 300, check_machine = 301,
                               check_both = 302, check_storage = 303, deep_check_storage = 304,
                               move_machine = 305, move_both = 306, move_storage = 307, migrate_last = 307;
}

struct Task {
    std::uint16_t type = 0;
    std::string caption;
    std::string owning_service = "Msvm_VirtualSystemManagementService";
    std::string class_name = "Msvm_ConcreteJob";
    std::string busy_key;  // GUID of the machine, or ""
    std::vector<JobRecord::Affected> affected;
    bool cancellable = false;
    bool always_a_job = false;                      // 4096 even when it is over at once
    std::map<std::string, std::string> extra = {};  // properties of the job's own class
    JobLimit limit = {};
};

// Starts `work` as a job. When it ends well within the host's synchronous window the answer is 0 with
// `results`; else 4096 with `results` and Job. held: the busy key taken before the arguments were checked.
// Where no job can begin the method is refused.
Result<MethodResult> run(const MethodCall& call, Task task, JobManager::Work work, Arguments results,
                         std::shared_ptr<JobManager::Guard> held = nullptr);

// The method refused: its code, and (where the method has a Job parameter) an ended job with the text.
Result<MethodResult> refused(const MethodCall& call, Task task, const Error& why);
// Only the code: for the states that clients ask for in passing.
MethodResult refused_quietly(const Error& why);

}  // namespace wsvirt::cim
