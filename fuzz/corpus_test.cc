// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target on its corpus, with any compiler: see kith_corpus_test in cmake. A defect
// shows as a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

TEST(Corpus, RunsThroughTheFuzzTarget) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(KITH_FUZZ_CORPUS)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_GE(files.size(), std::size_t{KITH_FUZZ_CORPUS_LEAST});
  for (const auto& path : files) {
    SCOPED_TRACE(path);
    std::ifstream file(path, std::ios::binary);
    const std::string input((std::istreambuf_iterator<char>(file)), {});
    ASSERT_FALSE(input.empty());
    EXPECT_EQ(
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()),
        0);
  }
}

}  // namespace
