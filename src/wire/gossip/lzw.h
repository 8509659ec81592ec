// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <string>
#include <string_view>

// LZW as in GIF: literals of 8 bits, codes of 9 to 12 bits packed from the lowest bit on, a code to
// begin a new table and one to end. What memberlist compresses with. By hand: the libraries that
// have it are readers of whole image formats.
namespace kith::wire::gossip {

/// The same bytes as Go's compress/lzw makes, whatever the input.
std::string lzw_compress(std::string_view input);

/// What was compressed. Bytes after the end are ignored. Errors: invalid_argument (it is no LZW, or
/// ends early), too_large (more than `max_bytes`; no more than that is ever held).
Result<std::string> lzw_decompress(std::string_view input, std::size_t max_bytes);

}  // namespace kith::wire::gossip
