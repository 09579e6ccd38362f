// Persistent state (SQLite, WAL): jobs, planned systems, instances of provider-less classes, small settings.
// A keyed document store: (kind, key) → text, with ordered iteration; whoever owns a kind owns its format.
// Each call is one transaction unless inside transaction(). Thread safe; errors are failed or no_space.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wsvirt::cim {

class Store {
  public:
    // Opens or makes the file, and reads all of it once. ":memory:" for tests. Errors: failed (with SQLite's
    // message; subject = the file).
    static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file);
    ~Store();

    Result<void> put(std::string_view kind, std::string_view key, std::string_view text);
    Result<void> insert(std::string_view kind, std::string_view key,
                        std::string_view text);  // already_exists
    Result<std::optional<std::string>> get(std::string_view kind, std::string_view key);
    Result<bool> erase(std::string_view kind, std::string_view key);  // whether it was there
    // Keys and texts in key order, after `after`, at most `limit`.
    struct Row {
        std::string key, text;
    };
    Result<std::vector<Row>> list(std::string_view kind, std::string_view after = {},
                                  std::size_t limit = 1'000'000);
    Result<std::uint64_t> count(std::string_view kind);
    // All or nothing; nested calls join the outer one.
    Result<void> transaction(const std::function<Result<void>()>& work);

  private:
    Store();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wsvirt::cim
