// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/credentials.h"

#include <utility>

namespace kith::edge::tls {

Credentials::Credentials(Settings settings, OwnCertificate own,
                         std::shared_ptr<const Context> context, Material::Digest digest)
    : settings_(std::move(settings)), own_(own), context_(std::move(context)), digest_(digest) {}

Result<std::shared_ptr<Credentials>> Credentials::load(Settings settings, OwnCertificate own) {
  const Result<Material> material = Material::read(settings);
  if (!material) return tl::unexpected(material.error());
  auto context = Context::create(settings, *material, own);
  if (!context) return tl::unexpected(context.error());
  return std::shared_ptr<Credentials>(
      new Credentials(std::move(settings), own, *std::move(context), material->digest()));
}

Result<bool> Credentials::reload() {
  MutexLock lock(&mutex_);
  const Result<Material> material = Material::read(settings_);
  if (!material) return tl::unexpected(material.error());
  const Material::Digest digest = material->digest();
  if (digest == digest_) return false;
  auto context = Context::create(settings_, *material, own_);
  if (!context) return tl::unexpected(context.error());
  context_.store(*std::move(context));
  digest_ = digest;
  return true;
}

}  // namespace kith::edge::tls
