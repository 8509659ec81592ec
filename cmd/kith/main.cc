// SPDX-License-Identifier: Apache-2.0
// The command line tool `kith`.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <string>

#include "cmd/kith/certs.h"
#include "cmd/kith/keygen.h"

namespace {

using kith::Result;
using kith::command::CertsInit;
using kith::command::CertsNode;
using kith::command::CertsShow;
using kith::command::Keygen;

/// What the chosen subcommand does.
using Action = std::function<Result<void>()>;

void add_keygen(CLI::App& app, Keygen& keygen, Action& action) {
  CLI::App& command = *app.add_subcommand("keygen", "Make a key for a cluster's gossip, in base64");
  command.add_option("--bytes", keygen.bytes, "16, 24 or 32")
      ->check(CLI::IsMember({16, 24, 32}))
      ->capture_default_str();
  command.add_option("--out", keygen.out, "Write a new file, readable by you alone");
  command.callback([&] { action = [&] { return keygen.run(); }; });
}

struct Certs {
  CertsInit init;
  CertsNode node;
  CertsShow show;
};

void add_certs(CLI::App& app, Certs& certs, Action& action) {
  CLI::App& command = *app.add_subcommand("certs", "Make certificates for a cluster's TLS");
  command.require_subcommand(1);

  CLI::App& init = *command.add_subcommand("init", "Make a certificate authority: ca.pem, ca.key");
  init.add_option("--out", certs.init.out, "The folder to write to")->required();
  init.add_option("--name", certs.init.cluster, "The cluster's name")->capture_default_str();
  init.add_option("--days", certs.init.days, "How long it is valid")->capture_default_str();
  init.callback([&] { action = [&] { return certs.init.run(); }; });

  CLI::App& node = *command.add_subcommand("node", "Make a node's certificate: NAME.pem, NAME.key");
  node.add_option("NAME", certs.node.name, "The node's name")->required();
  node.add_option("--ca", certs.node.authority, "The folder with ca.pem and ca.key")->required();
  node.add_option("--out", certs.node.out, "The folder to write to")->required();
  node.add_option("--dns", certs.node.dns, "A DNS name for it besides; may be repeated");
  node.add_option("--ip", certs.node.addresses, "An IP address for it besides; may be repeated");
  node.add_option("--days", certs.node.days, "How long it is valid")->capture_default_str();
  node.callback([&] { action = [&] { return certs.node.run(); }; });

  CLI::App& show = *command.add_subcommand("show", "Say what the certificates of a file say");
  show.add_option("FILE", certs.show.file, "A file of PEM certificates")->required();
  show.callback([&] { action = [&] { return certs.show.run(); }; });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Tools for clusters of kith", "kith");
  app.set_version_flag("--version", KITH_VERSION);
  app.require_subcommand(1);
  Keygen keygen;
  Certs certs;
  Action action;
  add_keygen(app, keygen, action);
  add_certs(app, certs, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int kWrongUse = 2;
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  const Result<void> done = action();
  if (done) return 0;
  std::cerr << "kith: " << done.error().message << '\n';
  return 1;
}
