"""More programs like ``module_cases``: an LSTM over buckets of sentences; every optimizer through Module."""

from __future__ import annotations

import os
import random

import numpy as np
from parity.module_cases import batch, case, mlp, values_for

# ------------------------------------------------------------------------------------ sentences of any length

PADDING, BUCKETS, LAYERS, HIDDEN = 0, [6, 10, 15], 2, 12


def sentences(count=260, seed=4):
    """Sentences of a little grammar, so that there is something to learn: 4 to 15 words."""
    rng = np.random.RandomState(seed)

    def one_of(*words):
        return words[rng.randint(len(words))]

    def thing():
        adjectives = [one_of("old", "red", "small", "quiet") for _ in range(rng.randint(3))]
        return [one_of("the", "a"), *adjectives, one_of("house", "river", "dog", "road", "child")]

    made = []
    for _ in range(count):
        words = [*thing(), one_of("sees", "follows", "likes", "passes"), *thing()]
        if rng.rand() < 0.4:
            words += [one_of("and", "while"), *thing(), one_of("sleeps", "waits", "sings")]
        made.append([*words[:14], "."])
    return made


def lstm_buckets(mx, vocabulary_size):
    cells = mx.rnn.SequentialRNNCell()
    for i in range(LAYERS):
        cells.add(mx.rnn.LSTMCell(num_hidden=HIDDEN, prefix=f"lstm{i}_"))

    def sym_gen(length):
        data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
        embedded = mx.sym.Embedding(data, input_dim=vocabulary_size, output_dim=8, name="embed")
        cells.reset()
        outputs, _ = cells.unroll(length, inputs=embedded, merge_outputs=True)
        rows = mx.sym.Reshape(outputs, shape=(-1, HIDDEN))
        scores = mx.sym.FullyConnected(rows, num_hidden=vocabulary_size, name="scores")
        net = mx.sym.SoftmaxOutput(
            scores,
            mx.sym.Reshape(label, shape=(-1,)),
            name="softmax",
            use_ignore=True,
            ignore_label=PADDING,
            normalization="valid",
        )
        return net, ("data",), ("softmax_label",)

    return sym_gen


def fit_sentences(mx, optimizer, contexts=1, kvstore="local", epochs=4, **optimizer_params):
    """Perplexity of every batch while training and of held-out sentences, by epoch, and final parameters."""
    random.seed(5)
    np.random.seed(5)
    coded, vocabulary = mx.rnn.encode_sentences(sentences(), invalid_label=PADDING, start_label=1)
    train, held_out = (
        mx.rnn.BucketSentenceIter(part, 8, buckets=BUCKETS, invalid_label=PADDING)
        for part in (coded[60:], coded[:60])
    )
    sym_gen = lstm_buckets(mx, len(vocabulary))
    module = mx.mod.BucketingModule(
        sym_gen, train.default_bucket_key, context=[mx.cpu(i) for i in range(contexts)]
    )
    shape = (8, train.default_bucket_key)
    params, _ = values_for(mx, sym_gen(train.default_bucket_key)[0], data=shape, softmax_label=shape)
    running, held = [], []
    module.fit(
        train,
        eval_data=held_out,
        eval_metric=mx.metric.Perplexity(PADDING),
        num_epoch=epochs,
        arg_params=params,
        optimizer=optimizer,
        optimizer_params=optimizer_params,
        kvstore=kvstore,
        batch_end_callback=lambda param: running.append(param.eval_metric.get()[1]),
        eval_end_callback=lambda param: held.append(param.eval_metric.get()[1]),
    )
    final = module.get_params()[0]
    assert held[-1] < 0.6 * held[0], held
    return {
        "running": np.array(running),
        "held_out": np.array(held),
        "params": np.concatenate([final[name].asnumpy().ravel() for name in sorted(final)]),
    }


@case
def lstm_over_buckets(mx):
    return fit_sentences(mx, "adam", learning_rate=0.02, rescale_grad=1.0, clip_gradient=1.0)


@case
def lstm_over_buckets_two_contexts(mx):
    return fit_sentences(mx, "adam", contexts=2, learning_rate=0.02, rescale_grad=0.5, wd=1e-4)


