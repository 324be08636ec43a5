// Files of arrays put together field by field, for what no writer writes any more and for what none should.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sparse.h"
#include "serialize/ndarray_file.h"

namespace symbind {

constexpr uint32_t kV1 = 0xF993FAC8, kV2 = 0xF993FAC9, kV3 = 0xF993FACA;
enum FileType : int32_t {
  kF32 = 0,
  kI64 = 6,
  kBool = 7,
  kI16 = 8,
  kU16 = 9,
  kU32 = 10,
  kU64 = 11,
  kBf16 = 12
};

class Bytes {
 public:
  std::string text;
  template <class T>
  Bytes& put(T value) {
    text.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  template <class T>
  Bytes& all(const std::vector<T>& values) {
    for (const T& v : values) put(v);
    return *this;
  }
  Bytes& raw(std::string_view bytes) {
    text += bytes;
    return *this;
  }
  // i32 rank, i64 dimensions
  Bytes& shape(const std::vector<int64_t>& dims) {
    return put<int32_t>(static_cast<int32_t>(dims.size())).all(dims);
  }
  Bytes& cpu() { return put<int32_t>(1).put<int32_t>(0); }
};

inline Bytes dense(uint32_t version, const std::vector<int64_t>& dims, int32_t type) {
  Bytes b;
  b.put(version);
  if (version != kV1) b.put<int32_t>(0);
  return b.shape(dims).cpu().put(type);
}

// A row_sparse record of 2 columns, with one value a stored element: 1, 2, ...
inline Bytes row_sparse(int64_t rows, const std::vector<int64_t>& ids) {
  const int64_t stored = static_cast<int64_t>(ids.size());
  Bytes b;
  b.put(kV2).put<int32_t>(1).shape({stored, 2}).shape({rows, 2}).cpu().put<int32_t>(kF32);
  b.put<int32_t>(kI64).shape({stored});
  for (int64_t i = 0; i < 2 * stored; ++i) b.put(static_cast<float>(i + 1));
  return b.all(ids);
}

inline Bytes csr(int64_t rows, int64_t columns, const std::vector<int64_t>& starts,
                 const std::vector<int64_t>& at) {
  const int64_t stored = static_cast<int64_t>(at.size());
  Bytes b;
  b.put(kV2).put<int32_t>(2).shape({stored}).shape({rows, columns}).cpu().put<int32_t>(kF32);
  b.put<int32_t>(kI64).shape({static_cast<int64_t>(starts.size())}).put<int32_t>(kI64).shape({stored});
  for (int64_t i = 0; i < stored; ++i) b.put(static_cast<float>(i + 1));
  return b.all(starts).all(at);
}

inline std::string array_list(const std::vector<Bytes>& records, const std::vector<std::string>& names = {}) {
  Bytes b;
  b.put<uint64_t>(0x112).put<uint64_t>(0).put<uint64_t>(records.size());
  for (const Bytes& r : records) b.raw(r.text);
  b.put<uint64_t>(names.size());
  for (const std::string& n : names) b.put<uint64_t>(n.size()).raw(n);
  return b.text;
}

// All elements, those that a sparse array does not store included.
template <class T>
std::vector<T> values(const NDArray& array) {
  const SparsePtr sparse = sparse_of(array);
  const NDArray a = sparse ? dense_copy(*sparse) : array;
  const T* data = a.data_as<T>();
  return std::vector<T>(data, data + a.size());
}

// The error of loading `file`, or "" if it loads.
inline std::string load_error(const std::string& file, LoadOptions options = {}) {
  try {
    load_ndarray_buffer(file, "test", options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace symbind
