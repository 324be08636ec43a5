// Where a reader of binary formats gets its bytes: memory or a file of known size. Nothing is read, and
// nothing should be allocated, before the size says that it is there.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace symbind {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  uint64_t size() const { return size_; }
  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return size_ - offset_; }
  // The part of the file that is being read, for errors: "array 3 of 10".
  void set_entry(std::string entry) { entry_ = std::move(entry); }

  // Fails unless `bytes` are left.
  void require(uint64_t bytes, const char* what) const {
    if (__builtin_expect(bytes > remaining(), 0)) fail_truncated(bytes, what);
  }
  void read(void* to, size_t bytes, const char* what) {
    require(bytes, what);
    read_bytes(to, bytes);
    offset_ += bytes;
  }
  // A little-endian number.
  template <class T>
  T number(const char* what) {
    static_assert(std::is_integral_v<T>);
    T value;
    read(&value, sizeof(T), what);
    return value;
  }
  // Errors name the source, the entry, and the byte where the reader stands or the one that is given.
  template <class... Args>
  [[noreturn]] void fail_here(const Args&... why) const {
    fail_at(offset_, why...);
  }
  template <class... Args>
  [[noreturn]] void fail_at(uint64_t offset, const Args&... why) const {
    fail("[load] ", label_, entry_.empty() ? "" : ", ", entry_, ", byte ", offset, ": ", why...);
  }
  // Appends to `warnings`, unless it is null or long enough: a damaged file can have a million oddities.
  template <class... Args>
  void warn(std::vector<std::string>* warnings, const Args&... what) const {
    if (warnings == nullptr || warnings->size() >= kMaxWarnings) return;
    warnings->push_back(concat(label_, entry_.empty() ? "" : ", ", entry_, ": ", what...));
  }

 protected:
  ByteSource(std::string label, uint64_t size) : label_(std::move(label)), size_(size) {}
  virtual void read_bytes(void* to, size_t bytes) = 0;  // `bytes` are known to be there

 private:
  static constexpr size_t kMaxWarnings = 100;

  [[noreturn]] void fail_truncated(uint64_t bytes, const char* what) const;

  std::string label_;
  std::string entry_;
  uint64_t size_;
  uint64_t offset_ = 0;
};

// `bytes` must outlive the source; `label` names it in errors.
std::unique_ptr<ByteSource> open_bytes(std::string_view bytes, const std::string& label);
// Fails, with the system's reason, unless `path` is a regular file that can be read. A file that shrinks
// while it is read is an error too, not a crash: it is read, not mapped.
std::unique_ptr<ByteSource> open_file(const std::string& path);
// All of a regular file.
std::string read_file(const std::string& path);

}  // namespace symbind
