// A Hypervisor in memory for unit tests of the layers above: the same rules as the real one (states, errors,
// duplicate identifiers, snapshot trees, events), no libvirt, no QEMU. Images are small sparse files, so that
// callers that look at the file system see them. Thread safe. Tests steer it through the members below the
// interface: make a call fail, block or be slow, kill a machine, lose the host.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "backend/hypervisor.hpp"
#include "backend/place_sight.hpp"
#include "base/text.hpp"

namespace wsvirt::testing {

class FakeHypervisor : public backend::Hypervisor, public backend::PlaceSight {
  public:
    using Call = backend::Call;
    explicit FakeHypervisor(std::string host_name = "testhost");
    ~FakeHypervisor() override;

    std::vector<std::shared_ptr<const backend::Machine>> machines() const override;
    std::shared_ptr<const backend::Machine> machine(std::string_view uuid) const override;
    backend::HostInfo host() const override;
    std::vector<backend::SwitchInfo> switches() const override;
    bool connected() const override;
    bool knows_since_when(std::string_view uuid) const override;
    std::shared_ptr<void> subscribe(std::function<void(const backend::Event&)> on_event) override;
    Result<backend::MachineStats> stats(const Call&, std::string_view uuid) override;
    Result<std::string> screenshot(const Call&, std::string_view uuid) override;

    Result<void> define(const Call&, const backend::MachineSpec& spec) override;
    Result<void> redefine(const Call&, const backend::MachineSpec& spec) override;
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

    Result<backend::SnapshotInfo> snapshot(const Call&, const backend::SnapshotRequest&) override;
    Result<void> revert(const Call&, std::string_view uuid, std::string_view snapshot,
                        const backend::AfterRevert&) override;
    Result<void> delete_snapshot(const Call&, std::string_view uuid, std::string_view snapshot,
                                 bool with_children) override;
    Result<void> adopt_snapshots(const Call&, std::string_view uuid,
                                 const std::vector<backend::SnapshotInfo>& snapshots,
                                 const std::vector<std::string>& names_in_disks,
                                 const std::vector<std::string>& hardware) override;
    Result<std::string> snapshot_hardware(const Call&, std::string_view uuid,
                                          std::string_view snapshot) override;
    Result<void> modify_snapshot(const Call&, std::string_view uuid,
                                 const backend::SnapshotInfo& changed) override;
    Result<void> export_saved_state(const Call&, std::string_view uuid, const std::string& to_file) override;
    Result<void> import_saved_state(const Call&, std::string_view uuid,
                                    const std::string& from_file) override;
    Result<void> import_nvram(const Call&, std::string_view uuid, const std::string& from_file) override;
    Result<std::uint64_t> saved_state_size(const Call&, std::string_view uuid) override;
    Result<void> migrate(const Call&, const backend::MigrationRequest&,
                         backend::Hypervisor& destination) override;
    Result<void> check_copied(const Call&, const std::string& path) override;
    Result<void> check_whole(const Call&, std::string_view uuid) override;
    Result<void> bring_back_snapshots(const Call&, std::string_view uuid) override;
    Result<void> forget_rest(const Call&, std::string_view uuid) override;
    Result<void> abandon(const Call&, std::string_view uuid) override;
    Result<bool> has_file(const Call&, const std::string& path) override;
    Result<bool> is_made(const Call&, const std::string& path, const std::string& mark) override;
    Result<void> remove_file(const Call&, const std::string& path) override;

    Result<backend::ImageInfo> image_info(const Call&, const std::string& path,
                                          const std::string& format = {}) override;
    Result<void> create_image(const Call&, const backend::ImageSpec&) override;
    Result<void> convert_image(const Call&, const std::string& from, const backend::ImageSpec& to) override;
    Result<void> resize_image(const Call&, const std::string& path, std::uint64_t new_size) override;
    Result<void> rebase_image(const Call&, const std::string& path, const std::string& backing,
                              const std::string& backing_format) override;
    Result<std::string> spec_to_text(const backend::MachineSpec&) const override;
    Result<backend::MachineSpec> spec_from_text(std::string_view text) const override;

    // As others do it: whoever has it run with the snapshot's memory.
    Result<void> revert(const Call& call, std::string_view uuid, std::string_view snapshot) {
        return revert(call, uuid, snapshot, {});
    }

    // --- for tests. Names of operations are those of the member functions: "start", "create_image" ... ---
    void fail_next(const std::string& operation, Error error);    // once
    void fail_always(const std::string& operation, Error error);  // until clear_failures()
    void clear_failures();
    void hold(const std::string& operation);  // calls block (deadline and stop token work) until release()
    void release(const std::string& operation);
    // The next "define" or "redefine" fails like on a host that is lost, and is done when the host is back.
    void do_late(const std::string& operation);
    // The next "suspend" or "save" is given up, and goes on: the machine shows it or not, and nothing else
    // can be done with it until that is finished.
    void give_up(const std::string& operation, bool shows);
    void finish_given_up();
    unsigned calls(const std::string& operation) const;  // how often it was called
    void set_host(backend::HostInfo info);
    void add_switch(backend::SwitchInfo info);
    void set_connected(bool yes);                // sends host_lost / host_back
    void knows_no_past(bool yes);                // as after a restart: since when is not known of any
    void show(const backend::Machine& machine);  // one that the host has had for a while
    void change_behind_back(const backend::Machine& machine);  // into that, with all its times
    void fail_to_start(std::string_view uuid);                 // starting for a moment, then as before
    void kill_machine(std::string_view uuid);                  // as when QEMU dies: off, reason "crashed"
    void remove_behind_back(std::string_view uuid);            // as virsh undefine
    void ignore_shut_down(bool yes);                           // the guest does not react to shut_down
    void set_agent(std::string_view uuid, bool connected);
    void has_own_files(bool yes);             // sees none of this machine's
    void lose_file(const std::string& path);  // sees all but this one; "" = all
    // What a file that is there is told of with when a migration makes it.
    static std::string mark_of(const std::string& path);

  private:
    struct Entry;
    struct State;
    using Machine = backend::Machine;

    Result<void> enter(const Call& call, const std::string& operation);
    Result<void> make_copies(const backend::MigrationRequest& request);
    Result<void> change_state(const Call& call, const char* operation, std::string_view uuid,
                              std::initializer_list<backend::MachineState> from, backend::MachineState to);
    Result<void> do_now_or_late(const std::string& operation, std::function<void()> work);
    void publish(Entry& entry, Machine changed, backend::EventKind kind);
    void send(const backend::Event& event);
    Entry* find(std::string_view uuid);
    static Error no_machine(std::string_view uuid);
    static Error wrong_state(const Machine& m, std::string_view operation);

    std::shared_ptr<State> state_;
};

}  // namespace wsvirt::testing
