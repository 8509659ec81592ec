// SPDX-License-Identifier: Apache-2.0
#include "cmd/kith/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace kith::command {

namespace {

constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kEverybody = 0644;

tl::unexpected<Error> cannot(const std::string& verb, const std::string& path, int error) {
  return fail(ErrorCode::invalid_argument,
              "cannot " + verb + " " + path + ": " + std::generic_category().message(error));
}

tl::unexpected<Error> exists(const std::string& path) {
  return fail(
      ErrorCode::already_exists,
      path + " is there already: nothing was changed. Move it away, or choose another name");
}

bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t size = ::write(file, content.data(), content.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

Result<void> write_new_file(const std::string& path, std::string_view content, Access access) {
  const mode_t mode = access == Access::owner_only ? kOwnerOnly : kEverybody;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return errno == EEXIST ? Result<void>(exists(path)) : cannot("write", path, errno);
  const bool written = write_all(file, content);
  const int error = errno;
  const bool closed = ::close(file) == 0;
  if (written && closed) return {};
  ::unlink(path.c_str());
  return cannot("write", path, written ? errno : error);
}

Result<void> must_be_new(const std::string& path) {
  struct stat status {};
  // A link that leads nowhere is something too.
  if (::lstat(path.c_str(), &status) == 0) return exists(path);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot("read", path, errno);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return cannot("read", path, EIO);
  return content;
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return cannot("make the folder", path, error.value());
  return {};
}

}  // namespace kith::command
