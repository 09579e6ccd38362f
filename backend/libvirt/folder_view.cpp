#include "backend/libvirt/folder_view.hpp"

#include <libvirt/virterror.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <pugixml.hpp>
#include <thread>
#include <utility>

#include "backend/file_sight.hpp"
#include "backend/libvirt/domain_nodes.hpp"
#include "backend/libvirt/errors.hpp"
#include "base/text.hpp"

namespace wsvirt::backend::libvirt {

namespace {
std::string volume_xml(const std::string& path, std::uint64_t size, bool sparse, const std::string& format) {
    pugi::xml_document doc;
    auto root = doc.append_child("volume");
    set_text(root, "name", std::filesystem::path(path).filename().native());
    set_text(root, "capacity", std::to_string(size));
    set_text(root, "allocation", sparse ? "0" : std::to_string(size));
    auto target = root.append_child("target");
    target.append_child("format").append_attribute("type").set_value(format.c_str());
    if (format == "qcow2") set_text(target, "compat", "1.1");
    return to_text(doc);
}
}  // namespace

Volume make_volume(virStoragePoolPtr pool, const std::string& path, std::uint64_t size, bool sparse,
                   const std::string& format) {
    return Volume(virStorageVolCreateXML(pool, volume_xml(path, size, sparse, format).c_str(), 0));
}

Volume copy_volume(virStoragePoolPtr pool, const std::string& path, virStorageVolPtr from) {
    virStorageVolInfo info{};
    if (virStorageVolGetInfo(from, &info) < 0) return nullptr;
    const std::string xml = volume_xml(path, info.capacity, false, "raw");
    return Volume(virStorageVolCreateXMLFrom(pool, xml.c_str(), from, 0));
}

namespace {

constexpr auto patience = std::chrono::seconds(2);
constexpr auto try_again = std::chrono::milliseconds(50);

Pool make_pool(virConnectPtr connection, const std::string& folder, unsigned flags) {
    pugi::xml_document doc;
    auto root = doc.append_child("pool");
    root.append_attribute("type").set_value("dir");
    set_text(root, "name", "wsvirt-" + to_lower(make_guid()));
    set_text(root.append_child("target"), "path", folder);
    return Pool(virStoragePoolCreateXML(connection, to_text(doc).c_str(), flags));
}

// Somebody's that is off and keeps others from standing for the folder.
Pool pool_that_is_off(virConnectPtr connection, const std::string& folder) {
    virStoragePoolPtr* list = nullptr;
    const int n = virConnectListAllStoragePools(
        connection, &list, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE | VIR_CONNECT_LIST_STORAGE_POOLS_DIR);
    Pool found;
    for (int i = 0; i < n; ++i) {
        Pool pool(list[i]);
        pugi::xml_document doc;
        doc.load_string(take(virStoragePoolGetXMLDesc(pool.get(), 0)).c_str());
        if (!found && folder == doc.child("pool").child("target").child("path").text().get())
            found = std::move(pool);
    }
    std::free(list);
    return found;
}

std::string id_of(virStoragePoolPtr pool) {
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    virStoragePoolGetUUIDString(pool, uuid);
    return uuid;
}

Pool pool_by_id(virConnectPtr connection, const std::string& id) {
    return id.empty() ? nullptr : Pool(virStoragePoolLookupByUUIDString(connection, id.c_str()));
}

// Like libvirt's event loop it is one for the process, for as long as somebody needs it: pools are the
// host's, whichever of our connections they were made through.
template <class T>
std::shared_ptr<T> of_this_process() {
    static std::mutex mutex;
    static std::weak_ptr<T> current;
    const std::scoped_lock lock(mutex);
    auto one = current.lock();
    if (!one) current = one = std::make_shared<T>();
    return one;
}

bool is_on(const Pool& pool) {
    return pool && virStoragePoolIsActive(pool.get()) == 1;
}

}  // namespace

std::shared_ptr<LeftPools> LeftPools::acquire() {
    return of_this_process<LeftPools>();
}

bool LeftPools::some_are_on() const {
    const std::scoped_lock lock(mutex_);
    return !left_.empty();
}

void LeftPools::leave(const std::string& uri, const std::string& id) {
    std::vector<std::shared_ptr<std::function<void()>>> told;
    {
        const std::scoped_lock lock(mutex_);
        left_[{uri, id}] = false;
        for (const auto& s : subscribers_)
            if (auto alive = s.lock()) told.push_back(std::move(alive));
    }
    for (const auto& tell : told) (*tell)();
}

std::shared_ptr<void> LeftPools::subscribe(std::function<void()> on_left) {
    auto kept = std::make_shared<std::function<void()>>(std::move(on_left));
    const std::scoped_lock lock(mutex_);
    std::erase_if(subscribers_, [](const auto& s) { return s.expired(); });
    subscribers_.push_back(kept);
    return kept;
}

LeftPools::TakenUp LeftPools::take_up(const std::string& uri, const std::string& id) {
    const std::scoped_lock lock(mutex_);
    const auto it = left_.find({uri, id});
    if (it == left_.end()) return TakenUp::was_not_left;
    if (it->second) return TakenUp::is_being_ended;
    left_.erase(it);
    return TakenUp::yes;
}

// Not what somebody needs again, or another thread is about.
bool LeftPools::begin_to_end(const std::pair<std::string, std::string>& pool) {
    const std::scoped_lock lock(mutex_);
    const auto it = left_.find(pool);
    return it != left_.end() && !std::exchange(it->second, true);
}

bool LeftPools::end_left(virConnectPtr connection) {
    const std::string uri = take(virConnectGetURI(connection));
    const auto of_this_host = [&] {
        std::vector<std::pair<std::string, std::string>> pools;
        const std::scoped_lock lock(mutex_);
        for (const auto& [pool, being_ended] : left_)
            if (pool.first == uri) pools.push_back(pool);
        return pools;
    };
    for (const auto& entry : of_this_host()) {
        if (!begin_to_end(entry)) continue;
        const auto pool = pool_by_id(connection, entry.second);
        const bool gone = !pool && last_error_code() == VIR_ERR_NO_STORAGE_POOL;
        const bool ended =
            pool && (virStoragePoolDestroy(pool.get()) == 0 || virStoragePoolIsActive(pool.get()) == 0);
        const std::scoped_lock lock(mutex_);
        if (gone || ended)
            left_.erase(entry);
        else
            left_[entry] = false;
    }
    return !of_this_host().empty();
}

// Of one folder of one host.
struct FolderView::Shared {
    std::mutex mutex;
    std::string id;      // of the pool that we have made or turned on; "" = none
    bool made = false;   // not only turned on
    unsigned users = 0;  // of ours
    std::string ended;   // id of somebody's that was on, and that looking into it has turned off; or ""
};

struct FolderView::All {
    std::mutex mutex;
    std::map<std::pair<std::string, std::string>, std::weak_ptr<Shared>> folders;

