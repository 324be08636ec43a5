// Every instruction set that this processor has against the C library, for lengths around the vector widths.
#include <cstring>
#include <limits>
#include <string>

#include "backend/cpu/isa.h"
#include "test_kernels.h"

using namespace symbind;

namespace {

const int64_t kSizes[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 513, 1000};

std::vector<Isa> available() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (isa_supported(isa)) all.push_back(isa);
  }
  return all;
}

// The distance in units of the last place of float.
double float_ulps(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  const float rounded = static_cast<float>(want);
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0 : 1e9;
  const float magnitude = std::fabs(rounded);
  const double unit =
      static_cast<double>(std::nextafter(magnitude, std::numeric_limits<float>::infinity())) - magnitude;
  return std::fabs(static_cast<double>(got) - want) / unit;
}

struct Reference {
  Unary op;
  const char* name;
  double (*f)(double);
  double low, high;
  double ulps;  // allowed
};

const Reference kReferences[] = {
    {Unary::kExp, "exp", [](double x) { return std::exp(x); }, -110, 95, 2},
    {Unary::kExp, "exp near 0", [](double x) { return std::exp(x); }, -1, 1, 2},
    {Unary::kExpm1, "expm1", [](double x) { return std::expm1(x); }, -30, 90, 2.5},
    {Unary::kExpm1, "expm1 near 0", [](double x) { return std::expm1(x); }, -0.5, 0.5, 2.5},
    {Unary::kLog, "log", [](double x) { return std::log(x); }, 1e-30, 1e6, 2},
    {Unary::kLog, "log near 1", [](double x) { return std::log(x); }, 0.5, 2, 2},
    {Unary::kLog1p, "log1p", [](double x) { return std::log1p(x); }, -0.99, 1e4, 2.5},
    {Unary::kLog1p, "log1p near 0", [](double x) { return std::log1p(x); }, -1e-3, 1e-3, 2.5},
    {Unary::kTanh, "tanh", [](double x) { return std::tanh(x); }, -12, 12, 2},
    {Unary::kTanh, "tanh near 0", [](double x) { return std::tanh(x); }, -1, 1, 2},
    {Unary::kSigmoid, "sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, 2.5},
    {Unary::kSoftRelu, "softrelu", [](double x) { return std::log1p(std::exp(x)); }, -80, 80, 3},
    {Unary::kSqrt, "sqrt", [](double x) { return std::sqrt(x); }, 0, 1e6, 0.51},
    {Unary::kErf, "erf", [](double x) { return std::erf(x); }, -4, 4, 2},
    {Unary::kSin, "sin", [](double x) { return std::sin(x); }, -30, 30, 2},
    {Unary::kCbrt, "cbrt", [](double x) { return std::cbrt(x); }, -1e6, 1e6, 2},
};

}  // namespace

TEST_CASE("float32 functions stay within a few units of the last place on every instruction set") {
  for (Isa isa : available()) {
    const KernelTable& table = kernels_for(isa);
    for (const Reference& r : kReferences) {
      const std::vector<float> x = random_values<float>(20000, 7, r.low, r.high);
      std::vector<float> y(x.size());
      table.unary[static_cast<int>(r.op)][kF32](x.data(), nullptr, nullptr, y.data(),
                                                static_cast<int64_t>(x.size()), 0);
      double worst = 0;
      for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, float_ulps(y[i], r.f(x[i])));
      INFO(std::string(isa_name(isa)) << " " << std::string(r.name) << ": " << worst << " ulp");
      CHECK(worst <= r.ulps);
    }
  }
}

