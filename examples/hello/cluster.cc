// SPDX-License-Identifier: Apache-2.0
#include <kith/kith.h>

#include <iostream>

int main(int argc, char** argv) {  // own address, then those of the others
  const std::vector<kith::Peer> peers(argv + 2, argv + argc);
  kith::Node node = kith::Node::start({.listen = argv[1], .peers = peers}).value();
  const auto load = [](const kith::LoadRequest& request) { return "hello, " + request.key; };
  kith::Cache greetings = node.open("greetings", {}, load).value();
  if (!node.wait_connected(std::chrono::minutes(1))) return 1;
  for (std::string key; std::cin >> key;) {
    const kith::Answer answer = greetings.fetch(key).value();
    std::cout << *answer.value << " (" << to_string(answer.source) << ')' << std::endl;
  }
}
