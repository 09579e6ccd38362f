// LibvirtHypervisor: making, changing and removing definitions.
#include <libvirt/virterror.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>

#include "backend/libvirt/definition_text.hpp"
#include "backend/libvirt/domain_xml.hpp"
#include "backend/libvirt/hypervisor_impl.hpp"
#include "backend/libvirt/live.hpp"
#include "backend/libvirt/nvram.hpp"
#include "backend/libvirt/put_aside.hpp"
#include "backend/libvirt/secure_boot.hpp"
#include "backend/libvirt/snapshot_changes.hpp"
#include "backend/libvirt/snapshot_journal.hpp"

namespace wsvirt::backend::libvirt {

using enum MachineState;

namespace {

constexpr const char* changing = "change the machine";

std::string new_mac() {
    const std::string guid = make_guid();
    return to_lower("52:54:00:" + guid.substr(0, 2) + ":" + guid.substr(2, 2) + ":" + guid.substr(4, 2));
}

Error exists(const std::string& uuid) {
    return {Status::already_exists, "wsvirt.machine.exists",
            "A machine with this identifier exists already; choose another identifier.", uuid};
}

Result<DomainHandle> define_xml(Session& s, const std::string& xml, const std::string& doing) {
    DomainHandle d(virDomainDefineXML(s.connection, xml.c_str()));
    if (!d) return last_error(doing);
    return d;
}

// libvirt may have taken so long that the caller has been told of a failure.
Result<void> still_wanted(const Session& s, const std::string& doing) {
    if (s.stop.stop_requested()) return cancelled(doing);
    return {};
}

unsigned undefine_flags(HostKind kind) {
    // The test driver knows neither variables of a firmware nor checkpoints here.
    constexpr unsigned both = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    return kind == HostKind::test
               ? both
               : both | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
}

// A machine that was just made and is not wanted any more. One that somebody has started since stays.
void unmake(Core& core, Session& s, const std::string& uuid) {
    if (const auto d = find_domain(s.connection, uuid); d && virDomainIsActive(d.get()) == 0)
        virDomainUndefineFlags(d.get(), undefine_flags(core.connector->kind()));
    refresh(s.connection, uuid, *core.connector, *core.inventory);
}

struct Definition {
    std::string xml;
    MachineSpec spec;
};

// What a machine was before a change.
struct Former {
    Definition definition;
    std::optional<std::string> variables;  // that have gone
};

void define_again(Session& s, virDomainPtr d, const Definition& old) {
    define_xml(s, old.xml, "restore the machine");
    set_autostart(d, old.spec.autostart);
}

// All of it, or nothing.
Result<void> replace_definition(Core& core, Session& s, virDomainPtr d, const Definition& old,
                                const Definition& now) {
    auto defined = define_xml(s, now.xml, changing);
    if (!defined) return defined.error();
    auto result = set_autostart(d, now.spec.autostart);
    if (result) result = still_wanted(s, changing);
    if (result && virDomainIsActive(d) == 1)
        result = apply_live(d, DiskServers(core, s, now.spec.uuid), old.spec, now.spec);
    if (!result) define_again(s, d, old);
    return result;
}

Result<Former> change_definition(Core& core, Session& s, virDomainPtr d, const MachineSpec& spec) {
    Former former;
    auto& old_xml = former.definition.xml;
    old_xml = take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    auto old = read_domain(old_xml);
    if (!old) return old_xml.empty() ? last_error(changing) : old.error();
    former.definition.spec = old->kept.spec;
    KeptSpec kept{spec, old->kept.created_us, now_us()};
    if (kept.created_us == 0)
        if (const auto known = core.inventory->machine(spec.uuid)) kept.created_us = known->created_us;
    DomainOptions options = core.domain_options();
    options.domain_type = old->domain_type;  // changed by the next start, when that can be done
    auto xml = write_domain(kept, options, old_xml);
    if (xml && virDomainIsActive(d) == 1)
        xml = with_forms_of(take(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_SECURE)), *xml, options);
    if (!xml) return xml.error();
    if (auto ok = still_wanted(s, changing); !ok) return ok.error();
    bool other_keys = needs_other_keys(old->kept.spec, spec);
    const auto unused = check_variables_unused(core, d);
    if (other_keys && !unused) return unused.error();
    // One that runs has been started by others since the note was made, with whatever was there.
    other_keys = other_keys || (unused && awaits_variables(old_xml));
    auto done =
        replace_definition(core, s, d, former.definition,
                           {other_keys ? awaiting_variables(*xml) : awaiting_no_variables(*xml), spec});
    if (!done) return done.error();
    if (!other_keys) return former;
    auto gone = renew_variables(core, s, *xml);
    if (gone) {
        former.variables = std::move(*gone);
        return former;
    }
    define_again(s, d, former.definition);
    return gone.error();
}

// A change that was made only when its caller had been told that it was not.
void take_back(Core& core, Session& s, const Former& former, const MachineSpec& now) {
    const auto& old = former.definition;
    if (const auto d = find_domain(s.connection, now.uuid)) {
        define_again(s, d.get(), old);
        put_back_variables(core, s, old.xml, former.variables);
        Session again{
            s.connection, std::chrono::steady_clock::now() + core.settings().call_limit, {}, s.progress};
        if (virDomainIsActive(d.get()) == 1)
            if (auto ok = apply_live(d.get(), DiskServers(core, again, now.uuid), now, old.spec); !ok)
                spdlog::error("wsvirt.host.take_back machine={} error=\"{}\"", now.uuid,
                              ok.error().full_text());
    }
    refresh(s.connection, now.uuid, *core.connector, *core.inventory);
}

// With the memory of its snapshots that is a file of ours.
Result<void> remove_definition(Site& w) {
    auto left = hold_snapshots(w.domain);
    if (!left) return left.error();
    const auto own = w.domain_xml();
    if (!own) return own.error();
    if (virDomainUndefineFlags(w.domain, undefine_flags(w.core->connector->kind())) < 0)
        return last_error("remove the machine");
    for (const auto& held : *left) remove_files_of(w, held.layout);
    if (const auto variables = nvram_path(*own); w.local() && !variables.empty())
        remove_half_written_nvram(variables);
    return drop_saved_file(*w.core->connector, w.domain);
}

// Nobody else does: a system's libvirt has others that see to its logs.
void remove_log(const Connector& connector, const std::string& name) {
    std::error_code ec;
    if (connector.kind() == HostKind::embedded)
        std::filesystem::remove(connector.log_dir() + "/" + name + ".log", ec);
}

}  // namespace

