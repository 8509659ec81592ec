#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers.py finds each kind of violation, names it, and accepts what is allowed."""

import os
import subprocess
import sys
import tempfile
import unittest

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/check_layers.py")
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = LICENCE + "#pragma once\n"


def check(files):
    """Exit code and output of the checker on a tree of {path: content}."""
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run([sys.executable, CHECKER, "--root", root], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class Accepts(unittest.TestCase):
    def accepts(self, files):
        code, output = check(files)
        self.assertEqual(code, 0, output)

    def test_an_include_along_the_arrows(self):
        self.accepts({"src/store/store.h": HEADER + '#include "base/hash.h"\n#include <kith/value.h>\n',
                      "src/base/hash.h": HEADER,
                      "src/core/node/node.cc": LICENCE + '#include "core/fetch/flight.h"\n'})

    def test_everything_in_tests_and_bench(self):
        self.accepts({"tests/cluster/a_test.cc": LICENCE + '#include "core/node/node.h"\n',
                      "bench/b.cc": LICENCE + '#include "edge/net/link.h"\n#include "store/store.h"\n'})

    def test_the_test_library_in_a_test_beside_its_code(self):
        self.accepts({"src/core/fetch/flight_test.cc": LICENCE + '#include "testing/clock.h"\n'})

    def test_words_in_comments_and_strings(self):
        self.accepts({"src/store/a.cc": LICENCE + '// no std::hash, no co_await\n'
                      '/* #include "api/node.h"\n */\n'
                      'const char* s = "std::hash";\nauto r = R"(co_await\n)";\n'})

    def test_digit_separators(self):
        self.accepts({"src/store/a.cc": LICENCE + "int a = 100'000; int b = 0xff'ff;\n"})

    def test_abseil_in_a_private_header(self):
        self.accepts({"src/store/a.h": HEADER + "#include <absl/synchronization/mutex.h>\n"})

    def test_boost_in_an_edge_source(self):
        self.accepts({"src/edge/net/a.cc": LICENCE + "#include <boost/asio.hpp>\n"})

    def test_a_forward_declaration_of_json(self):
        self.accepts({"src/edge/discovery/a.h": HEADER + "#include <nlohmann/json_fwd.hpp>\n",
                      "src/edge/discovery/a.cc": LICENCE + "#include <nlohmann/json.hpp>\n"
                      "#include <curl/curl.h>\n#include <ares.h>\n"})

    def test_the_public_interface_in_discovery(self):
        self.accepts({"src/edge/discovery/a.cc": LICENCE + "#include <kith/discovery.h>\n"})

    def test_a_cipher_in_wire(self):
        self.accepts({"src/wire/gossip/a.cc": LICENCE + "#include <openssl/evp.h>\n"})

    def test_a_clock_in_the_simulators_main(self):
        self.accepts({"sim/main.cc": LICENCE + "auto t = std::chrono::steady_clock::now();\n"})

    def test_a_listed_public_header(self):
        self.accepts({"include/kith/a.h": HEADER, "CMakeLists.txt": "FILES include/kith/a.h)\n"})


class Finds(unittest.TestCase):
    def finds(self, files, *expected):
        code, output = check(files)
        self.assertEqual(code, 1, output)
        for text in expected:
            self.assertIn(text, output)

    def test_an_upward_include(self):
        self.finds({"src/base/a.h": HEADER + '\n#include "store/store.h"\n'},
                   "src/base/a.h:4: arrow base -> store", "base may include nothing of ours")

    def test_an_include_between_siblings(self):
        self.finds({"src/core/fetch/a.cc": LICENCE + '#include "core/membership/swim.h"\n'},
                   "src/core/fetch/a.cc:2: arrow core/fetch -> core/membership")

    def test_an_include_by_relative_path(self):
        self.finds({"src/wire/peer/a.cc": LICENCE + '#include "../../store/store.h"\n',
                    "src/store/store.h": HEADER}, "arrow wire/peer -> store")

    def test_an_include_in_angle_brackets(self):
        self.finds({"src/store/a.cc": LICENCE + "#include <core/node/node.h>\n"},
                   "arrow store -> core/node")

    def test_the_store_in_a_core_folder_other_than_node(self):
        self.finds({"src/core/fetch/a.cc": LICENCE + '#include "store/store.h"\n'},
                   "arrow core/fetch -> store")

    def test_the_api_in_the_simulator(self):
        self.finds({"sim/a.cc": LICENCE + '#include "api/node_impl.h"\n'}, "arrow sim -> api")

    def test_the_edge_in_the_simulator(self):
        self.finds({"sim/a.cc": LICENCE + '#include "edge/net/link.h"\n'}, "arrow sim -> edge/net")

    def test_insides_in_an_example(self):
        self.finds({"examples/tiles/a.cc": LICENCE + '#include "base/hash.h"\n'},
                   "arrow examples -> base")

    def test_a_public_header_that_is_no_plain_value_below_api(self):
        self.finds({"src/store/a.cc": LICENCE + "#include <kith/options.h>\n"},
                   "arrow store -> include/kith")

    def test_an_inside_in_a_public_header(self):
        self.finds({"include/kith/a.h": HEADER + '#include "base/hash.h"\n',
                    "CMakeLists.txt": "include/kith/a.h"}, "arrow include/kith -> base")

    def test_another_front_ends_format(self):
        self.finds({"src/frontend/resp/a.cc": LICENCE + '#include "wire/memcached/parse.h"\n'},
                   "arrow frontend/resp -> wire/memcached")

    def test_a_folder_without_rules(self):
        self.finds({"src/utils/a.cc": LICENCE + '#include "base/hash.h"\n'}, "is in no line of ARROWS")

    def test_boost_in_a_private_header(self):
        self.finds({"src/edge/net/a.h": HEADER + "#include <boost/asio.hpp>\n"},
                   "<boost/asio.hpp> in a header")

    def test_boost_below_the_edge(self):
        self.finds({"src/store/a.cc": LICENCE + "#include <boost/asio.hpp>\n"},
                   "store includes <boost/asio.hpp>")

    def test_heavy_libraries_of_discovery_in_a_private_header(self):
        for name in ["nlohmann/json.hpp", "curl/curl.h", "ares.h", "ares_nameser.h"]:
            self.finds({"src/edge/discovery/a.h": HEADER + "#include <%s>\n" % name},
                       "<%s> in a header" % name)

    def test_dns_below_the_edge(self):
        self.finds({"src/core/node/a.cc": LICENCE + "#include <ares.h>\n"},
                   "core/node includes <ares.h>")

    def test_the_rest_of_openssl_in_wire(self):
        self.finds({"src/wire/gossip/a.cc": LICENCE + "#include <openssl/ssl.h>\n"},
                   "wire/gossip includes <openssl/ssl.h>")

    def test_a_cipher_in_the_core(self):
        self.finds({"src/core/node/a.cc": LICENCE + "#include <openssl/evp.h>\n"},
                   "core/node includes <openssl/evp.h>")

    def test_abseil_in_a_public_header(self):
        self.finds({"include/kith/a.h": HEADER + "#include <absl/strings/cord.h>\n",
                    "CMakeLists.txt": "include/kith/a.h"}, "<absl/strings/cord.h> in a header")

    def test_a_thread_in_the_core(self):
        self.finds({"src/core/node/a.cc": LICENCE + "#include <thread>\n"},
                   "core/node includes <thread>")

    def test_a_lock_in_wire(self):
        self.finds({"src/wire/peer/a.cc": LICENCE + "#include <mutex>\n"}, "wire/peer includes <mutex>")

    def test_a_missing_pragma_once(self):
        self.finds({"src/base/a.h": LICENCE + "// #pragma once\n"}, "#pragma once is missing")

    def test_a_missing_licence_line(self):
        self.finds({"src/base/a.cc": "int a;\n"}, "src/base/a.cc:1: the licence line is missing")

    def test_std_hash(self):
        self.finds({"src/store/a.cc": LICENCE + "\nstd::hash<int> h;\n"},
                   "src/store/a.cc:3: std::hash in store", "placement_hash")

    def test_a_random_device(self):
        self.finds({"src/core/node/a.cc": LICENCE + "std::random_device d;\n"}, "std::random_device")

    def test_a_standard_distribution(self):
        self.finds({"sim/a.cc": LICENCE + "std::uniform_int_distribution<int> d;\n"},
                   "std::uniform_int_distribution")

    def test_a_clock(self):
        self.finds({"src/store/a.cc": LICENCE + "auto t = std::chrono::steady_clock::now();\n"},
                   "steady_clock::now")

    def test_a_clock_in_the_simulator(self):
        self.finds({"sim/network.cc": LICENCE + "auto t = std::chrono::steady_clock::now();\n"},
                   "steady_clock::now in sim")

    def test_a_coroutine(self):
        self.finds({"src/edge/loop/a.cc": LICENCE + "task f() { co_await g(); }\n"}, "co_await")

    def test_an_unlisted_public_header(self):
        self.finds({"include/kith/a.h": HEADER, "CMakeLists.txt": "include/kith/ab.h"},
                   "include/kith/a.h:1: the public header is not listed")

    def test_an_empty_tree(self):
        self.finds({"README.md": ""}, "nothing was checked")


if __name__ == "__main__":
    unittest.main()
