// LibvirtHypervisor: what is asked of each of its hosts before a migration, and by whoever settles one that
// was cut off.
#include <libvirt/virterror.h>

#include <filesystem>

#include "backend/libvirt/carried_disks.hpp"
#include "backend/libvirt/carried_variables.hpp"
#include "backend/libvirt/file_marks.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/put_aside.hpp"
#include "backend/libvirt/target_storage.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* clearing = "remove what is left of the machine";

// Its files are those of the machine on the other host, as far as nothing else is known.
Result<void> forget_alone(const CorePtr& core, virDomainPtr d) {
    constexpr unsigned everywhere = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    const unsigned flags =
        core->connector->kind() == HostKind::test
            ? everywhere
            : everywhere | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    return checked(virDomainUndefineFlags(d, flags), clearing);
}

Result<void> remove_on_host(const Core& core, virConnectPtr connection, const std::string& path) {
    if (core.connector->kind() == HostKind::remote) return remove_host_file(connection, path);
    std::error_code ec;
    std::filesystem::remove(path, ec);
    if (!ec) return {};
    return Error{Status::failed, "wsvirt.file.remove", "The file cannot be removed.", path, ec.message()};
}

}  // namespace

Result<void> LibvirtHypervisor::forget_rest(const Call& call, std::string_view uuid) {
    auto pass = core_->gates.enter(call, uuid);
    if (!pass) return pass.error();
    return core_->workers->run<void>(
        call, {clearing, {}, true, {}, {}},
        [core = core_, pass = *pass, id = to_upper(uuid)](Session& s) -> Result<void> {
            if (const auto d = find_domain(s.connection, id)) {
                if (virDomainIsActive(d.get()) != 0) return wrong_state(MachineState::running, clearing, id);
                auto gone = forget_alone(core, d.get());
                auto seen = refresh(s.connection, id, *core->connector, *core->inventory);
                if (!gone || !seen) return gone ? seen : gone;
            } else if (last_error_code() != VIR_ERR_NO_DOMAIN) {
                return last_error(clearing);
            }
            if (const auto file = own_variables(core->settings(), id); !file.empty())
                if (auto ok = remove_on_host(*core, s.connection, file); !ok) return ok;
            drop_own_variables(core->settings(), id);
            return {};
        });
}

Result<void> LibvirtHypervisor::bring_back_snapshots(const Call& call, std::string_view uuid) {
    const auto aside = noted_aside(core_->settings(), uuid);
    if (aside.empty()) return {};
    return change_machine(core_, call, uuid, {{"bring its snapshots back", {}, true, {}, {}}, {}, {}},
                          [core = core_, aside](Session&, virDomainPtr d) {
                              return bring_back(core->settings(), d, aside, core->domain_options());
                          });
}

Result<void> LibvirtHypervisor::check_copied(const Call& call, const std::string& path) {
    if (core_->connector->kind() != HostKind::remote) return {};
    return core_->workers->run<void>(
        call, {"look at the disk", core_->settings().read_limit, false, {}, {}},
        [core = core_, path](Session& s) { return check_carried(*core, s.connection, path); });
}

Result<bool> LibvirtHypervisor::has_file(const Call& call, const std::string& path) {
    if (core_->connector->kind() != HostKind::remote) {
        std::error_code ec;
        return std::filesystem::exists(path, ec);
    }
    return core_->workers->run<bool>(
        call, {"look for the file", core_->settings().read_limit, false, {}, {}},
        [path](Session& s) -> Result<bool> { return host_has_file(s.connection, path); });
}

Result<bool> LibvirtHypervisor::is_made(const Call& call, const std::string& path, const std::string& mark) {
    const auto kind = core_->connector->kind();
    if (kind != HostKind::remote) return has_mark(nullptr, kind, path, mark);
    return core_->workers->run<bool>(
        call, {"look at the file", core_->settings().read_limit, false, {}, {}},
        [path, mark, kind](Session& s) { return has_mark(s.connection, kind, path, mark); });
}

Result<std::string> LibvirtHypervisor::file_mark(const Call& call, const std::string& path) {
    const auto kind = core_->connector->kind();
    if (kind != HostKind::remote) return libvirt::file_mark(nullptr, kind, path);
    return core_->workers->run<std::string>(call,
                                            {"look at the file", core_->settings().read_limit, false, {}, {}},
                                            [path, kind](Session& s) -> Result<std::string> {
                                                return libvirt::file_mark(s.connection, kind, path);
                                            });
}

Result<void> LibvirtHypervisor::remove_file(const Call& call, const std::string& path) {
    if (core_->connector->kind() != HostKind::remote) return remove_on_host(*core_, nullptr, path);
    return core_->workers->run<void>(
        call, {"remove the file", core_->settings().read_limit, false, {}, {}},
        [core = core_, path](Session& s) { return remove_on_host(*core, s.connection, path); });
}

}  // namespace wsvirt::backend::libvirt
