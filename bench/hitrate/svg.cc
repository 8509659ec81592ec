// SPDX-License-Identifier: Apache-2.0
//
// A panel for each trace and measure; the lines of the policies over the logarithm of the size.
// Sizes are shares of the footprint also where they were given as numbers of objects.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <utility>

#include "bench/hitrate/report.h"

namespace kith::bench::hitrate {
namespace {

constexpr int kColumns = 3;
constexpr double kPanelWidth = 380;
constexpr double kPanelHeight = 260;
constexpr double kLegendHeight = 70;
// Of a panel, around the plot.
constexpr double kLeft = 48;
constexpr double kRight = 16;
constexpr double kTop = 40;
constexpr double kBottom = 34;

struct Stroke {
  const char* colour;
  double width;
  const char* dashes;
};
constexpr Stroke kKithStroke{"#d62728", 3.2, ""};
constexpr Stroke kMinStroke{"#555555", 1.6, "5 4"};
// Distinct for most colour-blind readers (Okabe and Ito, without the red).
constexpr std::array<Stroke, 8> kStrokes{{{"#0072b2", 1.6, ""},
                                          {"#e69f00", 1.6, ""},
                                          {"#009e73", 1.6, ""},
                                          {"#cc79a7", 1.6, ""},
                                          {"#56b4e9", 1.6, ""},
                                          {"#8c6d31", 1.6, ""},
                                          {"#8c6d31", 1.6, "2 3"},
                                          {"#0072b2", 1.6, "2 3"}}};

template <class... Args>
void print(std::string& out, const char* format, Args... args) {
  char text[512];
  std::snprintf(text, sizeof(text), format, args...);
  out += text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

Stroke stroke_of(const Report& report, std::size_t policy) {
  if (report.policies[policy] == kKithName) return kKithStroke;
  if (report.policies[policy] == kMinName) return kMinStroke;
  std::size_t others_before = 0;
  for (std::size_t i = 0; i < policy; ++i) {
    if (report.policies[i] != kKithName && report.policies[i] != kMinName) ++others_before;
  }
  return kStrokes[others_before % kStrokes.size()];
}

/// The policies in the order of drawing: kith last, on top of the others.
std::vector<std::size_t> drawing_order(const Report& report) {
  const auto kith = report.column(kKithName);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < report.policies.size(); ++i) {
    if (kith != i) order.push_back(i);
  }
  if (kith) order.push_back(*kith);
  return order;
}

std::string stroke_attributes(const Stroke& stroke) {
  std::string out;
  print(out, "stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"", stroke.colour,
        stroke.width, stroke.dashes);
  return out;
}

void draw_legend(std::string& out, const Report& report) {
  constexpr double kEntryWidth = 124;
  print(out, "<text x=\"%.0f\" y=\"24\" font-size=\"16\" font-weight=\"bold\">%s</text>\n", kLeft,
        "Hit ratio against cache size as a share of the footprint; not all axes begin at 0");
  for (std::size_t i = 0; i < report.policies.size(); ++i) {
    const double x = kLeft + kEntryWidth * static_cast<double>(i);
    const bool kith = report.policies[i] == kKithName;
    print(out, "<line x1=\"%.0f\" y1=\"48\" x2=\"%.0f\" y2=\"48\" %s/>\n", x, x + 26,
          stroke_attributes(stroke_of(report, i)).c_str());
    print(out, "<text x=\"%.0f\" y=\"52\" font-size=\"13\"%s>%s</text>\n", x + 32,
          kith ? " font-weight=\"bold\"" : "", escaped(report.policies[i]).c_str());
  }
}

/// The rows of one panel, and how its numbers become places on the sheet.
class Panel {
 public:
  Panel(const Report& report, std::vector<const Row*> rows, double x, double y)
      : report_(report), rows_(std::move(rows)), left_(x + kLeft), top_(y + kTop) {
    std::ranges::sort(rows_, {}, &Row::share);
    low_ = std::log10(rows_.front()->share);
    high_ = std::log10(rows_.back()->share);
    if (high_ - low_ < 0.1) {
      low_ -= 0.5;
      high_ += 0.5;
    }
    scale_ratios();
  }

  void draw(std::string& out) const {
    draw_title(out);
    draw_grid(out);
    for (const std::size_t policy : drawing_order(report_)) draw_line(out, policy);
  }