TEST_CASE("functions at the edges of float32") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float tiny = 1e-42f;
  struct Edge {
    Unary op;
    float x, y;
  };
  const Edge edges[] = {{Unary::kExp, inf, inf},
                        {Unary::kExp, -inf, 0},
                        {Unary::kExp, nan, nan},
                        {Unary::kExp, 89, inf},
                        {Unary::kExp, -110, 0},
                        {Unary::kLog, 0, -inf},
                        {Unary::kLog, -0.0f, -inf},
                        {Unary::kLog, -1, nan},
                        {Unary::kLog, inf, inf},
                        {Unary::kLog, nan, nan},
                        {Unary::kLog, tiny, std::log(tiny)},
                        {Unary::kLog1p, -1, -inf},
                        {Unary::kLog1p, -2, nan},
                        {Unary::kLog1p, inf, inf},
                        {Unary::kTanh, inf, 1},
                        {Unary::kTanh, -inf, -1},
                        {Unary::kTanh, nan, nan},
                        {Unary::kSigmoid, inf, 1},
                        {Unary::kSigmoid, -inf, 0},
                        {Unary::kSigmoid, nan, nan},
                        {Unary::kExpm1, inf, inf},
                        {Unary::kExpm1, -inf, -1},
                        {Unary::kExpm1, nan, nan},
                        {Unary::kRelu, nan, nan},
                        {Unary::kSign, nan, 0},
                        {Unary::kRint, 2.5f, 2},
                        {Unary::kRint, -1.5f, -2},
                        {Unary::kRound, 2.5f, 3},
                        {Unary::kErfinv, 1, inf},
                        {Unary::kErfinv, 0.5f, 0.476936276f},
                        {Unary::kGammaLn, 10, 12.8018275f}};
  for (Isa isa : available()) {
    for (const Edge& e : edges) {
      // In every lane of a vector, and in the tail.
      std::vector<float> x(37, e.x), y(37);
      kernels_for(isa).unary[static_cast<int>(e.op)][kF32](x.data(), nullptr, nullptr, y.data(), 37, 0);
      for (float got : y) {
        INFO(std::string(isa_name(isa))
             << " unary " << static_cast<int>(e.op) << " of " << e.x << ": " << got);
        CHECK(float_ulps(got, e.y) <= 2);
      }
    }
  }
}

TEST_CASE("all instruction sets agree on every elementwise function, size, dtype and operand kind") {
  const std::vector<Isa> all = available();
  const KernelTable& base = kernels_for(Isa::kBaseline);
  auto compare = [&](const char* what, int op, auto member, int count_inputs, double low, double high) {
    for (int type : {kF32, kF64}) {
      for (int64_t n : kSizes) {
        for (unsigned scalars = 0; scalars < 8; ++scalars) {
          if (scalars >= (1u << count_inputs) || (count_inputs == 3 && (scalars & 1u))) continue;
          std::vector<std::vector<double>> doubles;
          std::vector<std::vector<float>> floats;
          for (int i = 0; i < 3; ++i) {
            floats.push_back(random_values<float>(n + 1, static_cast<unsigned>(op * 3 + i), low, high));
            doubles.emplace_back(floats.back().begin(), floats.back().end());
          }
          auto data = [&](int i) -> const void* {
            if (i >= count_inputs) return nullptr;
            return type == kF32 ? static_cast<const void*>(floats[static_cast<size_t>(i)].data())
                                : static_cast<const void*>(doubles[static_cast<size_t>(i)].data());
          };
          auto run = [&](const KernelTable& table) {
            std::vector<double> y(static_cast<size_t>(n) + 1, -77);
            std::vector<float> z(static_cast<size_t>(n) + 1, -77);
            void* out = type == kF32 ? static_cast<void*>(z.data()) : static_cast<void*>(y.data());
            (table.*member)[op][type](data(0), data(1), data(2), out, n, scalars);
            if (type == kF32) y.assign(z.begin(), z.end());
            return y;
          };
          const std::vector<double> want = run(base);
          CHECK(want.back() == -77);  // nothing is written past the end
          for (Isa isa : all) {
            INFO(std::string(isa_name(isa))
                 << " " << std::string(what) << " " << op << " size " << n << " scalars " << scalars);
            check_close(run(kernels_for(isa)), want, type == kF32 ? 2e-6 : 1e-13);
          }
        }
      }
    }
  };
  for (int op = 0; op < static_cast<int>(Unary::kCount); ++op)
    compare("unary", op, &KernelTable::unary, 1, 0.1, 0.9);
  for (int op = 0; op < static_cast<int>(UnaryGrad::kCount); ++op) {
    compare("gradient", op, &KernelTable::unary_grad, 2, 0.1, 0.9);
  }
  for (int op = 0; op < static_cast<int>(Binary::kCount); ++op)
    compare("binary", op, &KernelTable::binary, 2, -3, 3);
  for (int op = 0; op < static_cast<int>(BinaryGrad::kCount); ++op) {
    compare("binary gradient", op, &KernelTable::binary_grad, 3, 0.5, 2);
  }
}

