// A file that appears under its name only when all of it is on the disk.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace symbind {

// The bytes go to a temporary file in the same folder; commit() flushes, syncs, closes and renames it and
// syncs the folder. Without commit() nothing is left and an old file stays as it was. A symbolic link is
// followed, an existing file's permissions are kept; devices and pipes are written directly. Every step is
// checked: Error with the file's name and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void commit();

 private:
  [[noreturn]] void fail_with_errno(const char* step) const;
  void create_temporary(const std::string& folder, const std::string& base, int mode);
  void write_through(const char* data, size_t bytes);
  void flush();

  std::string path_;       // as given, for errors
  std::string target_;     // links resolved
  std::string temporary_;  // empty: writing to the target itself
  std::vector<char> buffer_;
  int fd_ = -1;
};

}  // namespace symbind
