#include "cim/om/instance_repository.hpp"

#include "base/text.hpp"
#include "cim/om/keys.hpp"
#include "cim/schema/mof.hpp"

namespace wsvirt::cim {

namespace {

constexpr std::size_t page_size = 256;
// Between the parts of a row's key: no name or path contains it unescaped, and it sorts before all of them.
constexpr char separator = '\x01';

std::string kind_of(std::string_view what, const Namespace& ns, const std::string& class_name) {
    return std::string(what) + ":" + to_lower(ns.name()) + ":" + to_lower(class_name);
}

// One spelling for all the ways to write a path: no host, always a namespace, lower case.
ObjectPath plain(const ObjectPath& path, const Namespace& ns) {
    ObjectPath::Keys keys;
    for (const auto& [name, value] : path.keys())
        keys.emplace_back(name, value.as_path() != nullptr ? Value(plain(*value.as_path(), ns)) : value);
    return {path.name_space().empty() ? ns.name() : path.name_space(), path.class_name(), std::move(keys)};
}

std::string row_key(const ObjectPath& path, const Namespace& ns) {
    return to_lower(plain(path, ns).relative_text());
}

std::string reference_prefix(const ObjectPath& target, const Namespace& ns) {
    return to_lower(plain(target, ns).to_text()) + separator;
}

Result<Instance> from_row(const Namespace& ns, const std::string& text) {
    auto all = instances_from_mof(ns, text);
    if (!all) return all.error();
    if (all->size() != 1)
        return Error(Status::failed, "wsvirt.repository.row", "A stored instance cannot be read.");
    return std::move(all->front());
}

// As it is kept: what could not be read again the same is refused while somebody is there to hear of it.
Result<std::string> to_row(const Namespace& ns, const Instance& i) {
    auto text = instance_to_mof(i);
    const auto again = from_row(ns, text);
    if (again && instance_to_mof(*again) == text) return text;
    return Error(Status::invalid_parameter, "wsvirt.repository.unkept",
                 "An instance of " + i.cls().name() + " cannot be kept with these values" +
                     (again ? std::string(".") : ": " + again.error().text),
                 again ? i.cls().name() : again.error().subject);
}

class PagedStream : public InstanceStream {
  public:
    PagedStream(Store& store, const Namespace& ns, std::string kind)
        : store_(store), ns_(ns), kind_(std::move(kind)) {}
    Result<std::optional<Instance>> next() override {
        if (at_ == rows_.size()) {
            if (last_page_) return std::optional<Instance>();
            auto page = store_.list(kind_, after_, page_size);
            if (!page) return page.error();
            rows_ = std::move(*page);
            at_ = 0;
            last_page_ = rows_.size() < page_size;
            if (rows_.empty()) return std::optional<Instance>();
            after_ = rows_.back().key;
        }
        auto i = from_row(ns_, rows_[at_++].text);
        if (!i) return i.error();
        return std::optional<Instance>(std::move(*i));
    }
    std::optional<std::uint64_t> estimate() const override {
        const auto n = store_.count(kind_);
        return n ? std::optional<std::uint64_t>(*n) : std::nullopt;
    }

  private:
    Store& store_;
    const Namespace& ns_;
    std::string kind_, after_;
    std::vector<Store::Row> rows_;
    std::size_t at_ = 0;
    bool last_page_ = false;
};

// The instances that the index rows with one prefix name.
class IndexedStream : public InstanceStream {
  public:
    IndexedStream(Store& store, const Namespace& ns, const std::string& class_name, std::string prefix)
        : store_(store),
          ns_(ns),
          kind_(kind_of("instance", ns, class_name)),
          index_(kind_of("reference", ns, class_name)),
          prefix_(std::move(prefix)),
          after_(prefix_) {}
    Result<std::optional<Instance>> next() override {
        for (;;) {
            if (at_ == rows_.size()) {
                auto page = store_.list(index_, after_, page_size);
                if (!page) return page.error();
                rows_ = std::move(*page);
                at_ = 0;
                if (rows_.empty()) return std::optional<Instance>();
                after_ = rows_.back().key;
            }
            const auto& row = rows_[at_++];
            if (row.key.compare(0, prefix_.size(), prefix_) != 0) return std::optional<Instance>();
            auto text = store_.get(kind_, row.text);
            if (!text) return text.error();
            if (!*text) continue;  // deleted since the page was read
            auto i = from_row(ns_, **text);
            if (!i) return i.error();
            return std::optional<Instance>(std::move(*i));
        }
    }

