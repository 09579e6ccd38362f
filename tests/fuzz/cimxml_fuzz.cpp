// Embedded texts (CIM-XML or MOF) and WS-CIM elements as they come over the wire; what was read is written in
// every form and the result must be well-formed and readable again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <pugixml.hpp>

#include "cim/codec/cimxml.hpp"
#include "cim/codec/wscim.hpp"
#include "cim/codec/xml_names.hpp"
#include "tests/fuzz/model.hpp"

using namespace wsvirt;

namespace {

void require(bool ok) {
    if (!ok) std::abort();
}

constexpr std::string_view envelope =
    "<r xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:a=\"urn:a\" xmlns:w=\"urn:w\" "
    "xmlns:cim=\"http://schemas.dmtf.org/wbem/wscim/1/common\">";

void write(const cim::Instance& i) {
    cim::wscim::Style style;
    style.name_space = "root/test";
    style.address = "http://h/wsman";
    for (const auto family : {cim::wscim::Family::dmtf, cim::wscim::Family::wmi}) {
        style.family = family;
        std::string out(envelope);
        cim::wscim::write_instance(out, style, i);
        cim::wscim::write_fragment(out, style, i, {"S", "D", "__PATH", "Direct"});
        out += "</r>";
        pugi::xml_document doc;
        require(doc.load_buffer(out.data(), out.size(), pugi::parse_default | pugi::parse_ws_pcdata_single));
        require(valid_utf8(out));
        require(cim::wscim::instance_from_node(fuzz::model(), doc.document_element().first_child()).ok());
    }
    const auto mof = cim::instance_to_mof(i);
    const auto kept = cim::instances_from_mof(fuzz::model(), mof);
    require(kept.ok() && kept->size() == 1);
    require(cim::instance_to_mof(kept->front()) == mof);
    const auto text = cim::cimxml::instance_to_text(i);
    const auto again = cim::cimxml::instance_from_text(fuzz::model(), text);
    require(again.ok());
    require(cim::cimxml::instance_to_text(*again) == text);
}

void text(std::string_view s) {
    if (const auto i = cim::cimxml::instance_from_text(fuzz::model(), s))
        write(*i);
    else
        require(!i.error().text.empty());
}

void elements(std::string_view s) {
    const std::string wrapped = std::string(envelope) + std::string(s) + "</r>";
    pugi::xml_document doc;
    if (!doc.load_buffer(wrapped.data(), wrapped.size(), pugi::parse_default | pugi::parse_ws_pcdata_single))
        return;
    const auto& model = fuzz::model();
    const auto root = doc.document_element();
    if (const auto i = cim::wscim::instance_from_node(model, root, "T_All")) write(*i);
    std::vector<pugi::xml_node> nodes;
    for (const auto& c : root.children())
        if (c.type() == pugi::node_element) nodes.push_back(c);
    const auto all = model.find("T_All");
    cim::Instance each(all);  // what can be read alone, all together
    for (const auto* p : all->properties())
        if (const auto v = cim::wscim::value_from_nodes(model, *p, nodes)) each.set(p->name, *v);
    write(each);
    for (const auto& n : nodes)
        if (const auto p = cim::cimxml::path_from_node(n)) {
            pugi::xml_document out;
            cim::cimxml::write_instance_path(out, *p, "h");
            require(cim::cimxml::path_from_node(out.document_element()).ok());
        }
}

// UTF-8 without characters that XML does not allow, however they are written.
bool passes_the_gate(std::string_view s) {
    const auto control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    };
    return valid_utf8(s) && std::none_of(s.begin(), s.end(), control) &&
           s.find("\xef\xbf\xbe") == std::string_view::npos &&
           s.find("\xef\xbf\xbf") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view s(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (!passes_the_gate(s)) return 0;
    if (data[0] % 2 == 0)
        text(s);
    else if (cim::xml::references_are_characters(s))
        elements(s);
    return 0;
}
