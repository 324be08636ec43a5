#include "serialize/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace symbind {

void ByteSource::fail_truncated(uint64_t bytes, const char* what) const {
  fail_here("truncated: ", what, " needs ", bytes, " bytes, the file has ", remaining(), " left");
}

namespace {

class MemorySource : public ByteSource {
 public:
  MemorySource(std::string_view bytes, const std::string& label)
      : ByteSource(label, bytes.size()), bytes_(bytes) {}

 private:
  void read_bytes(void* to, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, bytes_.data() + offset(), bytes);
  }
  std::string_view bytes_;
};

// Small reads come from a buffer, large ones go straight to their destination.
class FileSource : public ByteSource {
 public:
  FileSource(int fd, uint64_t size, const std::string& path)
      : ByteSource("'" + path + "'", size), fd_(fd), buffer_(kBufferBytes) {}
  ~FileSource() override { close(fd_); }

 private:
  static constexpr size_t kBufferBytes = size_t{64} << 10;

  void read_bytes(void* to, size_t bytes) override {
    char* target = static_cast<char*>(to);
    const size_t ready = std::min(bytes, filled_ - used_);
    if (ready > 0) std::memcpy(target, buffer_.data() + used_, ready);
    used_ += ready;
    target += ready;
    size_t left = bytes - ready;
    while (left >= kBufferBytes) {
      const size_t got = read_some(target, left);
      target += got;
      left -= got;
    }
    while (left > 0) {
      filled_ = read_some(buffer_.data(), kBufferBytes);
      used_ = std::min(left, filled_);
      std::memcpy(target, buffer_.data(), used_);
      target += used_;
      left -= used_;
    }
  }

  size_t read_some(void* to, size_t bytes) {
    for (;;) {
      const ssize_t got = ::read(fd_, to, bytes);
      if (got > 0) return static_cast<size_t>(got);
      if (got == 0) fail_here("the file became shorter while it was read");
      if (errno != EINTR) fail_here("cannot read: ", std::strerror(errno));
    }
  }

  int fd_;
  std::vector<char> buffer_;
  size_t used_ = 0;
  size_t filled_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> open_bytes(std::string_view bytes, const std::string& label) {
  return std::make_unique<MemorySource>(bytes, label);
}

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  check(path.find('\0') == std::string::npos, "[load] the file name has a NUL byte: '", path.c_str(),
        "\\0...'");
  // A pipe without a writer must be refused below, not waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  check(fd >= 0, "[load] cannot open '", path, "': ", std::strerror(errno));
  struct stat status;
  const bool known = fstat(fd, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string why = !known                    ? std::strerror(errno)
                            : S_ISDIR(status.st_mode) ? "it is a directory"
                                                      : "";
    close(fd);
    fail("[load] cannot read '", path,
         "': ", why.empty() ? "not a regular file; read it yourself and load from its bytes" : why);
  }
  return std::make_unique<FileSource>(fd, static_cast<uint64_t>(status.st_size), path);
}

std::string read_file(const std::string& path) {
  const auto in = open_file(path);
  std::string bytes(in->remaining(), '\0');
  in->read(bytes.data(), bytes.size(), "the file");
  return bytes;
}

}  // namespace symbind
