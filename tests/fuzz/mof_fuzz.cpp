// MOF text from the wire (instances only) and from files; what was read must survive a round trip, and object
// path and datetime texts likewise.
#include <cstdint>
#include <cstdlib>

#include "cim/model/datetime.hpp"
#include "cim/schema/mof.hpp"
#include "tests/fuzz/model.hpp"

using namespace wsvirt;

namespace {

void require(bool ok) {
    if (!ok) std::abort();
}

void instances(std::string_view text) {
    const auto read = cim::instances_from_mof(fuzz::model(), text);
    if (!read) {
        require(!read.error().text.empty());
        return;
    }
    for (const auto& i : *read) {
        const auto again = cim::instances_from_mof(fuzz::model(), cim::instance_to_mof(i));
        require(again.ok() && again->size() == 1);
        require(cim::instance_to_mof(again->front()) == cim::instance_to_mof(i));
    }
}

void declarations(std::string_view text) {
    cim::Schema schema;
    const auto r = cim::compile_mof(schema, text, "fuzz.mof", "root/fuzz", false);
    require(r.ok() || !r.error().text.empty());
}

void path(std::string_view text) {
    const auto p = cim::ObjectPath::parse(text);
    if (!p) return;
    const auto again = cim::ObjectPath::parse(p->to_text(p->host()));
    require(again.ok());
    require(again->to_text() == p->to_text());
}

void datetime(std::string_view text) {
    if (const auto d = cim::DateTime::from_cim(text)) {
        const auto again = cim::DateTime::from_cim(d->to_cim());
        require(again.ok() && *again == *d);
    }
    if (const auto d = cim::DateTime::from_xsd(text)) {
        const auto shown = d->to_xsd();
        if (!shown) return;
        const auto again = cim::DateTime::from_xsd(*shown);
        require(again.ok() && *again == *d);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            instances(text);
            break;
        case 1:
            declarations(text);
            break;
        case 2:
            path(text);
            break;
        default:
            datetime(text);
    }
    return 0;
}
