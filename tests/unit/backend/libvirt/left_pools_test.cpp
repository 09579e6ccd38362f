// A storage pool that has been left on ends, while others look into its folder. libvirt's test driver has
// pools.
#include <dlfcn.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "backend/libvirt/folder_view.hpp"
#include "base/text.hpp"

using namespace wsvirt::backend::libvirt;
using namespace std::chrono_literals;

namespace {

// How pools end while a test wants it so.
enum class Ends { at_once, when_let, never };
std::mutex mutex;
std::condition_variable changed;
Ends ends = Ends::at_once;
unsigned ending = 0;

void set_ends(Ends how) {
    const std::scoped_lock lock(mutex);
    ends = how;
    changed.notify_all();
}

template <class Function>
Function of_libvirt(Function, const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

int virStoragePoolDestroy(virStoragePoolPtr pool) {
    {
        std::unique_lock lock(mutex);
        if (ends == Ends::never) return -1;
        ++ending;
        changed.notify_all();
        changed.wait(lock, [] { return ends != Ends::when_let; });
        --ending;
    }
    return of_libvirt(&virStoragePoolDestroy, "virStoragePoolDestroy")(pool);
}

// The test driver finds none by its folder.
virStoragePoolPtr virStoragePoolLookupByTargetPath(virConnectPtr connection, const char* path) {
    virStoragePoolPtr* list = nullptr;
    const int n = virConnectListAllStoragePools(connection, &list, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);
    virStoragePoolPtr found = nullptr;
    const std::string wanted = "<path>" + std::string(path) + "</path>";
    for (int i = 0; i < n; ++i) {
        const bool is_it = take(virStoragePoolGetXMLDesc(list[i], 0)).find(wanted) != std::string::npos;
        if (!found && is_it)
            found = list[i];
        else
            virStoragePoolFree(list[i]);
    }
    std::free(list);
    return found;
}

namespace {

constexpr const char* uri = "test:///default";

struct Fixture {
    const ConnectHandle connection{virConnectOpen(uri)}, others{virConnectOpen(uri)};
    const std::shared_ptr<LeftPools> left = LeftPools::acquire();
    const std::string folder = "/vms/" + wsvirt::make_guid(), file = folder + "/a.raw";

    ~Fixture() { set_ends(Ends::at_once); }
    std::string description() const {
        return "<pool type='dir'><name>of" + folder.substr(5) + "</name><target><path>" + folder +
               "</path></target></pool>";
    }
    static std::string id_of(const Pool& pool) {
        char id[VIR_UUID_STRING_BUFLEN] = {};
        virStoragePoolGetUUIDString(pool.get(), id);
        return id;
    }
    bool is_on(const std::string& id) const {
        const Pool pool(virStoragePoolLookupByUUIDString(connection.get(), id.c_str()));
        return pool && virStoragePoolIsActive(pool.get()) == 1;
    }
    // The id of one that nobody looks into any more, and that is on.
    std::string left_on() const {
        const Pool pool(virStoragePoolCreateXML(connection.get(), description().c_str(), 0));
        BOOST_TEST_REQUIRE(!!pool);
        left->leave(uri, id_of(pool));
        return id_of(pool);
    }
    static bool wait_until_one_is_ending() {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 10s, [] { return ending > 0; });
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(left_pools, Fixture)

BOOST_AUTO_TEST_CASE(one_that_is_being_ended_is_nobodys) {
    left_on();
    set_ends(Ends::when_let);
    std::jthread ends_it([&] { left->end_left(others.get()); });
    BOOST_TEST(wait_until_one_is_ending());
    BOOST_TEST(left->some_are_on());
    BOOST_TEST(left->end_left(connection.get()));  // another is about it
    std::optional<FolderView> view;
    std::jthread looks([&] { view.emplace(connection.get(), file); });
    std::this_thread::sleep_for(300ms);
    set_ends(Ends::at_once);
    ends_it.join();
    looks.join();
    BOOST_TEST(!left->some_are_on());
    BOOST_TEST((*view && view->shows_all()));
}

BOOST_AUTO_TEST_CASE(one_that_does_not_end_is_said_to_be_in_the_way) {
    left_on();
    set_ends(Ends::when_let);
    const std::jthread ends_it([&] { left->end_left(others.get()); });
    BOOST_TEST(wait_until_one_is_ending());
    {
        const FolderView view(connection.get(), file);
        BOOST_TEST(!view);
        BOOST_TEST(!view.missing());
        BOOST_TEST((view.error("look for the file").status == wsvirt::Status::busy));
        // Other folders, as other hosts, are nobody's concern.
        const FolderView other(connection.get(), "/vms/other-" + folder.substr(5) + "/a.raw");
        BOOST_TEST(other.shows_all());
        set_ends(Ends::at_once);
    }
}

BOOST_AUTO_TEST_CASE(one_that_could_not_be_ended_is_taken_up_again) {
    const auto id = left_on();
    set_ends(Ends::never);
    BOOST_TEST(left->end_left(connection.get()));
    BOOST_TEST(is_on(id));
    {
        const FolderView view(connection.get(), file);
        BOOST_TEST(view.shows_all());
        set_ends(Ends::at_once);
        BOOST_TEST(!left->end_left(connection.get()));
        BOOST_TEST(view.shows_all());
    }
    BOOST_TEST(!is_on(id));
}

BOOST_AUTO_TEST_CASE(none_ends_under_somebody_who_looks) {
    std::atomic<bool> done = false;
    std::jthread ends_them([&] {
        while (!done) left->end_left(others.get());
    });
    unsigned seen = 0;
    for (int n = 0; n < 200; ++n) {
        set_ends(Ends::never);
        { const FolderView leaves_it(connection.get(), file); }
        set_ends(Ends::at_once);
        const FolderView view(connection.get(), file);
        std::this_thread::sleep_for(1ms);
        seen += view.shows_all();
    }
    done = true;
    BOOST_TEST(seen == 200U);
}

// Its owner may have turned it on again meanwhile, and libvirt cannot tell.
BOOST_AUTO_TEST_CASE(one_that_was_only_turned_on_stays_on) {
    const Pool pool(virStoragePoolDefineXML(connection.get(), description().c_str(), 0));
    BOOST_TEST_REQUIRE(!!pool);
    {
        const FolderView view(connection.get(), file);
        BOOST_TEST(view.shows_all());
        BOOST_TEST(is_on(id_of(pool)));
        set_ends(Ends::never);  // as where the host is lost
    }
    set_ends(Ends::at_once);
    BOOST_TEST(!left->some_are_on());
    BOOST_TEST(!left->end_left(connection.get()));
    BOOST_TEST(is_on(id_of(pool)));
    { const FolderView view(connection.get(), file); }
    BOOST_TEST(is_on(id_of(pool)));
    virStoragePoolDestroy(pool.get());
    { const FolderView view(connection.get(), file); }  // which can be ended
    BOOST_TEST(!is_on(id_of(pool)));
    virStoragePoolUndefine(pool.get());
}

BOOST_AUTO_TEST_SUITE_END()
