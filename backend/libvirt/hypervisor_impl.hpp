// The class behind open_libvirt(); its members are spread over the source files of this folder by subject.
#pragma once

#include "backend/file_sight.hpp"
#include "backend/libvirt/core.hpp"
#include "backend/libvirt/watcher.hpp"
#include "backend/overlays.hpp"
#include "backend/place_sight.hpp"

namespace wsvirt::backend::libvirt {

class RecoveryOnReturn;

class LibvirtHypervisor final : public Hypervisor, public OverlaySight, public FileSight, public PlaceSight {
  public:
    explicit LibvirtHypervisor(Settings settings);
    ~LibvirtHypervisor() override;
    Result<void> open();
    const CorePtr& core() const { return core_; }

    std::vector<std::shared_ptr<const Machine>> machines() const override;
    std::shared_ptr<const Machine> machine(std::string_view uuid) const override;
    HostInfo host() const override;
    std::vector<SwitchInfo> switches() const override;
    bool connected() const override;
    bool knows_since_when(std::string_view uuid) const override;
    std::shared_ptr<void> subscribe(std::function<void(const Event&)> on_event) override;
    Result<MachineStats> stats(const Call&, std::string_view uuid) override;
    Result<std::string> screenshot(const Call&, std::string_view uuid) override;

    Result<void> define(const Call&, const MachineSpec& spec) override;
    Result<void> redefine(const Call&, const MachineSpec& spec) override;
    Result<void> undefine(const Call&, std::string_view uuid) override;
    Result<void> forget(const Call&, std::string_view uuid) override;
    Result<void> start(const Call&, std::string_view uuid) override;
    Result<void> power_off(const Call&, std::string_view uuid) override;
    Result<void> shut_down(const Call&, std::string_view uuid) override;
    Result<void> suspend(const Call&, std::string_view uuid) override;
    Result<void> resume(const Call&, std::string_view uuid) override;
    Result<void> save(const Call&, std::string_view uuid) override;
    Result<void> discard_saved_state(const Call&, std::string_view uuid) override;
    Result<void> reset(const Call&, std::string_view uuid) override;
    Result<void> reboot(const Call&, std::string_view uuid) override;
    Result<void> inject_nmi(const Call&, std::string_view uuid) override;
    Result<void> send_keys(const Call&, std::string_view uuid,
                           const std::vector<unsigned>& keycodes) override;
    Result<void> freeze(const Call&, std::string_view uuid) override;
    Result<void> thaw(const Call&, std::string_view uuid) override;

    Result<SnapshotInfo> snapshot(const Call&, const SnapshotRequest&) override;
    Result<void> revert(const Call&, std::string_view uuid, std::string_view snapshot,
                        const AfterRevert&) override;
    Result<void> delete_snapshot(const Call&, std::string_view uuid, std::string_view snapshot,
                                 bool with_children) override;
    Result<void> modify_snapshot(const Call&, std::string_view uuid, const SnapshotInfo& changed) override;
    Result<void> adopt_snapshots(const Call&, std::string_view uuid,
                                 const std::vector<SnapshotInfo>& snapshots,
                                 const std::vector<std::string>& names_in_disks,
                                 const std::vector<std::string>& hardware) override;
    Result<std::string> snapshot_hardware(const Call&, std::string_view uuid,
                                          std::string_view snapshot) override;
    Result<void> export_saved_state(const Call&, std::string_view uuid, const std::string& to_file) override;
    Result<void> import_saved_state(const Call&, std::string_view uuid,
                                    const std::string& from_file) override;
    Result<void> import_nvram(const Call&, std::string_view uuid, const std::string& from_file) override;
    Result<std::uint64_t> saved_state_size(const Call&, std::string_view uuid) override;
    Result<void> migrate(const Call&, const MigrationRequest&, Hypervisor& destination) override;
    Result<void> check_copied(const Call&, const std::string& path) override;
    Result<void> check_whole(const Call&, std::string_view uuid) override;
    Result<void> bring_back_snapshots(const Call&, std::string_view uuid) override;
    Result<void> forget_rest(const Call&, std::string_view uuid) override;
    Result<void> abandon(const Call&, std::string_view uuid) override;
    Result<bool> has_file(const Call&, const std::string& path) override;
    Result<bool> is_made(const Call&, const std::string& path, const std::string& mark) override;
    Result<void> remove_file(const Call&, const std::string& path) override;
    Result<std::string> file_mark(const Call&, const std::string& path) override;
    Result<std::vector<std::string>> overlays_of(const Call&, const std::vector<std::string>& files,
                                                 const std::map<std::string, std::string>& disks) override;

    Result<ImageInfo> image_info(const Call&, const std::string& path, const std::string& format) override;
    Result<void> create_image(const Call&, const ImageSpec&) override;
    Result<void> convert_image(const Call&, const std::string& from, const ImageSpec& to) override;
    Result<void> resize_image(const Call&, const std::string& path, std::uint64_t new_size) override;
    Result<void> rebase_image(const Call&, const std::string& path, const std::string& backing,
                              const std::string& backing_format) override;
    Result<std::string> spec_to_text(const MachineSpec&) const override;
    Result<MachineSpec> spec_from_text(std::string_view text) const override;

  private:
    Result<void> complete(const Call& call, MachineSpec& spec);  // MAC addresses, image formats

    CorePtr core_;
    std::unique_ptr<Watcher> watcher_;
    std::unique_ptr<RecoveryOnReturn> recovery_;
};

}  // namespace wsvirt::backend::libvirt
