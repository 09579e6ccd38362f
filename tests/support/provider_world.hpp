// The whole model over a FakeHypervisor: the shipped schema, every provider, a store in memory. For unit
// tests of providers; one per test case (the schema is read once per program).
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cim/om/jobs.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/services.hpp"
#include "cim/om/store.hpp"
#include "fake_hypervisor.hpp"
#include "test_identity.hpp"

namespace wsvirt::testing {

struct ProviderWorld {
    static const cim::Schema& shipped_schema() {
        static const cim::Schema schema = [] {
            auto s = cim::Schema::load(std::string(WSVIRT_SOURCE_DIR) + "/schemas");
            if (!s) throw std::runtime_error(s.error().text);
            return std::move(*s);
        }();
        return schema;
    }

    const cim::Schema& schema = shipped_schema();
    FakeHypervisor hypervisor;
    std::unique_ptr<cim::Store> store = std::move(*cim::Store::open(":memory:"));
    cim::JobManager jobs{*store, {}};
    cim::Services services{schema, hypervisor, jobs, *store, {}, {}};
    std::unique_ptr<cim::ObjectManager> om;
    Identity who = TestIdentity::make();

    ProviderWorld() {
        services.host.name = "TESTHOST";
        services.host.synchronous_window = std::chrono::seconds(10);
        om = std::make_unique<cim::ObjectManager>(schema, services, cim::provider_registry());
        services.object_manager = om.get();
    }

    cim::Request request(const std::string& name_space = "root/virtualization/v2") const {
        return {who, *schema.find(name_space), cim::Clock::time_point::max(), {}, {}, {}};
    }
    std::vector<cim::Instance> query(const std::string& wql,
                                     const std::string& name_space = "root/virtualization/v2") const {
        auto answer = om->wql(request(name_space), wql);
        if (!answer) throw std::runtime_error(wql + ": " + answer.error().full_text());
        auto all = collect(*answer->stream);
        if (!all) throw std::runtime_error(wql + ": " + all.error().full_text());
        return std::move(*all);
    }
};

}  // namespace wsvirt::testing
