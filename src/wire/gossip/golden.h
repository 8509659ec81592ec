// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// For tests: bytes that memberlist 0.2.2, 0.5.0 or a later one sent, or accepted from a test peer,
// in hexadecimal. Whatever changes here, pools no longer understand each other.
namespace kith::wire::gossip::golden {

inline std::string unhex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1])));
  }
  return bytes;
}

inline std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    digits.push_back(kDigits[byte >> 4]);
    digits.push_back(kDigits[byte & 15]);
  }
  return digits;
}

inline constexpr std::string_view kGoldenKey = "0123456789abcdef";
inline constexpr std::string_view kLabel = "lbl";

// Messages.
inline constexpr std::string_view kPing =
    "0085a44e6f6465a27031a55365714e6f01aa536f7572636541646472a47f00000baa536f757263654e6f6465"
    "a161aa536f75726365506f7274cd461a";
inline constexpr std::string_view kPingMinimal = "0082a44e6f6465a161a55365714e6f07";
inline constexpr std::string_view kIndirectPing =
    "0188a44e61636bc3a44e6f6465a27031a4506f7274cd461aa55365714e6f03aa536f7572636541646472a47f"
    "00000baa536f757263654e6f6465a161aa536f75726365506f7274cd461aa6546172676574a47f000015";
inline constexpr std::string_view kAck = "0282a75061796c6f6164c0a55365714e6f07";
inline constexpr std::string_view kAckPayload = "0282a75061796c6f6164a25050a55365714e6f07";
inline constexpr std::string_view kNack = "0b81a55365714e6fcd0385";
inline constexpr std::string_view kSuspect =
    "0383a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a27031";
inline constexpr std::string_view kDead =
    "0583a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a27031";
inline constexpr std::string_view kLeave =
    "0583a446726f6da161ab496e6361726e6174696f6e01a44e6f6465a161";
inline constexpr std::string_view kAlive =
    "0486a441646472a47f000015ab496e6361726e6174696f6e01a44d657461c0a44e6f6465a27031a4506f7274"
    "cd461aa356736ea6010502000000";
inline constexpr std::string_view kError =
    "0d81a54572726f72da003a72656d6f746520737461746520697320656e6372797074656420616e6420656e63"
    "72797074696f6e206973206e6f7420636f6e66696775726564";

// Connections.
inline constexpr std::string_view kPushPullRequest =
    "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e0087a441646472a47f000015ab496e63"
    "61726e6174696f6e01a44d657461c0a44e616d65a27031a4506f7274cd461aa5537461746500a356736ea601"
    "0502000000";
inline constexpr std::string_view kPushPullReply =
    "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e0087a441646472a47f00000bab496e63"
    "61726e6174696f6e01a44d657461c0a44e616d65a161a4506f7274cd461aa5537461746500a356736ea60105"
    "02000000";
inline constexpr std::string_view kPushPullState =
    "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e0b87a441646472a47f00000bab496e63"
    "61726e6174696f6e01a44d657461a26d31a44e616d65a161a4506f7274cd461aa5537461746500a356736ea6"
    "01050200000068656c6c6f2d7374617465";
inline constexpr std::string_view kUserStream = "0881aa557365724d73674c656e0968656c6c6f2d746370";

// Datagrams with a checksum; the two compounds have two parts each.
inline constexpr std::string_view kCompoundCrc =
    "0c781f76310702003a00390486a441646472a47f000015ab496e6361726e6174696f6e01a44d657461c0a44e"
    "6f6465a27031a4506f7274cd461aa356736ea60105020000000486a441646472a47f00000bab496e6361726e"
    "6174696f6e01a44d657461c0a44e6f6465a161a4506f7274cd461aa356736ea6010502000000";
inline constexpr std::string_view kPingSuspectCrc =
    "0c132e72090702003c001e0085a44e6f6465a27031a55365714e6f06aa536f7572636541646472a47f00000b"
    "aa536f757263654e6f6465a161aa536f75726365506f7274cd461a0383a446726f6da161ab496e6361726e61"
    "74696f6e01a44e6f6465a27031";
inline constexpr std::string_view kUserCrc = "0ca2f61ccc0868656c6c6f2d75736572";
inline constexpr std::string_view kSerfEventCrc =
    "0ca4e7b698080384a24343c2a54c54696d6501a44e616d65a66465706c6f79a75061796c6f6164a2706c";

// Compressed.
inline constexpr std::string_view kCompressedUserCrc =
    "0cdc42c0010982a4416c676f00a3427566b00011041948b0a0c18308132a5ca83020";
inline constexpr std::string_view kCompressedPing =
    "0982a4416c676f00a3427566b400010822e5e40d9932a1c2949a52264ec1030101";
inline constexpr std::string_view kCompressedUserStream =
    "0982a4416c676f00a3427566bd0011045255654e19394de69c6152c64d023465d8b079d382ce18380101";
inline constexpr std::string_view kCompressedPushPullReply =
    "0982a4416c676f00a3427566da0065000d0c22a5e44d1a37c34a397943a6cc9c00acaacc2923670a9d3074ca"
    "3029e306c0215241c8909143ea0f00000b56257133268c1c3718d3bc7113805493321781917212a64d995061"
    "48417923874e33231a4a59c45806c0282b73dc980a5040c049000101";

// With the label kLabel, encrypted with kGoldenKey, or both. "Ours" have the nonce 00 01 ... 0b and
// were accepted by memberlist; the others it made itself, with nonces of its own.
inline constexpr std::string_view kLabelledAck = "f4036c626c0282a75061796c6f6164c0a55365714e6f07";
inline constexpr std::string_view kOursEncrypted =
    "01000102030405060708090a0bfdbd605371105e978983547fb1d5df2a8beca0f8ca903c491ca609a8964a05"
    "0c";
inline constexpr std::string_view kOursEncryptedPadded =
    "00000102030405060708090a0bfdbd605371105e978983547fb1d5df2a10c747ea17a35a5b6779fae3ffbbbb"
    "7ca0017b0ac2e20ff0b4d67c788e7d9b84";
inline constexpr std::string_view kOursEncryptedLabelled =
    "f4036c626c01000102030405060708090a0bfdbd605371105e978983547fb1d5df2a52990c62eb9d497d40f3"
    "e068d79df47d";
inline constexpr std::string_view kOursEncryptedStream =
    "0a0000002d01000102030405060708090a0bfdbd605371105e978983547fb1d5df60c904b1aa13a9982ad753"
    "4ec2f7f02d74";
inline constexpr std::string_view kOursEncryptedStreamLabelled =
    "f4036c626c0a0000002d01000102030405060708090a0bfdbd605371105e978983547fb1d5df600a25765a06"
    "4e1d757d271be23eb4e3e5";
inline constexpr std::string_view kEncryptedAck =
    "01ac64099d334116558e39f0a81dcc42e815feea51bf2e00ff5dbcde6b76888afd4a1c5acddbbcf01bdce90b"
    "e1cd4d";
inline constexpr std::string_view kEncryptedAckLabelled =
    "f4036c626c01035a989fe9182c1cfc81e61486c9eb17167135af3d309b1f35b6d8fa4bf3fa92d6f478e29962"
    "7effc1148159e440";
inline constexpr std::string_view kEncryptedUserStream =
    "0a0000003401f1469b0020b6ad969011efbe545a7a2e1cced6cd3dca6c714f8bab8e193ecd35b47e218f4647"
    "240b62168d63c0a428bd86df04";

}  // namespace kith::wire::gossip::golden