    std::shared_ptr<Shared> folder(virConnectPtr connection, const std::string& folder) {
        const std::scoped_lock lock(mutex);
        std::erase_if(folders, [](const auto& f) { return f.second.expired(); });
        auto& entry = folders[{take(virConnectGetURI(connection)), folder}];
        auto shared = entry.lock();
        if (!shared) entry = shared = std::make_shared<Shared>();
        return shared;
    }
};

struct FolderView::Look {
    virConnectPtr connection;
    std::string folder;
    unsigned flags;
    std::shared_ptr<All> all = of_this_process<All>();
    std::shared_ptr<Shared> shared = all->folder(connection, folder);
    std::shared_ptr<LeftPools> left = LeftPools::acquire();
    std::string uri = take(virConnectGetURI(connection));
    Pool pool = nullptr;
    bool counted = false, missing = false, being_ended = false;
    std::string counted_for = {};  // the pool's id
    int code = 0;                  // why there is no pool, or why it does not show all files
    std::string message = {};

    void wait() {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!look() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(try_again);
    }

    // Whether there is nothing to wait for.
    bool look() {
        const std::scoped_lock lock(shared->mutex);
        code = 0;
        missing = being_ended = false;
        if (!counted) {
            pool = pool_by_id(connection, shared->id);
            if (is_on(pool)) count();
        }
        if (!counted) pool.reset(virStoragePoolLookupByTargetPath(connection, folder.c_str()));
        if (!counted && pool) take_up_left();
        if (being_ended) return false;
        return pool ? look_into() : begin();
    }

    void end() {
        const std::scoped_lock lock(shared->mutex);
        if (!counted || --shared->users > 0) return;
        const auto ours = pool_by_id(connection, shared->id);
        const bool gone = !ours && last_error_code() == VIR_ERR_NO_STORAGE_POOL;
        const bool ended = ours && virStoragePoolDestroy(ours.get()) == 0;
        // libvirt tells neither who has turned a pool on nor when, so one that has an owner may be needed by
        // him at any later time: left on it harms less than ended under him.
        if (shared->made && !shared->id.empty() && !gone && !ended) left->leave(uri, shared->id);
        shared->id.clear();
    }

