// SPDX-License-Identifier: Apache-2.0
#include "renderer.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tiles {
namespace {

// The square of the complex plane that tile 0/0/0 shows.
constexpr double kLeft = -2.4;
constexpr double kTop = 1.7;
constexpr double kWorldSide = 3.4;

/// A tile is sampled again, at other points of each pixel, for as long as it has cost less than
/// this. So a plain tile is smoother instead of cheaper, and all tiles cost about the same.
constexpr std::uint64_t kWorthwhileIterations = 4'000'000;
/// What colouring one point costs, in iterations.
constexpr std::uint64_t kColourIterations = 40;
constexpr int kMaxPasses = 4;

/// Points are iterated side by side: one alone leaves most of the processor waiting for its own
/// last step.
constexpr int kLanes = 4;
using Reals = double __attribute__((vector_size(kLanes * sizeof(double))));
static_assert(kTileSide % kLanes == 0);

/// Steps between two looks at who has fled. The limit of iterations is a multiple of it.
constexpr int kStride = 8;
constexpr double kFarSquared = 64;

struct Colour {
  double red, green, blue;
};

constexpr std::array kStops = {
    Colour{12, 20, 54},   Colour{24, 82, 138}, Colour{92, 178, 204}, Colour{240, 246, 226},
    Colour{250, 196, 84}, Colour{214, 92, 46}, Colour{92, 26, 62},
};
constexpr Colour kInside = {7, 9, 18};

/// The palette is a closed ring: position 0 and 1 are the same colour.
Colour palette(double position) {
  const double at = (position - std::floor(position)) * static_cast<double>(kStops.size());
  const auto low = static_cast<std::size_t>(at) % kStops.size();
  const Colour& a = kStops[low];
  const Colour& b = kStops[(low + 1) % kStops.size()];
  const double part = at - std::floor(at);
  return {a.red + (b.red - a.red) * part, a.green + (b.green - a.green) * part,
          a.blue + (b.blue - a.blue) * part};
}

int iteration_limit(int zoom) { return kStride * (16 + zoom + zoom / 2); }

/// The two largest parts of the set, where iterating would run to the limit for nothing.
bool in_cardioid_or_disc(double x, double y) {
  const double q = (x - 0.25) * (x - 0.25) + y * y;
  return q * (q + (x - 0.25)) <= 0.25 * y * y || (x + 1) * (x + 1) + y * y <= 0.0625;
}

/// Iterates one point that is known to flee within the next stride, to the very step.
double finish(double x, double y, double u, double v, int step) {
  double uu = u * u, vv = v * v;
  for (; uu + vv < kFarSquared; ++step) {
    v = 2 * u * v + y;
    u = uu - vv + x;
    uu = u * u;
    vv = v * v;
  }
  return std::max(0.0, step + 1 - std::log2(0.5 * std::log2(uu + vv)));
}

/// How soon a point flees, as a real number so that colours have no steps. Negative: it stays.
using EscapeTimes = std::array<double, kLanes>;

/// Of the kLanes points from x on, `gap` apart.
EscapeTimes escape_times(double x, double y, double gap, int limit, std::uint64_t& iterations) {
  EscapeTimes result;
  result.fill(-1);
  std::array<bool, kLanes> running{};
  int left = 0;
  Reals cx{}, u{}, v{};
  for (int lane = 0; lane < kLanes; ++lane) {
    cx[lane] = x + lane * gap;
    running[static_cast<std::size_t>(lane)] = !in_cardioid_or_disc(cx[lane], y);
    left += running[static_cast<std::size_t>(lane)] ? 1 : 0;
  }
  for (int step = 0; left > 0 && step < limit; step += kStride) {
    const Reals u_before = u, v_before = v;
    for (int i = 0; i < kStride; ++i) {
      const Reals uv = u * v;
      u = u * u - v * v + cx;
      v = uv + uv + y;
    }
    const Reals distance = u * u + v * v;
    iterations += kLanes * kStride;
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto at = static_cast<std::size_t>(lane);
      // Points that fled long ago are infinite or not even a number by now: `!(a < b)`, not `a >=
      // b`.
      if (running[at] && !(distance[lane] < kFarSquared)) {
        result[at] = finish(cx[lane], y, u_before[lane], v_before[lane], step);
        running[at] = false;
        --left;
      }
    }
  }
  return result;
}

Colour colour_of(double escape_time) {
  if (escape_time < 0) return kInside;
  // The root keeps bands wide far out, where a zoomed view spans many iterations.
  return palette(0.16 * std::sqrt(escape_time) - 0.1);
}

/// Adds one point of each pixel to `sums`: the one at (dx, dy) of the pixel's side.
/// Returns the iterations that it cost.
std::uint64_t add_pass(const TileKey& tile, double dx, double dy, std::vector<Colour>& sums) {
  const double pixel = std::ldexp(kWorldSide / kTileSide, -tile.zoom);
  const double left = kLeft + pixel * (double{kTileSide} * tile.x + dx);
  const double top = kTop - pixel * (double{kTileSide} * tile.y + dy);
  const int limit = iteration_limit(tile.zoom);
  std::uint64_t iterations = 0;
  auto sum = sums.begin();
  for (int row = 0; row < kTileSide; ++row) {
    for (int column = 0; column < kTileSide; column += kLanes) {
      for (const double escape_time :
           escape_times(left + column * pixel, top - row * pixel, pixel, limit, iterations)) {
        const Colour colour = colour_of(escape_time);
        sum->red += colour.red;
        sum->green += colour.green;
        sum->blue += colour.blue;
        ++sum;
      }
    }
  }
  return iterations + kColourIterations * sums.size();
}

}  // namespace

Rendering render(const TileKey& tile) {
  std::vector<Colour> sums(kTileSide * kTileSide, Colour{0, 0, 0});
  Rendering result;
  int passes = 0;
  do {
    // Points of the R2 sequence: any number of them covers the pixel evenly.
    const double dx = std::fmod(0.5 + passes * 0.7548776662466927, 1.0);
    const double dy = std::fmod(0.5 + passes * 0.5698402909980532, 1.0);
    result.iterations += add_pass(tile, dx, dy, sums);
    ++passes;
  } while (passes < kMaxPasses && result.iterations < kWorthwhileIterations);

  result.rgb.reserve(sums.size() * 3);
  for (const Colour& sum : sums) {
    for (const double channel : {sum.red, sum.green, sum.blue}) {
      result.rgb.push_back(static_cast<std::uint8_t>(channel / passes + 0.5));
    }
  }
  return result;
}

}  // namespace tiles
