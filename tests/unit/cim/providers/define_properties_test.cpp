// Every property that a client can put into the settings of DefineSystem, DefinePlannedSystem, ModifySystem-
// Settings and ModifyResourceSettings, for both generations: it is read back as it was given, or the call
// refuses it and names it; each alone, and all of a class together. The properties are the schema's, so a new
// one is tested as soon as it is declared.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cim/providers/virtual_system/kinds.hpp"
#include "cim/providers/virtual_system/planned_systems.hpp"
#include "tests/unit/cim/providers/world.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::provider_test;

namespace {

using vs::Kind;

// Identity of an instance, said by the host, never by a client; a copy of what was read brings them along.
bool is_the_hosts(std::string_view name) {
    static const std::set<std::string, ILess> names{"InstanceID",
                                                    "CreationTime",  // when it is made
                                                    "Parent",        // where it hangs; also the last snapshot
                                                    "IsSaved",       // a new one never is
                                                    "VirtualSystemType",    // realized, planned or a snapshot
                                                    "LastKnownSwitchName",  // where it is plugged in now
                                                    "ResourceType",         // what it is
                                                    "ResourceSubType",
                                                    "OtherResourceType",
                                                    "AddressOnParent"};
    return names.contains(std::string(name));
}

Value scalar(const Property& p, std::string_view text) {
    auto v = value_from_text(p.type, text);
    return v ? std::move(*v) : Value();
}

// A few values: from the ValueMap where there is one, else typical ones of the type.
std::vector<Value> candidates(const Property& p) {
    std::vector<std::string> texts;
    if (const auto* map = find_qualifier(p.qualifiers, "ValueMap"); map && map->as_array())
        for (const auto& v : *map->as_array())
            if (v.string_or({}).find("..") == std::string::npos) texts.push_back(v.string_or({}));
    if (texts.size() > 4) texts.resize(4);
    switch (p.type) {
        case Type::boolean:
            texts = {"true", "false"};
            break;
        case Type::string:
            for (const char* t : {"some text", "00155D010203", "12345678-90AB-4CDE-8F01-23456789ABCD", "7.1"})
                texts.emplace_back(t);
            break;
        case Type::datetime:
            texts = {"20261121104500.000000+000", "00000000000007.000000:000"};
            break;
        default:
            for (const char* t : {"0", "1", "2", "64", "1000", "200000"}) texts.emplace_back(t);
    }
    std::vector<Value> out;
    for (const auto& t : texts) {
        auto v = scalar(p, t);
        if (v.is_null()) continue;
        out.push_back(p.array ? Value(Value::Array{v}) : v);
    }
    return out;
}

bool names(const std::string& text, const std::string& property) {
    return to_lower(text).find(to_lower(property)) != std::string::npos;
}

// The calls that take settings.
enum class Way : std::uint8_t { define, plan, modify, modify_planned, modify_running, modify_saved };
constexpr auto ways = {Way::define, Way::plan, Way::modify, Way::modify_planned};

// A machine that is not off is tried in one state for each generation: what may be changed does not depend on
// it.
std::vector<Way> ways_of(int generation) {
    std::vector<Way> all(ways);
    all.push_back(generation == 1 ? Way::modify_saved : Way::modify_running);
    return all;
}

bool modifies(Way w) {
    return w != Way::define && w != Way::plan;
}

const char* define_method(Way w) {
    return w == Way::plan || w == Way::modify_planned ? "DefinePlannedSystem" : "DefineSystem";
}

std::string describe(Way w) {
    return std::string(define_method(w)) + (modifies(w) ? " and Modify" : "") +
           (w == Way::modify_running ? " while it runs"
            : w == Way::modify_saved ? " while it is saved"
                                     : "");
}

// What the manual says of 0: of a device that is one it is not said, and no limit of processors.
bool means_none(Kind k, std::string_view property, const Value& v) {
    if (v.uint_or(1) != 0 || k == Kind::memory) return false;
    if (k == Kind::processor) return iequals(property, "Limit");
    return iequals(property, "VirtualQuantity") || iequals(property, "Limit") ||
           iequals(property, "Reservation");
}

bool has(const Given& given, std::string_view name) {
    return std::any_of(given.begin(), given.end(), [&](const auto& g) { return iequals(g.first, name); });
}

struct Trial {
    World w;
    std::string generation;
    std::string disk = w.image("trial.qcow2"), iso = w.image("trial.iso", "raw");

    explicit Trial(int n) : generation("Microsoft:Hyper-V:SubType:" + std::to_string(n)) {}

