// SPDX-License-Identifier: Apache-2.0
#include <kith/kith.h>

#include <iostream>

int main() {
  kith::Node node = kith::Node::start().value();
  const auto load = [](const kith::LoadRequest& request) { return "hello, " + request.key; };
  kith::Cache greetings = node.open("greetings", {}, load).value();
  std::cout << *greetings.get("world").value() << '\n';  // loaded
  std::cout << *greetings.get("world").value() << '\n';  // from memory
}
