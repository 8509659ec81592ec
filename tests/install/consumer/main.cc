// SPDX-License-Identifier: Apache-2.0
#include <kith/kith.h>

#include <iostream>

int main() {
  auto node = kith::Node::start();
  if (!node) return 1;
  auto greetings = node->open(
      "greetings", {}, [](const kith::LoadRequest& request) { return "hello, " + request.key; });
  if (!greetings) return 2;
  const auto greeting = greetings->get("world");
  if (!greeting || !*greeting) return 3;
  std::cout << (*greeting)->view() << '\n';
}
