#include "cim/om/static_instances.hpp"

namespace wsvirt::cim {

Result<StreamPtr> StaticInstances::enumerate(const Request& request, const ClassPtr& cls) {
    std::vector<Instance> all;
    for (const auto& i : request.ns.instances())
        if (i.class_ptr() == cls) all.push_back(i);
    return stream_of(std::move(all));
}

}  // namespace wsvirt::cim
