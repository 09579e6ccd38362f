#include "wsman/ops/items.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>

using namespace wsvirt;
using namespace wsvirt::wsman;

namespace {

class Texts : public ItemSource {
  public:
    explicit Texts(std::deque<std::string> all) : all_(std::move(all)) {}
    Result<bool> append_next(std::string& out) override {
        if (all_.empty()) return false;
        if (all_.front() == "!") return Error{Status::unavailable, "test", "gone"};
        out += all_.front();
        all_.pop_front();
        return true;
    }

  private:
    std::deque<std::string> all_;
};

Items items_of(std::deque<std::string> all) {
    Items i;
    i.source = std::make_unique<Texts>(std::move(all));
    return i;
}
PackLimits limits(std::size_t elements, std::size_t bytes) {
    PackLimits l;
    l.elements = elements;
    l.soft_bytes = l.hard_bytes = bytes;
    return l;
}
std::string packed(Items& items, const PackLimits& l, Packed expected = Packed::some) {
    PackedItems out;
    const auto r = pack(items, l, out);
    BOOST_REQUIRE(r.ok());
    BOOST_TEST((*r == expected));
    return out.text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(item_packing)

BOOST_AUTO_TEST_CASE(W_ENU_23_never_more_than_max_elements_and_none_lost) {
    auto items = items_of({"a", "b", "c", "d", "e"});
    BOOST_TEST(packed(items, limits(2, 100)) == "ab");
    BOOST_TEST(!items.ended);
    BOOST_TEST(packed(items, limits(1, 100)) == "c");
    BOOST_TEST(packed(items, limits(2, 100)) == "de");
    BOOST_TEST(items.ended);
}

BOOST_AUTO_TEST_CASE(W_ENU_18_the_end_comes_with_the_last_item) {
    auto items = items_of({"a", "b"});
    BOOST_TEST(packed(items, limits(2, 100)) == "ab");
    BOOST_TEST(items.ended);
    auto none = items_of({});
    BOOST_TEST(packed(none, limits(2, 100)) == "");
    BOOST_TEST(none.ended);
}

BOOST_AUTO_TEST_CASE(W_ENV_07_bytes_are_never_exceeded_and_a_large_item_waits) {
    auto items = items_of({"aaa", "bbb", "cccccccccc", "d"});
    BOOST_TEST(packed(items, limits(10, 6)) == "aaabbb");
    BOOST_TEST(packed(items, limits(10, 6), Packed::too_large) == "");
    BOOST_TEST(packed(items, limits(10, 10)) == "cccccccccc");
    BOOST_TEST(packed(items, limits(10, 10)) == "d");
    BOOST_TEST(items.ended);
}

BOOST_AUTO_TEST_CASE(one_item_may_exceed_the_soft_limit_up_to_the_hard_one) {
    auto items = items_of({"aaaaaaaa", "b"});
    auto l = limits(10, 4);
    l.hard_bytes = 8;
    BOOST_TEST(packed(items, l) == "aaaaaaaa");
    BOOST_TEST(packed(items, l) == "b");
}

BOOST_AUTO_TEST_CASE(W_ENU_26_max_characters_counts_characters_and_lets_one_item_through) {
    auto items = items_of({"\xC3\xA9\xC3\xA9", "bb", "cc"});
    auto l = limits(10, 100);
    l.characters = 4;
    BOOST_TEST(packed(items, l) ==
               "\xC3\xA9\xC3\xA9"
               "bb");
    l.characters = 1;
    BOOST_TEST(packed(items, l) == "cc");
}

BOOST_AUTO_TEST_CASE(what_was_packed_before_an_error_is_sent_first) {
    auto items = items_of({"a", "!"});
    BOOST_TEST(packed(items, limits(10, 100)) == "a");
    PackedItems out;
    BOOST_TEST(!pack(items, limits(10, 100), out).ok());
}

BOOST_AUTO_TEST_CASE(W_ENU_25_deadline) {
    auto items = items_of({"a"});
    auto l = limits(10, 100);
    l.allowance.deadline = cim::Clock::now() - std::chrono::seconds(1);
    BOOST_TEST(packed(items, l, Packed::too_late) == "");
    BOOST_TEST(packed(items, limits(10, 100)) == "a");
}

BOOST_AUTO_TEST_CASE(W_ENU_25_an_answer_that_nobody_got_is_given_again) {
    auto items = items_of({"a", "b", "c", "d"});
    PackedItems lost;
    BOOST_REQUIRE(pack(items, limits(2, 100), lost).ok());
    BOOST_TEST(lost.text == "ab");
    take_back(items, lost);
    BOOST_TEST(packed(items, limits(1, 100)) == "a");
    BOOST_TEST(packed(items, limits(2, 100)) == "bc");
    PackedItems last;
    BOOST_REQUIRE(pack(items, limits(2, 100), last).ok());
    BOOST_TEST(items.ended);
    take_back(items, last);
    BOOST_TEST(!items.ended);
    BOOST_TEST(packed(items, limits(2, 100)) == "d");
    BOOST_TEST(items.ended);
}

BOOST_AUTO_TEST_CASE(a_stopped_search_is_no_error_of_the_source) {
    auto items = items_of({"!"});
    auto l = limits(10, 100);
    std::stop_source stop;
    stop.request_stop();
    l.allowance.stop = stop.get_token();
    BOOST_TEST(packed(items, l, Packed::too_late) == "");
}

BOOST_AUTO_TEST_SUITE_END()
