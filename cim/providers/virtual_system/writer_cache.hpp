// Writers are made once per class and shared by all calls: the class decides their slots. A class is looked
// up by address, because two namespaces may hold classes of one name. Thread safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "cim/om/services.hpp"
#include "cim/schema/class.hpp"

namespace wsvirt::cim::vs {

template <class Writer>
class WriterCache {
  public:
    std::shared_ptr<const Writer> get(Services& services, const ClassPtr& cls) {
        std::lock_guard lock(mutex_);
        auto& slot = writers_[cls.get()];
        if (!slot) slot = std::make_shared<const Writer>(services, cls);
        return slot;
    }

  private:
    std::mutex mutex_;
    std::map<const Class*, std::shared_ptr<const Writer>> writers_;
};

}  // namespace wsvirt::cim::vs
