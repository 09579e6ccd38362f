#include "backend/libvirt/nvram.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "backend/libvirt/domain_nodes.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr std::uint64_t largest = 64u << 20;

pugi::xml_node nvram_of(pugi::xml_document& doc, std::string_view domain_xml) {
    doc.load_buffer(domain_xml.data(), domain_xml.size());
    return doc.child("domain").child("os").child("nvram");
}

}  // namespace

std::string nvram_path(std::string_view domain_xml) {
    pugi::xml_document doc;
    return nvram_of(doc, domain_xml).text().get();
}

bool is_nvram_ours(const std::string& path) {
    return access(path.c_str(), R_OK | W_OK) == 0 || errno == ENOENT;
}

Result<std::string> read_nvram(std::string_view domain_xml) {
    pugi::xml_document doc;
    const auto node = nvram_of(doc, domain_xml);
    std::error_code ec;
    const std::string own = node.text().get();
    return read_file(std::filesystem::exists(own, ec) ? own : node.attribute("template").value(), largest);
}

Result<void> write_nvram(const std::string& path, const std::string& content) {
    std::error_code ec;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ec);
    return write_file(path, content);
}

void remove_half_written_nvram(const std::string& path) {
    unlink((path + ".new").c_str());  // write_file's
}

Result<void> copy_nvram(const std::string& from, const std::string& to) {
    auto content = read_file(from, largest);
    if (!content) return content.error();
    return write_nvram(to, *content);
}

}  // namespace wsvirt::backend::libvirt
