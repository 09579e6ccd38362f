// Typed parameters of a libvirt call; those that say nothing ("", 0) are left out.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdint>
#include <string>

namespace wsvirt::backend::libvirt {

class Parameters {
  public:
    Parameters() = default;
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;
    ~Parameters() { virTypedParamsFree(list_, n_); }
    void text(const char* name, const std::string& v) {
        if (!v.empty()) virTypedParamsAddString(&list_, &n_, &size_, name, v.c_str());
    }
    void number(const char* name, std::uint64_t v) {
        if (v != 0) virTypedParamsAddULLong(&list_, &n_, &size_, name, v);
    }
    virTypedParameterPtr list() const { return list_; }
    unsigned count() const { return static_cast<unsigned>(n_); }

  private:
    virTypedParameterPtr list_ = nullptr;
    int n_ = 0, size_ = 0;
};

}  // namespace wsvirt::backend::libvirt
