"""Records what the companions of training do in MXNet 1.9.1 into `goldens/companions.json`.

Metrics, initializers, learning rate schedules and callbacks; the situations are in `companion_cases.py`. Run
it with a Python that has mxnet==1.9.1 and numpy==1.23.5: ``python tests/python/parity/record_companions.py``.
"""

from __future__ import annotations

import json
import pathlib
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mxnet as mx

import companion_cases

TARGET = pathlib.Path(__file__).parent / "goldens" / "companions.json"


def main():
    warnings.simplefilter("ignore")
    results = {
        "metric": companion_cases.metric_results(mx),
        "initializer": companion_cases.initializer_results(mx),
        "lr_scheduler": companion_cases.schedule_results(mx),
        "callback": companion_cases.callback_results(mx),
    }
    for name, section in results.items():
        results[name] = {key: section[key] for key in sorted(section)}
    text = ",\n".join(
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(
            f"{json.dumps(key)}: {json.dumps(value, default=float)}" for key, value in section.items()
        )
        + "\n}"
        for name, section in results.items()
    )
    TARGET.write_text(f"{{\n{text}\n}}\n")


if __name__ == "__main__":
    main()