    Instance part(Kind k, Given more = {}) {
        const auto& i = vs::info(k);
        Given given{{"ResourceType", i.resource_type}};
        if (!i.sub_type.empty()) given.emplace_back("ResourceSubType", std::string(i.sub_type));
        if (!i.other_type.empty()) given.emplace_back("OtherResourceType", std::string(i.other_type));
        for (auto& g : more) given.push_back(std::move(g));
        return w.make(std::string(i.class_name).c_str(), given);
    }
    // What has to be there before a resource of the kind, and what the resource itself needs.
    std::vector<Instance> before(Kind k, Given& own) {
        std::vector<Instance> out;
        const auto drive = [&](Kind d) {
            out.push_back(part(Kind::scsi_controller, {{"InstanceID", "scsi"}}));
            if (vs::is_medium(k)) out.push_back(part(d, {{"InstanceID", "drive"}, {"Parent", "scsi"}}));
        };
        if (k == Kind::disk_drive || k == Kind::dvd_drive) {
            drive(k);
            own.emplace_back("Parent", "scsi");
        } else if (k == Kind::hard_disk || k == Kind::dvd_disk) {
            drive(k == Kind::hard_disk ? Kind::disk_drive : Kind::dvd_drive);
            own.emplace_back("Parent", "drive");
            own.emplace_back("HostResource", World::texts({k == Kind::hard_disk ? disk : iso}));
        } else if (k == Kind::connection) {
            out.push_back(part(Kind::synthetic_nic, {{"InstanceID", "port"}}));
            own.emplace_back("Parent", "port");
            own.emplace_back("HostResource",
                             World::texts({vs::system_path_text("testhost", "Msvm_VirtualEthernetSwitch",
                                                                w.hypervisor.switches().front().id)}));
        }
        return out;
    }

    static bool vs_same(const Value& a, const Value& b) {
        if (a == b) return true;
        // GUIDs stand in braces or not; no pool named is the primordial one.
        const auto bare = [](std::string t) {
            if (t.size() == 38 && t.front() == '{') t = t.substr(1, 36);
            return t;
        };
        return a.as_string() && b.as_string() && iequals(bare(*a.as_string()), bare(*b.as_string()));
    }
    static std::string shown(const Property& p, const Value& v) {
        if (v.is_null()) return "NULL";
        const auto* a = v.as_array();
        if (!a) return value_to_text(p.type, v);
        return a->empty() ? "{}" : "{" + value_to_text(p.type, (*a)[0]) + "}";
    }

    // What became of the properties: kept, refused with the name of one of them, or what is wrong.
    struct Outcome {
        bool kept = false;
        std::string refused, wrong;
    };
    Outcome judged(const MethodResult& r, const Given& tried, const std::function<Instance()>& read_back) {
        if (w.done(r) != 0) {
            auto text = w.text_of(r);
            if (text.empty()) text = w.last_text;
            // The longest name counts: "Limit" stands in "IOPSLimit" too.
            std::string named;
            for (const auto& [name, v] : tried)
                if (names(text, name) && name.size() > named.size()) named = name;
            return {false, named, named.empty() ? "refused without its name: " + text : ""};
        }
        const auto now = read_back();
        for (const auto& [name, v] : tried)
            if (!vs_same(now.get(name), v))
                return {false, "",
                        name + " is dropped in silence: reads " +
                            shown(*now.cls().property(name), now.get(name))};
        return {true, "", ""};
    }
    void forget(const std::string& guid) {
        const bool planned = vs::PlannedSystems(w.services).find(guid) != nullptr;
        if (const auto m = w.hypervisor.machine(guid); m && m->state == backend::MachineState::running)
            BOOST_TEST_REQUIRE(w.hypervisor.power_off({}, guid).ok());
        const char* cls = planned ? "Msvm_PlannedComputerSystem" : "Msvm_ComputerSystem";
        w.done(w.call(w.vsms(), "DestroySystem", {{"AffectedSystem", Value(vs::system_path(cls, guid))}}));
    }
    static std::string guid_of(const MethodResult& r) {
        return r.out.get("ResultingSystem").as_path()->key_string("Name");
    }
    // The machine as it is when it is changed.
    void bring(Way way, const std::string& guid) {
        BOOST_TEST_REQUIRE(!guid.empty());
        if (way != Way::modify_running && way != Way::modify_saved) return;
        BOOST_TEST_REQUIRE(w.hypervisor.start({}, guid).ok());
        if (way == Way::modify_saved) BOOST_TEST_REQUIRE(w.hypervisor.save({}, guid).ok());
    }

