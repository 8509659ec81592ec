// SPDX-License-Identifier: Apache-2.0
//
// See docs/discovery.md, "DNS".
#include <kith/discovery.h>

#include <algorithm>
#include <map>
#include <utility>

#include "edge/discovery/backoff.h"
#include "edge/discovery/report.h"
#include "edge/discovery/resolver.h"
#include "edge/discovery/source.h"
#include "edge/discovery/validate.h"

namespace kith::edge::discovery {

namespace {

constexpr std::size_t kMaxServers = 8;
constexpr std::uint16_t kDnsPort = 53;
/// The shortest time between two looks, whatever the TTL.
constexpr Duration kLeastRefresh = std::chrono::seconds(1);
/// Targets of SRV records of which addresses are looked up.
constexpr std::size_t kMaxTargets = 1024;
/// Addresses of one name that are kept.
constexpr std::size_t kMaxAddresses = 4096;

/// The addresses that names last had, so that a question without an answer changes nothing.
class KnownAddresses {
 public:
  struct Addresses {
    std::vector<std::string> of_name;
    /// Empty: all of them are of now.
    std::string complaint;
    std::chrono::seconds ttl = kMaxTtl;
  };

  /// The addresses of each name, in order. Forgets all other names.
  std::vector<Addresses> look_up(const std::vector<std::string>& names, const Resolver& resolver,
                                 const StopSignal& stop);

 private:
  using Key = std::pair<std::string, DnsType>;
  std::map<Key, std::vector<std::string>> known_;
};

std::vector<KnownAddresses::Addresses> KnownAddresses::look_up(
    const std::vector<std::string>& names, const Resolver& resolver, const StopSignal& stop) {
  std::vector<DnsQuestion> questions;
  for (const std::string& name : names) {
    questions.push_back({name, DnsType::a});
    questions.push_back({name, DnsType::aaaa});
  }
  const auto answers = resolver.ask(questions, stop);

  std::vector<Addresses> all(names.size());
  std::map<Key, std::vector<std::string>> now;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Addresses& addresses = all[i / 2];
    const Key key(questions[i].name, questions[i].type);
    if (answers[i]) {
      for (const DnsAddress& record : answers[i]->addresses) {
        if (now[key].size() < kMaxAddresses) now[key].push_back(record.address);
      }
      addresses.ttl = std::min(addresses.ttl, answers[i]->ttl);
    } else {
      now[key] = std::move(known_[key]);
      addresses.complaint = answers[i].error().message;
    }
    addresses.of_name.insert(addresses.of_name.end(), now[key].begin(), now[key].end());
  }
  known_ = std::move(now);
  return all;
}

/// The result of one look.
struct Look {
  /// Without seeds: whatever was known stays.
  Found found;
  std::chrono::seconds ttl = kMaxTtl;
};

/// Looks again and again, at the pace that the TTLs and `refresh` set.
class DnsInquiry : public Inquiry {
 public:
  DnsInquiry(const std::vector<std::string>& servers, Duration timeout, Duration refresh)
      : resolver_(servers, timeout), refresh_(refresh), backoff_(random_seed(), refresh) {}

  void run(Report& report, const StopSignal& stop) final {
    while (!stop.raised()) {
      Look look = this->look(stop);
      if (stop.raised()) return;
      const bool complete = look.found.complaint.empty();
      const Duration pause =
          complete ? pause_after(look.ttl) : std::max<Duration>(backoff_.next(), kLeastRefresh);
      if (complete) backoff_.reset();
      if (look.found.seeds.empty()) {
        report.trouble(look.found.complaint);
      } else {
        report.answered(std::move(look.found));
      }
      stop.sleep(pause);
    }
  }

 protected:
  /// One look. Complains whenever it finds no seed.
  virtual Look look(const StopSignal& stop) = 0;
  const Resolver& resolver() const { return resolver_; }

 private:
  Duration pause_after(std::chrono::seconds ttl) const {
    return ttl < refresh_ ? std::max<Duration>(ttl, kLeastRefresh) : refresh_;
  }

  const Resolver resolver_;
  const Duration refresh_;
  Backoff backoff_;
};

class AddressInquiry final : public DnsInquiry {
 public:
  explicit AddressInquiry(const DnsOptions& options, const std::vector<std::string>& servers)
      : DnsInquiry(servers, options.timeout, options.refresh),
        name_(options.name),
        port_(options.port) {}

 private:
  Look look(const StopSignal& stop) override {
    const auto addresses = known_.look_up({name_}, resolver(), stop).front();
    Look look{.found = {.seeds = {}, .complaint = addresses.complaint}, .ttl = addresses.ttl};
    for (const std::string& address : addresses.of_name) {
      look.found.seeds.push_back({address, port_});
    }
    if (look.found.seeds.empty()) look.found.complain(name_ + " has no address");
    return look;
  }

