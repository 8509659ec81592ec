// SPDX-License-Identifier: Apache-2.0
#include <kith/kith.h>

#include <iostream>

int main() {
  // These need libcurl and c-ares, which the package must bring along.
  const auto consul = kith::consul_seeds({.service = "cache"});
  const auto dns = kith::dns_seeds({.name = "cache.example.com", .port = 7946});
  if (!consul || !dns) return 4;
  auto node = kith::Node::start();
  if (!node) return 1;
  auto greetings = node->open(
      "greetings", {}, [](const kith::LoadRequest& request) { return "hello, " + request.key; });
  if (!greetings) return 2;
  const auto greeting = greetings->get("world");
  if (!greeting || !*greeting) return 3;
  std::cout << (*greeting)->view() << '\n';
}
