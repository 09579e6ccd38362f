#include "cim/providers/image_service/disk_settings.hpp"

#include <filesystem>

#include "base/text.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"

namespace wsvirt::cim::image_service {

using backend::ImageSpec;

namespace {

constexpr std::uint64_t sector = 512, most_vhd = 2040ULL << 30, most_other = 64ULL << 40;

Error bad(const char* id, const char* property, std::string text) {
    return Error(Status::invalid_parameter, id, std::move(text), property);
}

Result<std::string> format_of(const Instance& s, const std::string& path) {
    const auto format = format_of_extension(path);
    if (format.empty())
        return bad("wsvirt.image.extension", "Path",
                   "Path must end in .vhd, .vhdx, .qcow2, .raw or .img; the extension says the format.");
    const auto number = s.uint("Format");
    if (number == 4)
        return Error(Status::not_supported, "wsvirt.image.vhd_set",
                     "VHD sets are not supported; use VHDX or qcow2.", "Format");
    if ((number == 2 && format != "vpc") || (number == 3 && format != "vhdx") || number > 3 || number == 1)
        return bad("wsvirt.image.format", "Format", "Format does not fit the extension of \"" + path + "\".");
    return format;
}

Result<void> refuse_others(const Instance& s) {
    const auto logical = s.uint("LogicalSectorSize"), physical = s.uint("PhysicalSectorSize");
    if (logical != 0 && logical != sector)
        return bad("wsvirt.image.sector", "LogicalSectorSize", "LogicalSectorSize must be 512.");
    if (physical != 0 && physical != sector && physical != 4096)
        return bad("wsvirt.image.sector", "PhysicalSectorSize", "PhysicalSectorSize must be 512 or 4096.");
    if (s.get("IsPmemCompatible").bool_or(false))
        return bad("wsvirt.image.pmem", "IsPmemCompatible",
                   "Images for persistent memory cannot be made here.");
    if (s.uint("PmemAddressAbstractionType") != 0)
        return bad("wsvirt.image.pmem", "PmemAddressAbstractionType",
                   "Images for persistent memory cannot be made here.");
    if (s.uint("DataAlignment") != 0)
        return bad("wsvirt.image.alignment", "DataAlignment",
                   "The alignment of data in an image cannot be chosen.");
    if (!s.string("VirtualDiskId").empty())
        return bad("wsvirt.image.id", "VirtualDiskId",
                   "The identifier of an image is made with it; leave it out.");
    return {};
}

Result<void> set_parent(Services& services, const Instance& s, ImageSpec& spec) {
    const auto parent = s.string("ParentPath");
    if (spec.kind != ImageSpec::Kind::differencing) {
        if (parent.empty()) return {};
        return bad("wsvirt.image.parent", "ParentPath",
                   "Only a differencing disk (Type 4) has a ParentPath.");
    }
    if (spec.format != "qcow2")
        return Error(Status::not_supported, "wsvirt.image.differencing",
                     "Differencing disks are made in the qcow2 format only; use a Path that ends in .qcow2.",
                     "Type");
    if (parent.empty())
        return Error(Status::missing_value, "wsvirt.image.parent", "A differencing disk needs a ParentPath.",
                     "ParentPath");
    auto real = vs::check_existing(services.host.storage_folders, parent, "ParentPath");
    if (!real) return real.error();
    auto image = services.hypervisor.image_info({}, *real);
    if (!image) return image.error();
    if (spec.size != 0 && spec.size < image->virtual_size)
        return bad("wsvirt.image.size", "MaxInternalSize",
                   "MaxInternalSize is below the size of the parent disk.");
    spec.parent = *real;
    return {};
}

Result<void> set_size(const Instance& s, std::uint64_t source_size, ImageSpec& spec) {
    spec.size = s.uint("MaxInternalSize");
    if (spec.size == 0 && source_size != 0) return {};
    if (spec.size == 0 && spec.kind == ImageSpec::Kind::differencing) return {};
    const auto most = spec.format == "vpc" ? most_vhd : most_other;
    if (spec.size == 0 || spec.size % sector != 0 || spec.size > most)
        return bad("wsvirt.image.size", "MaxInternalSize",
                   "MaxInternalSize must be a multiple of 512 from 512 to " + std::to_string(most) + ".");
    if (source_size != 0 && spec.size != source_size)
        return bad(
            "wsvirt.image.size", "MaxInternalSize",
            "A conversion keeps the size of the disk; leave MaxInternalSize out and resize afterwards.");
    return {};
}

}  // namespace

std::string format_of_extension(const std::string& path) {
    const auto extension = to_lower(std::filesystem::path(path).extension().string());
    if (extension == ".vhd") return "vpc";
    if (extension == ".vhdx") return "vhdx";
    if (extension == ".qcow2") return "qcow2";
    return extension == ".raw" || extension == ".img" ? "raw" : "";
}

Result<ImageSpec> image_spec_of(Services& services, const Instance& s, std::uint64_t source_size) {
    ImageSpec spec;
    auto place = vs::check_place(services.host.storage_folders, s.string("Path"), "Path");
    if (!place) return place.error();
    std::error_code ec;
    if (std::filesystem::symlink_status(*place, ec).type() != std::filesystem::file_type::not_found)
        return Error(Status::already_exists, "wsvirt.image.exists",
                     "There is a file \"" + s.string("Path") + "\" already; choose another path.", "Path");
    spec.path = *place;
    auto format = format_of(s, spec.path);
    if (!format) return format.error();
    spec.format = *format;
    switch (s.uint("Type", 3)) {
        case 2:
            spec.kind = ImageSpec::Kind::fixed;
            break;
        case 3:
            spec.kind = ImageSpec::Kind::dynamic;
            break;
        case 4:
            spec.kind = ImageSpec::Kind::differencing;
            break;
        default:
            return bad("wsvirt.image.type", "Type", "Type is 2 (fixed), 3 (dynamic) or 4 (differencing).");
    }
    if (auto r = refuse_others(s); !r) return r.error();
    if (auto r = set_size(s, source_size, spec); !r) return r.error();
    if (auto r = set_parent(services, s, spec); !r) return r.error();
    const auto block = s.uint("BlockSize");
    const bool power = block != 0 && (block & (block - 1)) == 0;
    if (block != 0 && (spec.format == "raw" || spec.format == "vpc"))
        return bad("wsvirt.image.block", "BlockSize", "The block size of this format cannot be chosen.");
    if (block != 0 && (!power || block < (spec.format == "vhdx" ? 1U << 20 : 512U) ||
                       block > (spec.format == "vhdx" ? 256U << 20 : 2U << 20)))
        return bad("wsvirt.image.block", "BlockSize",
                   "BlockSize must be a power of two: 1 MiB to 256 MiB for VHDX, 512 to 2 MiB for qcow2.");
    spec.block_size = static_cast<std::uint32_t>(block);
    return spec;
}

Instance disk_settings(const ClassPtr& cls, const backend::ImageInfo& image, const std::string& path) {
    Instance i(cls);
    set_if(i, "InstanceID", "Microsoft:" + path);
    set_if(i, "Caption", "Virtual Hard Disk Setting Data");
    set_if(i, "Description", "Setting Data for a Virtual Hard Disk");
    set_if(i, "ElementName", std::filesystem::path(path).filename().string());
    set_if(i, "Path", path);
    set_if(i, "MaxInternalSize", image.virtual_size);
    if (image.format == "vpc") set_if(i, "Format", 2);
    if (image.format == "vhdx") set_if(i, "Format", 3);
    const bool fixed =
        image.subformat == "fixed" || (image.format == "raw" && image.actual_size >= image.virtual_size);
    const bool child = !image.backing_file.empty() || image.subformat == "differencing";
    set_if(i, "Type", child ? 4 : fixed ? 2 : 3);
    if (!image.backing_file.empty()) set_if(i, "ParentPath", image.backing_file);
    set_if(i, "LogicalSectorSize", sector);
    set_if(i, "PhysicalSectorSize", sector);
    return i;
}

}  // namespace wsvirt::cim::image_service
