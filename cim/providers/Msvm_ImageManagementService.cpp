// Virtual hard disks: made, converted, resized and looked at through qemu-img.
#include <sys/stat.h>

#include <filesystem>

#include "base/text.hpp"
#include "cim/providers/image_service/disk_settings.hpp"
#include "cim/providers/image_service/users.hpp"
#include "cim/providers/instance_tools.hpp"
#include "cim/providers/service_provider.hpp"
#include "cim/providers/virtual_system/disk_claims.hpp"
#include "cim/providers/virtual_system/storage_rules.hpp"
#include "cim/schema/repository.hpp"

namespace wsvirt::cim {

using namespace image_service;

namespace {

// JobType of Msvm_StorageJob.
constexpr std::uint16_t creation = 1, floppy_creation = 2, expansion = 4, conversion = 6, validation = 9;
constexpr std::uint64_t floppy_size = 1'474'560;

Task task_of(std::uint16_t type, const char* caption) {
    Task t;
    t.type = type;
    t.caption = caption;
    t.class_name = "Msvm_StorageJob";
    t.owning_service = "Msvm_ImageManagementService";
    t.cancellable = true;
    return t;
}

backend::Call call_of(JobContext& job) {
    backend::Call c;
    c.stop = job.stop();
    c.progress = [&job](const backend::Progress& p) {
        if (p.total) job.progress(static_cast<unsigned>(p.done * 100 / p.total));
    };
    return c;
}

Result<std::string> existing(const MethodCall& call, const char* parameter) {
    return vs::check_existing(call.services.host.storage_folders, call.in.get(parameter).string_or({}),
                              parameter);
}

// The code of a file that is not there, which only these methods have.
Result<MethodResult> refused_file(const MethodCall& call, Task task, const Error& e) {
    auto r = refused(call, std::move(task), e);
    if (r && e.status == Status::not_found) r->return_value = Value(32779);
    return r;
}

Result<MethodResult> create_disk(const MethodCall& call) {
    auto task = task_of(creation, "Creating Virtual Hard Disk");
    const auto* settings = call.instance("VirtualDiskSettingData");
    if (!settings || !settings->cls().is_a("Msvm_VirtualHardDiskSettingData"))
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.image.settings",
                             "VirtualDiskSettingData must hold a Msvm_VirtualHardDiskSettingData.",
                             "VirtualDiskSettingData"));
    auto spec = image_spec_of(call.services, *settings, 0);
    if (!spec) return refused_file(call, task, spec.error());
    task.busy_key = vs::file_key(spec->path);  // two jobs never write one file
    auto& hypervisor = call.services.hypervisor;
    return run(call, std::move(task),
               [&hypervisor, spec = std::move(*spec)](JobContext& job) {
                   return hypervisor.create_image(call_of(job), spec);
               },
               {});
}

Result<MethodResult> create_floppy(const MethodCall& call) {
    auto task = task_of(floppy_creation, "Creating Virtual Floppy Disk");
    auto place =
        vs::check_place(call.services.host.storage_folders, call.in.get("Path").string_or({}), "Path");
    if (!place) return refused_file(call, task, place.error());
    std::error_code ec;
    if (std::filesystem::exists(*place, ec))
        return refused(call, task,
                       Error(Status::already_exists, "wsvirt.image.exists",
                             "There is a file \"" + *place + "\" already; choose another path.", "Path"));
    backend::ImageSpec spec;
    spec.path = *place;
    spec.format = "raw";
    spec.kind = backend::ImageSpec::Kind::fixed;
    spec.size = floppy_size;
    task.busy_key = vs::file_key(spec.path);
    auto& hypervisor = call.services.hypervisor;
    return run(call, std::move(task),
               [&hypervisor, spec](JobContext& job) { return hypervisor.create_image(call_of(job), spec); },
               {});
}

Result<MethodResult> convert_disk(const MethodCall& call) {
    auto task = task_of(conversion, "Converting Virtual Hard Disk");
    auto source = existing(call, "SourcePath");
    if (!source) return refused_file(call, task, source.error());
    auto held = hold_users(call.services, *source, Use::read);
    if (!held) return refused(call, task, held.error());
    // The copy shows what the source stands on, too.
    if (auto r = vs::check_medium(call.services, *source, {vs::Kind::hard_disk, {}, true}); !r) {
        auto e = r.error();
        e.subject = "SourcePath";
        return refused(call, task, e);
    }
    auto image = call.services.hypervisor.image_info({}, *source);
    if (!image) return refused(call, task, image.error());
    const auto* settings = call.instance("VirtualDiskSettingData");
    if (!settings || !settings->cls().is_a("Msvm_VirtualHardDiskSettingData"))
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.image.settings",
                             "VirtualDiskSettingData must hold a Msvm_VirtualHardDiskSettingData.",
                             "VirtualDiskSettingData"));
    auto spec = image_spec_of(call.services, *settings, image->virtual_size);
    if (!spec) return refused_file(call, task, spec.error());
    task.busy_key = vs::file_key(spec->path);
    auto& hypervisor = call.services.hypervisor;
    return run(call, std::move(task),
               [&hypervisor, from = *source, spec = std::move(*spec), held = std::move(*held)](
                   JobContext& job) { return hypervisor.convert_image(call_of(job), from, spec); },
               {});
}

