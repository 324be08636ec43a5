// Convolution kernels: the portable ones against a direct sum in double, oneDNN against the portable ones, in
// the layouts the backend chooses for itself.
#include "backend/cpu/convolution.h"

#include <doctest/doctest.h>

#include <vector>

#include "backend/layouts.h"

using namespace symbind;

namespace {

ConvGeometry make_geometry(int spatial, std::vector<int64_t> in, std::vector<int64_t> kernel,
                           std::vector<int64_t> stride, std::vector<int64_t> dilate, std::vector<int64_t> pad,
                           int64_t batch, int64_t in_channels, int64_t out_channels, int64_t groups) {
  ConvGeometry g;
  g.spatial = spatial;
  g.batch = batch;
  g.in_channels = in_channels;
  g.out_channels = out_channels;
  g.groups = groups;
  for (int i = 0; i < 3; ++i) {
    const int j = i - (3 - spatial);
    g.in[i] = j < 0 ? 1 : in[j];
    g.kernel[i] = j < 0 ? 1 : kernel[j];
    g.stride[i] = j < 0 ? 1 : stride[j];
    g.dilate[i] = j < 0 ? 1 : dilate[j];
    g.pad[i] = j < 0 ? 0 : pad[j];
    g.out[i] = (g.in[i] + 2 * g.pad[i] - g.dilate[i] * (g.kernel[i] - 1) - 1) / g.stride[i] + 1;
  }
  return g;
}

// Every shape of problem that has a path of its own.
std::vector<ConvGeometry> geometries() {
  return {
      make_geometry(2, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 3, 5, 7, 1),
      make_geometry(2, {9, 8}, {3, 2}, {2, 3}, {1, 2}, {1, 0}, 2, 16, 32, 1),
      make_geometry(2, {7, 7}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, 2, 20, 33, 1),
      make_geometry(2, {7, 7}, {1, 1}, {2, 2}, {1, 1}, {0, 0}, 2, 16, 16, 1),
      make_geometry(2, {28, 28}, {5, 5}, {1, 1}, {1, 1}, {0, 0}, 2, 1, 20, 1),
      make_geometry(2, {12, 12}, {5, 5}, {1, 1}, {1, 1}, {0, 0}, 3, 20, 50, 1),
      make_geometry(2, {15, 15}, {7, 7}, {2, 2}, {1, 1}, {3, 3}, 1, 3, 16, 1),
      make_geometry(2, {6, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2, 6, 9, 3),
      make_geometry(2, {6, 5}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 2, 16, 16, 16),
      make_geometry(2, {3, 3}, {3, 3}, {1, 1}, {1, 1}, {2, 2}, 1, 2, 3, 1),
      make_geometry(2, {8, 1}, {3, 3}, {1, 1}, {3, 3}, {3, 3}, 2, 4, 4, 2),
      make_geometry(1, {11}, {3}, {2}, {2}, {1}, 3, 4, 6, 2),
      make_geometry(3, {4, 5, 6}, {2, 3, 3}, {1, 2, 1}, {1, 1, 2}, {1, 0, 2}, 2, 3, 5, 1),
  };
}

struct Tensors {
  Shape data, weight, out;
  TensorDesc desc(const Shape& s, DType t) const { return {s, t, nullptr}; }
};

Tensors tensors(const ConvGeometry& g) {
  Tensors t;
  t.data = {g.batch, g.in_channels};
  t.weight = {g.out_channels, g.group_in()};
  t.out = {g.batch, g.out_channels};
  for (int i = 3 - g.spatial; i < 3; ++i) {
    t.data.push_back(g.in[i]);
    t.weight.push_back(g.kernel[i]);
    t.out.push_back(g.out[i]);
  }
  if (!g.channels_last) return t;
  auto channels_to_end = [](const Shape& s) {
    Shape r{s[0]};
    for (int i = 2; i < s.ndim(); ++i) r.push_back(s[i]);
    r.push_back(s[1]);
    return r;
  };
  return {channels_to_end(t.data), channels_to_end(t.weight), channels_to_end(t.out)};
}

// Visits every product of the convolution: f(data index, weight index, out index).
template <class F>
void for_each_product(const ConvGeometry& g, F&& f) {
  const int64_t ks = g.kernel_size(), is = g.in_size(), os = g.out_size(), gi = g.group_in();
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t o = 0; o < g.out_channels; ++o) {
      for (int64_t q = 0; q < os; ++q) {
        const int64_t at[3] = {q / (g.out[1] * g.out[2]), q / g.out[2] % g.out[1], q % g.out[2]};
        for (int64_t c = 0; c < gi; ++c) {
          for (int64_t k = 0; k < ks; ++k) {
            const int64_t tap[3] = {k / (g.kernel[1] * g.kernel[2]), k / g.kernel[2] % g.kernel[1],
                                    k % g.kernel[2]};
            int64_t x = 0;
            bool inside = true;
            for (int i = 0; i < 3; ++i) {
              const int64_t p = at[i] * g.stride[i] + tap[i] * g.dilate[i] - g.pad[i];
              inside = inside && p >= 0 && p < g.in[i];
              x = x * g.in[i] + p;
            }
            if (!inside) continue;
            const int64_t channel = o / g.group_out() * gi + c;
            if (g.channels_last) {
              f((n * is + x) * g.in_channels + channel, (o * ks + k) * gi + c,
                (n * os + q) * g.out_channels + o, o);
            } else {
              f((n * g.in_channels + channel) * is + x, (o * gi + c) * ks + k,
                (n * g.out_channels + o) * os + q, o);
            }
          }
        }
      }
    }
  }
}

