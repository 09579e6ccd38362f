#include "wsman/client/session.hpp"

#include "wsman/client/reply.hpp"

namespace wsvirt::client {

Session::Session(Transport& transport, Circumstances circumstances, Naming naming)
    : transport_(transport), circumstances_(std::move(circumstances)), naming_(std::move(naming)) {}

Result<Object> Session::identify(bool unauthenticated) {
    auto reply = transport_.post(identify_request(),
                                 unauthenticated ? Headers::unauthenticated_identify : Headers::usual);
    return reply ? read_body(*reply) : Result<Object>(reply.error());
}

Result<Object> Session::get(const Resource& r) {
    auto reply = transport_.post(get_request(circumstances_, r), Headers::usual);
    return reply ? read_body(*reply) : Result<Object>(reply.error());
}

Result<void> Session::pages(const Resource& r, std::string_view wql, EnumerationMode mode,
                            const std::function<bool(const Page&)>& each) {
    auto reply = transport_.post(enumerate_request(circumstances_, r, wql, mode, page_size), Headers::usual);
    for (;;) {
        if (!reply) return reply.error();
        auto page = read_page(*reply);
        if (!page) return page.error();
        const bool more = each(*page);
        if (page->ended) return {};
        if (!more) {
            auto released =
                transport_.post(release_request(circumstances_, r, page->context), Headers::usual);
            return released ? Result<void>() : Result<void>(released.error());
        }
        reply = transport_.post(pull_request(circumstances_, r, page->context, page_size), Headers::usual);
    }
}

Result<void> Session::enumerate(const Resource& r, std::string_view wql, const EachObject& each) {
    return pages(r, wql, EnumerationMode::object, [&](const Page& page) {
        for (const auto& item : page.items)
            if (!each(item)) return false;
        return true;
    });
}

Result<void> Session::enumerate_references(const Resource& r, std::string_view wql,
                                           const EachReference& each) {
    return pages(r, wql, EnumerationMode::epr, [&](const Page& page) {
        for (const auto& reference : page.references)
            if (!each(reference)) return false;
        return true;
    });
}

Result<std::vector<Object>> Session::query(std::string_view wql) {
    std::vector<Object> all;
    auto done = enumerate(naming_.whole_namespace(), wql, [&](const Object& o) {
        all.push_back(o);
        return true;
    });
    return done ? Result<std::vector<Object>>(std::move(all)) : Result<std::vector<Object>>(done.error());
}

Result<Object> Session::invoke(const Resource& target, std::string_view method,
                               const std::vector<Argument>& arguments) {
    auto reply = transport_.post(invoke_request(circumstances_, target, method, arguments), Headers::usual);
    return reply ? read_body(*reply) : Result<Object>(reply.error());
}

}  // namespace wsvirt::client
