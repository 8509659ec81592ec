// SPDX-License-Identifier: Apache-2.0
#include "core/membership/moves.h"

#include <utility>

namespace kith::membership {
namespace {

/// Pings to the old address, spread over the time for an answer: one that is lost must not give a
/// name away.
constexpr int kPings = 3;
/// Names asked about at once or remembered. Further claims find no belief.
constexpr std::size_t kMaxQuestions = 256;

}  // namespace

Moves::Moves(const Options& options, Sequence& sequence, Outbox& outbox)
    : ping_{0, "", options.address.ip, options.address.port, options.name},
      timeout_(options.profile.probe_timeout),
      remember_(options.profile.gossip_to_the_dead),
      sequence_(sequence),
      outbox_(outbox) {}

void Moves::question(const Alive& claim, const Address& address, TimePoint now, Actions& out) {
  const auto known = questions_.find(claim.node);
  if (known != questions_.end()) {
    Question& same = known->second;
    const bool elsewhere = address_of(claim) != address_of(same.claim);
    const bool newer = claim.incarnation > same.claim.incarnation;
    if (same.due && newer && !elsewhere) same.claim = claim;
    if (same.due || (!newer && !elsewhere && now < same.remembered_until)) return;
    questions_.erase(known);
  }
  if (questions_.size() >= kMaxQuestions) {
    std::erase_if(questions_, [&](const auto& entry) {
      return !entry.second.due && entry.second.remembered_until <= now;
    });
    if (questions_.size() >= kMaxQuestions) return;
  }
  Question& question = questions_[claim.node];
  question = {claim, address, sequence_.next(), now};
  ask(question, out);
}

void Moves::ask(Question& question, Actions& out) {
  ++question.asked;
  *question.due += timeout_ / kPings;
  Ping ping = ping_;
  ping.seq_no = question.seq_no;
  ping.node = question.claim.node;
  outbox_.send(question.address, std::move(ping), out);
}

std::optional<Alive> Moves::on_ack(std::uint32_t seq_no, TimePoint now) {
  for (auto& [name, question] : questions_) {
    if (question.seq_no != seq_no || !question.due) continue;
    question.due.reset();
    question.remembered_until = now + remember_;
    return question.claim;
  }
  return std::nullopt;
}

std::vector<Alive> Moves::on_deadline(TimePoint now, Actions& out) {
  std::vector<Alive> uncontradicted;
  for (auto& [name, question] : questions_) {
    if (!question.due || *question.due > now) continue;
    if (question.asked < kPings) {
      *question.due = now;
      ask(question, out);
      continue;
    }
    question.due.reset();
    question.remembered_until = now + remember_;
    uncontradicted.push_back(question.claim);
  }
  return uncontradicted;
}

std::optional<TimePoint> Moves::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [name, question] : questions_) {
    if (question.due && (!next || *question.due < *next)) next = question.due;
  }
  return next;
}

void Moves::postpone(Duration by) {
  for (auto& [name, question] : questions_) {
    if (question.due) *question.due += by;
  }
}

}  // namespace kith::membership
