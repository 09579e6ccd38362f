// The filters of Enumerate: WQL and CQL queries, the association filter, the selector filter and XPath
// (DSP0226 8.3 and Annexes D and E, DSP0227 clause 8). Each turns a request into a stream of instances and
// says what of them is shown.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "wsman/ops/epr.hpp"

namespace wsvirt::wsman {

// One compiled XPath filter over the written form of an instance.
class ItemFilter {
  public:
    virtual ~ItemFilter() = default;
    // Whether the item (its XML) passes. When only parts of it are selected, they replace the item as one
    // w:XmlFragment. Errors: invalid_query (it would cost too much on this item).
    virtual Result<bool> apply(std::string& item) const = 0;
};

struct Selection {
    cim::StreamPtr stream;
    std::vector<std::string> projected;  // property names to show, empty: whole instances
    std::unique_ptr<ItemFilter> item_filter;
    const cim::Namespace* ns = nullptr;  // where the instances are, null: in the target's namespace
    bool only_known = false;  // names in `projected` that an instance does not have are left out (C-ASF-05)
};

// `filter`: wsman:Filter or wsen:Filter, null for none.
std::variant<Selection, soap::Fault> select_instances(const Call& call, const Target& target,
                                                      const pugi::xml_node& filter,
                                                      cim::Polymorphism polymorphism,
                                                      bool polymorphism_given);

// XPath 1.0 as pugixml has it; prefixes are ignored (D.2 allows that).
std::variant<std::unique_ptr<ItemFilter>, soap::Fault> compile_xpath(std::string_view expression,
                                                                     const OpsSettings& settings);

}  // namespace wsvirt::wsman