# ------------------------------------------------------------------------------- every optimizer, every store

_COMMON = {"learning_rate": 0.05, "wd": 0.01}
OPTIMIZERS = {
    "sgd": {"momentum": 0.9, **_COMMON},
    "nag": {"momentum": 0.9, **_COMMON},
    "adam": {"clip_gradient": 0.1, **_COMMON},
    "rmsprop": {"centered": True, **_COMMON},
    "adagrad": _COMMON,
    "adadelta": {"learning_rate": 1.0, "wd": 0.01},
    "adamax": _COMMON,
    "nadam": _COMMON,
    "ftrl": _COMMON,
    "ftml": _COMMON,
    "signum": {"momentum": 0.9, **_COMMON},
    "dcasgd": _COMMON,  # MXNet's momentum fails on weights of more than one element
    "lars": {"momentum": 0.9, "eta": 0.1, **_COMMON},
    "lamb": _COMMON,
    # MXNet adds the gradient up by reference, so that a batch_scale of 2 takes the second gradient twice.
    "lbsgd": {"momentum": 0.9, "warmup_strategy": "lars", **_COMMON},
}
GRAD_REQS = {
    "write": "write",
    "add": "add",
    "by_name": {"fc1_bias": "null", "fc2_weight": "add"},
    "by_order": ["null", "write", "add", "null", "write", "null"],
}
#: (contexts, kvstore, update_on_kvstore, compression)
STORES = {
    "one_none": (1, None, True, None),
    "one_local": (1, "local", True, None),
    "one_object": (1, object, True, None),
    "one_object_pulls": (1, object, False, None),
    "two_none": (2, None, True, None),
    "two_local": (2, "local", True, None),
    "two_device": (2, "device", True, None),
    "two_local_pulls": (2, "local", False, None),
    "two_object": (2, object, True, None),
    "two_compressed": (2, "device", True, {"type": "2bit", "threshold": 0.02}),
    "two_compressed_pulls": (2, "device", False, {"type": "2bit", "threshold": 0.02}),
    "three_device": (3, "device", True, None),
}


def trained(mx, optimizer, grad_req, store, steps=6):
    """All parameters after some steps, one after the other in the order of names."""
    contexts, kvstore, on_store, compression = STORES[store]
    net, options = mlp(mx), OPTIMIZERS[optimizer]
    module = mx.mod.Module(
        net,
        context=[mx.cpu(i) for i in range(contexts)],
        work_load_list=[1, 2, 1][:contexts],
        compression_params=compression,
    )
    module.bind([("data", (8, 6))], [("softmax_label", (8,))], grad_req=GRAD_REQS[grad_req])
    params, _ = values_for(mx, net, data=(8, 6), softmax_label=(8,))
    module.init_params(arg_params=params, aux_params={})
    os.environ["MXNET_UPDATE_ON_KVSTORE"] = str(int(on_store))
    try:
        module.init_optimizer(
            kvstore=mx.kv.create("local") if kvstore is object else kvstore,
            optimizer=optimizer,
            optimizer_params={
                "lr_scheduler": mx.lr_scheduler.FactorScheduler(
                    4, factor=0.7, base_lr=options["learning_rate"]
                ),
                **options,
            },
        )
    finally:
        del os.environ["MXNET_UPDATE_ON_KVSTORE"]
    for step in range(steps):
        module.forward_backward(batch(mx, 8, step))
        module.update()
    final = module.get_params()[0]
    return np.concatenate([final[name].asnumpy().ravel() for name in sorted(final)])


def _sweep(optimizer):
    # MXNet's AdaDelta scales the arrays of gradients themselves, to which 'add' then adds.
    grad_reqs = ["write"] if optimizer == "adadelta" else list(GRAD_REQS)

    def every_way(mx):
        return {
            grad_req: np.stack([trained(mx, optimizer, grad_req, store) for store in STORES])
            for grad_req in grad_reqs
        }

    every_way.__name__ = f"every_way_of_{optimizer}"
    return every_way


for _optimizer in OPTIMIZERS:
    case(_sweep(_optimizer))
