// Key presses for a running machine. Key codes are Windows virtual key codes. QEMU takes a whole chord at
// once, so keys that are pressed are held back until the first of them is released; that is the only state
// here, it is bounded per machine, and what a machine has not had released when it ends is forgotten.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "backend/hypervisor.hpp"
#include "base/text.hpp"
#include "cim/om/provider.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/devices.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::size_t most_held = 16, longest_text = 256, most_machines_held = 1000;
constexpr unsigned vk_shift = 0x10, vk_control = 0x11, vk_alt = 0x12, vk_delete = 0x2E;

struct Stroke {
    unsigned key = 0;
    bool shift = false;
};

// The key of an ASCII character on a US keyboard; key 0: none.
Stroke stroke_of(char c) {
    if (c >= 'a' && c <= 'z') return {static_cast<unsigned>(c - 'a' + 'A'), false};
    if (c >= 'A' && c <= 'Z') return {static_cast<unsigned>(c), true};
    if (c >= '0' && c <= '9') return {static_cast<unsigned>(c), false};
    switch (c) {
        case ' ':
            return {0x20, false};
        case '\t':
            return {0x09, false};
        case '\r':
        case '\n':
            return {0x0D, false};
        case '\b':
            return {0x08, false};
        default:
            break;
    }
    struct Pair {
        char plain, shifted;
        unsigned key;
    };
    static constexpr std::array<Pair, 11> signs{{{';', ':', 0xBA},
                                                 {'=', '+', 0xBB},
                                                 {',', '<', 0xBC},
                                                 {'-', '_', 0xBD},
                                                 {'.', '>', 0xBE},
                                                 {'/', '?', 0xBF},
                                                 {'`', '~', 0xC0},
                                                 {'[', '{', 0xDB},
                                                 {'\\', '|', 0xDC},
                                                 {']', '}', 0xDD},
                                                 {'\'', '"', 0xDE}}};
    for (const auto& s : signs) {
        if (c == s.plain) return {s.key, false};
        if (c == s.shifted) return {s.key, true};
    }
    constexpr std::string_view above_digits = ")!@#$%^&*(";
    const auto at = above_digits.find(c);
    if (at != std::string_view::npos) return {static_cast<unsigned>('0' + at), true};
    return {};
}

class Keyboard final : public Provider {
  public:
    explicit Keyboard(Services& services)
        : services_(services),
          devices_(vs::make_device_provider(services, {}, [](const backend::Machine&, Instance& i) {
              set_if(i, "Layout", "00000409");
              set_if(i, "NumberOfFunctionKeys", 12);
              set_if(i, "Password", 5);
              set_if(i, "IsLocked", false);
              set_if(i, "UnicodeSupported", false);
          })) {}

    Result<StreamPtr> enumerate(const Request& r, const ClassPtr& cls) override {
        return devices_->enumerate(r, cls);
    }
    Result<Instance> get(const Request& r, const ClassPtr& cls, const ObjectPath& p) override {
        return devices_->get(r, cls, p);
    }
    Result<StreamPtr> find(const Request& r, const ClassPtr& cls, std::string_view property,
                           const Value& v) override {
        return devices_->find(r, cls, property, v);
    }

    Result<MethodResult> invoke(const Request& request, const ClassPtr& cls, const ObjectPath& target,
                                const Method& method, const Arguments& in) override {
        const MethodCall call{services_, request, cls, target, method, in};
        const bool known = is_one_of(
            method.name, {"PressKey", "ReleaseKey", "TypeKey", "TypeText", "TypeCtrlAltDel", "IsKeyPressed"});
        if (!known) return dispatch({}, call);
        auto machine = vs::machine_of_device(call);
        if (!machine) return machine.error();
        if ((*machine)->state != backend::MachineState::running) return MethodResult(32775);
        const auto& guid = (*machine)->spec.uuid;
        const auto run = (*machine)->id;
        if (iequals(method.name, "TypeText")) return type_text(call, guid);
        if (iequals(method.name, "TypeCtrlAltDel")) return send(call, guid, {vk_control, vk_alt, vk_delete});
        const auto key = in.get("keyCode").uint_or(0);
        if (key == 0 || key > 254) return MethodResult(32773);
        return one_key(call, guid, run, static_cast<unsigned>(key));
    }

  private:
    static bool is_one_of(std::string_view name, std::initializer_list<std::string_view> all) {
        return std::any_of(all.begin(), all.end(), [&](auto n) { return iequals(n, name); });
    }

    // Keys that are pressed, and in which run of the machine (Machine::id).
    struct Held {
        int run = -1;
        std::vector<unsigned> keys;
    };

    Result<MethodResult> one_key(const MethodCall& call, const std::string& guid, int run, unsigned key) {
        const auto& method = call.method.name;
        if (iequals(method, "TypeKey")) return send(call, guid, {key});
        std::vector<unsigned> chord;
        {
            std::lock_guard lock(mutex_);
            auto held = held_.find(guid);
            if (held != held_.end() && held->second.run != run) {
                held_.erase(held);
                held = held_.end();
            }
            const bool pressed = held != held_.end() && contains(held->second.keys, key);
            if (iequals(method, "IsKeyPressed")) {
                MethodResult out(0);
                out.out.set("keyState", Value(pressed));
                return out;
            }
            if (iequals(method, "PressKey"))
                return MethodResult(pressed || press(guid, run, key) ? 0 : 32774);
            if (!pressed) return MethodResult(0);  // released already, with the chord it was part of
            chord.swap(held->second.keys);
            held_.erase(held);
        }
        return send(call, guid, chord);
    }

    static bool contains(const std::vector<unsigned>& keys, unsigned key) {
        return std::find(keys.begin(), keys.end(), key) != keys.end();
    }

    bool press(const std::string& guid, int run, unsigned key) {
        if (!held_.contains(guid) && held_.size() >= most_machines_held) forget_ended();
        if (!held_.contains(guid) && held_.size() >= most_machines_held) return false;
        auto& held = held_[guid];
        if (held.keys.size() >= most_held) return false;
        held.run = run;
        held.keys.push_back(key);
        return true;
    }

    void forget_ended() {
        std::erase_if(held_, [this](const auto& h) {
            const auto m = services_.hypervisor.machine(h.first);
            return !m || m->id != h.second.run;
        });
    }

    Result<MethodResult> send(const MethodCall& call, const std::string& guid,
                              const std::vector<unsigned>& keys) {
        backend::Call c;
        c.deadline = call.request.deadline;
        auto done = services_.hypervisor.send_keys(c, guid, keys);
        return done ? MethodResult(0) : refused_quietly(done.error());
    }

    Result<MethodResult> type_text(const MethodCall& call, const std::string& guid) {
        const auto text = call.in.get("asciiText").string_or({});
        if (text.empty() || text.size() > longest_text) return MethodResult(32773);
        for (char c : text)
            if (stroke_of(c).key == 0) return MethodResult(32773);
        for (char c : text) {
            const auto s = stroke_of(c);
            auto r = send(call, guid,
                          s.shift ? std::vector<unsigned>{vk_shift, s.key} : std::vector<unsigned>{s.key});
            if (!r || r->return_value.uint_or(1) != 0) return r;
        }
        return MethodResult(0);
    }

    Services& services_;
    std::unique_ptr<Provider> devices_;
    std::mutex mutex_;
    std::map<std::string, Held> held_;
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_Keyboard(Services& services) {
    return std::make_unique<Keyboard>(services);
}

}  // namespace wsvirt::cim