template <class T>
struct Case {
  ConvGeometry g;
  Tensors t;
  std::vector<T> data, weight, bias, dy;
  explicit Case(const ConvGeometry& geometry) : g(geometry), t(tensors(geometry)) {
    data = random_values<T>(t.data.size(), 1);
    weight = random_values<T>(t.weight.size(), 2);
    bias = random_values<T>(g.out_channels, 3);
    dy = random_values<T>(t.out.size(), 4);
  }
};

template <class T>
struct Results {
  std::vector<T> y, dx, dw, db;
};

template <class T>
Results<T> direct(const Case<T>& c) {
  const int64_t channel = c.g.channels_last ? 1 : c.g.out_size();
  std::vector<double> y(c.dy.size()), dx(c.data.size()), dw(c.weight.size()), db(c.bias.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t o = i / channel % c.g.out_channels;
    y[i] = double(c.bias[o]);
    db[o] += double(c.dy[i]);
  }
  for_each_product(c.g, [&](int64_t x, int64_t w, int64_t q, int64_t) {
    y[q] += double(c.data[x]) * double(c.weight[w]);
    dx[x] += double(c.dy[q]) * double(c.weight[w]);
    dw[w] += double(c.dy[q]) * double(c.data[x]);
  });
  auto narrow = [](const std::vector<double>& v) { return std::vector<T>(v.begin(), v.end()); };
  return {narrow(y), narrow(dx), narrow(dw), narrow(db)};
}

// The kernels on row-major tensors, as an operator outside of any graph runs them.
template <class T>
Results<T> run_plain(const Case<T>& c, DType dtype) {
  const TensorDesc data = c.t.desc(c.t.data, dtype), weight = c.t.desc(c.t.weight, dtype);
  const TensorDesc out = c.t.desc(c.t.out, dtype), bias = c.t.desc({c.g.out_channels}, dtype);
  Results<T> r{c.dy, c.data, c.weight, c.bias};
  run_kernel(make_conv_forward(c.g, data, weight, &bias, out, {}, true),
             {c.data.data(), c.weight.data(), c.bias.data()}, {r.y.data()});
  run_kernel(make_conv_backward_data(c.g, out, weight, data), {c.dy.data(), c.weight.data()}, {r.dx.data()});
  run_kernel(make_conv_backward_weight(c.g, out, data, weight, &bias), {c.dy.data(), c.data.data()},
             {r.dw.data(), r.db.data()});
  return r;
}