  private:
    Store& store_;
    const Namespace& ns_;
    std::string kind_, index_, prefix_, after_;
    std::vector<Store::Row> rows_;
    std::size_t at_ = 0;
};

}  // namespace

Result<void> InstanceRepository::index(const Namespace& ns, const Instance& i, const std::string& key,
                                       bool there) {
    const auto kind = kind_of("reference", ns, i.cls().name());
    for (const auto slot : i.cls().reference_slots()) {
        const auto* target = i.at(slot).as_path();
        if (target == nullptr) continue;
        const std::string row = reference_prefix(*target, ns) + key;
        if (there) {
            if (auto r = store_.put(kind, row, key); !r) return r;
        } else if (auto r = store_.erase(kind, row); !r) {
            return r.error();
        }
    }
    return {};
}

Result<void> InstanceRepository::add(const Namespace& ns, const Instance& i) {
    const auto key = row_key(i.path(ns.name()), ns);
    auto row = to_row(ns, i);
    if (!row) return row.error();
    auto r = store_.insert(kind_of("instance", ns, i.cls().name()), key, std::move(*row));
    if (!r && r.error().status == Status::already_exists)
        return Error(Status::already_exists, "wsvirt.instance.exists",
                     "There is an instance of " + i.cls().name() + " with these keys already: choose others.",
                     i.cls().name());
    if (!r) return r;
    return index(ns, i, key, true);
}

Result<void> InstanceRepository::seed(const Namespace& ns) {
    const std::scoped_lock lock(mutex_);
    if (seeded_.count(ns.name()) != 0) return {};
    const auto kind = "seeded:" + to_lower(ns.name());
    auto done = store_.transaction([&]() -> Result<void> {
        for (const auto& i : ns.instances()) {
            // A class with a provider answers for itself.
            if (!i.cls().provider().empty()) continue;
            const auto key = row_key(i.path(ns.name()), ns);
            auto known = store_.insert(kind, key, {});
            if (!known && known.error().status == Status::already_exists) continue;
            if (!known) return known;
            auto checked = checked_instance(ns, i);
            if (!checked) return checked.error();
            auto added = add(ns, *checked);
            if (!added && added.error().status != Status::already_exists) return added;
        }
        return {};
    });
    if (done) seeded_.insert(ns.name());
    return done;
}

Result<StreamPtr> InstanceRepository::enumerate(const Request& request, const ClassPtr& cls) {
    if (auto r = seed(request.ns); !r) return r.error();
    return StreamPtr(
        std::make_unique<PagedStream>(store_, request.ns, kind_of("instance", request.ns, cls->name())));
}

Result<Instance> InstanceRepository::get(const Request& request, const ClassPtr& cls,
                                         const ObjectPath& path) {
    if (auto r = seed(request.ns); !r) return r.error();
    if (!complete_keys(*cls, path.keys())) return Provider::get(request, cls, path);
    return fetch(request.ns, *cls, path);
}

Result<Instance> InstanceRepository::fetch(const Namespace& ns, const Class& cls, const ObjectPath& path) {
    auto text = store_.get(kind_of("instance", ns, cls.name()), row_key(path, ns));
    if (!text) return text.error();
    if (!*text) return no_such_instance(cls, path);
    return from_row(ns, **text);
}

Result<void> InstanceRepository::modify(const Request& request, const ObjectPath& path,
                                        const Instance& changed) {
    const auto& ns = request.ns;
    const auto cls = ns.find(path.class_name());
    if (auto r = seed(ns); !r) return r;
    return store_.transaction([&]() -> Result<void> {
        auto old = fetch(ns, *cls, path);
        if (!old) return old.error();
        Instance merged = *old;
        const auto& all = changed.cls().properties();
        for (std::size_t slot = 0; slot < all.size(); ++slot)
            if (changed.given(slot) && !all[slot]->key) merged.set(all[slot]->name, changed.at(slot));
        auto checked = checked_instance(ns, merged);
        if (!checked) return checked.error();
        auto row = to_row(ns, *checked);
        if (!row) return row.error();
        const auto key = row_key(path, ns);
        if (auto r = index(ns, *old, key, false); !r) return r;
        if (auto r = store_.put(kind_of("instance", ns, cls->name()), key, std::move(*row)); !r) return r;
        return index(ns, *checked, key, true);
    });
}

Result<ObjectPath> InstanceRepository::create(const Request& request, const Instance& initial) {
    if (auto r = seed(request.ns); !r) return r.error();
    auto checked = checked_instance(request.ns, initial);
    if (!checked) return checked.error();
    auto r = store_.transaction([&] { return add(request.ns, *checked); });
    if (!r) return r.error();
    return checked->path(request.ns.name());
}

Result<void> InstanceRepository::remove(const Request& request, const ClassPtr& cls, const ObjectPath& path) {
    if (auto r = seed(request.ns); !r) return r;
    return store_.transaction([&]() -> Result<void> {
        auto old = fetch(request.ns, *cls, path);
        if (!old) return old.error();
        const auto key = row_key(path, request.ns);
        if (auto r = index(request.ns, *old, key, false); !r) return r;
        auto erased = store_.erase(kind_of("instance", request.ns, cls->name()), key);
        if (!erased) return erased.error();
        return {};
    });
}

Result<StreamPtr> InstanceRepository::references(const Request& request, const ClassPtr& cls,
                                                 const ObjectPath& object, std::string_view) {
    if (auto r = seed(request.ns); !r) return r.error();
    return StreamPtr(std::make_unique<IndexedStream>(store_, request.ns, cls->name(),
                                                     reference_prefix(object, request.ns)));
}

}  // namespace wsvirt::cim
