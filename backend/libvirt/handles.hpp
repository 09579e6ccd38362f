// Owners for libvirt's reference-counted handles. Every handle that is not freed keeps its connection open.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace wsvirt::backend::libvirt {

template <auto Free>
struct FreeBy {
    template <class T>
    void operator()(T* p) const {
        if (p) Free(p);
    }
};

using ConnectHandle = std::unique_ptr<virConnect, FreeBy<&virConnectClose>>;
using DomainHandle = std::unique_ptr<virDomain, FreeBy<&virDomainFree>>;
using SnapshotHandle = std::unique_ptr<virDomainSnapshot, FreeBy<&virDomainSnapshotFree>>;
using NetworkHandle = std::unique_ptr<virNetwork, FreeBy<&virNetworkFree>>;

// Takes over a string that libvirt allocated.
inline std::string take(char* text) {
    std::string r(text ? text : "");
    std::free(text);
    return r;
}

}  // namespace wsvirt::backend::libvirt
