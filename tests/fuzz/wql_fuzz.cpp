// WQL and CQL statements: parsing never fails in any other way than with an error that has a text, and what
// parses can be checked and evaluated. The first byte chooses the dialect, or LIKE by itself.
#include <cstdint>
#include <cstdlib>

#include "cim/query/wql.hpp"
#include "tests/fuzz/model.hpp"

using namespace wsvirt;

namespace {

void require(bool ok) {
    if (!ok) std::abort();
}

// An instance with a value of every kind, and one with none.
const cim::Instance& filled() {
    static const cim::Instance instance = [] {
        const auto cls = fuzz::model().find("T_All");
        cim::Instance i(cls), leaf(cls);
        leaf.set("Id", "leaf");
        i.set("Id", "Microsoft:A\\B");
        i.set("B", true);
        i.set("U64", ~std::uint64_t{0});
        i.set("S64", -5);
        i.set("R64", 1.5);
        i.set("S", R"(\\H\root\test:T_Base.Id="x")");
        i.set("D", cim::DateTime::timestamp(1'700'000'000'000'000));
        i.set("Us", cim::Value(cim::Value::Array{cim::Value(1u), cim::Value()}));
        i.set("Ss", cim::Value(cim::Value::Array{cim::Value("red"), cim::Value("blue")}));
        i.set("Direct", leaf);
        i.set("R", cim::ObjectPath("root/test", "T_Base", {{"Id", cim::Value("z")}}));
        return i;
    }();
    return instance;
}

void statement(const Result<cim::Query>& q) {
    if (!q) {
        require(q.error().status == Status::invalid_query && !q.error().text.empty());
        return;
    }
    static const cim::QueryEnvironment env{"HOST", "root/test"};
    static const cim::Instance empty(fuzz::model().find("T_All"));
    if (q->kind() != cim::Query::Kind::select) return;
    require(!q->from().empty());
    (void)q->check(*fuzz::model().find("T_All"));
    (void)q->matches(empty, env);
    // What an equality says must hold for every match.
    if (!q->matches(filled(), env)) return;
    for (const auto& [name, value] : q->equalities())
        require(name.starts_with("__") || !filled().get(name).is_null());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 3) {
        case 0:
            statement(cim::Query::parse_wql(text));
            break;
        case 1:
            statement(cim::Query::parse_cql(text));
            break;
        default: {
            const auto half = text.size() / 2;
            (void)cim::wql_like(text.substr(0, half), text.substr(half));
        }
    }
    return 0;
}
