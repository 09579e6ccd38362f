// What a WS-Man server says, as the client keeps it: objects with fields of text, references or further
// objects. The client has no schema, so values stay text as they came. Plain values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wsvirt::client {

using Selectors = std::vector<std::pair<std::string, std::string>>;

// What an operation is about, or what a reference points to (DSP0226 5.1.2). uri: full resource URI.
struct Resource {
    std::string uri;
    Selectors selectors;

    std::string class_name() const;                     // last part of the URI
    std::string selector(std::string_view name) const;  // without case; "" when absent
};

struct Object;

struct Value {
    enum class Kind { null, text, reference, object } kind = Kind::null;
    std::string text;
    Resource reference;
    std::shared_ptr<const Object> object;
};

struct Field {
    std::string name;
    std::vector<Value> values;  // an array repeats its element
};

struct Object {
    std::string class_name;
    std::vector<Field> fields;  // in the order of the answer

    const Field* field(std::string_view name) const;  // without case
    std::string text(std::string_view name) const;    // first value, "" when absent, null or no text
    std::vector<std::string> texts(std::string_view name) const;
    const Resource* reference(std::string_view name) const;
    std::vector<Resource> references(std::string_view name) const;
};

}  // namespace wsvirt::client