Result<MethodResult> resize_disk(const MethodCall& call) {
    auto task = task_of(expansion, "Resizing Virtual Hard Disk");
    auto path = existing(call, "Path");
    if (!path) return refused_file(call, task, path.error());
    auto held = hold_users(call.services, *path, Use::change);
    if (!held) return refused(call, task, held.error());
    auto image = call.services.hypervisor.image_info({}, *path);
    if (!image) return refused(call, task, image.error());
    const auto size = call.in.get("MaxInternalSize").uint_or(0);
    if (size < image->virtual_size || size % 512 != 0)
        return refused(call, task,
                       Error(Status::invalid_parameter, "wsvirt.image.size",
                             "MaxInternalSize must be a multiple of 512 and not below the present size of " +
                                 std::to_string(image->virtual_size) + " bytes.",
                             "MaxInternalSize"));
    task.busy_key = vs::file_key(*path);
    auto& hypervisor = call.services.hypervisor;
    return run(call, std::move(task),
               [&hypervisor, path = *path, size, held = std::move(*held)](JobContext& job) {
                   return hypervisor.resize_image(call_of(job), path, size);
               },
               {});
}

Result<MethodResult> validate_disk(const MethodCall& call) {
    auto task = task_of(validation, "Validating Virtual Hard Disk");
    auto path = existing(call, "Path");
    if (!path) return refused_file(call, task, path.error());
    auto& services = call.services;
    return run(call, std::move(task),
               [&services, path = *path](JobContext& job) -> Result<void> {
                   auto medium = vs::check_medium(services, path, {vs::Kind::hard_disk, {}, true});
                   if (!medium) return medium.error();
                   auto image = services.hypervisor.image_info(call_of(job), path);
                   if (!image) return image.error();
                   return {};
               },
               {});
}

Result<MethodResult> get_settings(const MethodCall& call) {
    auto task = task_of(8, "Reading Virtual Hard Disk");
    auto path = existing(call, "Path");
    if (!path) return refused_file(call, task, path.error());
    auto image = call.services.hypervisor.image_info({}, *path);
    if (!image) return refused(call, task, image.error());
    MethodResult out(0);
    out.out.set("SettingData",
                Value(disk_settings(call.request.ns.find("Msvm_VirtualHardDiskSettingData"), *image, *path)));
    return out;
}

Result<MethodResult> get_state(const MethodCall& call) {
    auto task = task_of(8, "Reading Virtual Hard Disk");
    auto path = existing(call, "Path");
    if (!path) return refused_file(call, task, path.error());
    auto image = call.services.hypervisor.image_info({}, *path);
    if (!image) return refused(call, task, image.error());
    struct ::stat s {};
    if (::stat(path->c_str(), &s) != 0) return MethodResult(32779);
    Instance i(call.request.ns.find("Msvm_VirtualHardDiskState"));
    set_if(i, "FileSize", static_cast<std::uint64_t>(s.st_size));
    set_if(i, "InUse", !vs::user_of(call.services, *path, {}).empty());
    set_if(i, "PhysicalSectorSize", 512);
    set_if(i, "Timestamp", DateTime::timestamp(static_cast<std::int64_t>(s.st_mtime) * 1'000'000));
    MethodResult out(0);
    out.out.set("State", Value(std::move(i)));
    return out;
}

constexpr MethodEntry methods[] = {
    {"CreateVirtualHardDisk", &create_disk},     {"CreateVirtualFloppyDisk", &create_floppy},
    {"ConvertVirtualHardDisk", &convert_disk},   {"ResizeVirtualHardDisk", &resize_disk},
    {"ValidateVirtualHardDisk", &validate_disk}, {"GetVirtualHardDiskSettingData", &get_settings},
    {"GetVirtualHardDiskState", &get_state},
};

}  // namespace

std::unique_ptr<Provider> make_Msvm_ImageManagementService(Services& services) {
    return make_service_provider(
        services,
        {"vhdsvc", "Hyper-V Image Management Service", "Provides Image Management servicing for Hyper-V"},
        {methods});
}

}  // namespace wsvirt::cim
