// What an XPath expression may cost on one item, found before it is evaluated: pugixml cannot be stopped on
// its way.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace wsvirt::wsman {

// In steps from node to node, as a sum of powers of the item's size: each predicate is looked at for every
// node that the step before it selects, and a step that leads back to nodes of others goes that way from
// each.
class XPathCost {
  public:
    explicit XPathCost(std::string_view expression);
    // size: the nodes of the item, and what its text counts for.
    double steps(double size) const;

  private:
    static constexpr std::size_t most = 24;  // what is higher counts as this
    std::array<double, most + 1> powers_{};
};

}  // namespace wsvirt::wsman