Result<void> LibvirtHypervisor::complete(const Call& call, MachineSpec& spec) {
    spec.uuid = to_upper(spec.uuid);
    for (Nic& n : spec.nics)
        if (n.mac.empty()) n.mac = new_mac();
    for (Disk& d : spec.disks) {
        if (d.path.empty() || !d.format.empty()) continue;
        if (d.device != DiskDevice::disk || core_->connector->kind() == HostKind::test) {
            d.format = "raw";
            continue;
        }
        auto info = image_info(call, d.path, {});
        if (!info) return info.error();
        d.format = info->format;
    }
    return {};
}

Result<void> LibvirtHypervisor::define(const Call& call, const MachineSpec& wanted) {
    KeptSpec kept;
    kept.spec = wanted;
    if (auto ok = check_spec(wanted, core_->domain_options()); !ok) return ok;
    if (wanted.secure_boot && core_->connector->kind() != HostKind::test &&
        core_->domain_options().firmware.secure_code.empty())
        return Error{Status::not_supported, "wsvirt.firmware.secure_boot_missing",
                     "This host has no firmware with secure boot; install the package ovmf, or do without.",
                     "secure_boot"};
    if (auto ok = complete(call, kept.spec); !ok) return ok;
    kept.created_us = kept.config_changed_us = now_us();
    if (core_->inventory->machine(kept.spec.uuid)) return exists(kept.spec.uuid);
    auto xml = write_domain(kept, core_->domain_options());
    if (!xml) return xml.error();
    auto pass = core_->gates.enter(call, kept.spec.uuid);
    if (!pass) return pass.error();
    return core_->workers->run<void>(
        call, {"define the machine", {}, false, {}, {}},
        [core = core_, pass = *pass, xml = *xml, spec = kept.spec](Session& s) -> Result<void> {
            if (find_domain(s.connection, spec.uuid)) return exists(spec.uuid);
            if (last_error_code() != VIR_ERR_NO_DOMAIN) return last_error("define the machine");
            if (auto ok = still_wanted(s, "define the machine"); !ok) return ok;
            // Of a machine that had the identifier before, if there is anything.
            forget_unfinished(*core, s, spec.uuid);
            auto domain = define_xml(s, xml, "define the machine");
            if (!domain) return domain.error();
            forget_aside(core->settings(), spec.uuid);
            auto result = set_autostart(domain->get(), spec.autostart);
            if (result) result = still_wanted(s, "define the machine");
            if (!result) {
                unmake(*core, s, spec.uuid);
                return result;
            }
            return refresh(s.connection, spec.uuid, *core->connector, *core->inventory);
        },
        [core = core_, pass = *pass, uuid = kept.spec.uuid](Session& s) { unmake(*core, s, uuid); });
}

