// A service that was ended while it worked on a machine of the host hvB, and what its next start makes of
// that.
#pragma once

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>

#include "cim/providers/methods.hpp"
#include "cim/providers/recovery.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "cim/providers/virtual_system/snapshots.hpp"
#include "tests/unit/cim/providers/two_hosts.hpp"

namespace wsvirt::cim::provider_test {

inline constexpr const char* guid = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A01";
inline constexpr const char* snapshot = "3C2B7B37-8B0C-4B8E-9A52-6D1B0D0F5A02";

struct CutOff : TwoHosts {
    CutOff() {
        backend::MachineSpec spec;
        spec.uuid = guid;
        spec.name = "far away";
        BOOST_TEST_REQUIRE(second.define({}, spec).ok());
    }
    ~CutOff() { end.set_value(); }

    std::string disk(const std::string& name) const {
        const auto file = folder / "disks" / (name + ".qcow2");
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << "disk";
        return file.string();
    }

    JobRecord after_restart(std::uint16_t type, std::map<std::string, std::string> extra = {},
                            const char* cls = "Msvm_ComputerSystem") {
        JobSpec spec;
        spec.job_type = type;
        spec.extra = std::move(extra);
        for (const char* id : {guid, snapshot})
            spec.affected.push_back({vs::system_path_text("testhost", cls, id), {0}});
        const bool of_a_snapshot = type == job_type::take_snapshot || type == job_type::apply_snapshot ||
                                   type == job_type::delete_snapshot;
        if (!of_a_snapshot) spec.affected.resize(1);
        const auto begun = std::make_shared<std::promise<void>>();
        const auto id = jobs.start(spec, [begun, ended = ended](JobContext&) -> Result<void> {
            begun->set_value();
            ended.wait();
            return {};
        });
        BOOST_TEST_REQUIRE(id.ok());
        begun->get_future().wait();
        auto copy = std::move(*Store::open(":memory:"));
        for (const char* kind : {"job", "planned", "service", "migration_left", "last_place"}) {
            const auto rows = store->list(kind);
            for (const auto& row : *rows) BOOST_TEST_REQUIRE(copy->put(kind, row.key, row.text).ok());
        }
        JobManager again(*copy, {});
        Services now{shipped_schema(), hypervisor, again, *copy, services.host, services.hosts, nullptr};
        recover(now);
        planned_left = vs::PlannedSystems(now).all().size();
        late_left = copy->count("made_late").value_or(9);
        const auto record = again.find(*id);
        again.stop();
        BOOST_TEST_REQUIRE(record.has_value());
        return *record;
    }
    void take_snapshot(backend::Attributes attributes = {}) {
        backend::SnapshotRequest request;
        request.machine = guid;
        request.id = snapshot;
        request.attributes = std::move(attributes);
        BOOST_TEST_REQUIRE(second.snapshot({}, request).ok());
    }
    template <class Condition>
    static bool eventually(Condition c) {
        for (int n = 0; n < 1000 && !c(); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return c();
    }
    bool completed(std::uint16_t type) { return after_restart(type).state == JobState::completed; }

    std::size_t planned_left = 0, late_left = 0;
    std::promise<void> end;
    std::shared_future<void> ended = end.get_future().share();
};

}  // namespace wsvirt::cim::provider_test
