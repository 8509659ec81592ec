// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/options.h>
#include <kith/result.h>

namespace tiles {

/// How a node is to be started in a Kubernetes pod, from the environment that
/// packaging/kubernetes/statefulset.yaml gives it:
///
///   POD_NAME, POD_IP   the node's name, and its one address
///   KITH_SERVICE       the headless service whose port "gossip" leads to the others
///   KITH_DATA_PORT     where they ask for tiles
///   KITH_GOSSIP_PORT   where they say who is there
///   KITH_GOSSIP_KEYS   a file with a key a line, the one that is written with first
///   KITH_TLS           a folder with tls.crt, tls.key and ca.crt
///   KITH_PEER_NAMES    the names in the others' certificates, such as kith://tiles/*
///
/// and, to try it outside of a cluster with `kubectl proxy`: KITH_KUBERNETES_API, its address, and
/// KITH_NAMESPACE. Errors: invalid_argument (a variable is missing or no good), unavailable (the
/// keys cannot be read), those of kubernetes_seeds.
kith::Result<kith::NodeOptions> options_in_pod();

}  // namespace tiles