Result<void> LibvirtHypervisor::check_whole(const Call& call, std::string_view uuid) {
    if (!applying_was_cut_off(*core_, uuid)) return {};
    auto ok = change_machine(core_, call, uuid, {{"finish what was cut off", {}, true, {}, {}}, {}, {}},
                             [core = core_](Session& s, virDomainPtr d) {
                                 Site w(core, s, d);
                                 return finish_applying(w);
                             });
    if (!ok) return ok;
    return Error{
        Status::busy, "wsvirt.snapshot.just_applied",
        "Going back to a snapshot had been cut off and is finished only now; the machine may have other "
        "settings and disks than a moment ago. Look at it, and try again.",
        std::string(uuid)};
}

Result<void> LibvirtHypervisor::redefine(const Call& call, const MachineSpec& wanted) {
    MachineSpec spec = wanted;
    if (auto ok = check_whole(call, spec.uuid); !ok) return ok;
    if (auto ok = check_spec(spec, core_->domain_options()); !ok) return ok;
    if (auto ok = complete(call, spec); !ok) return ok;
    const auto former = std::make_shared<Former>();
    return change_machine(
        core_, call, spec.uuid, {{changing, {}, false, {}, {}}, {}, {}},
        [core = core_, spec, former](Session& s, virDomainPtr d) -> Result<void> {
            auto changed = change_definition(*core, s, d, spec);
            if (!changed) return changed.error();
            *former = std::move(*changed);
            return {};
        },
        [core = core_, spec, former](Session& s) { take_back(*core, s, *former, spec); });
}

Result<void> remove_machine(Site& w) {
    if (auto ok = remove_external_snapshots(w); !ok) return ok;
    const std::string machine = uuid_of(w.domain), name = virDomainGetName(w.domain);
    if (w.local() && is_unmerged(*w.core, machine)) {
        if (auto ok = drop_saved_file(*w.core->connector, w.domain); !ok) return ok;
        if (auto ok = tidy_files(w, {}); !ok) return ok;
    }
    if (auto ok = remove_definition(w); !ok) return ok;
    remove_log(*w.core->connector, name);
    forget_unmerged(*w.core, machine);
    forget_unfinished(*w.core, w.session, machine);
    return {};
}

Result<void> LibvirtHypervisor::undefine(const Call& call, std::string_view uuid) {
    return change_machine(core_, call, uuid,
                          {{"remove the machine", {}, true, {}, {}}, {off, saved, crashed}, {}},
                          [core = core_](Session& s, virDomainPtr d) -> Result<void> {
                              Site w(core, s, d);
                              (void)finish_applying(w);  // its disks stay; what is left of it goes with it
                              auto all = hold_snapshots(d);
                              if (!all) return all.error();
                              std::vector<std::string> ids;
                              for (const auto& held : *all)
                                  if (held.info.external) ids.insert(ids.begin(), held.info.id);
                              auto noted = begun_deletion(w, *all, ids);
                              if (!noted) return noted.error();
                              noted->removed = true;
                              for (const auto& held : *all)  // nobody finds them without the machine
                                  if (!held.info.external)
                                      for (auto& file : files_of(held.layout)) noted->files.push_back(file);
                              const auto journal = note_unfinished(*core, s, *noted);
                              if (!journal) return journal.error();
                              return remove_machine(w);
                          });
}

Result<void> LibvirtHypervisor::forget(const Call& call, std::string_view uuid) {
    return change_machine(core_, call, uuid,
                          {{"remove the machine", {}, true, {}, {}}, {off, saved, crashed}, {}},
                          [core = core_](Session& s, virDomainPtr d) -> Result<void> {
                              auto all = hold_snapshots(d);
                              if (!all) return all.error();
                              Site w(core, s, d);
                              for (const auto& held : *all)  // first: nobody finds them without the machine
                                  remove_files_of(w, held.layout);
                              return remove_definition(w);
                          });
}

Result<std::string> LibvirtHypervisor::spec_to_text(const MachineSpec& spec) const {
    return write_domain({spec, 0, 0}, core_->domain_options());
}

Result<MachineSpec> LibvirtHypervisor::spec_from_text(std::string_view text) const {
    return read_definition(text);
}

}  // namespace wsvirt::backend::libvirt
