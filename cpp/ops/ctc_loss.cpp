// CTCLoss: connectionist temporal classification (Graves et al., 2006), forward-backward in log space.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

enum class Blank { kFirst, kLast };

struct Params {
  bool use_data_lengths, use_label_lengths;
  Choice blank_label;
  template <class V>
  void visit(V& v) {
    v("use_data_lengths", use_data_lengths, false, "Is there an input with the lengths of the sequences?");
    v("use_label_lengths", use_label_lengths, false,
      "Is there an input with the lengths of the labels? Otherwise the padding value ends them.");
    v.choice("blank_label", blank_label, {"first", "last"}, 0,
             "first: class 0 is the blank and pads labels; last: the last class is the blank, -1 pads.");
  }
};

void infer_shape(ShapeContext& c) {
  check(!c.in[0].has_rank() || c.in[0].ndim() == 3, "[CTCLoss] data: got shape ", c.in[0],
        ", expected (sequence, batch, classes)");
  check(!c.in[1].has_rank() || c.in[1].ndim() == 2, "[CTCLoss] label: got shape ", c.in[1],
        ", expected (batch, labels)");
  int64_t batch = c.in[0].has_rank() ? c.in[0][1] : -1;
  if (batch < 0 && c.in[1].has_rank()) batch = c.in[1][0];
  c.set_in(0, Shape{-1, batch, -1});
  c.set_in(1, Shape{batch, -1});
  for (size_t i = 2; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), Shape{batch});
  check(c.in[0][0] < 0 || c.in[1][1] < 0 || c.in[1][1] <= c.in[0][0], "[CTCLoss] label: got shape ", c.in[1],
        ", expected at most as many labels as the sequence is long: data has shape ", c.in[0]);
  c.set_out(0, Shape{batch});
  c.set_out(1, c.in[0]);
}

// Labels and lengths may be of any dtype; what is not given follows the data.
void infer_type(TypeContext& c) {
  for (const DType t : {c.out[0], c.out[1]}) c.set_in(0, t);
  c.set_out(0, c.in[0]);
  c.set_out(1, c.in[0]);
  for (size_t i = 1; i < c.in.size(); ++i) {
    if (c.in[i] == DType::kUnknown) c.in[i] = c.in[0];
  }
}

int64_t integer_at(const void* data, DType type, int64_t i) {
  return visit_dtype(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<int64_t>(static_cast<accumulate_t<T>>(static_cast<const T*>(data)[i]));
  });
}

struct Sizes {
  int64_t length, batch, classes, labels;
  bool blank_first;
  int64_t blank() const { return blank_first ? 0 : classes - 1; }
};

template <class A>
A log_add(A a, A b) {
  const A top = std::max(a, b);
  if (top == -std::numeric_limits<A>::infinity()) return top;
  return top + std::log1p(std::exp(std::min(a, b) - top));
}

// One sample: T steps over the states blank, label, blank, label, ..., blank.
template <class A>
class Sample {
 public:
  static size_t numbers(const Sizes& s) {
    const int64_t states = 2 * s.labels + 1;
    return static_cast<size_t>(s.length * (s.classes + states) + states * 3);
  }
  // state_classes has room for 2 * labels + 1 numbers.
  Sample(A* memory, const Sizes& s, int32_t* state_classes, int64_t steps, int64_t label_count)
      : sizes_(s), steps_(steps), states_(2 * label_count + 1), class_of_(state_classes) {
    log_p_ = memory;
    alpha_ = log_p_ + s.length * s.classes;
    beta_ = alpha_ + s.length * states_;
    previous_ = beta_ + states_;
  }

  // A path needs a step for every label, and a blank between equal neighbours.
  bool possible() const {
    int64_t needed = states_ / 2;
    for (int64_t s = 3; s < states_; s += 2) needed += class_of_[s] == class_of_[s - 2];
    return needed <= steps_;
  }

  template <class T>
  void log_softmax(const T* data) {
    const int64_t row = sizes_.batch * sizes_.classes;
    for (int64_t t = 0; t < steps_; ++t) {
      const T* x = data + t * row;
      A* y = log_p_ + t * sizes_.classes;
      A top = A(x[0]), sum = 0;
      for (int64_t k = 1; k < sizes_.classes; ++k) top = std::max(top, A(x[k]));
      for (int64_t k = 0; k < sizes_.classes; ++k) sum += std::exp(A(x[k]) - top);
      const A shift = top + std::log(sum);
      for (int64_t k = 0; k < sizes_.classes; ++k) y[k] = A(x[k]) - shift;
    }
  }

