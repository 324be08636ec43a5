"""Programs with `mx.rnn` cells; the symbols they compose are compared with MXNet's, node by node."""

from __future__ import annotations

import json
import random
import warnings

import numpy as np


def _flat(outputs):
    return [symbol for item in outputs for symbol in _flat(item)] if isinstance(outputs, list) else [outputs]


def _stack(mx, *cells):
    stack = mx.rnn.SequentialRNNCell()
    for cell in cells:
        stack.add(cell)
    return stack


def _cells(mx):
    """{name: function that makes a cell}; each is unrolled in several ways."""
    rnn = mx.rnn
    fused = rnn.FusedRNNCell
    return {
        "rnn": lambda: rnn.RNNCell(4),
        "rnn relu": lambda: rnn.RNNCell(4, activation="relu", prefix="r_"),
        "rnn with a function": lambda: rnn.RNNCell(4, activation=lambda x, **k: mx.sym.LeakyReLU(x, **k)),
        "lstm": lambda: rnn.LSTMCell(4, forget_bias=2.0),
        "gru": lambda: rnn.GRUCell(4, prefix="g_"),
        "shared parameters": lambda: rnn.GRUCell(4, params=rnn.RNNParams("shared_")),
        "stack": lambda: _stack(mx, rnn.LSTMCell(4, prefix="a_"), rnn.GRUCell(3, prefix="b_")),
        "dropout first": lambda: _stack(mx, rnn.DropoutCell(0.3), rnn.RNNCell(3)),
        "dropout between": lambda: _stack(
            mx, rnn.LSTMCell(4, prefix="a_"), rnn.DropoutCell(0.5), rnn.LSTMCell(4, prefix="b_")
        ),
        "dropout last": lambda: _stack(mx, rnn.RNNCell(3), rnn.DropoutCell(0.25)),
        "no dropout": lambda: rnn.DropoutCell(0),
        "residual": lambda: rnn.ResidualCell(rnn.GRUCell(4)),
        "residual fused": lambda: rnn.ResidualCell(fused(4, prefix="f_")),
        "zoneout": lambda: rnn.ZoneoutCell(rnn.LSTMCell(4), 0.2, 0.3),
        "zoneout of states": lambda: rnn.ZoneoutCell(rnn.RNNCell(4), 0.0, 0.3),
        "bidirectional": lambda: rnn.BidirectionalCell(
            rnn.LSTMCell(4, prefix="l_"), rnn.GRUCell(4, prefix="r_"), output_prefix="both_"
        ),
        "bidirectional half fused": lambda: rnn.BidirectionalCell(
            fused(2, prefix="l_"), rnn.RNNCell(2, prefix="r_")
        ),
        "bidirectional fused": lambda: rnn.BidirectionalCell(
            fused(2, prefix="l_", get_next_state=True), fused(2, prefix="r_")
        ),
        "fused": lambda: fused(4, num_layers=2, dropout=0.3, forget_bias=0.5),
        "fused gru with states": lambda: fused(4, mode="gru", get_next_state=True, prefix="f_"),
        "fused lstm with states": lambda: fused(4, 2, bidirectional=True, get_next_state=True, prefix="f_"),
        "unfused": lambda: fused(4, 2, dropout=0.3, bidirectional=True, prefix="f_").unfuse(),
        "unfused gru": lambda: fused(4, 3, mode="gru", dropout=0.1, prefix="f_").unfuse(),
        "unfused relu": lambda: fused(4, 1, mode="rnn_relu", prefix="f_").unfuse(),
        "residual in a stack": lambda: _stack(
            mx, rnn.LSTMCell(4, prefix="a_"), rnn.ResidualCell(rnn.LSTMCell(4, prefix="b_"))
        ),
        "conv rnn": lambda: rnn.ConvRNNCell((1, 3, 8, 8), 2, i2h_kernel=(5, 5), i2h_pad=(2, 2)),
        "conv lstm": lambda: rnn.ConvLSTMCell(
            (1, 3, 8, 8), 2, h2h_dilate=(2, 2), i2h_weight_initializer="ones"
        ),
        "conv gru": lambda: rnn.ConvGRUCell((1, 3, 8, 8), 2, activation="tanh", prefix="c_"),
        "conv lstm channels last": lambda: rnn.ConvLSTMCell((1, 8, 8, 3), 2, conv_layout="NHWC"),
    }


