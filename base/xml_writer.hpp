// What pugixml writes, appended to a string that somebody else owns. A bare carriage return reads back as a
// line feed (XML 1.0, 2.11) and pugixml writes it so in character data, so it becomes a reference here.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace wsvirt {

class XmlWriter : public pugi::xml_writer {
  public:
    explicit XmlWriter(std::string& out) : out_(out) {}
    void write(const void* data, std::size_t size) override {
        std::string_view rest(static_cast<const char*>(data), size);
        for (auto at = rest.find('\r'); at != std::string_view::npos; at = rest.find('\r')) {
            out_.append(rest.substr(0, at)).append("&#13;");
            rest.remove_prefix(at + 1);
        }
        out_.append(rest);
    }

  private:
    std::string& out_;
};

}  // namespace wsvirt