  // The log probability of the labels.
  A forward() {
    for (int64_t t = 0; t < steps_; ++t) {
      A* now = alpha_ + t * states_;
      const A* before = now - states_;
      for (int64_t s = 0; s < states_; ++s) {
        A sum = t == 0 ? (s < 2 ? A(0) : kNever) : before[s];
        if (t > 0 && s > 0) sum = log_add(sum, before[s - 1]);
        if (t > 0 && skips(s)) sum = log_add(sum, before[s - 2]);
        now[s] = sum + log_p(t, s);
      }
    }
    const A* last = alpha_ + (steps_ - 1) * states_;
    total_ = states_ > 1 ? log_add(last[states_ - 1], last[states_ - 2]) : last[0];
    return total_;
  }

  // softmax less the expected share of every class, for all steps.
  template <class T>
  void gradient(T* grad) {
    const int64_t row = sizes_.batch * sizes_.classes;
    for (int64_t t = steps_ - 1; t >= 0; --t) {
      std::swap(beta_, previous_);
      A* p = log_p_ + t * sizes_.classes;
      for (int64_t s = 0; s < states_; ++s) {
        A sum = t == steps_ - 1 ? (s + 2 >= states_ ? A(0) : kNever) : previous_[s];
        if (t + 1 < steps_ && s + 1 < states_) sum = log_add(sum, previous_[s + 1]);
        if (t + 1 < steps_ && s + 2 < states_ && skips(s + 2)) sum = log_add(sum, previous_[s + 2]);
        beta_[s] = sum + log_p(t, s);
        alpha_[t * states_ + s] += sum - total_;  // the log probability to be in s at t
      }
      for (int64_t k = 0; k < sizes_.classes; ++k) p[k] = std::exp(p[k]);
      for (int64_t s = 0; s < states_; ++s) p[class_of_[s]] -= std::exp(alpha_[t * states_ + s]);
      for (int64_t k = 0; k < sizes_.classes; ++k) grad[t * row + k] = T(p[k]);
    }
  }

 private:
  static constexpr A kNever = -std::numeric_limits<A>::infinity();
  bool skips(int64_t s) const { return s > 1 && s % 2 == 1 && class_of_[s] != class_of_[s - 2]; }
  A log_p(int64_t t, int64_t s) const { return log_p_[t * sizes_.classes + class_of_[s]]; }

  Sizes sizes_;
  int64_t steps_, states_;
  const int32_t* class_of_;
  A *log_p_, *alpha_, *beta_, *previous_;
  A total_ = 0;
};

// What the inputs say about every sample, in the workspace.
struct Layout {
  int32_t* steps;
  int32_t* labels;
  int32_t* classes;  // (batch, 2 * labels + 1)
  static size_t bytes(const Sizes& s) {
    return (static_cast<size_t>(s.batch * (2 * s.labels + 3)) * sizeof(int32_t) + 63) / 64 * 64;
  }
};

struct Inputs {
  DType label, data_length, label_length;
  int data_length_at, label_length_at;  // -1: not given
};

void read_labels(const Sizes& s, const Inputs& inputs, void* const* in, const Layout& layout) {
  const int64_t states = 2 * s.labels + 1, padding = s.blank_first ? 0 : -1;
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t steps = s.length, count = -1;
    if (inputs.data_length_at >= 0) steps = integer_at(in[inputs.data_length_at], inputs.data_length, b);
    if (inputs.label_length_at >= 0) count = integer_at(in[inputs.label_length_at], inputs.label_length, b);
    check(steps >= 0 && steps <= s.length, "[CTCLoss] data_lengths[", b, "]: got ", steps, ", expected 0 to ",
          s.length);
    check(count >= -1 && count <= s.labels, "[CTCLoss] label_lengths[", b, "]: got ", count,
          ", expected 0 to ", s.labels);
    int32_t* classes = layout.classes + b * states;
    std::fill(classes, classes + states, static_cast<int32_t>(s.blank()));
    int64_t used = 0;
    for (const int64_t end = count < 0 ? s.labels : count; used < end; ++used) {
      const int64_t label = integer_at(in[1], inputs.label, b * s.labels + used);
      if (count < 0 && label == padding) break;
      check(label >= 0 && label < s.classes, "[CTCLoss] label[", b, ",", used, "]: got ", label,
            ", expected a class below ", s.classes);
      classes[2 * used + 1] = static_cast<int32_t>(label);
    }
    layout.steps[b] = static_cast<int32_t>(steps);
    layout.labels[b] = static_cast<int32_t>(used);
  }
}

