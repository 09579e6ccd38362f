// A host with what the methods of planned systems, imports and exports need, and their return codes.
#pragma once

#include <functional>

#include "base/files.hpp"
#include "cim/codec/export_definition.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/world.hpp"

namespace wsvirt::cim::provider_test {

namespace fs = std::filesystem;

struct Codes {
    World w;

    Codes() { fs::create_directories(w.folder / "export"); }

    Value settings(const Given& given = {{"ElementName", "m"}}) {
        return Value(w.make("Msvm_VirtualSystemSettingData", given));
    }
    MethodResult call(const char* method, const Given& in) {
        auto r = w.call(w.vsms(), method, in);
        check_documented(method, World::code(r));
        return r;
    }
    // The code of the call, or of its job.
    std::uint32_t code(const char* method, const Given& in) {
        const auto n = w.done(call(method, in));
        check_documented(method, n);
        return n;
    }
    void check_documented(const char* method, std::uint32_t n) {
        const auto* m = w.ns.find("Msvm_VirtualSystemManagementService")->method(method);
        BOOST_TEST_REQUIRE(m);
        const auto* map = find_qualifier(m->qualifiers, "ValueMap");
        bool known = false;
        for (const auto& v : *map->as_array()) {
            const auto text = v.string_or({});
            known |= text == std::to_string(n) || (text == "32768..65535" && n >= 32768);
        }
        BOOST_TEST(known, method << " documents no " << n);
    }

    std::string machine(const std::string& disk = {}) {
        const auto guid = w.define({{"ElementName", "m"}});
        if (!disk.empty()) attach(guid, disk);
        return guid;
    }
    void attach(const std::string& guid, const std::string& file) {
        constexpr const char* rasd = "Msvm_ResourceAllocationSettingData";
        const auto drive = w.added(
            guid,
            w.make(rasd, {{"ResourceType", 17},
                          {"ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive"},
                          {"Parent", w.parent_text(rasd, "Microsoft:" + guid +
                                                             "\\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\0")}}));
        w.added(guid, w.make("Msvm_StorageAllocationSettingData",
                             {{"ResourceType", 31},
                              {"ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk"},
                              {"Parent", w.parent_text(rasd, drive)},
                              {"HostResource", World::texts({file})}}));
    }
    static Value system(const std::string& guid) {
        return Value(vs::system_path("Msvm_ComputerSystem", guid));
    }
    static Value planned_path(const std::string& guid) {
        return Value(vs::system_path("Msvm_PlannedComputerSystem", guid));
    }
    std::string plan(const Given& given = {{"ElementName", "p"}}) {
        auto r = call("DefinePlannedSystem", {{"SystemSettings", settings(given)}});
        BOOST_TEST_REQUIRE(w.done(r) == 0U);
        return r.out.get("ResultingSystem").as_path()->key_string("Name");
    }
    Given export_of(const std::string& guid, const std::string& where, const Given& wishes = {}) {
        return {{"ComputerSystem", system(guid)},
                {"ExportDirectory", where},
                {"ExportSettingData", Value(w.make("Msvm_VirtualSystemExportSettingData", wishes))}};
    }
    std::string place(const char* name) const { return (w.folder / "export" / name).string(); }
    // Exports; the definition file.
    std::string exported(const std::string& guid, const char* name) {
        const auto n = code("ExportSystemDefinition",
                            export_of(guid, place(name), {{"CreateVmExportSubdirectory", false}}));
        BOOST_TEST_REQUIRE(n == 0U, w.last_text);
        return place(name) + "/Virtual Machines/" + guid + ".xml";
    }
    Given import_of(const std::string& file, bool renew) {
        return {{"SystemDefinitionFile", file}, {"GenerateNewSystemIdentifier", renew}};
    }
    std::string imported(const std::string& file) {
        auto r = call("ImportSystemDefinition", import_of(file, true));
        BOOST_TEST_REQUIRE(w.done(r) == 0U, w.text_of(r));
        return r.out.get("ImportedSystem").as_path()->key_string("Name");
    }
    // Another call holds the machine.
    std::shared_ptr<JobManager::Guard> hold(const std::string& guid) {
        auto g = w.jobs.lock(guid);
        BOOST_TEST_REQUIRE(g.ok());
        return std::move(*g);
    }
    void fail(const char* operation, Status s) {
        w.hypervisor.fail_next(operation, Error(s, "test", "The host refused.", "", "its own words"));
    }
};

// What the machine layer says, and the code that becomes of it.
const std::vector<std::pair<Status, std::uint32_t>> failures{
    {Status::failed, 32768U},        {Status::no_space, 32768U},      {Status::access_denied, 32769U},
    {Status::not_supported, 32770U}, {Status::timed_out, 32772U},     {Status::invalid_parameter, 32773U},
    {Status::busy, 32774U},          {Status::invalid_state, 32775U}, {Status::unavailable, 32777U},
    {Status::out_of_memory, 32778U}};

}  // namespace wsvirt::cim::provider_test