TEST_CASE("integer arithmetic wraps and never traps") {
  const int32_t low = std::numeric_limits<int32_t>::min();
  const std::vector<int32_t> a{low, low, 7, -7, 7, -7, 0, 5}, b{-1, 0, 3, 3, -3, -3, 0, 0};
  auto run = [&](Binary op) {
    std::vector<int32_t> y(a.size());
    kernels().binary[static_cast<int>(op)][kI32](a.data(), b.data(), nullptr, y.data(), 8, 0);
    return y;
  };
  CHECK(run(Binary::kDiv) == std::vector<int32_t>{low, 0, 2, -2, -2, 2, 0, 0});
  CHECK(run(Binary::kMod) == std::vector<int32_t>{0, 0, 1, 2, -2, -1, 0, 0});
  CHECK(run(Binary::kAdd)[0] == std::numeric_limits<int32_t>::max());
  CHECK(run(Binary::kMaximum) == std::vector<int32_t>{-1, 0, 7, 3, 7, -3, 0, 5});
  CHECK(run(Binary::kLogicalXor) == std::vector<int32_t>{0, 1, 0, 0, 0, 0, 0, 1});
}

TEST_CASE("conversions between all types agree on every instruction set") {
  const double values[] = {0, 1, -1, 1.7, -1.7, 300.5, -300, 65504, 1e-7, 6e-8, 3e9, -3e9, 1e30};
  const size_t count = sizeof values / sizeof *values;
  for (int from = 0; from < 8; ++from) {
    char source[count * 8];
    kernels_for(Isa::kBaseline).convert[1][from](values, source, static_cast<int64_t>(count));
    for (int to = 0; to < 8; ++to) {
      auto run = [&](Isa isa) {
        std::vector<char> out(count * 8, 0);
        kernels_for(isa).convert[from][to](source, out.data(), static_cast<int64_t>(count));
        return out;
      };
      const std::vector<char> want = run(Isa::kBaseline);
      for (Isa isa : available()) {
        INFO(std::string(isa_name(isa)) << " from " << from << " to " << to);
        CHECK(run(isa) == want);
      }
    }
  }
}

