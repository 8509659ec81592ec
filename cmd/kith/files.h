// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string>
#include <string_view>

namespace kith::command {

enum class Access { everybody, owner_only };

/// Writes a file that is not there yet. Errors: already_exists; invalid_argument (it cannot be
/// written, the message says why); no file is left then.
Result<void> write_new_file(const std::string& path, std::string_view content, Access access);

/// Errors: already_exists, when there is something at `path`.
Result<void> must_be_new(const std::string& path);

/// Errors: invalid_argument (it cannot be read, the message says why).
Result<std::string> read_file(const std::string& path);

/// Makes a folder, and those above it. Errors: invalid_argument.
Result<void> make_folder(const std::string& path);

}  // namespace kith::command
