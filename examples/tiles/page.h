// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tiles {

/// The text of page.html, which the build compiles in.
std::string_view page_html();

}  // namespace tiles
