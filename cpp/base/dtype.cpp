#include "base/dtype.h"

namespace symbind {
namespace {

struct Info {
  DType type;
  const char* name;
  size_t size;
};
constexpr Info kInfos[] = {
    {DType::kFloat32, "float32", 4}, {DType::kFloat64, "float64", 8}, {DType::kFloat16, "float16", 2},
    {DType::kUint8, "uint8", 1},     {DType::kInt32, "int32", 4},     {DType::kInt8, "int8", 1},
    {DType::kInt64, "int64", 8},     {DType::kBool, "bool", 1},
};

}  // namespace

size_t dtype_size(DType type) {
  for (const Info& info : kInfos) {
    if (info.type == type) return info.size;
  }
  fail("unknown dtype ", static_cast<int>(type));
}

const char* dtype_name(DType type) {
  for (const Info& info : kInfos) {
    if (info.type == type) return info.name;
  }
  return "unknown";
}

DType dtype_parse(const std::string& name) {
  for (const Info& info : kInfos) {
    if (name == info.name) return info.type;
  }
  std::string names;
  for (const Info& info : kInfos) names += concat(names.empty() ? "" : ", ", info.name);
  fail("unknown dtype '", name, "', expected one of ", names);
}

DType dtype_from_flag(int64_t flag) {
  for (const Info& info : kInfos) {
    if (static_cast<int64_t>(info.type) == flag) return info.type;
  }
  return DType::kUnknown;
}

}  // namespace symbind
