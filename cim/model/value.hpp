// Values of CIM properties, parameters and keys (DSP0004 5.2). A Value does not know its declared type: the
// class or method declaration does. Unsigned integers and char16 are kept as uint64, signed ones as int64,
// real32 and real64 as double. Arrays, embedded instances and references are shared and immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cim/model/datetime.hpp"

namespace wsvirt::cim {

class Instance;
class ObjectPath;
class Value;

enum class Type : std::uint8_t {
    boolean,
    uint8,
    sint8,
    uint16,
    sint16,
    uint32,
    sint32,
    uint64,
    sint64,
    real32,
    real64,
    char16,
    string,
    datetime,
    reference,  // an ObjectPath
    instance,   // an embedded instance as an object (EmbeddedInstance/EmbeddedObject of declared object type)
};

std::string_view type_name(Type t);            // CIM name: "uint16", "string", "reference", "instance"
bool type_from_name(std::string_view, Type&);  // without case
bool is_unsigned(Type t);                      // includes char16
bool is_signed_int(Type t);

class Value {
  public:
    using Array = std::vector<Value>;
    using Storage = std::variant<std::monostate, bool, std::uint64_t, std::int64_t, double, std::string,
                                 DateTime, std::shared_ptr<const ObjectPath>, std::shared_ptr<const Instance>,
                                 std::shared_ptr<const Array>>;

    Value() = default;  // NULL
    Value(bool b) : v_(b) {}
    template <class I>
    requires(std::is_integral_v<I> && !std::is_same_v<I, bool> && !std::is_same_v<I, char>) Value(I i)
        : v_() {
        if constexpr (std::is_signed_v<I>)
            v_ = static_cast<std::int64_t>(i);
        else
            v_ = static_cast<std::uint64_t>(i);
    }
    Value(double d) : v_(d) {}
    Value(std::string s) : v_(std::move(s)) {}
    Value(std::string_view s) : v_(std::string(s)) {}
    Value(const char* s) : v_(std::string(s)) {}
    Value(DateTime d) : v_(d) {}
    Value(ObjectPath p);
    Value(Instance i);
    Value(std::shared_ptr<const ObjectPath> p) : v_(std::move(p)) {}
    Value(std::shared_ptr<const Instance> i) : v_(std::move(i)) {}
    Value(Array a) : v_(std::make_shared<const Array>(std::move(a))) {}

    template <class Range>
    static Value array_of(const Range& r) {
        Array a;
        for (const auto& x : r) a.emplace_back(x);
        return Value(std::move(a));
    }

    bool is_null() const { return v_.index() == 0; }
    bool is_array() const { return std::holds_alternative<std::shared_ptr<const Array>>(v_); }
    const Storage& storage() const { return v_; }

    // Access by what is wanted; nullptr / nullopt-like defaults when it is something else.
    const std::string* as_string() const { return std::get_if<std::string>(&v_); }
    const bool* as_bool() const { return std::get_if<bool>(&v_); }
    const DateTime* as_datetime() const { return std::get_if<DateTime>(&v_); }
    const ObjectPath* as_path() const;
    const Instance* as_instance() const;
    const Array* as_array() const;
    std::shared_ptr<const Instance> instance_ptr() const;
    // Any number that fits; false when it is not a number or does not fit.
    bool to_uint64(std::uint64_t& out) const;
    bool to_sint64(std::int64_t& out) const;
    bool to_double(double& out) const;
    std::string string_or(std::string_view other) const {
        return as_string() ? *as_string() : std::string(other);
    }
    std::uint64_t uint_or(std::uint64_t other) const {
        std::uint64_t n = 0;
        return to_uint64(n) ? n : other;
    }
    bool bool_or(bool other) const { return as_bool() ? *as_bool() : other; }

    // Deep; numbers compare by value whatever their storage; strings compare exactly; paths as ObjectPath
    // does.
    friend bool operator==(const Value& a, const Value& b);

  private:
    Storage v_;
};

// Reads the lexical form that XML, MOF and selectors share (DSP0230 8, DSP0201): decimal or, where `mof` is
// set, hexadecimal/octal/binary integers, true/false in any case, INF/NaN, the CIM or xs form of datetime.
// Never called for reference, instance or arrays. Errors: type_mismatch.
Result<Value> value_from_text(Type type, std::string_view text, bool mof = false);
// The inverse: canonical lexical form (C-SEL-03).
std::string value_to_text(Type type, const Value& scalar);
// Checks that a value is of the type and within its range; converts freely where nothing is lost (a string
// "2" for uint16 as clients send selector values, "True" for boolean). Errors: type_mismatch.
Result<Value> convert(Type type, bool array, Value v);

}  // namespace wsvirt::cim
