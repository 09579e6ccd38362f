#include "cim/providers/migration_service/claims.hpp"

#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"

namespace wsvirt::cim::migration_service {

Claim claim_file(const Services& services, const std::string& host, const std::string& file) {
    std::error_code ec;
    // On this host from all who make or give away files; what others see under a name is their own.
    auto taken = services.jobs.lock(iequals(host, services.host.name)
                                        ? vs::file_key(std::filesystem::weakly_canonical(file, ec).string())
                                        : "file " + host + " " +
                                              std::filesystem::path(file).lexically_normal().string());
    return taken ? std::move(*taken) : nullptr;
}

Result<std::vector<Claim>> claim_files(const Services& services, const std::string& host,
                                       const std::vector<std::string>& files) {
    std::vector<Claim> all;
    for (const auto& file : std::set<std::string>(files.begin(), files.end())) {
        auto claim = claim_file(services, host, file);
        if (!claim)
            return Error(Status::busy, "wsvirt.migration.file_in_use",
                         "Another operation makes the file \"" + file + "\" on \"" + host +
                             "\": choose another HostResource, or wait until it has ended.",
                         "HostResource");
        all.push_back(std::move(claim));
    }
    return all;
}

}  // namespace wsvirt::cim::migration_service
