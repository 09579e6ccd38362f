#include "backend/libvirt/carried_disks.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/errors.hpp"
#include "backend/libvirt/folder_view.hpp"
#include "backend/qemu/image.hpp"
#include "base/files.hpp"

namespace wsvirt::backend::libvirt {

namespace {

constexpr const char* doing = "copy the disk";
constexpr std::size_t piece = 256 * 1024;

using See = std::function<Result<void>(std::uint64_t at, const char* data, std::size_t size)>;

Result<Volume> open(virConnectPtr connection, const FolderView& folder, const std::string& path) {
    if (!folder) return folder.error(doing);
    auto found = find_file(connection, folder, path, doing);
    if (found && !*found)
        return Error{Status::not_found, "wsvirt.disk.missing", "The disk is not there.", path};
    return found;
}

// The file at the destination, written from its beginning to its end.
class Upload {
  public:
    Upload(virConnectPtr there, const std::string& path) : folder_(there, path), path_(path) {}
    ~Upload() {
        if (stream_) virStreamAbort(stream_.get());
    }
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    // Of a new file of this size.
    Result<void> begin(virConnectPtr there, std::uint64_t size) {
        auto found = open(there, folder_, path_);
        if (!found) return found.error();
        size_ = size;
        volume_ = std::move(*found);
        stream_.reset(virStreamNew(there, 0));
        if (!stream_ || virStorageVolUpload(volume_.get(), stream_.get(), 0, size,
                                            VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM) < 0) {
            stream_.reset();
            return last_error(doing);
        }
        return {};
    }
    Result<void> write(std::uint64_t at, const char* data, std::size_t size) {
        if (auto ok = skip_to(at); !ok) return ok;
        while (size > 0) {
            const int n = virStreamSend(stream_.get(), data, std::min(size, piece));
            if (n < 0) return failed();
            data += n;
            size -= static_cast<std::size_t>(n);
            at_ += static_cast<std::uint64_t>(n);
        }
        return {};
    }
    Result<void> end() {
        if (auto ok = skip_to(size_); !ok) return ok;
        const Stream done(std::move(stream_));
        return virStreamFinish(done.get()) < 0 ? Result<void>(last_error(doing)) : Result<void>();
    }

  private:
    Result<void> skip_to(std::uint64_t at) {
        if (at == at_) return {};
        if (virStreamSendHole(stream_.get(), static_cast<long long>(at - at_), 0) < 0) return failed();
        at_ = at;
        return {};
    }
    Error failed() {
        Error e = last_error(doing);
        virStreamAbort(stream_.get());
        stream_.reset();
        return e;
    }

    FolderView folder_;
    std::string path_;
    Volume volume_;
    Stream stream_;
    std::uint64_t at_ = 0, size_ = 0;
};

// A file of another host, from its beginning to its end.
Result<void> receive(virStorageVolPtr volume, virConnectPtr connection, const See& see) {
    const Stream stream(virStreamNew(connection, 0));
    if (!stream ||
        virStorageVolDownload(volume, stream.get(), 0, 0, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM) < 0)
        return last_error(doing);
    std::vector<char> buffer(piece);
    constexpr int at_hole = -3;
    for (std::uint64_t at = 0;;) {
        const int n =
            virStreamRecvFlags(stream.get(), buffer.data(), buffer.size(), VIR_STREAM_RECV_STOP_AT_HOLE);
        Result<void> ok;
        long long hole = 0;
        if (n == at_hole)
            ok = checked(virStreamRecvHole(stream.get(), &hole, 0), doing);
        else if (n < 0)
            ok = last_error(doing);
        else if (n > 0)
            ok = see(at, buffer.data(), static_cast<std::size_t>(n));
        if (!ok) {
            virStreamAbort(stream.get());
            return ok;
        }
        if (n == 0) return checked(virStreamFinish(stream.get()), doing);
        at += n > 0 ? static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(hole);
    }
}

Error stands_on_another(const std::string& path) {
    return {
        Status::not_supported, "wsvirt.migration.differencing",
        "The disk stands on another file that only its host sees, and cannot be copied while the machine is "
        "off; move the machine while it runs, or merge the two files first.",
        path};
}

// A qcow2 overlay is nothing without the file that it stands on.
Result<void> check_alone(const std::string& path, const char* data, std::size_t size) {
    constexpr char magic[] = {'Q', 'F', 'I', '\xfb'};
    constexpr std::size_t backing = 8, end = 16;
    if (size < end || std::memcmp(data, magic, sizeof magic) != 0 ||
        std::all_of(data + backing, data + end, [](char c) { return c == 0; }))
        return {};
    return stands_on_another(path);
}

class Carrier {
  public:
    Carrier(const Core& source, virConnectPtr connection, virConnectPtr there, const Carriage& what,
            const Call& call)
        : source_(source), connection_(connection), there_(there), what_(what), call_(call) {}

