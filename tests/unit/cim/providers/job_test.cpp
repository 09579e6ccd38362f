#include <boost/test/unit_test.hpp>
#include <thread>

#include "base/text.hpp"
#include "cim/providers/methods.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "support/provider_world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

struct Fixture : testing::ProviderWorld {
    std::string machine = "11111111-2222-3333-4444-555555555555";
    std::string machine_path =
        R"(\\TESTHOST\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="11111111-2222-3333-4444-555555555555")";

    Fixture() {
        backend::MachineSpec spec;
        spec.uuid = machine;
        spec.name = "one";
        BOOST_REQUIRE(hypervisor.define({}, spec).ok());
    }
    std::string run(JobManager::Work work, std::string class_name = "Msvm_ConcreteJob", bool wait = true) {
        JobSpec s;
        s.job_type = 12;
        s.class_name = std::move(class_name);
        s.caption = "Starting Virtual Machine";
        s.owner = "anna";
        s.owning_service = "Msvm_VirtualSystemManagementService";
        s.cancellable = true;
        s.affected = {{machine_path, {5, 2}}};
        auto id = jobs.start(std::move(s), std::move(work));
        BOOST_REQUIRE(id);
        if (wait) jobs.wait(*id, std::chrono::seconds(10));
        return *id;
    }
    Instance job(const std::string& id, const std::string& cls = "Msvm_ConcreteJob") {
        auto all = query("SELECT * FROM " + cls + " WHERE InstanceID = '" + to_lower(id) + "'");
        BOOST_REQUIRE_EQUAL(all.size(), 1u);
        return all.front();
    }
    MethodResult call(const std::string& id, const char* method, Arguments in = {}) {
        auto r = om->invoke(request(), vs::job_path("Msvm_ConcreteJob", id), method, std::move(in));
        BOOST_REQUIRE(r);
        return *r;
    }
};

Result<void> well(JobContext&) {
    return {};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_providers, Fixture)

BOOST_AUTO_TEST_CASE(a_good_job) {
    const auto id = run(&well);
    const auto j = job(id);
    BOOST_CHECK_EQUAL(j.string("InstanceID"), id);
    BOOST_CHECK_EQUAL(j.uint("JobState"), 7u);
    BOOST_CHECK_EQUAL(j.uint("PercentComplete"), 100u);
    BOOST_CHECK_EQUAL(j.uint("ErrorCode", 99), 0u);
    BOOST_CHECK(j.get("ErrorDescription").is_null());
    BOOST_CHECK_EQUAL(j.uint("JobType"), 12u);
    BOOST_CHECK_EQUAL(j.string("Owner"), "anna");
    BOOST_CHECK_EQUAL(j.string("ElementName"), "Starting Virtual Machine");
    BOOST_CHECK_EQUAL(j.get("TimeBeforeRemoval").as_datetime()->to_cim(), "00000000000500.000000:000");
    BOOST_CHECK(j.get("ElapsedTime").as_datetime()->is_interval());
    BOOST_CHECK(!j.get("StartTime").is_null());
    BOOST_CHECK_EQUAL(j.get("Cancellable").bool_or(true), false);
    const auto e = call(id, "GetErrorEx");
    BOOST_CHECK_EQUAL(e.return_value.uint_or(9), 0u);
    BOOST_CHECK(e.out.get("Errors").is_null());
    BOOST_CHECK(call(id, "GetError").out.get("Error").is_null());
}

