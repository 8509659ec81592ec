// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tiles {
namespace {

/// A place that people want to see: as shares of the map's width and height, from the left and
/// from the top, and the zoom at which one arrives.
struct Sight {
  double across;
  double down;
  int zoom;
};

constexpr std::array<Sight, kSights> kAll = {{
    {0.4874, 0.4615, 5},  // the valley of the sea horses
    {0.7868, 0.4982, 6},  // the valley of the elephants
    {0.6588, 0.1962, 4},  // the antenna
    {0.6799, 0.3076, 7},  // the spirals of the northern bulb
    {0.3382, 0.4941, 5},  // the western disc
    {0.1859, 0.4994, 5},  // the small copy on the spike
    {0.8118, 0.4706, 7},  // the eastern shore
    {0.5588, 0.3353, 4},  // the north-western bulbs
}};

/// SplitMix64. The standard library's distributions differ between implementations.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  /// 0 to sides - 1. The bias of the remainder is far below what anyone could see here.
  std::uint64_t roll(std::uint64_t sides) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % sides;
  }

 private:
  std::uint64_t state_;
};

class Wanderer {
 public:
  Wanderer(const ScriptOptions& options, std::uint64_t seed) : options_(options), dice_(seed) {
    travel();
  }

  View next() {
    View view = look();
    move();
    return view;
  }

 private:
  View look() {
    const Sight& sight = kAll[sight_];
    const int zoom = sight.zoom + level_;
    const auto side = std::int64_t{1} << zoom;
    const auto left = static_cast<std::int64_t>(std::ldexp(sight.across, zoom)) - 1 + pan_x_;
    const auto top = static_cast<std::int64_t>(std::ldexp(sight.down, zoom)) + pan_y_;
    View view;
    for (std::int64_t y = top; y < top + kViewRows; ++y) {
      for (std::int64_t x = left; x < left + kViewColumns; ++x) {
        view.tiles.push_back(
            {zoom, static_cast<std::uint32_t>(std::clamp<std::int64_t>(x, 0, side - 1)),
             static_cast<std::uint32_t>(std::clamp<std::int64_t>(y, 0, side - 1))});
      }
    }
    const auto spread = options_.longest_pause - options_.shortest_pause;
    view.pause =
        options_.shortest_pause +
        std::chrono::milliseconds(dice_.roll(static_cast<std::uint64_t>(spread.count()) + 1));
    return view;
  }

  void move() {
    const std::uint64_t choice = dice_.roll(100);
    if (choice < 20) return travel();
    if (choice < 45) return zoom();
    // Never further than one tile from the sight: what is popular is what is looked at.
    int& pan = choice < 75 ? pan_x_ : pan_y_;
    pan = std::clamp(pan + (dice_.roll(2) == 0 ? -1 : 1), -1, 1);
  }

  void zoom() {
    level_ = std::clamp(level_ + (dice_.roll(3) == 0 ? -1 : 1), 0, options_.depth - 1);
    pan_x_ = pan_y_ = 0;
  }

  void travel() {
    // 840 is divisible by 1 to 8, so the shares are exact.
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < options_.sights; ++i) total += 840 / (i + 1);
    std::uint64_t ticket = dice_.roll(total);
    for (sight_ = 0; ticket >= 840 / (sight_ + 1); ++sight_) ticket -= 840 / (sight_ + 1);
    level_ = pan_x_ = pan_y_ = 0;
  }

  const ScriptOptions& options_;
  Dice dice_;
  std::size_t sight_ = 0;
  int level_ = 0;
  int pan_x_ = 0;
  int pan_y_ = 0;
};

}  // namespace

std::vector<Visit> write_script(const ScriptOptions& options) {
  std::vector<Visit> script(options.viewers);
  Dice seeds(options.seed);
  for (Visit& visit : script) {
    Wanderer wanderer(options, seeds.roll(~std::uint64_t{0}));
    for (std::size_t i = 0; i < options.views_each; ++i) visit.push_back(wanderer.next());
  }
  return script;
}

std::size_t request_count(const std::vector<Visit>& script) {
  std::size_t count = 0;
  for (const Visit& visit : script) {
    for (const View& view : visit) count += view.tiles.size();
  }
  return count;
}

}  // namespace tiles
