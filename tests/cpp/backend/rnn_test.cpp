// Kernels of recurrent layers in every instruction set that this processor has, against plain loops in
// double.
#include <string>

#include "backend/cpu/isa.h"
#include "test_kernels.h"

using namespace symbind;

namespace {

template <class T>
struct Block {
  alignas(64) T v[28 * 16];
  T& operator[](int64_t i) { return v[i]; }
};

template <class T>
StoragePtr storage(const std::vector<T>& values) {
  StoragePtr s = allocate_storage(values.size() * sizeof(T) + 64);
  std::copy(values.begin(), values.end(), static_cast<T*>(s->data));
  return s;
}

// f(functions, tag, tolerance) for both types in every instruction set.
template <class F>
void for_all(F f) {
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (!isa_supported(isa)) continue;
    const std::string name = isa_name(isa);
    CAPTURE(name);
    f(kernels_for(isa).rnn[kF32], float(), 2e-6);
    f(kernels_for(isa).rnn[kF64], double(), 1e-14);
  }
}

template <class T>
void check_product(const RnnFns& f, int rows, int64_t k, int64_t columns, bool transposed, double tolerance) {
  const int64_t lanes = f.lanes, blocks = (k + lanes - 1) / lanes;
  const std::vector<T> a = random_values<T>(blocks * rows * lanes, 1), w = random_values<T>(k * columns, 2);
  const StoragePtr left = storage(a), panel = storage(std::vector<T>(blocks * lanes * lanes, T(7)));
  const StoragePtr sums = storage(random_values<T>(rows * lanes, 3));
  T* c = static_cast<T*>(sums->data);
  std::vector<T> want(c, c + rows * lanes);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < columns; ++j) {
      double sum = want[r * lanes + j];
      for (int64_t i = 0; i < k; ++i) {
        sum += double(a[(i / lanes * rows + r) * lanes + i % lanes]) *
               w[transposed ? j * k + i : i * columns + j];
      }
      want[r * lanes + j] = T(sum);
    }
  }
  f.pack_panel(w.data(), transposed ? 1 : columns, transposed ? k : 1, k, columns, panel->data);
  f.product(rows, k, left->data, panel->data, c);
  check_close(std::vector<T>(c, c + rows * lanes), want, tolerance * std::sqrt(double(k) + 1));
}

}  // namespace

TEST_CASE("recurrent layers: products with packed panels") {
  for_all([](const RnnFns& f, auto type, double tolerance) {
    using T = decltype(type);
    for (int rows = 1; rows <= f.max_rows; ++rows) {
      for (int64_t k : {1, 3, 16, 37}) {
        for (bool transposed : {false, true}) {
          check_product<T>(f, rows, k, f.lanes, transposed, tolerance);
          check_product<T>(f, rows, k, 1 + rows % f.lanes, transposed, tolerance);
        }
      }
    }
  });
}

TEST_CASE("recurrent layers: products over samples") {
  for_all([](const RnnFns& f, auto type, double tolerance) {
    using T = decltype(type);
    const int64_t rows = 5, steps = 3, lanes = f.lanes, a_step = 2 * rows * lanes, b_step = 3 * rows * lanes;
    const std::vector<T> a = random_values<T>(steps * a_step, 1), b = random_values<T>(steps * b_step, 2);
    const StoragePtr left = storage(a), right = storage(b), out = storage(std::vector<T>(lanes * lanes));
    std::vector<T> want(lanes * lanes), sums(lanes);
    for (int64_t i = 0; i < lanes; ++i) {
      double total = 0;
      for (int64_t j = 0; j < lanes; ++j) {
        double sum = 0;
        for (int64_t s = 0; s < steps; ++s) {
          for (int64_t r = 0; r < rows; ++r) {
            sum += double(a[s * a_step + r * lanes + i]) * b[s * b_step + r * lanes + j];
            if (j == 0) total += a[s * a_step + r * lanes + i];
          }
        }
        want[i * lanes + j] = T(sum);
      }
      sums[i] = T(total);
    }
    f.outer(rows, steps, left->data, a_step, right->data, b_step, out->data);
    const T* c = static_cast<const T*>(out->data);
    check_close(std::vector<T>(c, c + lanes * lanes), want, 4 * tolerance);
    f.lane_sums(rows, steps, left->data, a_step, out->data);
    check_close(std::vector<T>(c, c + lanes), sums, 4 * tolerance);
  });
}

TEST_CASE("recurrent layers: cells") {
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for_all([&](const RnnFns& f, auto type, double tolerance) {
    using T = decltype(type);
    const int64_t n = 3 * f.lanes;
    std::vector<T> pre[4], before = random_values<T>(n, 9);
    Block<T> gates[4], c, h, c_prev;
    void* slots[4];
    auto fill = [&] {
      for (int g = 0; g < 4; ++g) {
        pre[g] = random_values<T>(n, 10 + g, -4, 4);
        std::copy(pre[g].begin(), pre[g].end(), gates[g].v);
        slots[g] = gates[g].v;
      }
      std::copy(before.begin(), before.end(), c_prev.v);
    };
    auto check = [&](Block<T>& got, auto&& want) {
      std::vector<T> expected(n);
      for (int64_t i = 0; i < n; ++i) expected[i] = T(want(i));
      check_close(std::vector<T>(got.v, got.v + n), expected, 4 * tolerance);
    };
    auto cell = [&](int64_t i) {
      return sigmoid(pre[1][i]) * before[i] + sigmoid(pre[0][i]) * std::tanh(double(pre[2][i]));
    };
    fill();
    f.lstm_forward({}, n, slots, c_prev.v, c.v, h.v);
    check(c, cell);
    check(h, [&](int64_t i) { return sigmoid(pre[3][i]) * std::tanh(cell(i)); });
    fill();
    const RnnClip clip{true, false, -0.25, 0.5};
    f.lstm_forward(clip, n, slots, c_prev.v, c_prev.v, h.v);
    check(c_prev, [&](int64_t i) { return std::min(0.5, std::max(-0.25, cell(i))); });

    fill();
    f.gru_forward(n, slots, c_prev.v, h.v);
    check(h, [&](int64_t i) {
      const double r = sigmoid(pre[0][i]), z = sigmoid(pre[1][i]);
      return (1 - z) * std::tanh(pre[2][i] + r * pre[3][i]) + z * before[i];
    });
    for (bool relu : {false, true}) {
      f.plain_forward(relu, n, c_prev.v, h.v);
      check(h, [&](int64_t i) {
        return relu ? std::max(double(before[i]), 0.0) : std::tanh(double(before[i]));
      });
    }
  });
}
