#include "cim/schema/repository.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace wsvirt;
using namespace wsvirt::cim;
namespace fs = std::filesystem;

namespace {

class Folder {
  public:
    Folder() : path_(fs::temp_directory_path() / ("wsvirt-schema-" + std::to_string(::getpid()))) {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    ~Folder() { fs::remove_all(path_); }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name) << text;
    }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(repository)

BOOST_AUTO_TEST_CASE(namespaces_share_classes) {
    Folder f;
    f.write("set/a.mof", "class A { [Key] string Id; };");
    f.write("set/b.mof", "class B : A { string More; };");
    f.write("set/c.mof", "class C { string Other; };");
    f.write("one.mof", "#pragma namespace(\"root/one\")\n#pragma include(\"set/*.mof\")\n");
    f.write("two.mof",
            "#pragma namespace(\"root/two\")\n#pragma include(\"set/*.mof\")\n"
            "class A { [Key] string Id; void Extra(); };");
    const auto s = Schema::load(f.path());
    BOOST_REQUIRE_MESSAGE(s.ok(), (s.ok() ? "" : s.error().text));
    const auto *one = s->find("root/one"), *two = s->find("root/two");
    BOOST_REQUIRE(one && two);
    BOOST_TEST(one->find("C") == two->find("C"));  // the same object
    BOOST_TEST(one->find("A") != two->find("A"));
    BOOST_TEST(!one->find("B")->method("Extra"));
    BOOST_TEST(two->find("B")->method("Extra"));  // the subclass follows
    BOOST_TEST(two->classes().size() == 3u);
}

BOOST_AUTO_TEST_CASE(equal_lists_of_texts_are_kept_once) {
    Folder f;
    f.write(
        "n.mof",
        "class A { [ValueMap{\"1\", \"2\"}] uint8 P; [ValueMap{\"12\"}] uint8 Q; [ValueMap{}] uint8 R; };\n"
        "class B { [ValueMap{\"1\", \"2\"}] uint8 P; [ValueMap{\"1\", \"3\"}] uint8 Q; };\n");
    const auto s = Schema::load(f.path());
    BOOST_REQUIRE_MESSAGE(s.ok(), (s.ok() ? "" : s.error().text));
    const auto list = [&](const char* name, const char* property) {
        const auto* p = s->find("root/cimv2")->find(name)->property(property);
        return find_qualifier(p->qualifiers, "ValueMap")->as_array();
    };
    BOOST_TEST(list("A", "P") == list("B", "P"));  // the same object
    BOOST_TEST(list("A", "P")->size() == 2u);
    BOOST_TEST(list("A", "P")->back().string_or("") == "2");
    BOOST_TEST(list("A", "Q")->front().string_or("") == "12");
    BOOST_TEST(list("A", "R")->empty());
    BOOST_TEST(list("B", "Q")->back().string_or("") == "3");
}

BOOST_AUTO_TEST_CASE(included_twice_is_an_error_only_when_it_differs) {
    Folder f;
    f.write("x/a.mof", "class A {};");
    f.write("y/a.mof", "\nclass A {};");
    f.write("n.mof", "#pragma include(\"x/a.mof\")\n#pragma include(\"x/a.mof\")\n");
    BOOST_TEST(Schema::load(f.path()).ok());
    f.write("n.mof", "#pragma include(\"x/a.mof\")\n#pragma include(\"y/a.mof\")\n");
    const auto s = Schema::load(f.path());
    BOOST_REQUIRE(!s.ok());
    BOOST_TEST((s.error().status == Status::already_exists));
    BOOST_TEST(s.error().text.find("y/a.mof:2:1: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(missing_and_endless_includes) {
    Folder f;
    f.write("n.mof", "\n#pragma include(\"nope.mof\")\n");
    const auto s = Schema::load(f.path());
    BOOST_REQUIRE(!s.ok());
    BOOST_TEST(s.error().text.find("n.mof:2:1: ") != std::string::npos);
    f.write("n.mof", "#pragma include(\"n.mof\")\n");
    BOOST_TEST(!Schema::load(f.path()).ok());
    BOOST_TEST((Schema::load(f.path() / "nowhere").error().status == Status::not_found));
}

BOOST_AUTO_TEST_CASE(one_more_file) {
    Folder f;
    f.write("n.mof", "#pragma namespace(\"root/n\")\nclass A { [Key] uint8 K; };");
    f.write("more/m.mof", "class B : A {}; instance of B { K = 1; };");
    auto s = Schema::load(f.path());
    BOOST_REQUIRE(s.ok());
    const auto r = s->load_file(f.path() / "more/m.mof", "root/n");
    BOOST_REQUIRE_MESSAGE(r.ok(), (r.ok() ? "" : r.error().text));
    BOOST_TEST(s->find("root/n")->find("B")->superclass() == s->find("root/n")->find("A"));
    BOOST_TEST(s->find("root/n")->instances().size() == 1u);
    BOOST_TEST(!s->load_file(f.path() / "more/m.mof", "root/n").ok());  // B is there already
}

BOOST_AUTO_TEST_SUITE_END()