    Result<void> run() {
        std::vector<Load> loads;
        for (const auto& d : what_.disks) {
            auto load = load_of(d);
            if (!load) return load.error();
            total_ += load->size;
            loads.push_back(*load);
        }
        for (std::size_t i = 0; i < loads.size(); ++i) {
            const auto& disk = what_.disks[i];
            if (auto ok = loads[i].whole ? carry(disk, loads[i].size) : carry_flat(disk, loads[i].size); !ok)
                return ok;
            before_ += loads[i].size;
        }
        return {};
    }

  private:
    struct Load {
        std::uint64_t size = 0;  // that counts for the progress
        bool whole = true;       // as it is
    };

    bool local() const { return source_.connector->kind() != HostKind::remote; }

    // What the guest of a disk that is none can have written into it is not believed.
    Result<Load> load_of(const CarriedDisk& disk) {
        if (local() && disk.format == "qcow2") {
            auto info = image_tool(source_).info(call_, disk.from);
            if (!info) return info.error();
            if (!info->backing_file.empty()) return Load{2 * info->virtual_size, false};
        }
        auto size = size_of(disk.from);
        return size ? Result<Load>(Load{*size}) : Result<Load>(size.error());
    }

    // Half of the progress is the copy here, the other half the way of that.
    Result<void> carry_flat(const CarriedDisk& disk, std::uint64_t share) {
        Call making = call_;
        making.progress = [&](const Progress& p) { call_.progress({before_ + p.done, total_}); };
        return image_tool(source_).with_flat_copy(
            making, disk.from, [&](const std::string& copy) -> Result<void> {
                const auto size = size_of(copy);
                if (!size) return size.error();
                before_ += share / 2;
                scale_ =
                    static_cast<double>(share / 2) / static_cast<double>(std::max<std::uint64_t>(1, *size));
                auto done = carry({copy, disk.to, disk.format}, *size);
                before_ -= share / 2;
                scale_ = 1;
                return done;
            });
    }

    Result<std::uint64_t> size_of(const std::string& path) {
        if (local()) {
            std::error_code ec;
            const auto size = std::filesystem::file_size(path, ec);
            if (!ec) return size;
            return Error{Status::failed, "wsvirt.disk.read", "The disk cannot be read.", path, ec.message()};
        }
        const FolderView folder(connection_, path);
        auto volume = open(connection_, folder, path);
        if (!volume) return volume.error();
        virStorageVolInfo info{};
        if (virStorageVolGetInfoFlags(volume->get(), &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
            return last_error(doing);
        return info.allocation;  // with that flag, the length of the file
    }

    Result<void> carry(const CarriedDisk& disk, std::uint64_t size) {
        if (auto ok = what_.make(disk.to, size); !ok) return ok;
        Upload upload(there_, disk.to);
        if (auto ok = upload.begin(there_, size); !ok) return ok;
        const auto see = [&](std::uint64_t at, const char* data, std::size_t n) -> Result<void> {
            if (call_.stop.stop_requested()) return cancelled(doing);
            if (at == 0)
                if (auto ok = check_alone(disk.from, data, n); !ok) return ok;
            if (auto ok = upload.write(at, data, n); !ok) return ok;
            const auto through = static_cast<double>(at + n) * scale_;
            call_.progress({before_ + static_cast<std::uint64_t>(through), total_});
            keep_pace(n);
            return {};
        };
        Result<void> ok;
        if (local()) {
            FileWork work;
            work.stop = call_.stop;
            ok = read_data(disk.from, work, see);
        } else {
            const FolderView folder(connection_, disk.from);
            auto volume = open(connection_, folder, disk.from);
            if (!volume) return volume.error();
            ok = receive(volume->get(), connection_, see);
        }
        return ok ? upload.end() : ok;
    }

    void keep_pace(std::size_t sent) {
        if (what_.bandwidth_mib_s == 0) return;
        sent_ += sent;
        const auto due = std::chrono::microseconds(sent_ * 1'000'000 / (what_.bandwidth_mib_s << 20));
        std::this_thread::sleep_until(begun_ + due);
    }

    const Core& source_;
    virConnectPtr connection_, there_;
    const Carriage& what_;
    const Call& call_;
    std::uint64_t total_ = 0, before_ = 0, sent_ = 0;
    double scale_ = 1;  // of the bytes of the disk that goes now to those of the progress
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<void> carry_disks(const Core& source, virConnectPtr connection, virConnectPtr there,
                         const Carriage& what, const Call& call) {
    return Carrier(source, connection, there, what, call).run();
}

Result<void> check_carried(const Core& source, virConnectPtr connection, const std::string& path) {
    if (source.connector->kind() != HostKind::remote) return {};
    const FolderView folder(connection, path);
    if (!folder) return folder.error(doing);
    const auto found = find_file(connection, folder, path, doing);
    if (!found) return found.error();
    if (!*found) return {};  // said by others
    const std::string xml = take(virStorageVolGetXMLDesc(found->get(), 0));
    if (xml.empty()) return last_error(doing);
    pugi::xml_document doc;
    doc.load_buffer(xml.data(), xml.size());
    const auto below = doc.child("volume").child("backingStore").child("path");
    return below.text().empty() ? Result<void>() : Result<void>(stands_on_another(path));
}

}  // namespace wsvirt::backend::libvirt
