// A provider for tests of what the wire makes of methods: each gives back what it got. Its instances are
// "one", and two that are what their names say: "locked" and "offline". Thread-safe; owns nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "cim/om/provider.hpp"

namespace wsvirt::testing {

class Echo : public cim::Provider {
  public:
    Result<cim::StreamPtr> enumerate(const cim::Request&, const cim::ClassPtr& cls) override {
        cim::Instance i(cls);
        i.set("Id", "one");
        return cim::stream_of({i});
    }
    Result<cim::Instance> get(const cim::Request& r, const cim::ClassPtr& cls,
                              const cim::ObjectPath& path) override {
        const auto id = path.key_string("Id");
        if (id == "offline") return Error{Status::unavailable, "test", "The host does not answer."};
        if (id == "reading") return busy();
        if (id != "locked") return Provider::get(r, cls, path);
        cim::Instance i(cls);
        i.set("Id", "locked");
        i.set("Note", "a note");
        return i;
    }
    Result<void> modify(const cim::Request&, const cim::ObjectPath&, const cim::Instance&) override {
        return busy();
    }
    Result<void> remove(const cim::Request&, const cim::ClassPtr&, const cim::ObjectPath&) override {
        return busy();
    }
    static Error busy() { return {Status::busy, "test", "Somebody else is changing it."}; }
    Result<cim::MethodResult> invoke(const cim::Request& r, const cim::ClassPtr&, const cim::ObjectPath&,
                                     const cim::Method& m, const cim::Arguments& in) override {
        cim::MethodResult out(0);
        ++begun;
        if (m.name == "Throws") throw std::runtime_error("a defect");
        if (m.name == "Needs" && in.get("Must").is_null())
            return Error{Status::missing_value, "test", "The parameter Must is needed."};
        if (m.name == "Slow") {
            std::this_thread::sleep_until(r.deadline);
            return Error{Status::timed_out, "test", "too slow"};
        }
        if (m.name == "Blocks") {  // until it is asked to stop
            std::mutex mutex;
            std::unique_lock lock(mutex);
            std::condition_variable_any never;
            never.wait_for(lock, r.stop, std::chrono::seconds(30), [] { return false; });
            stopped = r.stop.stop_requested();
            return out;
        }
        if (m.name == "Job") {
            const auto path = [&](const char* id) {
                return cim::ObjectPath(r.ns.name(), "T_Echo", {{"Id", cim::Value(id)}});
            };
            out.return_value = in.get("Code");
            out.out.set("Result", path("new"));
            if (in.get("Code").uint_or(0) == 4096) out.out.set("Job", path("job"));
            return out;
        }
        for (const auto& [name, value] : in.all()) out.out.set(name, value);
        return out;
    }

    std::atomic<int> begun{0};
    std::atomic<bool> stopped{false};
};

}  // namespace wsvirt::testing
