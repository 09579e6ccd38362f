#include "model.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;
using namespace wsvirt::cim::om_test;

namespace {

struct Kept : World {
    Instance make(const std::string& id, unsigned part = 1) {
        Instance i(ns->find("T_Free"));
        i.set("Id", id);
        i.set("Part", part);
        i.set("Title", "title of " + id);
        return i;
    }
    static ObjectPath path(const std::string& id, unsigned part = 1) {
        return {"root/test", "T_Free", {{"Id", id}, {"Part", part}}};
    }
    void link(const std::string& a, const std::string& b) {
        Instance i(ns->find("T_FreeLink"));
        i.set("Left", path(a));
        i.set("Right", path(b));
        BOOST_REQUIRE(om->create(request(), i).ok());
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(instance_repository, Kept)

BOOST_AUTO_TEST_CASE(what_could_not_be_read_again_is_refused) {
    auto i = make("odd");
    i.set("Many", Value::array_of(Names{"half a \xed\xa0\x80 pair"}));
    BOOST_CHECK(om->create(request(), i).error().status == Status::invalid_parameter);
    BOOST_REQUIRE(om->create(request(), make("odd")));
    Instance changed(ns->find("T_Free"));
    changed.set("Many", i.get("Many"));
    BOOST_CHECK(om->modify(request(), path("odd"), changed).error().status == Status::invalid_parameter);
    BOOST_CHECK(om->get(request(), path("odd")));
}

BOOST_AUTO_TEST_CASE(create_get_put_delete) {
    auto i = make("x");
    Instance leaf(ns->find("T_Leaf"));
    leaf.set("Text", "q\"\\\n\t\xc3\xa4");
    i.set("Leaf", leaf);
    i.set("Many", Value::array_of(Names{"a", "", "b,\"c\""}));
    i.set("When", DateTime::from_cim("20240102030405.000006+060").value());
    i.set("Real", 0.1);
    i.set("Next", path("static"));
    auto made = om->create(request(), i);
    BOOST_REQUIRE(made);
    BOOST_CHECK(*made == path("x"));
    auto back = om->get(request(), path("X"));
    BOOST_REQUIRE(back);
    BOOST_CHECK_EQUAL(back->uint("Count"), 7u);  // the class's default
    BOOST_REQUIRE(back->get("Leaf").as_instance());
    BOOST_CHECK_EQUAL(back->get("Leaf").as_instance()->string("Text"), leaf.string("Text"));
    BOOST_CHECK(back->get("Many") == i.get("Many"));
    BOOST_CHECK(back->get("When") == i.get("When"));
    BOOST_CHECK(back->get("Real") == i.get("Real"));
    BOOST_CHECK(back->get("Next") == i.get("Next"));
    BOOST_CHECK(om->create(request(), make("X")).error().status == Status::already_exists);
    BOOST_CHECK(om->create(request(), make("x", 2)).ok());

    Instance changed(ns->find("T_Free"));
    changed.set("Short", "abc");
    changed.set("Count", Value());
    BOOST_CHECK(om->modify(request(), path("x"), changed).ok());
    back = om->get(request(), path("x"));
    BOOST_CHECK_EQUAL(back->string("Short"), "abc");
    BOOST_CHECK_EQUAL(back->string("Title"), "title of x");
    BOOST_CHECK(back->get("Count").is_null());

    BOOST_CHECK(om->remove(request(), path("x")).ok());
    BOOST_CHECK(om->get(request(), path("x")).error().status == Status::not_found);
    BOOST_CHECK(om->remove(request(), path("x")).error().status == Status::not_found);
}

BOOST_AUTO_TEST_CASE(invalid_instances_are_refused_with_the_property) {
    const auto refused = [&](const Instance& i, Status s, std::string_view subject) {
        auto r = om->create(request(), i);
        BOOST_REQUIRE(!r);
        BOOST_CHECK(r.error().status == s);
        BOOST_CHECK_EQUAL(r.error().subject, subject);
    };
    auto i = make("y");
    i.clear("Title");
    refused(i, Status::missing_value, "Title");
    i = make("y");
    i.set("Part", Value());
    refused(i, Status::missing_value, "Part");
    i = make("y");
    i.set("Short", "abcdef");
    refused(i, Status::invalid_parameter, "Short");
    i = make("y");
    i.set("Count", "many");
    refused(i, Status::type_mismatch, "Count");
    i = make("y");
    i.set("Next", machine("A"));
    refused(i, Status::type_mismatch, "Next");
    i = make("y");
    i.set("Leaf", make("z"));
    refused(i, Status::type_mismatch, "Leaf");
    BOOST_CHECK(om->get(request(), path("y")).error().status == Status::not_found);
    BOOST_REQUIRE(om->create(request(), make("y")).ok());
    Instance bad(ns->find("T_Free"));
    bad.set("Title", Value());
    BOOST_CHECK_EQUAL(om->modify(request(), path("y"), bad).error().subject, "Title");
}

BOOST_AUTO_TEST_CASE(instances_of_the_mof_files_are_there_once) {
    BOOST_CHECK_EQUAL(om->get(request(), path("static"))->string("Title"), "from MOF");
    BOOST_CHECK(om->remove(request(), path("static")).ok());
    BOOST_CHECK(names(om->enumerate(request(), "T_Free"), "Id").empty());
    const ObjectManager again(schema, {}, "HOST", store.get(), {"root/test"});
    BOOST_CHECK(names(const_cast<ObjectManager&>(again).enumerate(request(), "T_Free"), "Id").empty());
}

BOOST_AUTO_TEST_CASE(without_the_repository_they_are_read_only) {
    ObjectManager plain(schema, {});
    BOOST_CHECK((names(plain.enumerate(request(), "T_Free"), "Id") == Names{"static"}));
    BOOST_CHECK(plain.get(request(), path("static")).ok());
    BOOST_CHECK(plain.create(request(), make("x")).error().status == Status::not_supported);
    BOOST_CHECK(plain.remove(request(), path("static")).error().status == Status::not_supported);
}

BOOST_AUTO_TEST_CASE(associations_between_kept_instances) {
    for (const char* id : {"a", "b", "c"}) BOOST_REQUIRE(om->create(request(), make(id)).ok());
    link("a", "b");
    link("a", "c");
    link("b", "c");
    const auto of = [](const std::string& id) { return "ASSOCIATORS OF {T_Free.Id='" + id + "',Part=1}"; };
    BOOST_CHECK((query(of("a"), "Id") == Names{"b", "c"}));
    BOOST_CHECK((query(of("b") + " WHERE Role = Right", "Id") == Names{"a"}));
    BOOST_CHECK((query(of("c") + " WHERE ResultRole = Left", "Id") == Names{"a", "b"}));
    BOOST_CHECK(om->remove(request(), path("b")).ok());
    BOOST_CHECK((query(of("a"), "Id") == Names{"c"}));
    auto refs = om->wql(request(), "REFERENCES OF {T_Free.Id='a',Part=1}");
    auto all = collect(*refs->stream);
    BOOST_REQUIRE_EQUAL(all->size(), 2u);
    BOOST_CHECK(om->remove(request(), (*all)[1].path("root/test")).ok());
    refs = om->wql(request(), "REFERENCES OF {T_Free.Id='a',Part=1}");
    BOOST_CHECK_EQUAL(collect(*refs->stream)->size(), 1u);
}

BOOST_AUTO_TEST_CASE(many_instances_come_page_by_page) {
    BOOST_REQUIRE(store
                      ->transaction([&]() -> Result<void> {
                          for (unsigned n = 0; n < 3000; ++n)
                              if (auto r = om->create(request(), make("i", n)); !r) return r.error();
                          return {};
                      })
                      .ok());
    auto s = om->enumerate(request(), "T_Free");
    BOOST_CHECK_EQUAL((*s)->estimate().value_or(0), 3001u);
    std::set<std::uint64_t> parts;
    unsigned n = 0;
    while (auto i = (*s)->next()) {
        if (!*i) break;
        parts.insert((*i)->uint("Part"));
        // What is deleted while the enumeration goes on does not disturb it.
        if (++n == 300) BOOST_CHECK(om->remove(request(), path("i", 10)).ok());
    }
    BOOST_CHECK_GE(parts.size(), 2999u);
    BOOST_CHECK_EQUAL(query("SELECT * FROM T_Free WHERE Part > 2990 AND Id='i'", "Id").size(), 9u);
}

BOOST_AUTO_TEST_SUITE_END()
