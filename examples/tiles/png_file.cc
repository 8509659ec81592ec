// SPDX-License-Identifier: Apache-2.0
#include "png_file.h"

#include <png.h>

#include <csetjmp>
#include <vector>

namespace tiles {
namespace {

// libpng reports errors by longjmp, which must not skip a destructor or meet a variable that lives
// in a register. So the functions that call setjmp own nothing and change only what they are handed
// by reference; the functions around them own it all.

constexpr char kTitleKeyword[] = "Title";

[[noreturn]] void on_error(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void on_warning(png_structp, png_const_charp) {}

void append(png_structp png, png_bytep bytes, std::size_t size) {
  auto* file = static_cast<std::string*>(png_get_io_ptr(png));
  file->append(reinterpret_cast<const char*>(bytes), size);
}
void flush(png_structp) {}

void take(png_structp png, png_bytep bytes, std::size_t size) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (size > rest->size()) png_error(png, "the file ends early");
  rest->copy(reinterpret_cast<char*>(bytes), size);
  rest->remove_prefix(size);
}

bool write_file(png_structp png, png_infop info, std::span<const std::uint8_t> rgb,
                std::uint32_t width, std::uint32_t height, png_text& title) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, 3);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
  png_set_text(png, info, &title, 1);
  png_write_info(png, info);
  const std::size_t row_bytes = std::size_t{width} * 3;
  for (std::uint32_t row = 0; row < height; ++row) {
    png_write_row(png, rgb.data() + row * row_bytes);
  }
  png_write_end(png, info);
  return true;
}

bool read_header(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_info(png, info);
  return png_get_interlace_type(png, info) == PNG_INTERLACE_NONE;
}

bool read_pixels(png_structp png, std::uint32_t height, std::span<std::uint8_t> row) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  for (std::uint32_t i = 0; i < height; ++i) png_read_row(png, row.data(), nullptr);
  png_read_end(png, nullptr);
  return true;
}

PngInfo describe(png_structp png, png_infop info) {
  PngInfo result{png_get_image_width(png, info), png_get_image_height(png, info), ""};
  png_textp texts = nullptr;
  int count = 0;
  png_get_text(png, info, &texts, &count);
  for (int i = 0; i < count; ++i) {
    if (std::string_view(texts[i].key) == kTitleKeyword) {
      result.title.assign(texts[i].text, texts[i].text_length);
    }
  }
  return result;
}

}  // namespace

std::string encode_png(std::span<const std::uint8_t> rgb, std::uint32_t width, std::uint32_t height,
                       const std::string& title) {
  std::string file;
  std::string keyword = kTitleKeyword;
  std::string words = title;
  png_text text{};
  text.compression = PNG_TEXT_COMPRESSION_NONE;
  text.key = keyword.data();
  text.text = words.data();
  text.text_length = words.size();

  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  bool written = false;
  if (info != nullptr) {
    png_set_write_fn(png, &file, append, flush);
    written = write_file(png, info, rgb, width, height, text);
  }
  png_destroy_write_struct(&png, &info);
  if (!written) file.clear();
  return file;
}

std::optional<PngInfo> inspect_png(std::string_view file) {
  std::optional<PngInfo> result;
  std::vector<std::uint8_t> row;
  std::string_view rest = file;

  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info != nullptr) {
    png_set_read_fn(png, &rest, take);
    if (read_header(png, info)) {
      row.resize(png_get_rowbytes(png, info));
      result = describe(png, info);
      if (!read_pixels(png, result->height, row)) result.reset();
    }
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return result;
}

}  // namespace tiles
