// Every property that a client can put into the settings of DefineSystem, for both generations: it is read
// back as it was given, or the call refuses it and names it. The properties are the schema's, so a new one is
// tested as soon as it is declared.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cim/providers/virtual_system/kinds.hpp"
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
                                                    "VirtualSystemType",  // realized, planned or a snapshot
                                                    "Caption",
                                                    "Description",          // the same in words
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
            for (const char* t : {"1", "2", "64", "1000", "200000"}) texts.emplace_back(t);
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

    // "" when it was kept; else what is wrong.
    std::string verdict(const MethodResult& r, const Property& p, const Value& v,
                        const std::function<Value()>& read_back) {
        if (w.done(r) != 0) {
            auto text = w.text_of(r);
            if (text.empty()) text = w.last_text;
            return names(text, p.name) ? "" : "refused without its name: " + text;
        }
        const auto now = read_back();
        w.done(w.call(w.vsms(), "DestroySystem",
                      {{"AffectedSystem", Value(*r.out.get("ResultingSystem").as_path())}}));
        if (vs_same(now, v)) return "";
        return "dropped in silence: reads " + shown(p, now);
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

    std::string try_system(const Property& p, const Value& v) {
        Given given{{"VirtualSystemSubType", generation}};
        if (!iequals(p.name, "ElementName")) given.emplace_back("ElementName", "trial");
        given.emplace_back(p.name, v);
        const auto r = w.call(w.vsms(), "DefineSystem",
                              {{"SystemSettings", Value(w.make("Msvm_VirtualSystemSettingData", given))}});
        return verdict(r, p, v, [&] {
            const auto guid = r.out.get("ResultingSystem").as_path()->key_string("Name");
            return w.get(World::settings_of(guid)).get(p.name);
        });
    }

    std::string try_resource(Kind k, const Property& p, const Value& v) {
        Given own;
        auto resources = before(k, own);
        std::erase_if(own, [&](const auto& g) { return iequals(g.first, p.name); });
        own.emplace_back(p.name, v);
        resources.push_back(part(k, own));
        const auto r =
            w.call(w.vsms(), "DefineSystem",
                   {{"SystemSettings",
                     Value(w.make("Msvm_VirtualSystemSettingData",
                                  {{"ElementName", "trial"}, {"VirtualSystemSubType", generation}}))},
                    {"ResourceSettings", World::list(std::move(resources))}});
        return verdict(r, p, v, [&] { return found(k, r, p.name); });
    }
    Value found(Kind k, const MethodResult& r, const std::string& property) {
        const auto guid = r.out.get("ResultingSystem").as_path()->key_string("Name");
        const auto& i = vs::info(k);
        auto all = w.query("SELECT * FROM " + std::string(i.class_name) +
                           " WHERE InstanceID LIKE 'Microsoft:" + guid + "%'");
        std::erase_if(all, [&](const Instance& x) {
            return (!i.sub_type.empty() && !iequals(x.string("ResourceSubType"), i.sub_type)) ||
                   (!i.other_type.empty() && !iequals(x.string("OtherResourceType"), i.other_type));
        });
        return all.empty() ? Value() : all.front().get(property);
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
    for (const int generation : {1, 2}) {
        Trial t(generation);
        const auto cls = t.w.ns.find("Msvm_VirtualSystemSettingData");
        unsigned kept = 0;
        for (const auto& p : cls->properties()) {
            if (is_the_hosts(p->name) || iequals(p->name, "VirtualSystemSubType")) continue;
            for (const auto& v : candidates(*p)) {
                const auto wrong = t.try_system(*p, v);
                kept += wrong.empty();
                BOOST_TEST(wrong == "", "generation " << generation << ", " << p->name << " = "
                                                      << Trial::shown(*p, v) << ": " << wrong);
            }
        }
        BOOST_TEST(kept > 50U);
    }
}

BOOST_AUTO_TEST_CASE(no_property_of_a_resource_is_dropped_in_silence) {
    for (const int generation : {1, 2}) {
        Trial t(generation);
        for (const auto& k : vs::kinds()) {
            if (!offered(k.kind, generation)) continue;
            const auto cls = t.w.ns.find(std::string(k.class_name));
            BOOST_TEST_REQUIRE(cls);
            for (const auto& p : cls->properties()) {
                if (is_the_hosts(p->name)) continue;
                for (const auto& v : candidates(*p)) {
                    const auto wrong = t.try_resource(k.kind, *p, v);
                    BOOST_TEST(wrong == "", "generation " << generation << ", " << k.caption << " " << p->name
                                                          << " = " << Trial::shown(*p, v) << ": " << wrong);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
