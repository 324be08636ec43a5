"""Trains a language model of words on English text that every Python brings along: that of its help().

    python examples/bucketing_lstm.py [--epochs 6] [--sentences 1500] [--folder results]

Sentences of different lengths go into buckets; `BucketingModule` unrolls two LSTM layers for each length over
one set of parameters. It shows the perplexity (between how many words the model hesitates), saves and loads
the model. It fails if the perplexity of held-out sentences does not fall, or the loaded model is another.
"""

import argparse
import collections
import logging
import pathlib
import random
import re
from pydoc_data.topics import topics

import numpy as np
import symbind as mx

BATCH_SIZE, WORDS, PADDING, BUCKETS = 32, 2000, 0, [10, 20, 30, 40, 60]
LAYERS, HIDDEN, EMBEDDED = 2, 128, 128


def sentences():
    """Lists of words: no code, no tables, rare words replaced."""
    text = "\n\n".join(topics[key] for key in sorted(topics))
    paragraphs = [p for p in re.split(r"\n\s*\n", text) if p and not p.startswith("      ")]
    parts = [s for p in paragraphs for s in re.split(r"[.:;]\s", p.lower())]
    found = [re.findall(r"[a-z]+|[,()]", part) for part in parts]
    common = {w for w, _ in collections.Counter(w for s in found for w in s).most_common(WORDS - 3)}
    kept = [s for s in found if 4 <= len(s) < BUCKETS[-1]]
    return [[*(w if w in common else "<rare>" for w in s), "<end>"] for s in kept]


def sym_gen_for(vocabulary_size):
    cells = mx.rnn.SequentialRNNCell()
    for i in range(LAYERS):
        cells.add(mx.rnn.LSTMCell(num_hidden=HIDDEN, prefix=f"lstm{i}_"))

    def sym_gen(length):
        data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
        embedded = mx.sym.Embedding(data, input_dim=vocabulary_size, output_dim=EMBEDDED, name="embed")
        cells.reset()
        outputs, _ = cells.unroll(length, inputs=embedded, merge_outputs=True)
        rows = mx.sym.Reshape(outputs, shape=(-1, HIDDEN))
        scores = mx.sym.FullyConnected(rows, num_hidden=vocabulary_size, name="scores")
        label = mx.sym.Reshape(label, shape=(-1,))
        padding = {"use_ignore": True, "ignore_label": PADDING, "normalization": "valid"}
        net = mx.sym.SoftmaxOutput(scores, label, name="softmax", **padding)
        return net, ("data",), ("softmax_label",)

    return sym_gen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--sentences", type=int, help="only so many: 1500 give a quick look")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("results"))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for seed in (mx.random.seed, np.random.seed, random.seed):
        seed(1)
    coded, vocabulary = mx.rnn.encode_sentences(sentences(), invalid_label=PADDING, start_label=1)
    random.Random(1).shuffle(coded)
    coded = coded[: args.sentences]
    train, held_out = (
        mx.rnn.BucketSentenceIter(part, BATCH_SIZE, buckets=BUCKETS, invalid_label=PADDING)
        for part in (coded[len(coded) // 10 :], coded[: len(coded) // 10])
    )
    sym_gen = sym_gen_for(len(vocabulary))
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=train.default_bucket_key)
    seen = []
    module.fit(
        train, eval_data=held_out, eval_metric=mx.metric.Perplexity(PADDING), num_epoch=args.epochs,
        initializer=mx.init.Uniform(0.1), optimizer="adam",
        optimizer_params={"learning_rate": 0.01, "rescale_grad": 1.0, "clip_gradient": 1.0},
        eval_end_callback=lambda param: seen.append(param.eval_metric.get()[1]),
    )  # fmt: skip
    prefix = str(args.folder / "bucketing_lstm")
    module.save_checkpoint(prefix, args.epochs)
    loaded = mx.mod.BucketingModule.load(prefix, args.epochs, sym_gen, train.default_bucket_key)
    loaded.bind(train.provide_data, train.provide_label, for_training=False)
    held_out.reset()
    batch, outputs = held_out.next(), []
    for each in (module, loaded):
        each.forward(batch, is_train=False)
        outputs.append(each.get_outputs()[0].asnumpy())
    print("held-out perplexity:", *(f"{value:.1f}" for value in seen))
    if not seen[-1] < 0.9 * seen[0] or not np.allclose(*outputs, rtol=1e-4):
        raise SystemExit("the perplexity did not fall, or the saved model is another one")


if __name__ == "__main__":
    main()
