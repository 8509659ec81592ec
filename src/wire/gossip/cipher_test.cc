// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/cipher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "wire/gossip/golden.h"
#include "wire/gossip/golden_pool.h"
#include "wire/gossip/keyring.h"

namespace kith::wire::gossip {
namespace {

using golden::kNonce;
using ::testing::HasSubstr;

Key key(char fill, std::size_t size = 16) { return *Key::create(std::string(size, fill)); }

Keyring ring(const std::vector<Key>& keys) {
  Keyring keyring;
  for (const Key& one : keys) EXPECT_TRUE(keyring.add(one));
  return keyring;
}

std::string sealed(const Key& with, std::string_view plaintext, std::string_view associated = {},
                   EncryptionVersion version = EncryptionVersion::unpadded) {
  std::string out;
  EXPECT_TRUE(encrypt(with, version, kNonce, plaintext, associated, out));
  return out;
}

// ---- Keys ----

TEST(GossipKey, HasOneOfThreeLengths) {
  for (std::size_t size = 0; size <= 64; ++size) {
    const auto made = Key::create(std::string(size, 'k'));
    EXPECT_EQ(made.has_value(), size == 16 || size == 24 || size == 32) << size;
    if (!made) {
      EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    }
  }
}

TEST(GossipKey, DiffersByItsBytesAndItsLength) {
  EXPECT_EQ(key('a'), key('a'));
  EXPECT_NE(key('a'), key('b'));
  EXPECT_NE(key('\0', 16), key('\0', 24));
}

TEST(GossipKey, IsReadFromBase64) {
  const auto text_of = [](std::string_view base64) {
    const auto key = Key::from_base64(base64);
    if (!key) return "error: " + key.error().message;
    return std::string(reinterpret_cast<const char*>(key->bytes().data()), key->bytes().size());
  };
  EXPECT_EQ(text_of("MDEyMzQ1Njc4OWFiY2RlZg=="), "0123456789abcdef");
  EXPECT_EQ(text_of("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"), "0123456789abcdef01234567");
  EXPECT_EQ(text_of("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
            "0123456789abcdef0123456789abcdef");
  for (const char* const wrong :
       {"", "====", "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZg=a", "not base64 at all!!!",
        "MDEyMzQ1Njc4OWFiY2RlZjA=",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"}) {
    EXPECT_FALSE(Key::from_base64(wrong)) << wrong;
  }
}

TEST(GossipKeyring, MakesTheFirstKeyPrimary) {
  const Keyring keyring = ring({key('a'), key('b')});
  EXPECT_EQ(keyring.primary(), key('a'));
  EXPECT_EQ(keyring.keys().size(), 2u);
}

TEST(GossipKeyring, KeepsAKeyThatIsAddedAgain) {
  const Keyring keyring = ring({key('a'), key('b'), key('b'), key('a')});
  EXPECT_EQ(keyring.keys().size(), 2u);
  EXPECT_EQ(keyring.primary(), key('a'));
}

TEST(GossipKeyring, UsesAnotherKeyAndKeepsTheOrderOfTheOthers) {
  Keyring keyring = ring({key('a'), key('b'), key('c')});
  ASSERT_TRUE(keyring.use(key('c')));
  EXPECT_EQ(std::vector<Key>(keyring.keys().begin(), keyring.keys().end()),
            (std::vector<Key>{key('c'), key('a'), key('b')}));
}

TEST(GossipKeyring, RefusesToUseAKeyThatItDoesNotHave) {
  Keyring keyring = ring({key('a')});
  const auto used = keyring.use(key('b'));
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, ErrorCode::not_found);
}

TEST(GossipKeyring, RemovesAnyKeyButThePrimaryOne) {
  Keyring keyring = ring({key('a'), key('b')});
  const auto primary = keyring.remove(key('a'));
  ASSERT_FALSE(primary);
  EXPECT_EQ(primary.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(keyring.remove(key('b')));
  EXPECT_TRUE(keyring.remove(key('z')));
  EXPECT_EQ(keyring.keys().size(), 1u);
}

TEST(GossipKeyring, HasABound) {
  Keyring keyring;
  for (std::size_t i = 0; i < Keyring::kMaxKeys; ++i) {
    ASSERT_TRUE(keyring.add(key(static_cast<char>('a' + i))));
  }
  const auto added = keyring.add(key('Z'));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::resource_exhausted);
}

// One node after the other takes each step; whatever pair talks meanwhile understands each other.
TEST(GossipKeyring, RotatesWithoutAnInterruption) {
  Keyring one = ring({key('o')});
  Keyring other = ring({key('o')});
  const auto understand = [&] {
    for (const auto& [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      EXPECT_EQ(decrypt(*to, sealed(from->primary(), "text"), {}), "text");
    }
  };
  const auto step = [&](auto&& change) {
    EXPECT_TRUE(change(one));
    understand();
    EXPECT_TRUE(change(other));
    understand();
  };
  step([](Keyring& keyring) { return keyring.add(key('n')); });
  step([](Keyring& keyring) { return keyring.use(key('n')); });
  step([](Keyring& keyring) { return keyring.remove(key('o')); });
  EXPECT_FALSE(decrypt(one, sealed(key('o'), "text"), {}));
}

// ---- The envelope ----

RC_GTEST_PROP(GossipCipher, ReadsBackAnythingItWrote,
              (const std::string& plaintext, const std::string& associated)) {
  const Key with = key('k', *rc::gen::element<std::size_t>(16, 24, 32));
  const auto version = *rc::gen::element(EncryptionVersion::padded, EncryptionVersion::unpadded);
  const std::string envelope = sealed(with, plaintext, associated, version);
  RC_ASSERT(envelope.size() == envelope_bytes(version, plaintext.size()));
  RC_ASSERT(decrypt(ring({key('x'), with}), envelope, associated) == plaintext);
}

TEST(GossipCipher, PaddingAddsOneToSixteenBytes) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plaintext(size, '\x10');
    const std::string envelope = sealed(key('k'), plaintext, {}, EncryptionVersion::padded);
    EXPECT_EQ(envelope.size() % 16, 29u % 16);
    EXPECT_GT(envelope.size(), 29 + size);
    EXPECT_LE(envelope.size(), 45 + size);
    EXPECT_EQ(decrypt(ring({key('k')}), envelope, {}), plaintext);
  }
}

TEST(GossipCipher, EveryFlippedBitIsDetected) {
  const Keyring keyring = ring({key('k')});
  for (const auto version : {EncryptionVersion::padded, EncryptionVersion::unpadded}) {
    const std::string envelope = sealed(key('k'), "some text", "label", version);
    ASSERT_TRUE(decrypt(keyring, envelope, "label"));
    // The version is not authenticated: of its bits the lowest tells the padding.
    for (std::size_t bit = 8; bit < 8 * envelope.size(); ++bit) {
      std::string damaged = envelope;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto read = decrypt(keyring, damaged, "label");
      ASSERT_FALSE(read) << bit;
      EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    }
  }
}

TEST(GossipCipher, OtherKeysAndOtherAssociatedBytesAreRefused) {
  const std::string envelope = sealed(key('k'), "some text", "label");
  for (const auto& read :
       {decrypt(ring({key('x'), key('k', 24)}), envelope, "label"),
        decrypt(ring({key('k')}), envelope, ""), decrypt(ring({key('k')}), envelope, "labels"),
        decrypt(Keyring{}, envelope, "label")}) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(read.error().message, HasSubstr("none of the keys"));
  }
}

TEST(GossipCipher, ShortEnvelopesAreRefused) {
  const Keyring keyring = ring({key('k')});
  for (const auto version : {EncryptionVersion::padded, EncryptionVersion::unpadded}) {
    const std::string envelope = sealed(key('k'), "", {}, version);
    for (std::size_t size = 0; size < envelope.size(); ++size) {
      EXPECT_FALSE(decrypt(keyring, envelope.substr(0, size), {})) << size;
    }
  }
}

TEST(GossipCipher, LaterVersionsAreUnimplemented) {
  std::string envelope = sealed(key('k'), "some text");
  envelope[0] = 2;
  const auto read = decrypt(ring({key('k')}), envelope, {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::unimplemented);
}

// What is authentic may still have no right padding: here the version was changed on the way.
TEST(GossipCipher, AWrongPaddingIsRefused) {
  for (const std::string& plaintext : {std::string(), std::string("\0", 1), std::string(40, '\x11'),
                                       std::string(5, '\x06'), std::string(20, '\xff')}) {
    std::string envelope = sealed(key('k'), plaintext);
    envelope[0] = 0;
    const auto read = decrypt(ring({key('k')}), envelope, {});
    ASSERT_FALSE(read) << plaintext.size();
    EXPECT_THAT(read.error().message, HasSubstr("padding"));
  }
}

TEST(GossipCipher, AppendsToWhatIsThere) {
  std::string out = "before";
  ASSERT_TRUE(encrypt(key('k'), EncryptionVersion::unpadded, kNonce, "text", {}, out));
  EXPECT_EQ(out, "before" + sealed(key('k'), "text"));
}

TEST(GossipCipher, WhatIsOverTheLimitIsRefused) {
  const std::string most(kMaxEnvelopeBytes - kMinEnvelopeBytes, 'x');
  std::string out;
  EXPECT_TRUE(encrypt(key('k'), EncryptionVersion::unpadded, kNonce, most, {}, out));
  EXPECT_EQ(decrypt(ring({key('k')}), out, {}), most);
  const auto read = decrypt(ring({key('k')}), out + "x", {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::too_large);
  out = "before";
  const auto written = encrypt(key('k'), EncryptionVersion::unpadded, kNonce, most + "x", {}, out);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::too_large);
  EXPECT_EQ(out, "before");
}

// A TLS connection of the same thread would take a left-over error for its own.
TEST(GossipCipher, LeavesTheErrorsOfTheThreadAlone) {
  ERR_clear_error();
  EXPECT_FALSE(decrypt(ring({key('k')}), sealed(key('x'), "text"), {}));
  EXPECT_EQ(ERR_peek_error(), 0u);
  ERR_put_error(ERR_LIB_USER, 0, 77, "", 0);
  EXPECT_FALSE(decrypt(ring({key('k')}), sealed(key('x'), "text"), {}));
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), 77);
  ERR_clear_error();
}

}  // namespace
}  // namespace kith::wire::gossip
