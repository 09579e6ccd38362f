// A host with the shipped schema, the real providers and object manager, and machines in memory.
#pragma once

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "cim/om/jobs.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/services.hpp"
#include "cim/om/store.hpp"
#include "cim/providers/virtual_system/kinds.hpp"
#include "cim/providers/virtual_system/names.hpp"
#include "support/fake_hypervisor.hpp"
#include "tests/support/test_identity.hpp"

namespace wsvirt::cim::provider_test {

inline const Schema& shipped_schema() {
    static const Schema schema = [] {
        auto s = Schema::load(WSVIRT_SOURCE_DIR "/schemas");
        if (!s) throw std::runtime_error(s.error().full_text());
        return std::move(*s);
    }();
    return schema;
}

// Properties for an instance: {"ElementName", "x"}.
using Given = std::vector<std::pair<std::string, Value>>;

class World {
  public:
    World()
        : folder(std::filesystem::temp_directory_path() /
                 ("wsvirt-providers-" + std::to_string(::getpid()) + "-" + std::to_string(counter()++))),
          store(std::move(*Store::open(":memory:"))),
          jobs(*store, {}),
          services{shipped_schema(), hypervisor, jobs, *store, settings(), {}, nullptr},
          om(shipped_schema(), services, provider_registry()),
          ns(*shipped_schema().find("root/virtualization/v2")),
          admin(TestIdentity::make()) {
        std::filesystem::create_directories(folder / "disks");
        services.object_manager = &om;
        om.serve_apart(vs::version_1_namespace, services, provider_registry());
    }
    ~World() {
        jobs.stop();
        std::filesystem::remove_all(folder);
    }

    Request request() const { return {admin, ns, Clock::time_point::max(), {}, "test", ""}; }

    Instance make(const char* cls, const Given& given) const {
        Instance i(ns.find(cls));
        for (const auto& [name, v] : given) BOOST_TEST_REQUIRE(i.set(name, v));
        return i;
    }
    static Value list(std::vector<Instance> all) {
        Value::Array a;
        for (auto& i : all) a.emplace_back(std::move(i));
        return Value(std::move(a));
    }
    static Value texts(std::vector<std::string> all) { return Value::array_of(all); }

    MethodResult call(const ObjectPath& target, const char* method, const Given& in) {
        Arguments arguments;
        for (const auto& [name, v] : in) arguments.set(name, v);
        auto r = om.invoke(request(), target, method, std::move(arguments));
        if (!r) BOOST_TEST_REQUIRE(false, std::string(method) + ": " + r.error().full_text());
        return std::move(*r);
    }
    static std::uint32_t code(const MethodResult& r) {
        return static_cast<std::uint32_t>(r.return_value.uint_or(~0U));
    }
    // Calls, and where that makes a job waits for it; the code, or the job's error code when it failed.
    std::uint32_t done(const MethodResult& r) {
        if (code(r) != 4096) return code(r);
        const auto* job = r.out.get("Job").as_path();
        BOOST_TEST_REQUIRE(job);
        const auto record = jobs.wait(job->key_string("InstanceID"), std::chrono::seconds(10));
        BOOST_TEST_REQUIRE(record.has_value());
        BOOST_TEST_REQUIRE(job_ended(record->state));
        if (record->errors.empty()) return 0;
        last_text = record->errors.front().message;
        return record->errors.front().code;
    }
    // The text that a refused call gives the client through its job.
    std::string text_of(const MethodResult& r) {
        const auto* job = r.out.get("Job").as_path();
        if (!job) return {};
        const auto record = jobs.find(job->key_string("InstanceID"));
        return record && !record->errors.empty() ? record->errors.front().message : std::string();
    }