TEST_CASE("every half survives the way to float and back, and rounding is to nearest even") {
  std::vector<uint16_t> halves(65536), back(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> floats(halves.size());
  for (Isa isa : available()) {
    const KernelTable& t = kernels_for(isa);
    t.convert[2][0](halves.data(), floats.data(), 65536);
    t.convert[0][2](floats.data(), back.data(), 65536);
    int64_t wrong = 0;
    for (size_t i = 0; i < halves.size(); ++i) {
      const bool nan = (i & 0x7c00u) == 0x7c00u && (i & 0x3ffu) != 0;
      wrong += nan ? !std::isnan(floats[i]) : back[i] != halves[i];
    }
    INFO(std::string(isa_name(isa)));
    CHECK(wrong == 0);
    const float ties[] = {1.00048828125f, 1.00146484375f, 65519.996f, 65520.0f, 2.9802322e-8f, 2.9802326e-8f};
    uint16_t rounded[6];
    t.convert[0][2](ties, rounded, 6);
    const std::vector<uint16_t> want{0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x0000, 0x0001};
    CHECK(std::vector<uint16_t>(rounded, rounded + 6) == want);
  }
}

TEST_CASE("softmax rows and columns agree with the definition") {
  for (Isa isa : available()) {
    for (int64_t n : {1, 2, 10, 31, 32, 33, 100, 1000}) {
      for (int64_t inner : {1, 3, 130}) {
        for (bool log : {false, true}) {
          const std::vector<float> x = random_values<float>(n * inner, 3, -5, 5);
          std::vector<float> y(x.size()), want(x.size()), dx(x.size()), dwant(x.size());
          const std::vector<float> dy = random_values<float>(n * inner, 4);
          const SoftmaxFns fns = kernels_for(isa).softmax[kF32];
          fns.forward(x.data(), y.data(), n, inner, inner, 0.5, log);
          fns.backward(dy.data(), y.data(), dx.data(), n, inner, inner, 0.5, log);
          for (int64_t i = 0; i < inner; ++i) {
            double sum = 0, dot = 0;
            for (int64_t k = 0; k < n; ++k) sum += std::exp(0.5 * x[static_cast<size_t>(k * inner + i)]);
            for (int64_t k = 0; k < n; ++k) {
              const size_t at = static_cast<size_t>(k * inner + i);
              const double p = std::exp(0.5 * x[at]) / sum;
              want[at] = static_cast<float>(log ? std::log(p) : p);
              dot += dy[at] * (log ? 1 : p);
            }
            for (int64_t k = 0; k < n; ++k) {
              const size_t at = static_cast<size_t>(k * inner + i);
              const double p = std::exp(0.5 * x[at]) / sum;
              dwant[at] = static_cast<float>(0.5 * (log ? dy[at] - p * dot : p * (dy[at] - dot)));
            }
          }
          INFO(std::string(isa_name(isa)) << " n " << n << " inner " << inner << " log " << log);
          check_close(y, want, 2e-6);
          check_close(dx, dwant, 5e-6);
        }
      }
    }
  }
}

TEST_CASE("matrix products on every instruction set, for sizes around the register tiles") {
  const int64_t sizes[][3] = {{1, 1, 1},      {1, 40, 7},   {40, 1, 7},     {1, 700, 600},
                              {700, 1, 2100}, {2, 3, 0},    {6, 16, 5},     {13, 33, 17},
                              {15, 31, 300},  {100, 70, 9}, {170, 65, 257}, {5, 2100, 3}};
  for (Isa isa : available()) {
    const KernelTable& table = kernels_for(isa);
    const StoragePtr workspace =
        allocate_storage(std::max(table.gemm_workspace[kF32], table.gemm_workspace[kF64]));
    for (const auto& [m, n, k] : sizes) {
      const std::vector<double> a = random_values<double>(m * k, 1), b = random_values<double>(k * n, 2);
      const std::vector<double> before = random_values<double>(m * (n + 3), 3);
      for (int flags = 0; flags < 4; ++flags) {
        for (double beta : {0.0, 0.5}) {
          GemmArgs g;
          g.trans_a = (flags & 1) != 0;
          g.trans_b = (flags & 2) != 0;
          g.m = m;
          g.n = n;
          g.k = k;
          g.alpha = 1.5;
          g.beta = beta;
          g.lda = g.trans_a ? m : k;
          g.ldb = g.trans_b ? k : n;
          g.ldc = n + 3;
          std::vector<double> want = before;
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              double sum = 0;
              for (int64_t p = 0; p < k; ++p) {
                sum += a[static_cast<size_t>(g.trans_a ? p * m + i : i * k + p)] *
                       b[static_cast<size_t>(g.trans_b ? j * k + p : p * n + j)];
              }
              double& c = want[static_cast<size_t>(i * g.ldc + j)];
              c = 1.5 * sum + (beta == 0 ? 0 : beta * c);
            }
          }
          INFO(std::string(isa_name(isa))
               << " " << m << " " << n << " " << k << " flags " << flags << " beta " << beta);
          std::vector<double> c = before;
          g.a = a.data();
          g.b = b.data();
          g.c = c.data();
          table.gemm[kF64](g, workspace->data);
          check_close(c, want, 1e-12);
          const std::vector<float> fa(a.begin(), a.end()), fb(b.begin(), b.end()),
              fwant(want.begin(), want.end());
          std::vector<float> fc(before.begin(), before.end());
          g.a = fa.data();
          g.b = fb.data();
          g.c = fc.data();
          table.gemm[kF32](g, workspace->data);
          check_close(fc, fwant, 1e-4);
        }
      }
    }
  }
}
