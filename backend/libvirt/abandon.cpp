// LibvirtHypervisor: ending what an operation that nobody follows any more goes on with.
#include <libvirt/virterror.h>

#include "backend/libvirt/chain.hpp"
#include "backend/libvirt/follower.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* ending = "end what is left over";

// The migration first: while one comes in or goes out, libvirt lets each change of a disk wait for half a
// minute. One that comes in is not ended at this end, and copies nothing from here.
Result<void> end_what_was_begun(const Session& s, virDomainPtr d) {
    virDomainJobInfo info{};
    if (virDomainGetJobInfo(d, &info) < 0) {
        const int code = last_error_code();  // it comes in, it is off, or the driver moves nothing
        const bool none = code == VIR_ERR_OPERATION_UNSUPPORTED || code == VIR_ERR_OPERATION_INVALID ||
                          code == VIR_ERR_NO_SUPPORT;
        return none ? Result<void>() : last_error(ending);
    }
    if (info.type != VIR_DOMAIN_JOB_NONE) {
        virDomainAbortJob(d);
        wait_for_other_job(s, d);
        if (virDomainGetJobInfo(d, &info) == 0 && info.type != VIR_DOMAIN_JOB_NONE)
            return Error{Status::busy, "wsvirt.machine.busy",
                         "Another operation on the machine has not finished; try again later.", uuid_of(d)};
    }
    for (const auto& t : snapshot_targets(take(virDomainGetXMLDesc(d, 0))))
        virDomainBlockJobAbort(d, t.target.c_str(), 0);
    return {};
}

}  // namespace

Result<void> LibvirtHypervisor::abandon(const Call& call, std::string_view uuid) {
    return core_->workers->run<void>(
        call, {ending, core_->settings().call_limit, false, {}, {}},
        [core = core_, id = std::string(uuid)](Session& s) -> Result<void> {
            const auto d = find_domain(s.connection, id);
            if (!d) return refresh(s.connection, id, *core->connector, *core->inventory);
            auto ended = end_what_was_begun(s, d.get());
            // A copy may have come to its end just before.
            auto seen = refresh(s.connection, id, *core->connector, *core->inventory);
            return ended ? seen : ended;
        });
}

}  // namespace wsvirt::backend::libvirt
