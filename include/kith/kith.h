// SPDX-License-Identifier: Apache-2.0
// All of kith's public interface.
#pragma once

#include <kith/cache.h>       // IWYU pragma: export
#include <kith/codec.h>       // IWYU pragma: export
#include <kith/discovery.h>   // IWYU pragma: export
#include <kith/loader.h>      // IWYU pragma: export
#include <kith/membership.h>  // IWYU pragma: export
#include <kith/node.h>        // IWYU pragma: export
#include <kith/options.h>     // IWYU pragma: export
#include <kith/result.h>      // IWYU pragma: export
#include <kith/security.h>    // IWYU pragma: export
#include <kith/stats.h>       // IWYU pragma: export
#include <kith/time.h>        // IWYU pragma: export
#include <kith/typed.h>       // IWYU pragma: export
#include <kith/value.h>       // IWYU pragma: export
#include <kith/version.h>     // IWYU pragma: export