BOOST_AUTO_TEST_CASE(a_failed_job_gives_its_errors) {
    const auto id = run([](JobContext&) -> Result<void> {
        return Error(Status::invalid_state, "wsvirt.x", "It is off.", "", "libvirt: domain is not running");
    });
    const auto j = job(id);
    BOOST_CHECK_EQUAL(j.uint("JobState"), 10u);
    BOOST_CHECK_EQUAL(j.uint("ErrorCode"), 32775u);
    BOOST_CHECK_EQUAL(j.string("ErrorDescription"), "It is off. (libvirt: domain is not running)");
    BOOST_REQUIRE(j.get("OperationalStatus").as_array());
    BOOST_CHECK((*j.get("OperationalStatus").as_array())[0] != Value(2u));
    const auto e = call(id, "GetError");
    const auto* error = e.out.get("Error").as_instance();
    BOOST_REQUIRE(error);
    BOOST_CHECK_EQUAL(error->cls().name(), "Msvm_Error");
    BOOST_CHECK_EQUAL(error->string("MessageID"), "wsvirt.x");
    BOOST_CHECK_EQUAL(error->string("Message"), j.string("ErrorDescription"));
    BOOST_CHECK_EQUAL(call(id, "GetErrorEx").out.get("Errors").as_array()->size(), 1u);
}

BOOST_AUTO_TEST_CASE(warnings_do_not_make_a_code) {
    const auto id = run([](JobContext& c) -> Result<void> {
        c.warn({32768, "w1", "first", "", 1});
        c.warn({32768, "w2", "second", "", 1});
        return {};
    });
    const auto j = job(id);
    BOOST_CHECK_EQUAL(j.uint("JobState"), 32768u);
    BOOST_CHECK_EQUAL(j.uint("ErrorCode", 99), 0u);
    BOOST_CHECK_EQUAL(call(id, "GetErrorEx").out.get("Errors").as_array()->size(), 2u);
}

