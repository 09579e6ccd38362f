// A small model with providers in memory, for tests of the object manager.
#pragma once

#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cim/om/association.hpp"
#include "cim/om/keys.hpp"
#include "cim/om/object_manager.hpp"
#include "cim/om/store.hpp"
#include "cim/schema/mof.hpp"
#include "tests/support/test_identity.hpp"

namespace wsvirt::cim::om_test {

inline constexpr std::string_view model = R"mof(
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Abstract : boolean = false, Scope(class, association, indication), Flavor(EnableOverride, Restricted);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride, ToSubclass);
Qualifier Provider : string, Scope(any), Flavor(EnableOverride, Restricted);
Qualifier Static : boolean = false, Scope(property, method), Flavor(DisableOverride, ToSubclass);
Qualifier In : boolean = true, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier Out : boolean = false, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier Required : boolean = false, Scope(any), Flavor(DisableOverride, ToSubclass);
Qualifier MaxLen : uint32 = null, Scope(any), Flavor(EnableOverride, ToSubclass);
Qualifier EmbeddedInstance : string = null, Scope(any), Flavor(EnableOverride, ToSubclass);
Qualifier Marked : boolean = false, Scope(any), Flavor(EnableOverride, ToSubclass);
[Abstract] class CIM_Element { string ElementName; };
[Abstract] class CIM_System : CIM_Element { [Key] string CreationClassName; [Key] string Name; };
[Provider("T_Machine")] class T_Machine : CIM_System {
    uint16 State;
    uint32 RequestStateChange([In] uint16 RequestedState, [In] datetime TimeoutPeriod, [In(false), Out] CIM_Element ref Job);
    uint32 GetThing();
    uint32 Fail();
};
[Provider("T_Host")] class T_Host : CIM_System { };
[Provider("T_Service")] class T_Service : CIM_System {
    uint32 Define([In, EmbeddedInstance("T_Setting")] string Setting, [In] uint16 Numbers[], [In] T_Setting ref Like,
                  [In(false), Out] T_Machine ref Made);
    [Static] uint32 GetCount();
    void Nothing();
};
[Provider("T_Setting")] class T_Setting : CIM_Element { [Key] string InstanceID; uint16 Number; };
[Provider("T_Snapshot")] class T_SnapshotSetting : T_Setting { };
[Association, Abstract] class CIM_SettingsDefineState { [Key] CIM_Element ref ManagedElement; [Key] CIM_Element ref SettingData; };
[Association, Provider("T_Define")] class T_Define : CIM_SettingsDefineState {
    [Override("ManagedElement")] T_Machine ref ManagedElement; [Override("SettingData")] T_Setting ref SettingData; };
[Association, Marked, Provider("T_ASnapshotOf")] class T_ASnapshotOf { [Key] T_Machine ref Antecedent; [Key] T_SnapshotSetting ref Dependent; };
class T_Free { [Key] string Id; [Key] uint32 Part; [Required] string Title; [MaxLen(5)] string Short; uint16 Count = 7;
    T_Free ref Next; string Many[]; datetime When; [EmbeddedInstance("T_Leaf")] string Leaf; real64 Real; };
class T_Leaf { string Text; };
[Association] class T_FreeLink { [Key] T_Free ref Left; [Key] T_Free ref Right; string Note; };
instance of T_Free { Id = "static"; Part = 1; Title = "from MOF"; };
)mof";

class ListProvider : public Provider {
  public:
    std::vector<std::string> rows;  // names, or InstanceIDs
    bool indexed = false;
    mutable int enumerated = 0, found = 0, got = 0;
    Arguments last;

    Instance make(const ClassPtr& cls, const std::string& name) const {
        Instance i(cls);
        i.set("ElementName", "the " + name);
        if (cls->slot("InstanceID") >= 0) {
            i.set("InstanceID", name);
            i.set("Number", rows.size());
        } else {
            i.set("CreationClassName", cls->name());
            i.set("Name", name);
        }
        if (cls->slot("State") >= 0) i.set("State", name == "A" ? 2u : 3u);
        return i;
    }
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        ++enumerated;
        return lazy_stream(rows.size(), [this, cls](std::size_t n) -> std::optional<Instance> {
            if (rows[n] == "vanished") return std::nullopt;
            if (rows[n] == "throws") throw std::runtime_error("row");
            return make(cls, rows[n]);
        });
    }
    Result<Instance> get(const Request& r, const ClassPtr& cls, const ObjectPath& path) override {
        ++got;
        return Provider::get(r, cls, path);
    }
    Result<StreamPtr> find(const Request&, const ClassPtr& cls, std::string_view property,
                           const Value& value) override {
        if (!indexed || !iequals(property, "Name")) return StreamPtr();
        ++found;
        std::vector<Instance> all;
        for (const auto& r : rows)
            if (iequals(r, value.string_or({}))) all.push_back(make(cls, r));
        return stream_of(std::move(all));
    }
    Result<MethodResult> invoke(const Request&, const ClassPtr&, const ObjectPath& target, const Method& m,
                                const Arguments& in) override {
        if (m.name == "Fail") throw std::runtime_error("broken");
        last = in;
        MethodResult r(0);
        r.out.set("Target", Value(target));
        return r;
    }
};

