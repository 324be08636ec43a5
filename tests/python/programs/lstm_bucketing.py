"""A language model over sentences of several lengths: cells, buckets, perplexity."""

import argparse
import os

import mxnet as mx
import numpy as np

parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("--num-layers", type=int, default=2)
parser.add_argument("--num-hidden", type=int, default=24)
parser.add_argument("--num-embed", type=int, default=16)
parser.add_argument("--gpus", type=str)
parser.add_argument("--kv-store", type=str, default="device")
parser.add_argument("--num-epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--optimizer", type=str, default="adam")
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--disp-batches", type=int, default=10)
parser.add_argument("--model-prefix", type=str, default=None)

start_label = 1
invalid_label = 0


def tokenize_text(count, vocab=None):
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "slept"]
    lines = [
        [words[(start + i) % 8] for i in range(length)]
        for start, length in np.random.randint([0, 4], [8, 12], (count, 2))
    ]
    return mx.rnn.encode_sentences(lines, vocab=vocab, invalid_label=invalid_label, start_label=start_label)


if __name__ == "__main__":
    import logging

    head = "%(asctime)-15s %(message)s"
    logging.basicConfig(level=logging.DEBUG, format=head)
    args = parser.parse_args()
    np.random.seed(3)
    mx.random.seed(3)
    buckets = [6, 9, 12]
    train_sent, vocab = tokenize_text(200)
    val_sent, _ = tokenize_text(60, vocab)
    data_train = mx.rnn.BucketSentenceIter(
        train_sent, args.batch_size, buckets=buckets, invalid_label=invalid_label
    )
    data_val = mx.rnn.BucketSentenceIter(
        val_sent, args.batch_size, buckets=buckets, invalid_label=invalid_label
    )
    stack = mx.rnn.SequentialRNNCell()
    for i in range(args.num_layers):
        stack.add(mx.rnn.LSTMCell(num_hidden=args.num_hidden, prefix="lstm_l%d_" % i))

    def sym_gen(seq_len):
        data = mx.sym.Variable("data")
        label = mx.sym.Variable("softmax_label")
        embed = mx.sym.Embedding(
            data=data, input_dim=len(vocab) + start_label, output_dim=args.num_embed, name="embed"
        )
        stack.reset()
        outputs, states = stack.unroll(seq_len, inputs=embed, merge_outputs=True)
        pred = mx.sym.Reshape(outputs, shape=(-1, args.num_hidden))
        pred = mx.sym.FullyConnected(data=pred, num_hidden=len(vocab) + start_label, name="pred")
        label = mx.sym.Reshape(label, shape=(-1,))
        pred = mx.sym.SoftmaxOutput(data=pred, label=label, name="softmax")
        return pred, ("data",), ("softmax_label",)

    contexts = [mx.gpu(int(i)) for i in args.gpus.split(",")] if args.gpus else mx.cpu(0)
    model = mx.mod.BucketingModule(
        sym_gen=sym_gen, default_bucket_key=data_train.default_bucket_key, context=contexts
    )
    callbacks = []
    if args.model_prefix:
        callbacks.append(mx.rnn.do_rnn_checkpoint(stack, args.model_prefix, 1))
    model.fit(
        train_data=data_train,
        eval_data=data_val,
        eval_metric=mx.metric.Perplexity(invalid_label),
        kvstore=args.kv_store,
        optimizer=args.optimizer,
        optimizer_params={"learning_rate": args.lr},
        initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
        num_epoch=args.num_epochs,
        batch_end_callback=mx.callback.Speedometer(args.batch_size, args.disp_batches, auto_reset=False),
        epoch_end_callback=callbacks,
    )
    perplexity = dict(model.score(data_val, mx.metric.Perplexity(invalid_label)))["perplexity"]
    print("perplexity", perplexity)
    if args.model_prefix:
        sym, arg_params, aux_params = mx.rnn.load_rnn_checkpoint(stack, args.model_prefix, args.num_epochs)
        print(os.path.basename(args.model_prefix), sorted(arg_params))
