// What is in a disk image: qemu-img's JSON, and the parts of VHD and VHDX headers that it does not show.
#include <array>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <cstring>
#include <fstream>
#include <sstream>

#include "backend/qemu/image.hpp"

namespace wsvirt::backend::qemu {

namespace {

using Bytes = std::string;

Bytes read_at(std::ifstream& in, std::uint64_t offset, std::size_t length) {
    Bytes b(length, '\0');
    in.clear();
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(b.data(), static_cast<std::streamsize>(length));
    b.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
    return b;
}

template <class T>
T little(const Bytes& b, std::size_t at) {
    T v{};
    if (at + sizeof(T) <= b.size()) std::memcpy(&v, b.data() + at, sizeof(T));
    return v;
}

// The footer is the last 512 bytes: cookie "conectix", disk type as a big-endian word at 60.
std::string vhd_kind(std::ifstream& in) {
    in.seekg(0, std::ios::end);
    const auto size = static_cast<std::int64_t>(in.tellg());
    if (size < 512) return {};
    const Bytes footer = read_at(in, static_cast<std::uint64_t>(size - 512), 512);
    if (!footer.starts_with("conectix")) return {};
    switch (footer[63]) {
        case 2:
            return "fixed";
        case 3:
            return "dynamic";
        case 4:
            return "differencing";
        default:
            return {};
    }
}

// Region table at 192 KiB leads to the metadata table, whose "file parameters" item holds the block size and
// flags: bit 0 says that blocks stay allocated (fixed), bit 1 that there is a parent.
std::string vhdx_kind(std::ifstream& in) {
    constexpr std::array<unsigned char, 16> metadata_region = {
        0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E};
    constexpr std::array<unsigned char, 16> file_parameters = {
        0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B};
    const Bytes regions = read_at(in, 192 * 1024, 64 * 1024);
    if (!regions.starts_with("regi")) return {};
    std::uint64_t metadata = 0;
    for (std::size_t i = 0; i < little<std::uint32_t>(regions, 8) && 16 + i * 32 + 32 <= regions.size(); ++i)
        if (std::memcmp(regions.data() + 16 + i * 32, metadata_region.data(), 16) == 0)
            metadata = little<std::uint64_t>(regions, 16 + i * 32 + 16);
    const Bytes table = read_at(in, metadata, 64 * 1024);
    if (metadata == 0 || !table.starts_with("metadata")) return {};
    for (std::size_t i = 0; i < little<std::uint16_t>(table, 10) && 32 + i * 32 + 32 <= table.size(); ++i) {
        if (std::memcmp(table.data() + 32 + i * 32, file_parameters.data(), 16) != 0) continue;
        const Bytes item = read_at(in, metadata + little<std::uint32_t>(table, 32 + i * 32 + 16), 8);
        const auto flags = little<std::uint32_t>(item, 4);
        if ((flags & 2) != 0) return "differencing";
        return (flags & 1) != 0 ? "fixed" : "dynamic";
    }
    return {};
}

}  // namespace

std::string read_subformat(const std::string& path, const std::string& format) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return {};
    if (format == "vpc") return vhd_kind(in);
    if (format == "vhdx") return vhdx_kind(in);
    return {};
}

Result<ImageInfo> parse_info(const std::string& json, const std::string& path, bool told) {
    boost::property_tree::ptree tree;
    try {
        std::istringstream in(json);
        boost::property_tree::read_json(in, tree);
    } catch (const boost::property_tree::json_parser_error& e) {
        return Error{Status::failed, "wsvirt.image.answer", "qemu-img gave an answer that cannot be read.",
                     path, e.what()};
    }
    ImageInfo i;
    i.path = path;
    i.format = tree.get<std::string>("format", "");
    i.virtual_size = tree.get<std::uint64_t>("virtual-size", 0);
    i.actual_size = tree.get<std::uint64_t>("actual-size", 0);
    i.backing_file =
        tree.get<std::string>("full-backing-filename", tree.get<std::string>("backing-filename", ""));
    i.backing_format = tree.get<std::string>("backing-filename-format", "");
    i.subformat = read_subformat(path, i.format);
    // A fixed VHD has no header in front, so it looks like a raw image with the footer as its end.
    if (!told && i.format == "raw" && read_subformat(path, "vpc") == "fixed") {
        i.format = "vpc";
        i.subformat = "fixed";
        i.virtual_size -= 512;
    }
    return i;
}

}  // namespace wsvirt::backend::qemu
