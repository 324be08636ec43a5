// The extension module symbind._core.
#include "backend/cpu/parallel.h"
#include "bindings/bindings.h"
#include "ops/register_all.h"
#include "runtime/profiler.h"
#include "runtime/random.h"
#include "symbind/error.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  using namespace symbind;
  m.doc() = "The C++ engine of symbind.";
  register_all_ops();
  py::register_exception<Error>(m, "MXNetError", PyExc_RuntimeError).doc() =
      "Raised by the engine: bad shapes, unknown operators, unreadable files.";
  bind_ndarray(m);
  bind_sparse(m);
  bind_symbol(m);
  bind_executor(m);
  bind_custom(m);
  bind_registry(m);
  bind_serialize(m);
  m.def(
      "seed", [](uint64_t seed) { global_random().reseed(seed); }, py::arg("seed"),
      "Restarts the engine's random stream.");
  m.def(
      "random_state",
      [] { return py::make_tuple(global_random().seed.load(), global_random().stream.load()); },
      "(seed, number of draws so far): what set_random_state needs to continue the stream.");
  m.def(
      "set_random_state",
      [](uint64_t seed, uint64_t stream) {
        global_random().seed = seed;
        global_random().stream = stream;
      },
      py::arg("seed"), py::arg("stream"));
  m.def(
      "next_random_stream", [] { return global_random().next_stream(); },
      "Takes one number of the engine's stream, for generators outside of it.");
  m.def(
      "set_profiler", [](bool active) { global_profiler().set_active(active); }, py::arg("active"),
      "Starts or pauses recording how long every operator takes.");
  m.def(
      "profiler_events",
      [] {
        py::list events;
        for (const ProfileEvent& e : global_profiler().take())
          events.append(py::make_tuple(e.op, e.node, e.start_ns, e.end_ns, e.thread));
        return events;
      },
      "What was recorded since the last call: (operator, node, start, end, thread), times in nanoseconds.");
  m.def("num_threads", [] { return max_threads(); }, "The number of OpenMP threads kernels may use.");
#ifdef SYMBIND_ONEDNN
  m.attr("has_onednn") = true;
#else
  m.attr("has_onednn") = false;
#endif
}
