#include "wsman/ops/instance_items.hpp"

namespace wsvirt::wsman {
namespace {

class InstanceItems : public ItemSource {
  public:
    InstanceItems(cim::wscim::Style style, ItemMode mode, Selection selection, cim::ClassPtr as)
        : style_(std::move(style)),
          home_(style_.name_space),
          mode_(mode),
          selection_(std::move(selection)),
          as_(std::move(as)) {}

    std::optional<std::uint64_t> estimate() const override {
        return selection_.item_filter ? std::nullopt : selection_.stream->estimate();
    }

    void allow(const cim::Allowance& a) override {
        allowance_ = a;
        selection_.stream->allow(a);
    }

    Result<bool> append_next(std::string& out) override {
        for (;;) {
            if (auto left = allowance_.left(); !left) return left.error();
            auto next = selection_.stream->next();
            if (!next) return next.error();
            if (!*next) return false;
            go_to(selection_.stream->name_space());
            const auto passed = append(out, **next);
            if (!passed || *passed) return passed;
        }
    }

  private:
    // What is written from now on is in this namespace; "" is the enumeration's own.
    void go_to(std::string_view name_space) {
        if (name_space.empty()) name_space = home_;
        if (style_.name_space != name_space) style_.name_space = name_space;
    }
    Result<bool> append(std::string& out, const cim::Instance& i) const {
        if (!selection_.item_filter && mode_ == ItemMode::object) {
            write_object(out, i);
            return true;
        }
        std::string object;
        if (selection_.item_filter) {
            write_object(object, i);
            if (const auto passed = selection_.item_filter->apply(object); !passed || !*passed) return passed;
        } else if (mode_ != ItemMode::epr) {
            write_object(object, i);
        }
        if (mode_ == ItemMode::object) {
            out += object;
        } else if (mode_ == ItemMode::epr) {
            append_epr(out, style_, i.path(style_.name_space));
        } else {
            out.append("<w:Item>").append(object);
            append_epr(out, style_, i.path(style_.name_space));
            out += "</w:Item>";
        }
        return true;
    }
    void write_object(std::string& out, const cim::Instance& i) const {
        if (!selection_.projected.empty())
            cim::wscim::write_fragment(out, style_, i, shown(i));
        else if (as_)
            cim::wscim::write_instance_as(out, style_, i, *as_);
        else
            cim::wscim::write_instance(out, style_, i);
    }
    std::vector<std::string> shown(const cim::Instance& i) const {
        auto names = selection_.projected;
        if (selection_.only_known)
            std::erase_if(names, [&](const std::string& n) { return i.cls().slot(n) < 0; });
        return names;
    }

    cim::wscim::Style style_;
    std::string home_;
    ItemMode mode_;
    Selection selection_;
    cim::ClassPtr as_;
    cim::Allowance allowance_;
};

}  // namespace

std::unique_ptr<ItemSource> instance_items(cim::wscim::Style style, ItemMode mode, Selection selection,
                                           cim::ClassPtr as) {
    return std::make_unique<InstanceItems>(std::move(style), mode, std::move(selection), std::move(as));
}

}  // namespace wsvirt::wsman
