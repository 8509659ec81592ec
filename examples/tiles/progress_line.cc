// SPDX-License-Identifier: Apache-2.0
#include "progress_line.h"

#include <unistd.h>

#include <iostream>

namespace tiles {

ProgressLine::ProgressLine()
    : terminal_(isatty(STDOUT_FILENO) != 0), shown_(std::chrono::steady_clock::now()) {}

bool ProgressLine::due() const {
  return std::chrono::steady_clock::now() - shown_ >= std::chrono::seconds(1);
}

void ProgressLine::show(const std::string& text) {
  shown_ = std::chrono::steady_clock::now();
  if (terminal_) {
    std::cout << "\r" << text << "\x1b[K" << std::flush;
  } else {
    std::cout << text << std::endl;
  }
}

void ProgressLine::finish(const std::string& text) {
  show(text);
  if (terminal_) std::cout << std::endl;
}

}  // namespace tiles
