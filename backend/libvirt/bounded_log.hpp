// libvirt's own log, which it opens once, to append, and writes without end: cut when it is longer than a
// limit. What it was, as far as the limit goes, is kept beside it under a name that ends with ".1". Any
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <thread>

namespace wsvirt::backend::libvirt {

// Once; nothing of a file that is not there. A full disk keeps nothing from being cut.
void cut_log(const std::filesystem::path& file, std::uint64_t most);

// Every now and then, for as long as it lives.
class BoundedLog {
  public:
    BoundedLog(std::filesystem::path file, std::uint64_t most);

  private:
    std::jthread thread_;
};

}  // namespace wsvirt::backend::libvirt