  private:
    // Others' are looked into as they are.
    void take_up_left() {
        const auto id = id_of(pool.get());
        const auto taken_up = left->take_up(uri, id);
        being_ended = taken_up == LeftPools::TakenUp::is_being_ended;
        if (being_ended) pool.reset();
        if (taken_up != LeftPools::TakenUp::yes) return;
        shared->id = id;
        shared->made = true;
        count();
    }

    bool begin() {
        pool = make_pool(connection, folder, flags);
        const bool made = bool(pool);
        if (!pool) {
            take_error();
            if (code != VIR_ERR_OPERATION_FAILED) return true;
            auto other = pool_that_is_off(connection, folder);
            if (!other) return false;
            if (virStoragePoolCreate(other.get(), flags) < 0) {
                take_error();
                return code != VIR_ERR_OPERATION_INVALID && code != VIR_ERR_NO_STORAGE_POOL;
            }
            pool = std::move(other);
        }
        code = 0;
        const auto id = id_of(pool.get());
        if (id == std::exchange(shared->ended, {})) return true;  // it stays on
        shared->id = id;
        shared->made = made;
        count();
        return true;
    }

    // A pool does not look at its folder while it makes a file there, and ends when there is no folder.
    bool look_into() {
        if (virStoragePoolRefresh(pool.get(), 0) == 0) return true;
        take_error();
        if (connection_lost(code, message)) return true;
        if (is_on(pool)) return false;
        if (!counted && code != VIR_ERR_OPERATION_INVALID) shared->ended = id_of(pool.get());
        pool.reset();
        if (std::exchange(counted, false)) {
            --shared->users;
            if (shared->id == counted_for) shared->id.clear();  // another may have made a new one
        }
        return false;
    }

    void count() {
        counted = true;
        counted_for = shared->id;
        ++shared->users;
    }

    void take_error() {
        const virError* const e = virGetLastError();
        code = e ? e->code : VIR_ERR_INTERNAL_ERROR;
        message = e && e->message ? e->message : "";
        missing = code == VIR_ERR_SYSTEM_ERROR && (e->int1 == ENOENT || e->int1 == ENOTDIR);
    }
};

FolderView::FolderView(virConnectPtr connection, const std::string& path, unsigned flags)
    : look_(new Look{connection, std::filesystem::path(path).parent_path().native(), flags}) {
    look_->wait();
}

FolderView::~FolderView() {
    look_->end();
}

virStoragePoolPtr FolderView::get() const {
    return look_->pool.get();
}

bool FolderView::missing() const {
    return !look_->pool && look_->missing;
}

Error FolderView::error(const char* doing) const {
    Error e = error_from(look_->code, look_->message, doing);
    const std::string cannot = "Cannot " + std::string(doing) + ". ";
    if (look_->being_ended) {
        e.status = Status::busy;
        e.message_id = "wsvirt.folder.ending";
        e.text = cannot +
                 "The host has not ended yet what showed the files of its folder before; try again later.";
        e.subject = look_->folder;
    } else if (look_->code == VIR_ERR_OPERATION_FAILED) {
        e.text = cannot +
                 "A storage pool of the host is in the way; see with \"virsh pool-list --all\" "
                 "there which one stands for the folder.";
        e.subject = look_->folder;
    } else if (look_->pool && e.status == Status::failed) {
        e.status = Status::busy;
        e.message_id = folder_busy;
        e.text = cannot +
                 "Files are being made in its folder, and until that has ended the host does not tell what "
                 "else is there; try again later.";
        e.subject = look_->folder;
    }
    return e;
}

bool FolderView::shows_all() const {
    return look_->code == 0 && is_on(look_->pool);
}

void FolderView::look_again() const {
    look_->wait();
}

Result<Volume> find_file(virConnectPtr connection, const FolderView& folder, const std::string& path,
                         const char* doing) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        Volume found(virStorageVolLookupByPath(connection, path.c_str()));
        if (found) return found;
        if (last_error_code() != VIR_ERR_NO_STORAGE_VOL) return last_error(doing);
        if (folder.shows_all()) return found;
        if (!folder || std::chrono::steady_clock::now() >= end) return folder.error(doing);
        folder.look_again();
    }
}

}  // namespace wsvirt::backend::libvirt
