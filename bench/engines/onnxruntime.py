"""Worker for onnxruntime (inference only)."""

from __future__ import annotations

import time
from typing import Any

from engines._worker import InferenceSession, Unsupported, serve


class OnnxRuntimeEngine:
    def __init__(self, ort: Any, threads: int) -> None:
        self._ort, self._threads = ort, threads

    def versions(self) -> dict[str, str]:
        return {"onnxruntime": self._ort.__version__}

    def prepare(self, case: Any) -> OnnxRuntimeSession:
        if case.kind != "infer":
            raise Unsupported("inference only")
        return OnnxRuntimeSession(self._ort, self._threads, case)


class OnnxRuntimeSession(InferenceSession):
    def __init__(self, ort: Any, threads: int, case: Any) -> None:
        from engines._onnx_model import build_onnx

        net = case.net()
        super().__init__([data for data, _ in net.batches(case.seed, case.batches)])
        model = build_onnx(net, case.seed)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        start = time.perf_counter()
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.metrics["bind_s"] = time.perf_counter() - start

    def run(self, steps: int) -> None:
        inputs, count, run, names = self._inputs, len(self._inputs), self._session.run, ["out"]
        for step in range(steps):
            run(names, {"data": inputs[step % count]})

    def infer(self, data: Any) -> Any:
        return self._session.run(["out"], {"data": data})[0]


def load(threads: int) -> Any:
    import onnxruntime

    return OnnxRuntimeEngine(onnxruntime, threads)


if __name__ == "__main__":
    serve(load)
