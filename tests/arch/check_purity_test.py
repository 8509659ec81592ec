#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_purity.sh names each forbidden symbol, and accepts a pure archive.

    check_purity_test.py COMPILER
"""

import os
import subprocess
import sys
import tempfile
import unittest

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/check_purity.sh")
COMPILER = "c++"


def check(archive, code):
    """Exit code and output of the checker on an archive of that name made of `code`."""
    with tempfile.TemporaryDirectory() as folder:
        source, thing = os.path.join(folder, "a.cc"), os.path.join(folder, "a.o")
        with open(source, "w", encoding="utf-8") as file:
            file.write(code)
        subprocess.run([COMPILER, "-std=c++20", "-c", source, "-o", thing], check=True)
        path = os.path.join(folder, archive)
        subprocess.run(["ar", "rcs", path, thing], check=True)
        done = subprocess.run([CHECKER, path], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class Purity(unittest.TestCase):
    def accepts(self, archive, code):
        result, output = check(archive, code)
        self.assertEqual(result, 0, output)

    def finds(self, archive, code, symbol):
        result, output = check(archive, code)
        self.assertEqual(result, 1, output)
        self.assertIn(symbol, output)
        self.assertIn(archive, output)

    def test_accepts_memory_and_containers(self):
        self.accepts("libkith_core_x.a", """
            #include <map>
            #include <memory>
            #include <string>
            std::shared_ptr<std::map<std::string, int>> f(std::string s) {
              auto m = std::make_shared<std::map<std::string, int>>();
              (*m)[s + "time"] = 1;
              return m;
            }""")

    def test_accepts_a_lock_in_the_store(self):
        self.accepts("libkith_store.a",
                     "#include <mutex>\nstd::mutex m; void f() { std::lock_guard g(m); }")

    def test_finds_a_lock_in_the_core(self):
        self.finds("libkith_core_x.a",
                   "#include <mutex>\nstd::mutex m; void f() { std::lock_guard g(m); }",
                   "pthread_mutex_lock")

    def test_finds_abseils_lock_in_wire(self):
        self.finds("libkith_wire_x.a",
                   "namespace absl { inline namespace lts { struct Mutex { void Lock(); }; } }\n"
                   "void f(absl::Mutex& m) { m.Lock(); }", "Mutex::Lock()")

    def test_finds_a_condition_variable_in_the_core(self):
        self.finds("libkith_core_x.a", "#include <condition_variable>\n"
                   "void f(std::condition_variable& c) { c.notify_all(); }", "condition_variable")

    def test_finds_a_clock(self):
        self.finds("libkith_store.a",
                   "#include <chrono>\nauto f() { return std::chrono::steady_clock::now(); }",
                   "steady_clock::now()")

    def test_finds_the_systems_clock(self):
        self.finds("libkith_base.a", "#include <time.h>\n"
                   "void f(timespec* t) { clock_gettime(CLOCK_MONOTONIC, t); }", "clock_gettime")

    def test_finds_time(self):
        self.finds("libkith_base.a", "#include <time.h>\nlong f() { return time(nullptr); }", "time")

    def test_finds_a_sleep(self):
        self.finds("libkith_store.a", "#include <unistd.h>\nvoid f() { usleep(1); }", "usleep")

    def test_finds_a_socket(self):
        self.finds("libkith_core_x.a", "#include <sys/socket.h>\n"
                   "int f() { return socket(AF_INET, SOCK_STREAM, 0); }", "socket")

    def test_finds_a_send(self):
        self.finds("libkith_wire_x.a", "#include <sys/socket.h>\n"
                   "void f(int s) { (void)send(s, \"\", 0, 0); }", "send")

    def test_finds_a_thread(self):
        self.finds("libkith_store.a",
                   "#include <thread>\nvoid f() { std::thread t([] {}); t.join(); }", "std::thread::")

    def test_finds_the_environment(self):
        self.finds("libkith_base.a", "#include <cstdlib>\nchar* f() { return std::getenv(\"A\"); }",
                   "getenv")

    def test_finds_a_random_device(self):
        self.finds("libkith_core_x.a",
                   "#include <random>\nunsigned f() { return std::random_device{}(); }",
                   "std::random_device")

    def test_finds_a_file(self):
        self.finds("libkith_store.a", "#include <fcntl.h>\nint f() { return open(\"a\", O_RDONLY); }",
                   "open")

    def test_finds_a_stream(self):
        self.finds("libkith_store.a",
                   "#include <fstream>\nvoid f() { std::ofstream o(\"a\"); o << 1; }", "stream")

    def test_refuses_a_file_that_is_no_archive(self):
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run([CHECKER, file.name], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        COMPILER = sys.argv.pop(1)
    unittest.main()
