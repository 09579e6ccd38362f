// What both protocols ask of the object manager. Nothing below this line knows which protocol asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/identity.hpp"
#include "base/result.hpp"
#include "cim/model/instance.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

using Clock = std::chrono::steady_clock;

// One request's circumstances. Lives as long as the call; providers must not keep a reference.
struct Request {
    const Identity& who;
    const Namespace& ns;
    Clock::time_point deadline = Clock::time_point::max();
    std::stop_token stop;    // set when the client is gone or the server stops
    std::string request_id;  // for the log
    std::string locale;      // BCP 47 tag asked for, or ""
};

// How long a search may go on: what a request leaves of its time, and whether somebody still waits.
struct Allowance {
    Clock::time_point deadline = Clock::time_point::max();
    std::stop_token stop;
    Allowance() = default;
    Allowance(Clock::time_point until, std::stop_token s) : deadline(until), stop(std::move(s)) {}
    explicit Allowance(const Request& r) : deadline(r.deadline), stop(r.stop) {}
    // Errors: cancelled, timed_out.
    Result<void> left() const;
};

// A pull stream of instances: bounded memory for enumerations of any size. next() gives an instance, or
// nullopt at the end. Used by one thread at a time, maybe by different ones; holds what it needs alive by
// itself.
class InstanceStream {
  public:
    virtual ~InstanceStream() = default;
    virtual Result<std::optional<Instance>> next() = 0;
    // For the calls of next() that follow. A stream that may look at many instances to find one asks the
    // allowance between them; next() ends with its error then and goes on from there when called again.
    // Streams that draw from others pass it on.
    virtual void allow(const Allowance&) {}
    // Where the instance is that next() gave last, as an association may lead to another namespace; "" = in
    // the one that was asked. Streams that draw from one other pass it on.
    virtual std::string_view name_space() const { return {}; }
    // Total number of instances if known without counting (TotalItemsCountEstimate).
    virtual std::optional<std::uint64_t> estimate() const { return std::nullopt; }
};
using StreamPtr = std::unique_ptr<InstanceStream>;
StreamPtr stream_of(std::vector<Instance> all);
StreamPtr empty_stream();
// Lazily: makes item i of n when asked; nullopt from make() skips it (it vanished meanwhile).
StreamPtr lazy_stream(std::size_t n, std::function<std::optional<Instance>(std::size_t)> make);
StreamPtr concat(std::vector<StreamPtr> parts);
// Drains a stream (tests, small sets).
Result<std::vector<Instance>> collect(InstanceStream& s);

// Arguments of a method by parameter name, checked against the declaration before a provider sees them.
class Arguments {
  public:
    const Value& get(std::string_view name) const;  // NULL when absent
    void set(std::string name, Value v);
    bool has(std::string_view name) const;
    const std::vector<std::pair<std::string, Value>>& all() const { return all_; }

  private:
    std::vector<std::pair<std::string, Value>> all_;
};

// return_value: NULL for void methods. out: in the order in which clients want to see them (declaration
// order).
struct MethodResult {
    Value return_value;
    Arguments out;
    MethodResult() = default;
    explicit MethodResult(std::uint32_t code) : return_value(code) {}
};

// How an enumeration shows subclasses (DSP0227 9.3).
enum class Polymorphism { include_subclass_properties, exclude_subclass_properties, none };

struct AssociationQuery {
    ObjectPath object;
    std::string assoc_class;         // associators only; "" = any
    std::string result_class;        // "" = any
    std::string role;                // role of `object`
    std::string result_role;         // associators only
    bool class_defs_only = false;    // WQL ClassDefsOnly / SchemaOnly: refused as not_supported
    bool keys_only = false;          // WQL KeysOnly
    std::string required_qualifier;  // WQL RequiredQualifier
    std::string required_assoc_qualifier;
};

}  // namespace wsvirt::cim
