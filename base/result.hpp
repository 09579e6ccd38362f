// Result<T>: a value or an Error. Use TRY-style early returns: `if (!r) return r.error();`
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/error.hpp"

namespace wsvirt {

template <class T>
class [[nodiscard]] Result {
  public:
    using value_type = T;
    Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
    Result(Error e) : v_(std::in_place_index<1>, std::move(e)) {}      // NOLINT(google-explicit-constructor)
    template <class U>
    requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::decay_t<U>, Result> &&
             !std::is_same_v<std::decay_t<U>, T> && !std::is_same_v<std::decay_t<U>, Error>) Result(U&& u)
        : v_(std::in_place_index<0>, std::forward<U>(u)) {}  // NOLINT

    explicit operator bool() const { return v_.index() == 0; }
    bool ok() const { return v_.index() == 0; }
    T& value() & { return std::get<0>(v_); }
    const T& value() const& { return std::get<0>(v_); }
    T&& value() && { return std::get<0>(std::move(v_)); }
    T& operator*() & { return std::get<0>(v_); }
    const T& operator*() const& { return std::get<0>(v_); }
    T&& operator*() && { return std::get<0>(std::move(v_)); }
    T* operator->() { return &std::get<0>(v_); }
    const T* operator->() const { return &std::get<0>(v_); }
    const Error& error() const { return std::get<1>(v_); }
    Error& error() { return std::get<1>(v_); }
    T value_or(T other) const { return ok() ? std::get<0>(v_) : std::move(other); }

  private:
    std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error e) : e_(std::move(e)) {}  // NOLINT(google-explicit-constructor)
    explicit operator bool() const { return !e_; }
    bool ok() const { return !e_; }
    const Error& error() const { return *e_; }
    Error& error() { return *e_; }

  private:
    std::optional<Error> e_;
};

}  // namespace wsvirt
