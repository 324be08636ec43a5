#include "serialize/ndarray_file.h"

#include <unordered_set>

#include "base/utf8.h"
#include "serialize/atomic_file.h"
#include "serialize/ndarray_record.h"

namespace symbind {
namespace {

constexpr uint64_t kListMagic = 0x112;
constexpr uint64_t kMinRecordBytes = 4;
constexpr uint64_t kMinNameBytes = 8;

void read_magic(ByteSource& in) {
  if (in.size() == 0) in.fail_here("empty file");
  in.require(8, "the file's first word");
  const uint64_t magic = in.number<uint64_t>("the file's first word");
  if (magic == kListMagic) return;
  // "PK\3\4": what numpy.savez and MXNet 2.0 write.
  const bool zip = (magic & 0xffffffffu) == 0x04034b50u;
  in.fail_at(0, "not a file of arrays: got first word 0x", std::hex, magic, ", expected 0x112",
             zip ? " (this is a zip archive such as numpy.savez writes)" : "");
}

// A count in the file is believed only as far as the bytes behind it can hold.
uint64_t read_count(ByteSource& in, uint64_t least_bytes, const char* what) {
  const uint64_t begin = in.offset();
  const uint64_t count = in.number<uint64_t>(what);
  if (count > in.remaining() / least_bytes) {
    in.fail_at(begin, "truncated: ", what, " is ", count, ", which needs at least ", least_bytes,
               " bytes each, the file has ", in.remaining(), " left");
  }
  return count;
}

std::string read_name(ByteSource& in) {
  const uint64_t length = read_count(in, 1, "the length of a name");
  std::string name(static_cast<size_t>(length), '\0');
  in.read(name.data(), name.size(), "a name");
  if (name.find('\0') != std::string::npos) {
    in.fail_at(in.offset() - length, "the name '", name.c_str(), "\\0...' has a NUL byte");
  }
  const size_t bad = find_invalid_utf8(name);
  if (bad != name.npos) in.fail_at(in.offset() - length + bad, "the name is not UTF-8");
  return name;
}

void read_names(ByteSource& in, NamedArrays& result) {
  const size_t arrays = result.arrays.size();
  const uint64_t begin = in.offset();
  const uint64_t count = read_count(in, kMinNameBytes, "the number of names");
  if (count != 0 && count != arrays) {
    in.fail_at(begin, "wrong number of names: got ", count, " for ", arrays,
               " arrays, expected none or one each");
  }
  std::unordered_set<std::string_view> seen;
  result.names.reserve(count);  // the views in `seen` must stay
  for (uint64_t i = 0; i < count; ++i) {
    in.set_entry(concat("name ", i, " of ", count));
    const uint64_t at = in.offset();
    result.names.push_back(read_name(in));
    if (!seen.insert(result.names.back()).second) {
      in.fail_at(at, "the name '", result.names.back(), "' is given twice");
    }
  }
}

// The end of the source, where nothing should be left.
void finish(ByteSource& in, const LoadOptions& options) {
  in.set_entry("");
  if (in.remaining() == 0) return;
  if (options.strict) in.fail_here(in.remaining(), " bytes after the end");
  in.warn(options.warnings, in.remaining(), " bytes after the end are ignored");
}

NamedArrays read_list(ByteSource& in, const LoadOptions& options) {
  read_magic(in);
  in.number<uint64_t>("the reserved word");
  const uint64_t count = read_count(in, kMinRecordBytes, "the number of arrays");
  RecordOptions record{options.warnings};
  NamedArrays result;
  for (uint64_t i = 0; i < count; ++i) {
    in.set_entry(concat("array ", i, " of ", count));
    result.arrays.push_back(read_ndarray_record(in, record));
  }
  in.set_entry("");
  read_names(in, result);
  finish(in, options);
  return result;
}

void check_names(Span<const NDArray> arrays, Span<const std::string> names) {
  check(names.empty() || names.size() == arrays.size(), "[save] wrong number of names: got ", names.size(),
        " for ", arrays.size(), " arrays, expected none or one each");
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    check(name.find('\0') == std::string::npos, "[save] the name '", name.c_str(), "\\0...' has a NUL byte");
    check(seen.insert(name).second, "[save] the name '", name, "' is given twice");
  }
}

}  // namespace

NamedArrays load_ndarray_file(const std::string& path, const LoadOptions& options) {
  return read_list(*open_file(path), options);
}

NamedArrays load_ndarray_buffer(std::string_view bytes, const std::string& label,
                                const LoadOptions& options) {
  return read_list(*open_bytes(bytes, label), options);
}

void save_ndarray_file(const std::string& path, Span<const NDArray> arrays, Span<const std::string> names) {
  check_names(arrays, names);
  AtomicFile file(path);
  const auto write = [&](const void* data, size_t bytes) { file.write(data, bytes); };
  const auto number = [&](uint64_t value) { file.write(&value, sizeof(value)); };
  number(kListMagic);
  number(0);
  number(arrays.size());
  for (const NDArray& array : arrays) write_ndarray_record(array, write);
  number(names.size());
  for (const std::string& name : names) {
    number(name.size());
    file.write(name.data(), name.size());
  }
  file.commit();
}

std::string ndarray_to_bytes(const NDArray& array) {
  std::string bytes;
  write_ndarray_record(array,
                       [&](const void* data, size_t n) { bytes.append(static_cast<const char*>(data), n); });
  return bytes;
}

NDArray ndarray_from_bytes(std::string_view bytes, const std::string& label, const LoadOptions& options) {
  const auto in = open_bytes(bytes, label);
  RecordOptions record{options.warnings};
  NDArray array = read_ndarray_record(*in, record);
  finish(*in, options);
  return array;
}

}  // namespace symbind
