// Open enumerations: who may pull from which, until when, and how many there may be. Each belongs to one
// user; one Pull at a time works on it (DSP0226 8.1 to 8.5). Thread safe; nothing here blocks for long.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cim/codec/wscim.hpp"
#include "wsman/ops/items.hpp"
#include "wsman/ops/settings.hpp"
#include "wsman/ops/usage.hpp"

namespace wsvirt::wsman {

struct Enumeration {
    std::string id;
    std::string owner;
    std::string resource_uri;  // of the Enumerate
    std::string locale;        // likewise, "" for none: counts for the whole sequence (R6.3-5)
    cim::wscim::Family family = cim::wscim::Family::dmtf;
    const cim::Namespace* ns = nullptr;
    Items items;
    std::optional<std::uint64_t> estimate;
    std::optional<cim::Clock::time_point> expires;  // as wsen:Expires granted it
    cim::Clock::time_point last_used;
    bool busy = false;      // a Pull works on it
    bool released = false;  // Release came during that Pull
};

class ContextTable {
  public:
    explicit ContextTable(const OpsSettings& settings) : settings_(settings) {}

    // Errors: server_limits_exceeded (subject: the limit's name).
    Result<std::string> add(std::unique_ptr<Enumeration> e);
    // Lends an enumeration for a Pull. Errors: invalid_enumeration_context (also for somebody else's), busy.
    Result<std::shared_ptr<Enumeration>> lend(std::string_view id, std::string_view user);
    // Ends the loan; an enumeration that has ended is forgotten.
    void give_back(const std::shared_ptr<Enumeration>& e);
    // Errors: invalid_enumeration_context.
    Result<void> release(std::string_view id, std::string_view user);
    // A look without lending: to compare the resource.
    Result<std::string> resource_of(std::string_view id, std::string_view user);

    std::size_t size() const;
    void add_to(Usage& usage) const;

  private:
    void drop_expired(cim::Clock::time_point now);
    std::shared_ptr<Enumeration> find(std::string_view id, std::string_view user);

    const OpsSettings& settings_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Enumeration>, std::less<>> all_;
    std::map<std::string, std::size_t, std::less<>> per_user_;
    cim::Clock::time_point next_sweep_{};
    RefusalCounter expired_;
    void count_expired(const Enumeration& e);
    void erase(std::map<std::string, std::shared_ptr<Enumeration>, std::less<>>::iterator at);
};

}  // namespace wsvirt::wsman
