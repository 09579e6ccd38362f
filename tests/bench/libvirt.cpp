// What the same reads cost in libvirt itself, in one process and one thread: bench_libvirt URI. One line of
// JSON.
#include <libvirt/libvirt.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

// Microseconds per call of `work`, over about a second.
template <class Work>
double cost(const Work& work) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    unsigned long calls = 0;
    do {
        for (int i = 0; i < 50; ++i) work(calls++);
    } while (Clock::now() - start < std::chrono::seconds(1));
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() /
           static_cast<double>(calls);
}

}  // namespace

int main(int argc, char** argv) {
    const char* uri = argc > 1 ? argv[1] : "test:///default";
    virConnectPtr connection = virConnectOpen(uri);
    if (connection == nullptr) {
        std::fprintf(stderr, "bench_libvirt: %s cannot be opened\n", uri);
        return 1;
    }
    virDomainPtr* all = nullptr;
    const int count = virConnectListAllDomains(connection, &all, 0);
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) {
        char id[VIR_UUID_STRING_BUFLEN];
        virDomainGetUUIDString(all[i], id);
        ids.emplace_back(id);
        virDomainFree(all[i]);
    }
    std::free(all);
    if (ids.empty()) return 1;
    const auto with_domain = [&](unsigned long n, const auto& work) {
        virDomainPtr domain = virDomainLookupByUUIDString(connection, ids[n % ids.size()].c_str());
        work(domain);
        virDomainFree(domain);
    };
    const double info = cost([&](unsigned long n) {
        with_domain(n, [](virDomainPtr d) {
            virDomainInfo i;
            virDomainGetInfo(d, &i);
        });
    });
    const double description = cost([&](unsigned long n) {
        with_domain(n, [](virDomainPtr d) {
            virDomainInfo i;
            virDomainGetInfo(d, &i);
            std::free(virDomainGetXMLDesc(d, 0));
        });
    });
    std::printf("{\"domains\": %d, \"info_us\": %.2f, \"info_and_xml_us\": %.2f}\n", count, info,
                description);
    virConnectClose(connection);
    return 0;
}
