#define BOOST_TEST_MODULE wsvirt
#include <boost/test/unit_test.hpp>
