// Class metadata for every class of every namespace, held against the content model of DSP0203's DTD.
#include <boost/test/unit_test.hpp>
#include <set>

#include "cim/codec/cimxml.hpp"

using namespace wsvirt;
using namespace wsvirt::cim;

namespace {

struct Rule {
    std::vector<std::set<std::string>> children;  // groups in order, each may repeat
    std::set<std::string> required, optional;     // attributes
};

const std::map<std::string, Rule>& rules() {
    static const std::set<std::string> qualifier{"QUALIFIER"};
    static const std::map<std::string, Rule> all{
        {"CLASS",
         {{qualifier, {"PROPERTY", "PROPERTY.ARRAY", "PROPERTY.REFERENCE"}, {"METHOD"}},
          {"NAME"},
          {"SUPERCLASS"}}},
        {"PROPERTY",
         {{qualifier, {"VALUE"}}, {"NAME", "TYPE"}, {"CLASSORIGIN", "PROPAGATED", "EmbeddedObject"}}},
        {"PROPERTY.ARRAY",
         {{qualifier, {"VALUE.ARRAY"}}, {"NAME", "TYPE"}, {"CLASSORIGIN", "PROPAGATED", "EmbeddedObject"}}},
        {"PROPERTY.REFERENCE",
         {{qualifier, {"VALUE.REFERENCE"}}, {"NAME"}, {"REFERENCECLASS", "CLASSORIGIN", "PROPAGATED"}}},
        {"METHOD",
         {{qualifier, {"PARAMETER", "PARAMETER.REFERENCE", "PARAMETER.ARRAY", "PARAMETER.REFARRAY"}},
          {"NAME"},
          {"TYPE", "CLASSORIGIN", "PROPAGATED"}}},
        {"PARAMETER", {{qualifier}, {"NAME", "TYPE"}, {}}},
        {"PARAMETER.ARRAY", {{qualifier}, {"NAME", "TYPE"}, {}}},
        {"PARAMETER.REFERENCE", {{qualifier}, {"NAME"}, {"REFERENCECLASS"}}},
        {"PARAMETER.REFARRAY", {{qualifier}, {"NAME"}, {"REFERENCECLASS"}}},
        {"QUALIFIER",
         {{{"VALUE", "VALUE.ARRAY"}},
          {"NAME", "TYPE"},
          {"PROPAGATED", "OVERRIDABLE", "TOSUBCLASS", "TRANSLATABLE"}}},
        {"VALUE.ARRAY", {{{"VALUE", "VALUE.NULL"}}, {}, {}}},
        {"VALUE", {}},
        {"VALUE.NULL", {}},
    };
    return all;
}

void check(const pugi::xml_node& n) {
    const auto rule = rules().find(n.name());
    BOOST_REQUIRE_MESSAGE(rule != rules().end(), n.name());
    const auto& r = rule->second;
    for (const auto& name : r.required)
        if (!*n.attribute(name.c_str()).value()) BOOST_ERROR(n.name() << " has no " << name);
    for (const auto& a : n.attributes())
        if (!r.required.contains(a.name()) && !r.optional.contains(a.name()))
            BOOST_ERROR(n.name() << " cannot have " << a.name());
    std::size_t group = 0;
    for (const auto& c : n.children()) {
        if (c.type() != pugi::node_element) continue;
        while (group < r.children.size() && !r.children[group].contains(c.name())) ++group;
        if (group == r.children.size()) BOOST_ERROR(c.name() << " is out of place in " << n.name());
        check(c);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(class_metadata)

BOOST_AUTO_TEST_CASE(every_class_follows_the_dtd) {  // C-CLS-01, C-CLS-05
    const auto s = Schema::load(WSVIRT_SOURCE_DIR "/schemas");
    BOOST_REQUIRE_MESSAGE(s.ok(), (s.ok() ? "" : s.error().text));
    for (const auto* ns : s->all()) {
        for (const auto& c : ns->classes()) {
            BOOST_TEST_CONTEXT(ns->name() << ":" << c->name()) {
                pugi::xml_document doc;
                cimxml::write_class(doc, *c, *ns, false, true, true);
                check(doc.document_element());
                const auto count = [&](const char* start) {
                    const auto children = doc.document_element().children();
                    return static_cast<std::size_t>(std::count_if(
                        children.begin(), children.end(),
                        [&](const auto& n) { return std::string_view(n.name()).starts_with(start); }));
                };
                BOOST_TEST(count("PROPERTY") == c->properties().size());
                BOOST_TEST(count("METHOD") == c->methods().size());
                pugi::xml_document local;
                cimxml::write_class(local, *c, *ns, true, false, false);
                check(local.document_element());
                BOOST_TEST(!local.document_element().child("QUALIFIER"));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
