// Preloaded into wsvirtd and virsh: how long libvirt's own call for a migration takes, in milliseconds, a
// line of the file WSVIRT_MIGRATION_CLOCK for each. What libvirt and QEMU take varies by more than wsvirt's
// own share is.
#include <dlfcn.h>
#include <libvirt/libvirt.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

extern "C" virDomainPtr virDomainMigrate3(virDomainPtr domain, virConnectPtr destination,
                                          virTypedParameterPtr parameters, unsigned int count,
                                          unsigned int flags) {
    static const auto libvirts =
        reinterpret_cast<decltype(&virDomainMigrate3)>(dlsym(RTLD_NEXT, "virDomainMigrate3"));
    const auto begun = std::chrono::steady_clock::now();
    virDomainPtr moved = libvirts(domain, destination, parameters, count, flags);
    const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begun;
    if (const char* const file = std::getenv("WSVIRT_MIGRATION_CLOCK"))
        std::ofstream(file, std::ios::app) << spent.count() << "\n";
    return moved;
}