  const std::string name_;
  const std::uint16_t port_;
  KnownAddresses known_;
};

class ServiceInquiry final : public DnsInquiry {
 public:
  explicit ServiceInquiry(const DnsSrvOptions& options, const std::vector<std::string>& servers)
      : DnsInquiry(servers, options.timeout, options.refresh), name_(options.name) {}

 private:
  Look look(const StopSignal& stop) override;
  void add_looked_up(const std::vector<DnsService>& services, const StopSignal& stop, Look& look);

  const std::string name_;
  KnownAddresses known_;
};

Look ServiceInquiry::look(const StopSignal& stop) {
  const DnsQuestion question{name_, DnsType::srv};
  auto answer = resolver().ask({&question, 1}, stop).front();
  Look look;
  if (!answer) {
    look.found.complain(std::move(answer).error().message);
    return look;
  }
  look.ttl = answer->ttl;
  std::vector<DnsService> to_look_up;
  for (const DnsService& service : answer->services) {
    // The root stands for "not offered here".
    if (service.target.empty()) continue;
    bool added = false;
    for (const DnsAddress& record : answer->additional) {
      if (record.owner != service.target) continue;
      added = true;
      if (auto seed = make_seed(record.address, service.port)) look.found.seeds.push_back(*seed);
    }
    if (!added) to_look_up.push_back(service);
  }
  add_looked_up(to_look_up, stop, look);
  if (look.found.seeds.empty()) look.found.complain(name_ + " has no service");
  return look;
}

void ServiceInquiry::add_looked_up(const std::vector<DnsService>& services, const StopSignal& stop,
                                   Look& look) {
  std::vector<std::string> names;
  // With a dot, so that no search domain is tried.
  for (const DnsService& service : services) names.push_back(service.target + ".");
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > kMaxTargets) {
    look.found.complain(name_ + " has more than " + std::to_string(kMaxTargets) + " targets");
    names.resize(kMaxTargets);
  }
  const auto addresses = known_.look_up(names, resolver(), stop);
  for (const DnsService& service : services) {
    const auto name = std::ranges::lower_bound(names, service.target + ".");
    if (name == names.end() || *name != service.target + ".") continue;
    const auto& found = addresses[static_cast<std::size_t>(name - names.begin())];
    look.ttl = std::min(look.ttl, found.ttl);
    if (!found.complaint.empty()) look.found.complain(found.complaint);
    if (found.of_name.empty()) look.found.complain("the target " + *name + " has no address");
    for (const std::string& address : found.of_name) {
      if (look.found.seeds.size() > kMaxSeeds) return;
      if (auto seed = make_seed(address, service.port)) look.found.seeds.push_back(*seed);
    }
  }
}

/// Each with its port. Errors: invalid_argument.
Result<std::vector<std::string>> parse_servers(const std::vector<std::string>& servers) {
  if (servers.size() > kMaxServers) {
    return bad("servers", std::to_string(servers.size()) + " servers", "at most 8");
  }
  std::vector<std::string> parsed;
  for (const std::string& server : servers) {
    auto seed = is_numeric(server) ? make_seed(server, kDnsPort) : parse_seed(server);
    if (!seed || !is_numeric(seed->host)) {
      return bad("servers", '"' + server + '"', "numeric addresses, each with a port or none");
    }
    parsed.push_back(seed->to_string());
  }
  return parsed;
}

template <class Options>
Result<void> validate(const Options& options) {
  if (is_numeric(options.name)) {
    return bad("name", '"' + options.name + '"', "a name: static_seeds is for addresses");
  }
  return all_of(
      {validate_name("name", options.name),
       validate_between("refresh", options.refresh, kLeastRefresh, std::chrono::hours(24)),
       validate_timeout(options.timeout)});
}

template <class Asked, class Options>
Result<std::shared_ptr<Discovery>> make(const std::string& kind, const Options& options) {
  if (auto valid = validate(options); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  const auto servers = parse_servers(options.servers);
  if (!servers) return tl::unexpected<Error>(servers.error());
  return make_source(kind + options.name, std::make_unique<Asked>(options, *servers));
}

}  // namespace

}  // namespace kith::edge::discovery

namespace kith {

Result<std::shared_ptr<Discovery>> dns_seeds(DnsOptions options) {
  using namespace edge::discovery;  // NOLINT(google-build-using-namespace): all of it is above
  if (options.port == 0) return bad("port", "0", "1 to 65535");
  return make<AddressInquiry>("DNS ", options);
}

Result<std::shared_ptr<Discovery>> dns_srv_seeds(DnsSrvOptions options) {
  using namespace edge::discovery;  // NOLINT(google-build-using-namespace): all of it is above
  return make<ServiceInquiry>("DNS SRV ", options);
}

}  // namespace kith
