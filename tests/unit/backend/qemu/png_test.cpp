#include "backend/qemu/png.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(png)

BOOST_AUTO_TEST_CASE(damaged_pictures_give_nothing) {
    using wsvirt::backend::qemu::png_to_ppm;
    const std::string head("\x89PNG\r\n\x1a\n", 8);
    for (const std::string& text :
         {std::string(), std::string("P6\n1 1\n255\n"), head, head + std::string(12, '\0'),
          head + std::string("\xff\xff\xff\xff"
                             "IDATxxxxxxxx"),
          head + std::string("\0\0\0\x0dIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x02\0\0\0crc!", 25)})
        BOOST_TEST(!png_to_ppm(text));
}

BOOST_AUTO_TEST_CASE(every_filter_is_undone) {
    using wsvirt::backend::qemu::png_to_ppm;
    // 1x5, RGB, stored deflate block: one line for each filter type; colours grow from line to line
    const std::string raw(
        "\x00\x01\x02\x03"
        "\x01\x05\x05\x05"
        "\x02\x01\x01\x01"
        "\x03\x01\x01\x01"
        "\x04\x01\x01\x01",
        20);
    std::string packed("\x78\x01\x01\x14\x00\xeb\xff", 7);
    packed += raw;
    unsigned a = 1, b = 0;
    for (const char c : raw) {
        a = (a + static_cast<unsigned char>(c)) % 65521;
        b = (b + a) % 65521;
    }
    for (const unsigned v : {b >> 8, b & 255u, a >> 8, a & 255u}) packed += static_cast<char>(v);
    const auto chunk = [](const std::string& type, const std::string& data) {
        return std::string({'\0', '\0', '\0', static_cast<char>(data.size())}) + type + data + "crc!";
    };
    const std::string png = std::string("\x89PNG\r\n\x1a\n", 8) +
                            chunk("IHDR", std::string("\0\0\0\x01\0\0\0\x05\x08\x02\0\0\0", 13)) +
                            chunk("IDAT", packed) + chunk("IEND", "");
    const auto ppm = png_to_ppm(png);
    BOOST_REQUIRE(ppm.has_value());
    BOOST_TEST(*ppm == std::string("P6\n1 5\n255\n") + std::string("\1\2\3\5\5\5\6\6\6\4\4\4\5\5\5", 15));
}

BOOST_AUTO_TEST_SUITE_END()