template <class T>
Kernel forward_kernel(const Sizes& s, const Inputs& inputs, bool with_gradient) {
  using A = accumulate_t<T>;
  const size_t head = Layout::bytes(s), numbers = Sample<A>::numbers(s);
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        int32_t* ints = static_cast<int32_t*>(workspace);
        const Layout layout{ints, ints + s.batch, ints + 2 * s.batch};
        read_labels(s, inputs, in, layout);
        A* memory = reinterpret_cast<A*>(static_cast<char*>(workspace) + head);
        T* grad = with_gradient ? static_cast<T*>(out[1]) : nullptr;
        if (with_gradient) std::fill(grad, grad + s.length * s.batch * s.classes, T(0));
        parallel_for(s.batch, 1, [=](int64_t begin, int64_t end) {
          for (int64_t b = begin; b < end; ++b) {
            T* cost = static_cast<T*>(out[0]) + b;
            Sample<A> sample(memory + static_cast<size_t>(b) * numbers, s,
                             layout.classes + b * (2 * s.labels + 1), layout.steps[b], layout.labels[b]);
            *cost = T(0);  // also where no path exists, as in MXNet
            if (layout.steps[b] == 0 || !sample.possible()) continue;
            sample.log_softmax(static_cast<const T*>(in[0]) + b * s.classes);
            *cost = T(-sample.forward());
            if (with_gradient) sample.gradient(grad + b * s.classes);
          }
        });
      },
      head + static_cast<size_t>(s.batch) * numbers * sizeof(A));
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Shape& data = r.in[0].shape;
  const Sizes s{data[0], data[1], data[2], r.in[1].shape[1], p.blank_label == Blank::kFirst};
  Inputs inputs{r.in[1].dtype, DType::kUnknown, DType::kUnknown, -1, -1};
  int next = 2;
  if (p.use_data_lengths) {
    inputs.data_length = r.in[static_cast<size_t>(next)].dtype;
    inputs.data_length_at = next++;
  }
  if (p.use_label_lengths) {
    inputs.label_length = r.in[static_cast<size_t>(next)].dtype;
    inputs.label_length_at = next;
  }
  return visit_float(r.in[0].dtype, "CTCLoss", [&](auto tag) {
    return forward_kernel<typename decltype(tag)::type>(s, inputs, r.out_used[1]);
  });
}

// Inputs out_grad (batch), gradient (sequence, batch, classes): their product.
Kernel backward(const KernelRequest& r) {
  const int64_t rows = r.in[1].shape[0] * r.in[1].shape[1], batch = r.in[1].shape[1],
                width = r.in[1].shape[2];
  return visit_float(r.in[1].dtype, "CTCLoss", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* head = static_cast<const T*>(in[0]);
      const T* grad = static_cast<const T*>(in[1]);
      T* y = static_cast<T*>(out[0]);
      parallel_for(rows, 1 + kElementGrain / std::max<int64_t>(width, 1), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          for (int64_t k = 0; k < width; ++k) y[i * width + k] = T(grad[i * width + k] * head[i % batch]);
        }
      });
    });
  });
}

}  // namespace

void register_ctc_loss_ops() {
  OpDef& op = register_op("CTCLoss");
  op.aliases = {"ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss"};
  op.doc =
      "The negative log probability of labels (batch, labels) under all alignments with the softmax of data "
      "(sequence, batch, classes): shape (batch,). 0 where a label is too long for its sequence.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "label", "data_lengths", "label_lengths"};
  op.num_inputs = [](const void* p) {
    return 2 + as<Params>(p).use_data_lengths + as<Params>(p).use_label_lengths;
  };
  op.input_names = [](const void* p) {
    std::vector<std::string> names{"data", "label"};
    if (as<Params>(p).use_data_lengths) names.emplace_back("data_lengths");
    if (as<Params>(p).use_label_lengths) names.emplace_back("label_lengths");
    return names;
  };
  op.outputs = {"output0", "output1"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = forward;
  op.gradient = [](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c);
    grads[0] = {c.backward("_backward_ctc_loss", {c.out_grad(0), c.output(1)}, {0}), 0};
    return grads;
  };
  OpDef& back = register_backward_op("_backward_ctc_loss", {"out_grad", "gradient"});
  back.params = op.params;
  back.traits.inplace = {{1, 0}};
  back.kernel = backward;
}

}  // namespace symbind
