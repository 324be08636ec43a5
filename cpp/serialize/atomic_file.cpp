#include "serialize/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "base/error.h"

namespace symbind {
namespace {

constexpr size_t kBufferBytes = size_t{64} << 10;

// Makes the rename durable. Some file systems cannot sync folders; the rename is then all there is.
void sync_folder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  check(path.find('\0') == std::string::npos, "[save] the file name has a NUL byte: '", path.c_str(),
        "\\0...'");
  std::error_code ignored;  // what cannot be resolved will not open either
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, ignored);
  if (!ignored && !resolved.empty()) target_ = resolved.string();
  buffer_.reserve(kBufferBytes);
  struct stat status;
  const bool exists = stat(target_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    fd_ = open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) fail_with_errno("cannot open");
    return;
  }
  const std::filesystem::path full(target_);
  create_temporary(full.parent_path().string(), full.filename().string(),
                   exists ? status.st_mode & 07777 : -1);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::create_temporary(const std::string& folder, const std::string& base, int mode) {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = concat(folder.empty() ? "." : folder, "/.", base.substr(0, 100), ".", std::hex,
                                    random(), random(), ".tmp");
    fd_ = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0) {
      temporary_ = name;
      // Keeping the old permissions is a courtesy that some file systems and owners do not allow.
      if (mode >= 0 && fchmod(fd_, static_cast<mode_t>(mode)) != 0) errno = 0;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail_with_errno("cannot create a file beside it");
}

void AtomicFile::fail_with_errno(const char* step) const {
  const int error = errno;
  fail("[save] cannot write '", path_, "': ", step, ": ", std::strerror(error));
}

void AtomicFile::write(const void* data, size_t bytes) {
  if (bytes == 0) return;
  if (buffer_.size() + bytes > kBufferBytes) flush();
  const char* from = static_cast<const char*>(data);
  if (bytes >= kBufferBytes) {
    write_through(from, bytes);
  } else {
    buffer_.insert(buffer_.end(), from, from + bytes);
  }
}

void AtomicFile::flush() {
  write_through(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::write_through(const char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = ::write(fd_, data, bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_with_errno("write failed");
    }
    data += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  flush();
  // EINVAL and ENOTSUP: a device or pipe, which has nothing to sync.
  if (fsync(fd_) != 0 && (!temporary_.empty() || (errno != EINVAL && errno != ENOTSUP))) {
    fail_with_errno("sync failed");
  }
  const int fd = fd_;
  fd_ = -1;
  if (close(fd) != 0) fail_with_errno("close failed");
  if (temporary_.empty()) return;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with_errno("rename failed");
  temporary_.clear();
  sync_folder(std::filesystem::path(target_).parent_path().string());
}

}  // namespace symbind