BOOST_AUTO_TEST_CASE(state_changes) {
    const auto id = run(
        [](JobContext& c) -> Result<void> {
            while (!c.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return Error(Status::cancelled, "x", "stopped");
        },
        "Msvm_ConcreteJob", false);
    const auto ask = [&](unsigned state) {
        Arguments a;
        a.set("RequestedState", state);
        return call(id, "RequestStateChange", a).return_value.uint_or(1);
    };
    for (int i = 0; i < 500 && job(id).uint("JobState") != 4; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    BOOST_CHECK_EQUAL(job(id).get("Cancellable").bool_or(false), true);
    BOOST_CHECK_EQUAL(ask(3), 4097u);
    BOOST_CHECK_EQUAL(ask(77), 5u);
    Arguments timed;
    timed.set("RequestedState", 5u);
    timed.set("TimeoutPeriod", DateTime::interval(1000000));
    BOOST_CHECK_EQUAL(call(id, "RequestStateChange", timed).return_value.uint_or(1), 4098u);
    BOOST_CHECK_EQUAL(ask(5), 0u);
    jobs.wait(id, std::chrono::seconds(10));
    BOOST_CHECK_EQUAL(job(id).uint("JobState"), 9u);
    BOOST_CHECK_EQUAL(ask(5), 4097u);
}

// Who has become a viewer may still take back what they have begun, and nobody else's.
BOOST_AUTO_TEST_CASE(whoever_began_a_job_may_cancel_it) {
    const auto waits = [](JobContext& c) -> Result<void> {
        while (!c.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return Error(Status::cancelled, "x", "stopped");
    };
    struct Way {
        const char* method;
        Arguments in;
        unsigned state;
    };
    Arguments terminate;
    terminate.set("RequestedState", 4U);
    for (const auto& way : {Way{"RequestStateChange", terminate, 8}, Way{"KillJob", {}, 9}}) {
        const auto id = run(waits, "Msvm_ConcreteJob", false);
        const auto as = [&](const char* name, Role role) {
            who = TestIdentity::make(role, name);
            return om->invoke(request(), vs::job_path("Msvm_ConcreteJob", id), way.method, way.in);
        };
        for (const auto role : {Role::viewer, Role::operator_}) {
            const auto other = as("bert", role);
            BOOST_REQUIRE(!other.ok());
            BOOST_CHECK(other.error().status == Status::access_denied);
        }
        BOOST_CHECK(!job_ended(jobs.find(id)->state));
        const auto own = as("anna", Role::viewer);
        BOOST_REQUIRE_MESSAGE(own.ok(), (own ? "" : own.error().full_text()));
        BOOST_CHECK_EQUAL(own->return_value.uint_or(99), 0u);
        BOOST_CHECK_EQUAL(static_cast<unsigned>(jobs.wait(id, std::chrono::seconds(10))->state), way.state);
    }
}

BOOST_AUTO_TEST_CASE(affected_elements_both_ways) {
    const auto id = run(&well);
    const std::string of_job = "ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID='" + id + "'} WHERE ";
    auto all = query(of_job + "AssocClass = Msvm_AffectedJobElement");
    BOOST_REQUIRE_EQUAL(all.size(), 1u);
    BOOST_CHECK_EQUAL(all[0].string("Name"), machine);
    all = query("ASSOCIATORS OF {Msvm_ComputerSystem.Name='" + machine +
                "'} WHERE ResultClass = CIM_ConcreteJob");
    BOOST_REQUIRE_EQUAL(all.size(), 1u);
    BOOST_CHECK_EQUAL(all[0].string("InstanceID"), id);
    all = query("REFERENCES OF {Msvm_ConcreteJob.InstanceID='" + id +
                "'} WHERE ResultClass=Msvm_AffectedJobElement");
    BOOST_REQUIRE_EQUAL(all.size(), 1u);
    BOOST_CHECK((all[0].get("ElementEffects") == Value::array_of(std::vector<std::uint16_t>{5, 2})));
    // os-win filters the association by the path of the element.
    auto doubled = replace_all(machine_path, "\\", "\\\\");
    all = query("SELECT * FROM Msvm_AffectedJobElement WHERE AffectedElement = '" + doubled + "'");
    BOOST_CHECK_EQUAL(all.size(), 1u);
    // A machine that is gone is left out, the job stays.
    BOOST_REQUIRE(hypervisor.undefine({}, machine).ok());
    BOOST_CHECK(query(of_job + "AssocClass = Msvm_AffectedJobElement").empty());
}

BOOST_AUTO_TEST_CASE(the_owning_service) {
    const auto id = run(&well);
    auto all = query("ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID='" + id +
                     "'} WHERE AssocClass = Msvm_OwningJobElement");
    BOOST_REQUIRE_EQUAL(all.size(), 1u);
    BOOST_CHECK_EQUAL(all[0].cls().name(), "Msvm_VirtualSystemManagementService");
    all = query("ASSOCIATORS OF {Msvm_VirtualSystemManagementService} WHERE ResultClass = Msvm_ConcreteJob");
    BOOST_REQUIRE_EQUAL(all.size(), 1u);
    BOOST_CHECK_EQUAL(all[0].string("InstanceID"), id);
}

BOOST_AUTO_TEST_CASE(migration_jobs_show_their_own_properties) {
    const auto id = run(
        [](JobContext& c) -> Result<void> {
            c.set_extra("MigrationType", "32768");
            c.set_extra("DestinationHost", "other");
            c.set_extra("unknown", "x");
            return {};
        },
        "Msvm_MigrationJob");
    const auto j = job(id, "Msvm_MigrationJob");
    BOOST_CHECK_EQUAL(j.uint("MigrationType"), 32768u);
    BOOST_CHECK_EQUAL(j.string("DestinationHost"), "other");
    BOOST_CHECK(query("SELECT * FROM Msvm_ConcreteJob").empty());
    BOOST_CHECK_EQUAL(query("SELECT * FROM CIM_ConcreteJob").size(), 1u);
}

BOOST_AUTO_TEST_CASE(an_ended_job_can_be_deleted) {
    const auto id = run(&well);
    BOOST_CHECK(om->remove(request(), vs::job_path("Msvm_ConcreteJob", id)).ok());
    BOOST_CHECK(query("SELECT * FROM Msvm_ConcreteJob").empty());
}

BOOST_AUTO_TEST_SUITE_END()
