// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

namespace kith::bench {

/// The first line of a command's output, or empty.
inline std::string first_line_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             &::pclose);
  std::string line;
  for (int c; pipe != nullptr && (c = std::fgetc(pipe.get())) != EOF && c != '\n';) {
    line.push_back(static_cast<char>(c));
  }
  return line;
}

/// What a figure was measured on, in one line: processor, processors, compiler, build, commit.
/// KITH_SOURCE_DIR and KITH_BUILD_TYPE come from the build.
inline std::string machine_line() {
  std::string model = "unknown processor";
  std::ifstream processors("/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
#ifdef __clang__
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = std::string("g++ ") + __VERSION__;
#endif
  std::string commit =
      first_line_of("git -C '" KITH_SOURCE_DIR "' describe --always --dirty 2>/dev/null");
  if (commit.empty()) commit = "unknown";
  return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " CPUs, " + compiler +
         ", " KITH_BUILD_TYPE ", commit " + commit;
}

}  // namespace kith::bench
