// Batch normalisation against its definition in double, in every layout, and with a fused relu.
#include "backend/cpu/batch_norm.h"

#include <cmath>

#include "backend/layouts.h"

using namespace symbind;

namespace {

struct Sizes {
  int64_t outer, channels, inner;
};

struct Results {
  std::vector<float> y, mean, inv_std, dx, dgamma, dbeta, moving_mean, moving_var;
};

struct Inputs {
  std::vector<float> x, dy, gamma, beta, moving_mean, moving_var;
  explicit Inputs(const Sizes& s) {
    x = random_values<float>(s.outer * s.channels * s.inner, 1, 50, 52);  // a mean far from zero
    dy = random_values<float>(x.size(), 2);
    gamma = random_values<float>(s.channels, 3, 0.5, 2);
    beta = random_values<float>(s.channels, 4);
    moving_mean = random_values<float>(s.channels, 5, 50, 52);
    moving_var = random_values<float>(s.channels, 6, 0.5, 2);
  }
};

Results by_definition(const BatchNormSpec& spec, const Sizes& s, const Inputs& in) {
  Results r{in.x, in.gamma, in.gamma, in.x, in.gamma, in.gamma, in.moving_mean, in.moving_var};
  for (int64_t c = 0; c < s.channels; ++c) {
    std::vector<size_t> at;
    for (int64_t o = 0; o < s.outer; ++o) {
      for (int64_t i = 0; i < s.inner; ++i) at.push_back((o * s.channels + c) * s.inner + i);
    }
    double mean = 0, var = 0;
    for (size_t i : at) mean += double(in.x[i]) / at.size();
    for (size_t i : at) var += (in.x[i] - mean) * (in.x[i] - mean) / at.size();
    if (spec.global_stats) {
      mean = in.moving_mean[c];
      var = in.moving_var[c];
    }
    const double inv_std = 1 / std::sqrt(var + spec.eps), gamma = spec.fix_gamma ? 1 : in.gamma[c];
    double sum = 0, dot = 0;
    std::vector<double> g(at.size());
    for (size_t k = 0; k < at.size(); ++k) {
      const double z = (in.x[at[k]] - mean) * inv_std, y = gamma * z + in.beta[c];
      const bool low = spec.relu && y <= 0;
      r.y[at[k]] = float(low ? y * spec.slope : y);
      g[k] = in.dy[at[k]] * (low ? spec.slope : 1);
      sum += g[k];
      dot += g[k] * z;
    }
    for (size_t k = 0; k < at.size(); ++k) {
      const double z = (in.x[at[k]] - mean) * inv_std;
      const double centred = spec.global_stats ? g[k] : g[k] - sum / at.size() - z * dot / at.size();
      r.dx[at[k]] = float(gamma * inv_std * centred);
    }
    r.mean[c] = float(mean);
    r.inv_std[c] = float(inv_std);
    r.dgamma[c] = float(spec.fix_gamma ? 0 : dot);
    r.dbeta[c] = float(sum);
    if (!spec.global_stats) {
      r.moving_mean[c] = float(spec.momentum * in.moving_mean[c] + (1 - spec.momentum) * mean);
      r.moving_var[c] = float(spec.momentum * in.moving_var[c] + (1 - spec.momentum) * var);
    }
  }
  return r;
}

Results run(const BatchNormSpec& spec, const TensorDesc& data, const Inputs& in) {
  const TensorDesc plain = row_major(data);
  const auto x = moved(in.x, plain, data), dy = moved(in.dy, plain, data);
  std::vector<float> y(x.size()), dx(x.size());
  Results r;
  r.mean = r.inv_std = r.dgamma = r.dbeta = in.gamma;
  r.moving_mean = in.moving_mean;
  r.moving_var = in.moving_var;
  run_kernel(make_batch_norm_forward(spec, data),
             {x.data(), in.gamma.data(), in.beta.data(), in.moving_mean.data(), in.moving_var.data()},
             {y.data(), r.mean.data(), r.inv_std.data()});
  run_kernel(make_batch_norm_backward(spec, data),
             {dy.data(), x.data(), in.gamma.data(), in.beta.data(), r.mean.data(), r.inv_std.data(),
              r.moving_mean.data(), r.moving_var.data()},
             {dx.data(), r.dgamma.data(), r.dbeta.data()});
  r.y = moved(y, data, plain);
  r.dx = moved(dx, data, plain);
  return r;
}

void check_all(const Results& got, const Results& want) {
  check_close(got.y, want.y, 2e-4);
  check_close(got.mean, want.mean, 1e-6);
  check_close(got.inv_std, want.inv_std, 1e-5);
  check_close(got.dx, want.dx, 1e-4);
  check_close(got.dgamma, want.dgamma, 2e-3);
  check_close(got.dbeta, want.dbeta, 1e-4);
  check_close(got.moving_mean, want.moving_mean, 1e-6);
  check_close(got.moving_var, want.moving_var, 1e-5);
}

}  // namespace

TEST_CASE("batch normalisation in every layout") {
  const TensorDesc tensors[] = {
      {{5, 7, 6, 3}, DType::kFloat32, nullptr},
      {{70, 33}, DType::kFloat32, nullptr},
      {{2, 3, 150, 150}, DType::kFloat32, nullptr},  // large enough for several threads
      chosen_layout(3, 32, 5, 4, 16),
      chosen_layout(3, 20, 5, 4, 1),
      chosen_layout(3, 50, 5, 4, 21),
      chosen_layout(2, 37, 64, 40, 21),
      chosen_layout(2, 32, 64, 40, 16),
  };
  for (const TensorDesc& data : tensors) {
    const Sizes sizes{data.shape[0], data.shape[1], data.shape.product(2, data.shape.ndim())};
    const Inputs in(sizes);
    for (int flags = 0; flags < 8; ++flags) {
      BatchNormSpec spec;
      spec.fix_gamma = (flags & 1) != 0;
      spec.global_stats = (flags & 2) != 0;
      spec.relu = (flags & 4) != 0;
      spec.slope = 0.125f;
      CAPTURE(data.shape);
      CAPTURE(flags);
      check_all(run(spec, data, in), by_definition(spec, sizes, in));
    }
  }
}

TEST_CASE("batch normalisation of a constant channel has no variance") {
  const TensorDesc data{{4, 1, 3}, DType::kFloat32, nullptr};
  std::vector<float> x(12, 1e6f), gamma{1}, beta{0.5f}, mean{0}, inv_std{0}, y(12);
  BatchNormSpec spec;
  run_kernel(make_batch_norm_forward(spec, data),
             {x.data(), gamma.data(), beta.data(), mean.data(), inv_std.data()},
             {y.data(), mean.data(), inv_std.data()});
  CHECK(mean[0] == 1e6f);
  CHECK(inv_std[0] == doctest::Approx(1 / std::sqrt(1e-3)));
  check_close(y, std::vector<float>(12, 0.5f), 0);
}
