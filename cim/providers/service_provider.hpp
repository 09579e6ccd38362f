// The provider of a service class: one instance on the host, and methods from tables. Services are always
// running; that they can be neither started nor stopped is part of what it shows.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cim/providers/methods.hpp"

namespace wsvirt::cim {

struct ServiceFacts {
    std::string name, caption, description;
    // What this service shows beyond what all show, SystemName among that; may be empty.
    std::function<void(Instance&)> fill = {};
};

std::unique_ptr<Provider> make_service_provider(Services& services, ServiceFacts facts,
                                                std::vector<MethodTable> methods);

}  // namespace wsvirt::cim