struct World {
    Schema schema;
    const Namespace* ns = nullptr;
    std::map<std::string, std::unique_ptr<Provider>, ILess> providers;
    ListProvider *machines, *hosts, *services, *settings, *snapshots;
    std::unique_ptr<Store> store = std::move(*Store::open(":memory:"));
    std::unique_ptr<ObjectManager> om;
    Identity admin = TestIdentity::make();

    ListProvider* add(const char* name, std::vector<std::string> rows) {
        auto p = std::make_unique<ListProvider>();
        p->rows = std::move(rows);
        auto* raw = p.get();
        providers.emplace(name, std::move(p));
        return raw;
    }
    ObjectPath machine(const std::string& name) const {
        return {"root/test", "T_Machine", {{"CreationClassName", "T_Machine"}, {"Name", name}}};
    }
    static ObjectPath setting(const std::string& id, const char* cls = "T_Setting") {
        return {"root/test", cls, {{"InstanceID", id}}};
    }
    std::unique_ptr<Provider> association(const char* left, const char* right, const char* right_class) {
        const std::string suffix = iequals(right_class, "T_Setting") ? "" : "-snap";
        DerivedAssociation::Ends e;
        e.left = left;
        e.right = right;
        e.lefts = [this](const Request&) {
            DerivedAssociation::Paths all;
            for (const auto& m : machines->rows) all.push_back(machine(m));
            return all;
        };
        e.rights_of = [=](const Request&, const ObjectPath& p) {
            return DerivedAssociation::Paths{setting("S:" + p.key_string("Name") + suffix, right_class)};
        };
        e.lefts_of = [=, this](const Request&, const ObjectPath& p) {
            const auto id = p.key_string("InstanceID");
            return DerivedAssociation::Paths{machine(id.substr(2, id.size() - 2 - suffix.size()))};
        };
        return std::make_unique<DerivedAssociation>(std::move(e));
    }

    World() {
        const auto loaded = compile_mof(schema, model, "model.mof", "root/test", false);
        BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? std::string() : loaded.error().text));
        ns = schema.find("root/test");
        schema.get_or_add("root/other");
        machines = add("T_Machine", {"A", "B", "C"});
        hosts = add("T_Host", {"HOST"});
        services = add("T_Service", {"svc"});
        settings = add("T_Setting", {"S:A", "S:B", "S:C"});
        snapshots = add("T_Snapshot", {"S:A-snap"});
        providers.emplace("T_Define", association("ManagedElement", "SettingData", "T_Setting"));
        providers.emplace("T_ASnapshotOf", association("Antecedent", "Dependent", "T_SnapshotSetting"));
        om = std::make_unique<ObjectManager>(schema, std::move(providers), "HOST", store.get(),
                                             std::vector<std::string>{"root/test"});
    }
    Request request(const Identity& who) const {
        return Request{who, *ns, Clock::time_point::max(), {}, {}, {}};
    }
    Request request() const { return request(admin); }
    static std::vector<std::string> names(Result<StreamPtr> s, std::string_view property = "Name") {
        BOOST_REQUIRE(s.ok());
        auto all = collect(**s);
        BOOST_REQUIRE(all.ok());
        std::vector<std::string> r;
        for (const auto& i : *all) r.push_back(i.string(property));
        return r;
    }
    std::vector<std::string> query(const std::string& text, std::string_view property = "Name") const {
        auto a = om->wql(request(), text);
        BOOST_REQUIRE_MESSAGE(a.ok(), text);
        return names(std::move(a->stream), property);
    }
};

using Names = std::vector<std::string>;

}  // namespace wsvirt::cim::om_test