// The kernels on the layouts they choose.
Results<float> run_in_layouts(const Case<float>& c) {
  const TensorDesc plain_data = c.t.desc(c.t.data, DType::kFloat32),
                   plain_out = c.t.desc(c.t.out, DType::kFloat32);
  const TensorDesc plain_weight = c.t.desc(c.t.weight, DType::kFloat32);
  const TensorDesc bias = c.t.desc({c.g.out_channels}, DType::kFloat32);
  Results<float> r;
  {
    TensorDesc data = plain_data, weight = plain_weight, out = plain_out;
    choose_conv_forward_layouts(c.g, true, Compute::kFloat32, data, weight, out);
    std::vector<float> y(out.bytes() / sizeof(float));
    run_kernel(
        make_conv_forward(c.g, data, weight, &bias, out, {}, true),
        {moved(c.data, plain_data, data).data(), moved(c.weight, plain_weight, weight).data(), c.bias.data()},
        {y.data()});
    r.y = moved(y, out, plain_out);
  }
  {
    TensorDesc data = plain_data, weight = plain_weight, out = plain_out;
    choose_conv_backward_data_layouts(c.g, Compute::kFloat32, out, weight, data);
    std::vector<float> dx(data.bytes() / sizeof(float));
    run_kernel(make_conv_backward_data(c.g, out, weight, data),
               {moved(c.dy, plain_out, out).data(), moved(c.weight, plain_weight, weight).data()},
               {dx.data()});
    r.dx = moved(dx, data, plain_data);
  }
  {
    TensorDesc data = plain_data, weight = plain_weight, out = plain_out;
    choose_conv_backward_weight_layouts(c.g, Compute::kFloat32, out, data, weight);
    std::vector<float> dw(weight.bytes() / sizeof(float));
    r.db.resize(c.bias.size());
    run_kernel(make_conv_backward_weight(c.g, out, data, weight, &bias),
               {moved(c.dy, plain_out, out).data(), moved(c.data, plain_data, data).data()},
               {dw.data(), r.db.data()});
    r.dw = moved(dw, weight, plain_weight);
  }
  return r;
}

template <class T>
void check_results(const Results<T>& got, const Results<T>& want, double tolerance) {
  check_close(got.y, want.y, tolerance);
  check_close(got.dx, want.dx, tolerance);
  check_close(got.dw, want.dw, tolerance);
  check_close(got.db, want.db, tolerance);
}

}  // namespace

TEST_CASE("portable convolution against a direct sum") {
  OneDnnSwitch off(false);
  for (ConvGeometry g : geometries()) {
    for (bool channels_last : {false, true}) {
      g.channels_last = channels_last;
      const Case<double> c(g);
      check_results(run_plain(c, DType::kFloat64), direct(c), 1e-11);
    }
  }
}

TEST_CASE("float32 convolution with and without oneDNN, in row-major and in chosen layouts") {
  for (ConvGeometry g : geometries()) {
    for (bool channels_last : {false, true}) {
      g.channels_last = channels_last;
      const Case<float> c(g);
      const Results<float> want = direct(c);
      for (bool fast : {true, false}) {
        OneDnnSwitch onednn(fast);
        check_results(run_plain(c, DType::kFloat32), want, 1e-4);
        check_results(run_in_layouts(c), want, 1e-4);
      }
    }
  }
}

TEST_CASE("float16 convolution is computed in float32") {
  const Case<Half> c(geometries()[0]);
  check_results(run_plain(c, DType::kFloat16), direct(c), 2e-2);
}

TEST_CASE("post-ops of a convolution: a sum, then an activation") {
  for (const ConvGeometry& g : geometries()) {
    const Case<float> c(g);
    const std::vector<PostOp> post_ops{{PostOp::kSum, 0, 0, 3}, {PostOp::kSigmoid, 0, 0, -1}};
    std::vector<float> want = direct(c).y;
    for (size_t i = 0; i < want.size(); ++i) want[i] = 1 / (1 + std::exp(-(want[i] + c.dy[i])));
    const TensorDesc plain = c.t.desc(c.t.out, DType::kFloat32),
                     bias = c.t.desc({g.out_channels}, DType::kFloat32);
    for (bool fast : {true, false}) {
      OneDnnSwitch onednn(fast);
      TensorDesc data = c.t.desc(c.t.data, DType::kFloat32), weight = c.t.desc(c.t.weight, DType::kFloat32),
                 out = plain;
      const TensorDesc plain_data = data, plain_weight = weight;
      choose_conv_forward_layouts(g, false, Compute::kFloat32, data, weight, out);
      std::vector<float> y(out.bytes() / sizeof(float));
      const auto addend = moved(c.dy, plain, out);
      run_kernel(make_conv_forward(g, data, weight, &bias, out, post_ops, false),
                 {moved(c.data, plain_data, data).data(), moved(c.weight, plain_weight, weight).data(),
                  c.bias.data(), addend.data()},
                 {y.data()});
      check_close(moved(y, out, plain), want, 1e-5);
    }
  }
}
