#include "backend/libvirt/bounded_log.hpp"

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

namespace wsvirt::backend::libvirt {

namespace fs = std::filesystem;

namespace {

constexpr auto look_again = std::chrono::seconds(10);

// From the beginning of a line.
bool keep_end(const fs::path& file, const fs::path& former, std::uint64_t from) {
    std::ifstream in(file, std::ios::binary);
    std::ofstream out(former, std::ios::binary | std::ios::trunc);
    std::error_code ec;
    fs::permissions(former, fs::perms::owner_read | fs::perms::owner_write, ec);
    if (from > 0) {
        in.seekg(static_cast<std::streamoff>(from - 1));
        std::string rest;
        std::getline(in, rest);
    }
    if (in && in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
    return !out.flush().fail();
}

}  // namespace

void cut_log(const fs::path& file, std::uint64_t most) {
    std::error_code ec;
    const auto size = fs::file_size(file, ec);
    if (ec || size <= most) return;
    fs::path former = file;
    former += ".1";
    if (!keep_end(file, former, size - most)) fs::remove(former, ec);
    fs::resize_file(file, 0, ec);
}

BoundedLog::BoundedLog(fs::path file, std::uint64_t most)
    : thread_([file = std::move(file), most](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any changed;
          std::unique_lock lock(mutex);
          while (!stop.stop_requested()) {
              cut_log(file, most);
              changed.wait_for(lock, stop, look_again, [] { return false; });
          }
      }) {}

}  // namespace wsvirt::backend::libvirt
