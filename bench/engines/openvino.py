"""Worker for OpenVINO (inference only)."""

from __future__ import annotations

import time
from typing import Any

from engines._worker import InferenceSession, Unsupported, serve


class OpenVinoEngine:
    def __init__(self, openvino: Any, threads: int) -> None:
        self._ov, self._threads = openvino, threads

    def versions(self) -> dict[str, str]:
        return {"openvino": self._ov.__version__}

    def prepare(self, case: Any) -> OpenVinoSession:
        if case.kind != "infer":
            raise Unsupported("inference only")
        if case.network == "chain":
            raise Unsupported("compiling the chain does not end within ten minutes")
        return OpenVinoSession(self._ov, self._threads, case)


class OpenVinoSession(InferenceSession):
    def __init__(self, ov: Any, threads: int, case: Any) -> None:
        from engines._onnx_model import build_onnx

        net = case.net()
        super().__init__([data for data, _ in net.batches(case.seed, case.batches)])
        core = ov.Core()
        model = core.read_model(build_onnx(net, case.seed), b"")
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # The plug-in picks bfloat16 where the machine has it; every engine here computes in float32.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        start = time.perf_counter()
        self._request = core.compile_model(model, "CPU", options).create_infer_request()
        self.metrics["bind_s"] = time.perf_counter() - start

    def run(self, steps: int) -> None:
        inputs, count, infer = self._inputs, len(self._inputs), self._request.infer
        for step in range(steps):
            infer(inputs[step % count], share_inputs=True)[0]

    def infer(self, data: Any) -> Any:
        return self._request.infer(data, share_inputs=True)[0]


def load(threads: int) -> Any:
    import openvino

    return OpenVinoEngine(openvino, threads)


if __name__ == "__main__":
    serve(load)
