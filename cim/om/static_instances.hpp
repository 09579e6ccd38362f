// What serves classes without a provider outside of the repository: the instances that the MOF files hold,
// read-only. The instance repository (instance_repository.hpp) keeps and changes instances in the Store.
#pragma once

#include "cim/om/provider.hpp"

namespace wsvirt::cim {

class StaticInstances : public Provider {
  public:
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override;
};

}  // namespace wsvirt::cim