def _unrolled(mx, make, step_list, layout, merge):
    """The JSON of outputs and states, and how they came."""
    with mx.name.NameManager(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = [mx.sym.Variable("x0"), mx.sym.Variable("x1")] if step_list else mx.sym.Variable("x")
        outputs, states = make().unroll(2, inputs, layout=layout, merge_outputs=merge)
        graph = json.loads(mx.sym.Group(_flat([outputs, list(states)])).tojson())
    del graph["attrs"]  # the version
    return {"list": isinstance(outputs, list), "states": len(states), "graph": graph}


def symbols(mx):
    """{situation: composed symbol and form of the results}."""
    results = {}
    for name, make in _cells(mx).items():
        convolutional = name.startswith("conv")
        for step_list in (True,) if convolutional else (False, True):
            for layout in ("NTC",) if convolutional else ("NTC", "TNC"):
                for merge in (None, False) if convolutional else (None, False, True):
                    key = f"{name}; {'list' if step_list else 'one'}; {layout}; {merge}"
                    results[key] = _unrolled(mx, make, step_list, layout, merge)
    return results


def states(mx):
    """What cells say of their states and gates, and what numbering does over two graphs."""
    results = {}
    for name, make in _cells(mx).items():
        cell = make()
        begin = [s.name for s in cell.begin_state()] + [s.name for s in cell.begin_state()]
        try:
            shapes = cell.state_shape
        except AttributeError:
            shapes = None
        results[name] = {
            "info": [
                {k: list(v) if isinstance(v, tuple) else v for k, v in i.items()} for i in cell.state_info
            ],
            "shapes": shapes,
            "begin": begin,
            "params": sorted(cell.params._params),
        }
    return results


def packing(mx):
    """Names and checksums of unpacked weights, in order."""
    results = {}
    for name, make in _cells(mx).items():
        if name.startswith(("conv", "bidirectional", "residual fused", "rnn with", "shared")):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cell = make()
            outputs, _ = cell.unroll(2, mx.sym.Variable("x"), layout="TNC", merge_outputs=True)
        shapes, _, _ = outputs.infer_shape(x=(2, 3, 4))
        rs = np.random.RandomState(1)
        args = {
            n: mx.nd.array(rs.uniform(-1, 1, s)) for n, s in zip(outputs.list_arguments(), shapes) if n != "x"
        }
        unpacked = cell.unpack_weights(args)
        results[name] = [
            [n, list(a.shape), float(a.asnumpy().astype("f8").sum())] for n, a in unpacked.items()
        ]
        packed = cell.pack_weights(unpacked)
        assert sorted(packed) == sorted(args)
        for n, a in args.items():
            np.testing.assert_array_equal(packed[n].asnumpy(), a.asnumpy())
    return results


SENTENCES = [[1, 2, 3], [4, 5], [6, 7], [8, 9, 1], [1], [2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3]]
WORDS = [["a", "b"], ["b", "c", ""], ["a", "\n", "d"]]


def sentences(mx):
    """Encoded sentences, and batches of buckets."""
    results = {}
    for name, options in {
        "new": {},
        "start": {"start_label": 2},
        "skip": {"start_label": 1, "invalid_label": 2},
        "key": {"invalid_key": "b", "invalid_label": 7},
        "known": {"vocab": {"a": 1, "b": 2, "c": 3, "": 4, "\n": 0, "d": 9}},
        "unknown": {"vocab": {"a": 1, "b": 2, "u": 5}, "unknown_token": "u"},
        "unknown new": {"vocab": {"a": 1, "b": 2}, "unknown_token": "u", "start_label": 4},
    }.items():
        results[name] = list(mx.rnn.encode_sentences(WORDS, **options))
    for name, options in {
        "buckets": {"buckets": [3, 2], "invalid_label": 0},
        "time first": {"buckets": [2, 3], "layout": "TN", "dtype": "int32"},
        "found": {},
        "names": {"buckets": [9], "data_name": "x", "label_name": "y"},
    }.items():
        random.seed(1)
        np.random.seed(1)
        iterator = mx.rnn.BucketSentenceIter(SENTENCES, 2, **options)
        passes = []
        for _ in range(2):
            for batch in iterator:
                described = [
                    [d.name, list(d.shape), d.layout] for d in [*batch.provide_data, *batch.provide_label]
                ]
                values = [a.asnumpy().tolist() for a in [*batch.data, *batch.label]]
                passes.append([batch.bucket_key, batch.pad, described, values])
            iterator.reset()
        shapes = [list(d.shape) for d in [*iterator.provide_data, *iterator.provide_label]]
        results[name] = [iterator.buckets, iterator.default_bucket_key, iterator.major_axis, shapes, passes]
    return results


SECTIONS = {"symbols": symbols, "states": states, "packing": packing, "sentences": sentences}
