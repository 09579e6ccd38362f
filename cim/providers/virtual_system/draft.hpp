// A configuration being changed: embedded instances are applied to a copy of its MachineSpec, and only when
// every one of them fitted is the result handed to the machine layer. So a refused call changes nothing.
//
// Rule for each property that a client sends: NULL or equal to what is there → nothing; it has an effect →
// the effect; it is only described here → kept (elements.hpp says where) and read back; else refused by name.
// Used by one thread; holds references to the services and the namespace.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend/hypervisor.hpp"
#include "cim/providers/virtual_system/configurations.hpp"
#include "cim/providers/virtual_system/elements.hpp"
#include "cim/providers/virtual_system/names.hpp"

namespace wsvirt::cim::vs {

class Draft {
  public:
    enum class State : std::uint8_t {
        fresh,  // being defined: everything can be said
        off,
        running,  // or paused
        saved,
        planned,  // as off; disks and switches need not exist yet
    };
    Draft(Services& services, const Namespace& ns, backend::MachineSpec spec, std::string id, State state)
        : services_(services), ns_(ns), spec_(std::move(spec)), id_(std::move(id)), state_(state) {}
    // Of an existing configuration; a snapshot's settings cannot be changed this way (invalid_state).
    static Result<Draft> of(Services& services, const Namespace& ns, const Configuration& c);

    const backend::MachineSpec& spec() const { return spec_; }
    backend::MachineSpec& spec() { return spec_; }
    const std::string& id() const { return id_; }
    State state() const { return state_; }

    // Changes the system's own settings. Errors: invalid_parameter, invalid_state, not_supported; subject =
    // the property.
    Result<void> change_system(const Instance& wanted);
    // Adds one resource; gives its InstanceID. Errors as above, not_found (medium), busy (medium in use),
    // access_denied (medium outside the allowed folders).
    Result<std::string> add(const Instance& wanted);
    // Changes the resource that the instance's InstanceID names.
    Result<void> modify(const Instance& wanted);
    // For DefineSystem: changes what every system has already (processor, memory ...), adds the rest.
    Result<std::string> add_or_modify(const Instance& wanted);
    Result<void> remove(const SettingId& id);
    // Checks what only the whole can tell (memory limits ...). Call after the last change.
    Result<void> finish();

    // Path of one of its elements, for out parameters.
    ObjectPath path_of(const std::string& instance_id) const;

  private:
    using Properties = std::set<std::string, ILess>;
    // true: done; false: keep it.
    using Setter = std::function<Result<bool>(const Property&, const Value&)>;

    Result<void> apply(const Instance& wanted, const Element& e, const Properties& skip);
    Instance system_as_it_is() const;
    Result<bool> set(const Element& e, const Property& p, const Value& v);
    Result<bool> set_processor(const Property& p, const Value& v);
    Result<bool> set_memory(const Property& p, const Value& v);
    Result<bool> set_place(const Element& e, const Property& p, const Value& v);
    Result<bool> set_medium(const Element& e, const Property& p, const Value& v);
    Result<bool> set_nic(const Element& e, const Property& p, const Value& v);
    Result<bool> set_connection(const Element& e, const Property& p, const Value& v);
    Result<bool> set_serial(const Element& e, const Property& p, const Value& v);
    Result<bool> set_component(const Element& e, const Property& p, const Value& v);
    Result<bool> set_system(const Property& p, const Value& v);
    Result<bool> set_boot(const Property& p, const Value& v);
    Result<bool> set_identity(const Property& p, const Value& v);
    Result<void> keep(const KeepIn& where, const Property& p, const Value& v);

    // Which of the devices that every system has is meant.
    Result<Element> choose(const Instance& wanted, const std::vector<Element>& there) const;
    Result<Element> add_controller(const Instance& wanted);
    Result<Element> add_drive(Kind k, const Instance& wanted);
    Result<Element> add_medium(Kind k, const Instance& wanted);
    Result<Element> add_nic(Kind k, const Instance& wanted);
    Result<Element> add_connection(const Instance& wanted);
    // The element that Parent names, by path, by InstanceID or by the InstanceID given to an earlier add().
    Result<Element> find_parent(const Instance& wanted, const char* expected) const;
    Result<unsigned> free_slot(const Instance& wanted, backend::Bus bus, unsigned controller,
                               unsigned slots) const;
    Result<void> need_off_for_first_diskette() const;
    Result<void> put_medium(backend::Disk& d, const std::string& path, const std::string& property);
    Result<void> connect(backend::Nic& n, const Value& host_resource);

    Result<void> remove_controller(const Element& e);
    Result<void> remove_drive(const Element& e);
    void forget_boot_device(const std::string& id);

    bool hot() const { return state_ == State::running; }
    // An import with memory, which is fitted to the settings when it is realized: to what devices are on the
    // host, not to what the guest sees of them.
    bool brings_memory() const;
    // Errors invalid_state: the change needs a machine that is off / that has no saved memory / whose memory
    // has been fitted to its settings already.
    Result<void> need_off(const std::string& what) const;
    Result<void> need_not_saved(const std::string& what) const;
    Result<void> need_not_fitted(const std::string& what) const;
    // Of an import with memory: whether the memory has the device, which is empty or connected to nothing
    // now.
    Result<void> need_in_memory(const Element& e, const std::string& what) const;
    void note_emptied(const Element& e);

    Services& services_;
    const Namespace& ns_;
    backend::MachineSpec spec_;
    std::string id_;
    State state_;
    std::map<std::string, std::string, ILess> aliases_;  // InstanceID a client gave → the real one
    std::set<std::pair<Kind, unsigned>> chosen_;         // by add_or_modify
};

// "ElementName can be changed only while ..." and such; subject = the property.
Error refuse(std::string id, const std::string& property, std::string text);
Error read_only(const std::string& property);
Error no_secure_boot();
Error one_resource();
// HostResource and its like: one text, or a list of such.
std::string first_of(const Value& v);
bool several(const Value& v);
// Whether settings are those of a system, be it as an instance of a class above. Errors: invalid_parameter;
// subject = SystemSettings.
Result<void> check_system_class(const Namespace& ns, const Instance& settings);
// The property that is the error's subject stands in its text, if need be in front.
Error named(Error e);

}  // namespace wsvirt::cim::vs