    Outcome try_system(Way way, const Given& tried) {
        Given given{{"VirtualSystemSubType", generation}};
        if (modifies(way) || !has(tried, "ElementName")) given.emplace_back("ElementName", "trial");
        if (!modifies(way)) given.insert(given.end(), tried.begin(), tried.end());
        auto r = w.call(w.vsms(), define_method(way),
                        {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", given))}});
        std::string guid = w.done(r) == 0 ? guid_of(r) : "";
        if (modifies(way)) {
            bring(way, guid);
            Given change{{"InstanceID", vs::setting_id(guid)}};
            change.insert(change.end(), tried.begin(), tried.end());
            r = w.call(w.vsms(), "ModifySystemSettings",
                       {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", change))}});
        }
        auto out = judged(r, tried, [&] { return w.get(World::settings_of(guid)); });
        if (!guid.empty()) forget(guid);
        return out;
    }

    Outcome try_resource(Way way, Kind k, const Given& tried) {
        Given own;
        auto resources = before(k, own);
        if (!modifies(way)) {
            std::erase_if(own, [&](const auto& g) { return has(tried, g.first); });
            own.insert(own.end(), tried.begin(), tried.end());
        }
        resources.push_back(part(k, own));
        auto r = w.call(w.vsms(), define_method(way),
                        {{"SystemSettings",
                          Value(w.make("Msvm_VirtualSystemSettingData",
                                       {{"ElementName", "trial"}, {"VirtualSystemSubType", generation}}))},
                         {"ResourceSettings", World::list(std::move(resources))}});
        std::string guid = w.done(r) == 0 ? guid_of(r) : "";
        if (modifies(way)) {
            bring(way, guid);
            Given change{{"InstanceID", found(k, guid).string("InstanceID")}};
            change.insert(change.end(), tried.begin(), tried.end());
            r = w.modify(w.make(std::string(vs::info(k).class_name).c_str(), change));
        }
        auto out = judged(r, tried, [&] { return found(k, guid); });
        if (!guid.empty()) forget(guid);
        return out;
    }
    Instance found(Kind k, const std::string& guid) {
        const auto& i = vs::info(k);
        auto all = w.query("SELECT * FROM " + std::string(i.class_name) +
                           " WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
        std::erase_if(all, [&](const Instance& x) {
            return (!i.sub_type.empty() && !iequals(x.string("ResourceSubType"), i.sub_type)) ||
                   (!i.other_type.empty() && !iequals(x.string("OtherResourceType"), i.other_type));
        });
        BOOST_TEST_REQUIRE(!all.empty());
        return all.front();
    }

    // Every property alone, with every value; then all that were kept alone together, in rounds that go
    // through the values of each. What is refused by its name beside others is left out of the next try.
    unsigned try_all(const std::string& what, const Class& cls,
                     const std::function<Outcome(const Given&)>& attempt,
                     const std::function<bool(const std::string&, const Value&)>& left_out = {}) {
        unsigned fine = 0;
        std::vector<std::pair<std::string, std::vector<Value>>> kept;
        for (const auto& p : cls.properties()) {
            if (is_the_hosts(p->name) || iequals(p->name, "VirtualSystemSubType")) continue;
            std::vector<Value> values;
            for (const auto& v : candidates(*p)) {
                if (left_out && left_out(p->name, v)) continue;
                const auto out = attempt({{p->name, v}});
                fine += out.wrong.empty();
                BOOST_TEST(out.wrong == "",
                           what << ", " << p->name << " = " << shown(*p, v) << ": " << out.wrong);
                if (out.kept) values.push_back(v);
            }
            if (!values.empty()) kept.emplace_back(p->name, std::move(values));
        }
        for (std::size_t round = 0; round < 5; ++round) {
            Given all;
            for (const auto& [name, values] : kept) all.emplace_back(name, values[round % values.size()]);
            while (!all.empty()) {
                const auto out = attempt(all);
                BOOST_TEST(out.wrong == "", what << ", all together, round " << round << ": " << out.wrong);
                if (out.refused.empty()) break;
                std::erase_if(all, [&](const auto& g) { return g.first == out.refused; });
            }
        }
        return fine;
    }
};

// Whether a generation has the kind at all, and a client can put it into ResourceSettings.
bool offered(Kind k, int generation) {
    if (k == Kind::physical_drive || k == Kind::floppy_disk) return false;
    if (generation == 2)
        return k != Kind::ide_controller && k != Kind::diskette_drive && k != Kind::emulated_nic;
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(define_properties)

BOOST_AUTO_TEST_CASE(no_property_of_the_system_is_dropped_in_silence) {
    for (const int generation : {1, 2})
        for (const auto way : ways_of(generation)) {
            Trial t(generation);
            const auto what = "generation " + std::to_string(generation) + ", " + describe(way);
            const auto cls = t.w.ns.find("Msvm_VirtualSystemSettingData");
            // See a_description_is_one_of_two.
            const auto fine = t.try_all(
                what, *cls, [&](const Given& g) { return t.try_system(way, g); },
                [](const auto& name, const auto&) { return iequals(name, "Description"); });
            BOOST_TEST(fine > 50U);
        }
}

BOOST_AUTO_TEST_CASE(no_property_of_a_resource_is_dropped_in_silence) {
    for (const int generation : {1, 2})
        for (const auto way : ways_of(generation)) {
            Trial t(generation);
            for (const auto& k : vs::kinds()) {
                if (!offered(k.kind, generation)) continue;
                const auto what = "generation " + std::to_string(generation) + ", " + describe(way) + ", " +
                                  std::string(k.caption);
                const auto cls = t.w.ns.find(std::string(k.class_name));
                BOOST_TEST_REQUIRE(cls);
                t.try_all(
                    what, *cls, [&](const Given& g) { return t.try_resource(way, k.kind, g); },
                    [&](const auto& name, const auto& v) { return means_none(k.kind, name, v); });
            }
        }
}

// Clients say where a machine's files are to be; "" is where this host has them.
BOOST_AUTO_TEST_CASE(a_folder_for_files_is_kept_and_an_empty_one_is_the_hosts) {
    const auto folders = {"ConfigurationDataRoot", "SnapshotDataRoot", "SuspendDataRoot",
                          "SwapFileDataRoot",      "LogDataRoot",      "GuestStateDataRoot"};
    for (const int generation : {1, 2})
        for (const auto way : ways_of(generation)) {
            Trial t(generation);
            Given all;
            for (const char* name : folders) {
                all.emplace_back(name, "/srv/machines");
                BOOST_TEST(t.try_system(way, {all.back()}).kept, describe(way) << ": " << name);
            }
            BOOST_TEST(t.try_system(way, all).kept, describe(way));
        }
    Trial t(1);
    const auto guid = t.w.define({{"ElementName", "trial"}, {"ConfigurationDataRoot", "/srv/machines"}});
    for (const char* name : folders) {
        const auto r = t.w.call(
            t.w.vsms(), "ModifySystemSettings",
            {{"SystemSettings", Value(t.w.make("Msvm_VirtualSystemSettingData",
                                               {{"InstanceID", "Microsoft:" + guid}, {name, ""}}))}});
        BOOST_TEST(t.w.done(r) == 0U, t.w.text_of(r));
        BOOST_TEST(t.w.get(World::settings_of(guid)).string(name) == (t.w.folder / "data").string(), name);
    }
}

// It says in words what VirtualSystemType says; a copy of a snapshot's settings has the snapshot's.
BOOST_AUTO_TEST_CASE(a_description_is_one_of_two) {
    Trial t(1);
    const auto tried = [&](const char* text) {
        const auto r = t.w.call(
            t.w.vsms(), "DefineSystem",
            {{"SystemSettings", Value(t.w.make("Msvm_VirtualSystemSettingData",
                                               {{"ElementName", "trial"}, {"Description", text}}))}});
        if (t.w.done(r) != 0) return t.w.text_of(r);
        const auto guid = Trial::guid_of(r);
        BOOST_TEST(t.w.spec(guid).attributes.count("System.Description") == 0U);
        return t.w.get(World::settings_of(guid)).string("Description");
    };
    for (const char* text :
         {"Active settings for the virtual machine", "Snapshot settings for the virtual machine"})
        BOOST_TEST(tried(text) == "Active settings for the virtual machine");
    BOOST_TEST(names(tried("the mail server"), "Description"));
}

// Static memory drags its limits along with its size, and what is said of them counts all the same, also when
// it equals what was there.
BOOST_AUTO_TEST_CASE(memory_that_is_said_together_is_kept_together) {
    const auto megabytes = {256, 512, 1024, 2048, 4096};
    for (const auto way : ways) {
        Trial t(1);
        unsigned kept = 0;
        for (const bool dynamic : {true, false})
            for (const auto least : megabytes)
                for (const auto start : megabytes)
                    for (const auto most : megabytes) {
                        const auto out = t.try_resource(way, Kind::memory,
                                                        {{"VirtualQuantity", start},
                                                         {"Reservation", least},
                                                         {"Limit", most},
                                                         {"DynamicMemoryEnabled", dynamic}});
                        const auto what = describe(way) + (dynamic ? ": " : ", static: ") +
                                          std::to_string(least) + " <= " + std::to_string(start) +
                                          " <= " + std::to_string(most);
                        BOOST_TEST(out.wrong == "", what << ": " << out.wrong);
                        BOOST_TEST(out.kept == (!dynamic || (least <= start && start <= most)), what);
                        kept += out.kept;
                    }
        BOOST_TEST(kept > 125U);
        // What is not said follows, so that these are valid requests.
        for (const bool dynamic : {true, false})
            BOOST_TEST(t.try_resource(way, Kind::memory,
                                      {{"VirtualQuantity", 2048}, {"DynamicMemoryEnabled", dynamic}})
                           .kept);
    }
}

// A machine with dynamic memory that gets static memory of another size.
BOOST_AUTO_TEST_CASE(memory_that_becomes_static_has_limits_that_fit) {
    Trial t(1);
    const auto guid = t.w.define(
        {{"ElementName", "trial"}},
        {t.part(Kind::memory, {{"DynamicMemoryEnabled", true}, {"Reservation", 512}, {"Limit", 2048}})});
    const auto id = t.found(Kind::memory, guid).string("InstanceID");
    BOOST_TEST(t.w.done(t.w.modify(t.w.make(
                   "Msvm_MemorySettingData",
                   {{"InstanceID", id}, {"VirtualQuantity", 4096}, {"DynamicMemoryEnabled", false}}))) == 0U);
    const auto now = t.found(Kind::memory, guid);
    BOOST_TEST(now.uint("VirtualQuantity") == 4096U);
    BOOST_TEST(now.uint("Reservation") == 512U);
    BOOST_TEST(now.uint("Limit") == 4096U);
}

// Only drives have a place on their Parent, and only they, media and connections have a Parent.
BOOST_AUTO_TEST_CASE(a_place_that_a_device_does_not_have_is_refused) {
    Trial t(1);
    const auto guid = t.w.define({{"ElementName", "trial"}});
    const auto refused = [&](const Instance& i, const std::string& property) {
        const auto r = t.w.add(guid, i);
        BOOST_TEST(t.w.done(r) == 32773U, property);
        BOOST_TEST(names(t.w.text_of(r), property), t.w.text_of(r));
    };
    for (const auto k : {Kind::synthetic_nic, Kind::emulated_nic, Kind::scsi_controller}) {
        refused(t.part(k, {{"Parent", "nonsense"}}), "Parent");
        refused(t.part(k, {{"AddressOnParent", "7"}}), "AddressOnParent");
        BOOST_TEST(t.w.done(t.w.add(guid, t.part(k, {{"Parent", ""}, {"AddressOnParent", ""}}))) == 0U);
    }
    const auto port = t.found(Kind::synthetic_nic, guid).string("InstanceID");
    const auto known = t.w.hypervisor.switches().front().id;
    const auto connection = [&](const Given& more) {
        Given g{{"Parent", port}};
        g.insert(g.end(), more.begin(), more.end());
        return t.part(Kind::connection, g);
    };
    refused(connection({{"AddressOnParent", "9"}}), "AddressOnParent");
    const auto two = World::texts({known, "no such switch"});
    refused(connection({{"HostResource", two}}), "HostResource");
    BOOST_TEST(t.w.done(t.w.add(guid, connection({{"HostResource", World::texts({known})}}))) == 0U);
    const auto r = t.w.modify(t.w.make(
        "Msvm_EthernetPortAllocationSettingData",
        {{"InstanceID", t.found(Kind::connection, guid).string("InstanceID")}, {"HostResource", two}}));
    BOOST_TEST(t.w.done(r) == 32773U);
    BOOST_TEST(names(t.w.text_of(r), "HostResource"), t.w.text_of(r));
}

// A name that is more than a number is no number.
BOOST_AUTO_TEST_CASE(which_of_two_devices_is_meant_is_said_by_a_number_alone) {
    Trial t(1);
    const auto tried = [&](const Instance& i) {
        return t.w.done(t.w.call(
            t.w.vsms(), "DefineSystem",
            {{"SystemSettings", Value(t.w.make("Msvm_VirtualSystemSettingData", {{"ElementName", "trial"}}))},
             {"ResourceSettings", World::list({i})}}));
    };
    for (const char* name : {"COM 2", "com2", "2"})
        BOOST_TEST(tried(t.part(Kind::serial_port, {{"ElementName", name}})) == 0U, name);
    for (const char* name : {"my console 2", "COM 3", "COM 12"})
        BOOST_TEST(tried(t.part(Kind::serial_port, {{"ElementName", name}})) == 32773U, name);
    BOOST_TEST(tried(t.part(Kind::ide_controller, {{"Address", "1"}})) == 0U);
    for (const char* address : {"x1", "COM 1", "2"})
        BOOST_TEST(tried(t.part(Kind::ide_controller, {{"Address", address}})) == 32773U, address);
}

// Settings of a device have an ElementName, too, but it is not the machine's.
BOOST_AUTO_TEST_CASE(settings_of_a_device_are_not_those_of_the_system) {
    Trial t(1);
    const auto guid = t.w.define({{"ElementName", "trial"}});
    const auto memory = t.found(Kind::memory, guid);
    const auto modified = [&](const Instance& i) {
        return t.w.done(t.w.call(t.w.vsms(), "ModifySystemSettings", {{"SystemSettings", Value(i)}}));
    };
    for (const auto& id : {memory.string("InstanceID"), vs::setting_id(guid)})
        BOOST_TEST(modified(t.w.make("Msvm_MemorySettingData",
                                     {{"InstanceID", id}, {"ElementName", "Memory"}})) == 32773U);
    BOOST_TEST(modified(t.w.make("Msvm_VirtualSystemSettingData",
                                 {{"InstanceID", memory.string("InstanceID")}, {"ElementName", "Memory"}})) ==
               32773U);
    for (const char* method : {"DefineSystem", "DefinePlannedSystem"})
        BOOST_TEST(t.w.done(t.w.call(t.w.vsms(), method,
                                     {{"SystemSettings", Value(t.w.make("Msvm_MemorySettingData",
                                                                        {{"ElementName", "Memory"}}))}})) ==
                   32773U);
    BOOST_TEST(t.w.spec(guid).name == "trial");
    // A class above is enough for those that know no other.
    BOOST_TEST(modified(t.w.make("CIM_VirtualSystemSettingData",
                                 {{"InstanceID", vs::setting_id(guid)}, {"ElementName", "above"}})) == 0U);
    BOOST_TEST(t.w.spec(guid).name == "above");
}

// An order of single devices goes before the one that BootOrder gives.
BOOST_AUTO_TEST_CASE(a_boot_order_that_is_given_counts) {
    Trial t(2);
    auto host = t.w.hypervisor.host();
    host.uefi_available = true;
    t.w.hypervisor.set_host(host);
    const auto two = t.w.define({{"ElementName", "two"}, {"VirtualSystemSubType", t.generation}},
                                {t.part(Kind::synthetic_nic)});
    BOOST_TEST_REQUIRE(t.w.spec(two).boot_devices.size() == 1U);
    auto r = t.w.call(
        t.w.vsms(), "DefineSystem",
        {{"SystemSettings",
          Value(t.w.make("Msvm_VirtualSystemSettingData",
                         {{"ElementName", "one"}, {"VirtualSystemSubType", "Microsoft:Hyper-V:SubType:1"}}))},
         {"ReferenceConfiguration", Value(World::settings_of(two))}});
    BOOST_TEST_REQUIRE(t.w.done(r) == 0U);
    const auto one = Trial::guid_of(r);
    BOOST_TEST(t.w.spec(one).boot_devices.empty());
    // As others define it.
    auto s = t.w.spec(one);
    s.boot_devices = {s.nics.at(0).id};
    BOOST_TEST_REQUIRE(t.w.hypervisor.redefine({}, s).ok());
    const auto order = Value::array_of(std::vector<unsigned>{3, 0, 1, 2});
    BOOST_TEST(t.w.done(t.w.call(t.w.vsms(), "ModifySystemSettings",
                                 {{"SystemSettings", Value(t.w.make("Msvm_VirtualSystemSettingData",
                                                                    {{"InstanceID", vs::setting_id(one)},
                                                                     {"BootOrder", order}}))}})) == 0U);
    BOOST_TEST(t.w.spec(one).boot_devices.empty());
    BOOST_CHECK(t.w.spec(one).boot_order.front() == backend::BootDevice::network);
}

BOOST_AUTO_TEST_SUITE_END()
