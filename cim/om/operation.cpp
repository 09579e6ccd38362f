#include "cim/om/operation.hpp"

#include "base/text.hpp"

namespace wsvirt::cim {

namespace {

class ListStream : public InstanceStream {
  public:
    explicit ListStream(std::vector<Instance> all) : all_(std::move(all)) {}
    Result<std::optional<Instance>> next() override {
        if (at_ == all_.size()) return std::optional<Instance>();
        return std::optional<Instance>(std::move(all_[at_++]));
    }
    std::optional<std::uint64_t> estimate() const override { return all_.size(); }

  private:
    std::vector<Instance> all_;
    std::size_t at_ = 0;
};

class LazyStream : public InstanceStream {
  public:
    LazyStream(std::size_t n, std::function<std::optional<Instance>(std::size_t)> make)
        : n_(n), make_(std::move(make)) {}
    Result<std::optional<Instance>> next() override {
        while (at_ < n_)
            if (auto i = make_(at_++)) return i;
        return std::optional<Instance>();
    }
    std::optional<std::uint64_t> estimate() const override { return n_; }

  private:
    std::size_t n_;
    std::function<std::optional<Instance>(std::size_t)> make_;
    std::size_t at_ = 0;
};

class ChainStream : public InstanceStream {
  public:
    explicit ChainStream(std::vector<StreamPtr> parts) : parts_(std::move(parts)) {
        std::uint64_t sum = 0;
        for (const auto& p : parts_) {
            const auto n = p->estimate();
            if (!n) return;
            sum += *n;
        }
        estimate_ = sum;
    }
    Result<std::optional<Instance>> next() override {
        for (; at_ < parts_.size(); parts_[at_++].reset()) {
            auto i = parts_[at_]->next();
            if (!i || *i) return i;
        }
        return std::optional<Instance>();
    }
    void allow(const Allowance& a) override {
        for (const auto& p : parts_)
            if (p) p->allow(a);
    }
    std::optional<std::uint64_t> estimate() const override { return estimate_; }

  private:
    std::vector<StreamPtr> parts_;
    std::size_t at_ = 0;
    std::optional<std::uint64_t> estimate_;
};

}  // namespace

Result<void> Allowance::left() const {
    if (stop.stop_requested())
        return Error(Status::cancelled, "wsvirt.request.cancelled", "The operation was cancelled.");
    if (Clock::now() >= deadline)
        return Error(Status::timed_out, "wsvirt.request.deadline",
                     "The search did not end within the time allowed for it: allow more, or ask for less.");
    return {};
}

StreamPtr stream_of(std::vector<Instance> all) {
    return std::make_unique<ListStream>(std::move(all));
}

StreamPtr empty_stream() {
    return stream_of({});
}

StreamPtr lazy_stream(std::size_t n, std::function<std::optional<Instance>(std::size_t)> make) {
    return std::make_unique<LazyStream>(n, std::move(make));
}

StreamPtr concat(std::vector<StreamPtr> parts) {
    std::erase(parts, nullptr);
    if (parts.size() == 1) return std::move(parts.front());
    return std::make_unique<ChainStream>(std::move(parts));
}

Result<std::vector<Instance>> collect(InstanceStream& s) {
    std::vector<Instance> all;
    for (;;) {
        auto i = s.next();
        if (!i) return i.error();
        if (!*i) return all;
        all.push_back(std::move(**i));
    }
}

const Value& Arguments::get(std::string_view name) const {
    static const Value null_value;
    for (const auto& [known, value] : all_)
        if (iequals(known, name)) return value;
    return null_value;
}

void Arguments::set(std::string name, Value v) {
    for (auto& [known, value] : all_)
        if (iequals(known, name)) {
            value = std::move(v);
            return;
        }
    all_.emplace_back(std::move(name), std::move(v));
}

bool Arguments::has(std::string_view name) const {
    for (const auto& [known, value] : all_)
        if (iequals(known, name)) return true;
    return false;
}

}  // namespace wsvirt::cim
