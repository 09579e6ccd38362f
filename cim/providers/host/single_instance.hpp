// A provider of classes with exactly one instance, made anew for each question.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "cim/om/provider.hpp"

namespace wsvirt::cim::host {

class SingleInstance final : public Provider {
  public:
    using Make = std::function<Instance(const ClassPtr&)>;
    explicit SingleInstance(Make make) : make_(std::move(make)) {}
    Result<StreamPtr> enumerate(const Request&, const ClassPtr& cls) override {
        std::vector<Instance> one;
        one.push_back(make_(cls));
        return stream_of(std::move(one));
    }

  private:
    Make make_;
};

}  // namespace wsvirt::cim::host