    ObjectPath vsms() const {
        return vs::service_path("testhost", "Msvm_VirtualSystemManagementService", "vmms");
    }
    // Defines a machine; its GUID.
    std::string define(const Given& settings, const std::vector<Instance>& resources = {}) {
        auto r = call(vsms(), "DefineSystem",
                      {{"SystemSettings", Value(make("Msvm_VirtualSystemSettingData", settings))},
                       {"ResourceSettings", list(resources)}});
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r) + last_text);
        const auto* path = r.out.get("ResultingSystem").as_path();
        BOOST_TEST_REQUIRE(path);
        return path->key_string("Name");
    }
    static ObjectPath settings_of(const std::string& guid) {
        return vs::setting_path("Msvm_VirtualSystemSettingData", vs::setting_id(guid));
    }
    MethodResult add(const std::string& guid, const Instance& resource) {
        return call(
            vsms(), "AddResourceSettings",
            {{"AffectedConfiguration", Value(settings_of(guid))}, {"ResourceSettings", list({resource})}});
    }
    // Adds one resource; its InstanceID.
    std::string added(const std::string& guid, const Instance& resource) {
        auto r = add(guid, resource);
        BOOST_TEST_REQUIRE(done(r) == 0U, text_of(r) + last_text);
        const auto* all = r.out.get("ResultingResourceSettings").as_array();
        BOOST_TEST_REQUIRE(all);
        BOOST_TEST_REQUIRE(all->size() == 1U);
        return (*all)[0].as_path()->key_string("InstanceID");
    }
    MethodResult modify(const Instance& resource) {
        return call(vsms(), "ModifyResourceSettings", {{"ResourceSettings", list({resource})}});
    }
    MethodResult remove(const char* cls, const std::string& id) {
        return call(vsms(), "RemoveResourceSettings",
                    {{"ResourceSettings", Value(Value::Array{Value(vs::setting_path(cls, id))})}});
    }
    MethodResult request_state(const std::string& guid, unsigned state) {
        return call(vs::system_path("Msvm_ComputerSystem", guid), "RequestStateChange",
                    {{"RequestedState", state}});
    }
    Instance get(const ObjectPath& p) {
        auto i = om.get(request(), p);
        if (!i) BOOST_TEST_REQUIRE(false, p.to_text() + ": " + i.error().full_text());
        return std::move(*i);
    }
    Instance get_setting(const char* cls, const std::string& id) { return get(vs::setting_path(cls, id)); }
    std::vector<Instance> query(const std::string& wql) {
        auto r = om.wql(request(), wql);
        if (!r) BOOST_TEST_REQUIRE(false, wql + ": " + r.error().full_text());
        auto all = collect(*r->stream);
        if (!all) BOOST_TEST_REQUIRE(false, wql + ": " + all.error().full_text());
        return std::move(*all);
    }
    std::string parent_text(const char* cls, const std::string& id) const {
        return vs::setting_path_text("testhost", cls, id);
    }
    // An image below the storage folder, through the image calls of the machine layer.
    std::string image(const std::string& name, const std::string& format = "qcow2") {
        backend::ImageSpec spec;
        spec.path = (folder / "disks" / name).string();
        spec.format = format;
        spec.size = 1 << 20;
        auto r = hypervisor.create_image({}, spec);
        BOOST_TEST_REQUIRE(r.ok());
        return spec.path;
    }
    const backend::MachineSpec& spec(const std::string& guid) {
        last = hypervisor.machine(guid);
        BOOST_TEST_REQUIRE(last != nullptr);
        return last->spec;
    }

    std::filesystem::path folder;
    testing::FakeHypervisor hypervisor{"testhost"};
    std::unique_ptr<Store> store;
    JobManager jobs;
    Services services;
    ObjectManager om;
    const Namespace& ns;
    Identity admin;
    std::string last_text;
    std::shared_ptr<const backend::Machine> last;

  private:
    static int& counter() {
        static int n = 0;
        return n;
    }
    HostSettings settings() const {
        HostSettings s;
        s.name = "testhost";
        s.data_root = folder / "data";
        s.virtual_hard_disk_path = folder / "disks";
        s.storage_folders = {folder / "disks"};
        s.export_folders = {folder / "export"};
        s.synchronous_window = std::chrono::seconds(5);
        return s;
    }
};

}  // namespace wsvirt::cim::provider_test
