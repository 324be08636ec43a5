// Inference from C++ without Python: load a checkpoint, set inputs, run, read outputs.
//
//   symbind::Predictor p("resnet-symbol.json", "resnet-0000.params", {{"data", {1, 3, 224, 224}}});
//   p.set_input("data", pixels.data(), pixels.size());
//   p.forward();
//   std::vector<float> probabilities = p.output(0);
//
// A Predictor is used by one thread at a time; several may run in several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "symbind/error.h"

namespace symbind {

class Predictor {
 public:
  using Shapes = std::map<std::string, std::vector<int64_t>>;

  // Reads both files (of any MXNet version) and compiles the graph for these input shapes. Labels of loss
  // outputs need no shape. Throws Error, naming file, node or parameter, when something is missing or does
  // not fit.
  Predictor(const std::string& symbol_file, const std::string& params_file, const Shapes& input_shapes);
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  // Copies `count` values into an input; throws Error unless count is the input's number of elements.
  void set_input(const std::string& name, const float* values, size_t count);
  void forward();
  size_t num_outputs() const;
  std::vector<int64_t> output_shape(size_t index) const;
  // A copy of an output, converted to float.
  std::vector<float> output(size_t index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symbind
