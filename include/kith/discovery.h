// SPDX-License-Identifier: Apache-2.0
// Whom a node contacts first: sources of addresses, and the interface for one of your own.
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kith {

/// Where somebody may be reached who knows the others.
struct Seed {
  /// A numeric IPv4 or IPv6 address without brackets, or a name that the node resolves when it
  /// dials.
  std::string host;
  std::uint16_t port = 0;

  /// "host:port", "[v6]:port".
  std::string to_string() const;

  friend auto operator<=>(const Seed&, const Seed&) = default;
};

/// A source of seeds. A node contacts them to find the others when it starts, and again when it has
/// lost everybody. That is all: who is a member is what the members agree on, so that a source that
/// fails, lies or forgets removes nobody.
///
/// Users may write their own: derive from this class. A source must keep the promises below.
class Discovery {
 public:
  /// What a source tells. The calls come one at a time, from a thread of the source or within
  /// start. They should return soon, must not throw, and must neither stop nor destroy the source.
  /// Any of them may be empty.
  struct Listener {
    /// All seeds that the source now has, sorted and each one once, whenever that has changed. At
    /// most kMaxSeeds. Never called because of an error: the last list stays the best one known. An
    /// empty list means that the source said so.
    std::function<void(const std::vector<Seed>& seeds)> on_seeds = {};
    /// The source cannot be asked, or its answer is partly or wholly unusable. Once, until it has
    /// recovered. For people.
    std::function<void(std::string_view message)> on_trouble = {};
    /// The source works again, after trouble.
    std::function<void()> on_recovery = {};
  };

  Discovery() = default;
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  /// Stops first.
  virtual ~Discovery() = default;

  /// For logs: what is asked, such as "DNS cache.example.com".
  virtual std::string name() const = 0;
  /// Begins to ask. Once in a source's life. Errors: failed_precondition (started before),
  /// resource_exhausted (no thread, no descriptor). Whether the source answers is the listener's
  /// matter, not an error.
  virtual Result<void> start(Listener listener) = 0;
  /// Returns when the listener is not being called and will never be again. Takes less than a
  /// second whatever the source does. Idempotent.
  virtual void stop() = 0;
};

/// Bound on the seeds of one source. The smallest addresses of a longer list are kept, which is
/// reported as trouble.
inline constexpr std::size_t kMaxSeeds = 16'384;

/// Addresses that never change, as "host:port" or "[v6]:port". Starts no thread. Errors:
/// invalid_argument (none, too many, or one that is not an address).
Result<std::shared_ptr<Discovery>> static_seeds(std::vector<std::string> addresses);

/// Asks DNS for A and AAAA records. Every address is a seed.
struct DnsOptions {
  /// Looked up with the search domains of /etc/resolv.conf unless it ends with a dot. The hosts
  /// file is not asked.
  std::string name = {};
  /// The port of the seeds: A and AAAA records have none. 1 to 65535.
  std::uint16_t port = 0;
  /// Longest time between two looks. 1 s to 1 day. A record's TTL makes it shorter, down to 1 s.
  Duration refresh = std::chrono::seconds(30);
  /// The servers to ask, in this order, as "192.0.2.1", "192.0.2.1:53" or "[2001:db8::1]:53".
  /// At most 8. Empty: those of /etc/resolv.conf, read anew for each look.
  std::vector<std::string> servers = {};
  /// How long one look may take, over all servers. 100 ms to 1 minute.
  Duration timeout = std::chrono::seconds(5);
};

/// Errors: invalid_argument (the message names the field).
Result<std::shared_ptr<Discovery>> dns_seeds(DnsOptions options);

/// Asks DNS for SRV records, and for the addresses of their targets. All priorities and weights are
/// seeds alike.
struct DnsSrvOptions {
  /// Such as "_kith._tcp.example.com".
  std::string name = {};
  /// The rest as in DnsOptions.
  Duration refresh = std::chrono::seconds(30);
  std::vector<std::string> servers = {};
  Duration timeout = std::chrono::seconds(5);
};

/// Errors: invalid_argument (the message names the field).
Result<std::shared_ptr<Discovery>> dns_srv_seeds(DnsSrvOptions options);

/// Lists and watches the EndpointSlices of a Kubernetes service. Endpoints that are not ready
/// count: a pool that starts has no others. The defaults are those of a process in a pod, whose
/// service account may get, list and watch endpointslices (docs/discovery.md has the role).
struct KubernetesOptions {
  /// Namespace of the service. Empty: the pod's own, from `namespace_file`.
  std::string in_namespace = {};
  /// Name of the service, best a headless one.
  std::string service = {};
  /// Name of the service's port. Empty: its only port.
  std::string port_name = {};
  /// When not 0: the port, whatever the service says.
  std::uint16_t port = 0;
  /// "https://host:port". Empty: from KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
  std::string api_server = {};
  /// The account's token, read again for every request, because it is replaced while the pod runs.
  /// Sent only over https. Empty: no token is sent.
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  /// Who signs the API server's certificate (PEM). Read again for every connection. Empty: the
  /// system's authorities.
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  std::string namespace_file = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
  /// How long one watch runs before it is taken up again where it ended. 1 s to 1 hour.
  Duration watch_time = std::chrono::minutes(5);
  /// How long any other request may take. 100 ms to 1 minute.
  Duration timeout = std::chrono::seconds(10);
  /// Accepts any certificate, and so gives the token to anyone. For experiments.
  bool insecure_skip_tls_verification = false;
};

/// Errors: invalid_argument (the message names the field), failed_precondition (a default is asked
/// for that only a pod has).
Result<std::shared_ptr<Discovery>> kubernetes_seeds(KubernetesOptions options);

/// Asks Consul for the instances of a service, with blocking queries.
struct ConsulOptions {
  std::string service = {};
  /// The agent: "http://host:port" or "https://host:port".
  std::string url = "http://127.0.0.1:8500";
  /// Only instances with this tag. Empty: all.
  std::string tag = {};
  /// Empty: the agent's own.
  std::string datacenter = {};
  /// Whether only instances whose checks all pass count. Leave it off when the checks ask kith
  /// itself: a pool that starts has none that pass.
  bool only_passing = false;
  /// The ACL token, or a file with it, which is read again for every query. At most one of them.
  std::string token = {};
  std::string token_file = {};
  /// Who signs the agent's certificate (PEM). Empty: the system's authorities.
  std::string ca_file = {};
  /// How long Consul may hold a query while nothing changes. 1 s to 10 minutes.
  Duration wait = std::chrono::minutes(5);
  /// How long a query may take besides. 100 ms to 1 minute.
  Duration timeout = std::chrono::seconds(10);
  bool insecure_skip_tls_verification = false;
};

/// Errors: invalid_argument (the message names the field).
Result<std::shared_ptr<Discovery>> consul_seeds(ConsulOptions options);

/// Reads and watches the keys below a prefix of etcd (version 3.4 or later, through its JSON
/// gateway), and if asked to, keeps one for this node. A seed is a key's value: "host:port", or a
/// JSON object with the member "Addr", as etcd's own naming library writes it.
struct EtcdOptions {
  /// Such as "/kith/prod/". Not empty.
  std::string prefix = {};
  /// The cluster's members, tried in turn: "http://host:port" or "https://host:port". 1 to 32.
  std::vector<std::string> urls = {"http://127.0.0.1:2379"};
  /// When not empty: this node's "host:port", which is kept as the value of the key prefix +
  /// address for as long as the source runs, and for `lease` longer when the process dies.
  std::string register_address = {};
  /// 2 s to 1 hour, in whole seconds.
  Duration lease = std::chrono::seconds(15);
  /// Empty: no authentication.
  std::string user = {};
  std::string password = {};
  /// Who signs the members' certificates (PEM). Empty: the system's authorities.
  std::string ca_file = {};
  /// This node's certificate and key (PEM), where etcd asks for them. Both or neither.
  std::string certificate_file = {};
  std::string key_file = {};
  /// How long one request may take. 100 ms to 1 minute.
  Duration timeout = std::chrono::seconds(5);
  bool insecure_skip_tls_verification = false;
};

/// Errors: invalid_argument (the message names the field).
Result<std::shared_ptr<Discovery>> etcd_seeds(EtcdOptions options);

}  // namespace kith
