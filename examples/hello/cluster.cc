// SPDX-License-Identifier: Apache-2.0
#include <kith/kith.h>

#include <iostream>

int main(int argc, char** argv) {  // own gossip address, then that of a node that is up, if any
  const std::vector<std::string> seeds(argv + 2, argv + argc);
  const kith::GossipOptions gossip{.listen = argv[1], .seeds = seeds};
  kith::Node node = kith::Node::start({.gossip = gossip}).value();
  const auto load = [](const kith::LoadRequest& request) { return "hello, " + request.key; };
  kith::Cache greetings = node.open("greetings", {}, load).value();
  if (!node.wait_connected(std::chrono::minutes(1))) return 1;
  for (std::string key; std::cin >> key;) {
    const kith::Answer answer = greetings.fetch(key).value();
    std::cout << *answer.value << " (" << to_string(answer.source) << ')' << std::endl;
  }
}