 private:
  static constexpr double kPlotWidth = kPanelWidth - kLeft - kRight;
  static constexpr double kPlotHeight = kPanelHeight - kTop - kBottom;

  double x_of(double share) const {
    return left_ + (std::log10(share) - low_) / (high_ - low_) * kPlotWidth;
  }
  double y_of(double ratio) const {
    return top_ + (highest_ - ratio) / (highest_ - lowest_) * kPlotHeight;
  }

  /// From a round number below the lowest ratio to one above the highest.
  void scale_ratios() {
    lowest_ = 1;
    highest_ = 0;
    for (const Row* row : rows_) {
      for (const double ratio : row->ratios) {
        lowest_ = std::min(lowest_, ratio);
        highest_ = std::max(highest_, ratio);
      }
    }
    const double range = highest_ - lowest_;
    step_ = range > 0.5 ? 0.2 : range > 0.2 ? 0.1 : range > 0.1 ? 0.05 : range > 0.02 ? 0.02 : 0.01;
    lowest_ = std::floor(lowest_ / step_) * step_;
    highest_ = std::max(std::ceil(highest_ / step_) * step_, lowest_ + step_);
  }

  void draw_title(std::string& out) const {
    const Row& row = *rows_.front();
    print(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"14\" font-weight=\"bold\">%s</text>\n",
          left_, top_ - 22, escaped(row.trace.substr(0, 40)).c_str());
    print(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" fill=\"#555\">%s; %llu keys</text>\n",
          left_, top_ - 8, std::string(to_string(row.measure)).c_str(),
          static_cast<unsigned long long>(row.unique_objects));
  }

  void draw_grid(std::string& out) const {
    for (double ratio = lowest_; ratio <= highest_ + step_ / 2; ratio += step_) {
      print(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left_,
            y_of(ratio), left_ + kPlotWidth, y_of(ratio));
      print(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"end\">%.2f</text>\n",
            left_ - 6, y_of(ratio) + 4, ratio);
    }
    // Sizes too near to each other for their labels have a line only.
    constexpr double kLabelWidth = 36;
    double labelled_to = 0;
    for (const Row* row : rows_) {
      const double x = x_of(row->share);
      print(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x,
            top_, x, top_ + kPlotHeight);
      if (x - kLabelWidth / 2 < labelled_to) continue;
      labelled_to = x + kLabelWidth / 2;
      print(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"middle\">%s</text>\n",
            x, top_ + kPlotHeight + 16, row->size.label().c_str());
    }
  }

  void draw_line(std::string& out, std::size_t policy) const {
    const Stroke stroke = stroke_of(report_, policy);
    std::string points;
    for (const Row* row : rows_) {
      print(points, "%.1f,%.1f ", x_of(row->share), y_of(row->ratios[policy]));
    }
    out +=
        "<polyline fill=\"none\" " + stroke_attributes(stroke) + " points=\"" + points + "\"/>\n";
    for (const Row* row : rows_) {
      print(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"/>\n", x_of(row->share),
            y_of(row->ratios[policy]), stroke.width + 0.6, stroke.colour);
    }
  }

  const Report& report_;
  std::vector<const Row*> rows_;
  const double left_;
  const double top_;
  double low_ = 0;
  double high_ = 0;
  double lowest_ = 0;
  double highest_ = 0;
  double step_ = 0;
};

}  // namespace

std::string to_svg(const Report& report) {
  std::vector<std::vector<const Row*>> panels;
  for (const Measure measure : kMeasures) {
    const std::vector<const Row*> rows = report.rows_of(measure);
    for (const std::string& trace : traces_of(rows)) {
      auto& panel = panels.emplace_back();
      std::ranges::copy_if(rows, std::back_inserter(panel),
                           [&](const Row* row) { return row->trace == trace; });
    }
  }
  const auto lines = (panels.size() + kColumns - 1) / kColumns;
  const double height = kLegendHeight + kPanelHeight * static_cast<double>(lines);
  std::string out;
  print(out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
        kColumns * kPanelWidth, height);
  draw_legend(out, report);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    Panel(report, panels[i], kPanelWidth * static_cast<double>(i % kColumns),
          kLegendHeight + kPanelHeight * static_cast<double>(i / kColumns))
        .draw(out);
  }
  return out + "</svg>\n";
}

}  // namespace kith::bench::hitrate
