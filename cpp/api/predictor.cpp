#include "symbind/predictor.h"

#include <cstring>
#include <fstream>
#include <unordered_map>

#include "executor/executor.h"
#include "graph/json_read.h"
#include "ops/register_all.h"
#include "passes/passes.h"
#include "runtime/sparse.h"
#include "serialize/ndarray_file.h"

namespace symbind {

struct Predictor::Impl {
  std::unique_ptr<Executor> executor;
  std::unordered_map<std::string, NDArray> inputs;
};

namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  check(file.good(), "[Predictor] cannot open '", path, "'");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  check(!file.bad(), "[Predictor] cannot read '", path, "'");
  return text;
}

// Parameters by name, without the "arg:" and "aux:" prefixes.
std::unordered_map<std::string, NDArray> read_params(const std::string& path) {
  const NamedArrays file = load_ndarray_file(path);
  check(file.names.size() == file.arrays.size(), "[Predictor] '", path, "' holds arrays without names");
  std::unordered_map<std::string, NDArray> params;
  for (size_t i = 0; i < file.names.size(); ++i) {
    const std::string& name = file.names[i];
    const bool prefixed = name.compare(0, 4, "arg:") == 0 || name.compare(0, 4, "aux:") == 0;
    const SparsePtr sparse = sparse_of(file.arrays[i]);
    params.emplace(prefixed ? name.substr(4) : name, sparse ? dense_copy(*sparse) : file.arrays[i]);
  }
  return params;
}

}  // namespace

Predictor::Predictor(const std::string& symbol_file, const std::string& params_file,
                     const Shapes& input_shapes)
    : impl_(std::make_unique<Impl>()) {
  register_all_ops();
  BindRequest request;
  request.symbol = symbol_from_json(read_text(symbol_file), symbol_file);
  const std::unordered_map<std::string, NDArray> params = read_params(params_file);

  std::vector<int32_t> variables;
  Graph graph = graph_from_symbol(request.symbol, &variables);
  for (int32_t id : variables) {
    const auto given = input_shapes.find(graph.nodes[id].name);
    const auto param = params.find(graph.nodes[id].name);
    if (given != input_shapes.end()) {
      graph.shape({id, 0}) = Shape(given->second.begin(), given->second.end());
    } else if (param != params.end()) {
      graph.shape({id, 0}) = param->second.shape;
      graph.dtype({id, 0}) = param->second.dtype;
    }
  }
  for (const auto& [name, shape] : input_shapes) {
    bool found = false;
    for (int32_t id : variables) found = found || graph.nodes[id].name == name;
    check(found, "[Predictor] '", symbol_file, "' has no input '", name, "'");
  }
  infer_shapes(graph);
  check_complete(graph);
  infer_types(graph);
  for (int32_t id : variables) {
    const GraphNode& node = graph.nodes[id];
    const auto param = params.find(node.name);
    const bool is_input = input_shapes.count(node.name) > 0;
    NDArray array = !is_input && param != params.end()
                        ? param->second
                        : make_zeros(graph.shape({id, 0}), graph.dtype({id, 0}));
    check(!node.is_aux || param != params.end(), "[Predictor] '", params_file,
          "' lacks the auxiliary state '", node.name, "'");
    if (is_input || param == params.end()) {
      // What is neither given nor in the file is a label: losses ignore it in prediction.
      const bool label = node.name.size() >= 5 && node.name.compare(node.name.size() - 5, 5, "label") == 0;
      check(is_input || label, "[Predictor] '", params_file, "' lacks the parameter '", node.name,
            "'; if it is an input, give its shape");
      impl_->inputs.emplace(node.name, array);
    }
    (node.is_aux ? request.aux : request.args).push_back(std::move(array));
  }
  impl_->executor = std::make_unique<Executor>(std::move(request));
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

void Predictor::set_input(const std::string& name, const float* values, size_t count) {
  const auto it = impl_->inputs.find(name);
  check(it != impl_->inputs.end(), "[Predictor.set_input] there is no input '", name, "'");
  const NDArray& array = it->second;
  check(static_cast<int64_t>(count) == array.size(), "[Predictor.set_input] '", name, "': got ", count,
        " values, expected ", array.size(), " for shape ", array.shape);
  convert_elements(values, DType::kFloat32, array.data(), array.dtype, array.size());
  array.mark_written();
}

void Predictor::forward() { impl_->executor->forward(false); }

size_t Predictor::num_outputs() const { return impl_->executor->outputs().size(); }

namespace {
const NDArray& output_at(const Executor& executor, size_t index) {
  check(index < executor.outputs().size(), "[Predictor] there is no output ", index, ": there are ",
        executor.outputs().size());
  return executor.outputs()[index];
}
}  // namespace

std::vector<int64_t> Predictor::output_shape(size_t index) const {
  const Shape& shape = output_at(*impl_->executor, index).shape;
  return {shape.begin(), shape.end()};
}

std::vector<float> Predictor::output(size_t index) const {
  const NDArray& array = output_at(*impl_->executor, index);
  std::vector<float> values(static_cast<size_t>(array.size()));
  convert_elements(array.data(), array.dtype, values.data(), DType::kFloat32, array.size());
  return values;
}

}  // namespace symbind
