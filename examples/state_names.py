"""Carries the state of an LSTM from one batch to the next: `state_names`, `get_states`, `set_states`.

    python examples/state_names.py

A stream repeats "aaaaaab", seven letters; the network sees five at a time. Whether a "b" comes next often
cannot be told from these, so a network that starts from zero at every batch stays unsure, and one that is
given the state it ended the last batch with learns to count. It fails unless it does.
"""

import numpy as np
import symbind as mx

PERIOD, WINDOW, BATCH_SIZE, HIDDEN = 7, 5, 8, 16
STATES = ["state_h", "state_c"]


def network():
    """Outputs: the loss, and the two states after the window, whose gradients are blocked."""
    data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
    cell = mx.rnn.LSTMCell(HIDDEN, prefix="lstm_")
    states = [mx.sym.Variable(name, shape=(BATCH_SIZE, HIDDEN)) for name in STATES]
    embedded = mx.sym.Embedding(data, input_dim=2, output_dim=4, name="embed")
    outputs, after = cell.unroll(WINDOW, inputs=embedded, begin_state=states, merge_outputs=True)
    scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, HIDDEN)), num_hidden=2, name="fc")
    loss = mx.sym.SoftmaxOutput(scores, mx.sym.Reshape(label, shape=(-1,)), name="softmax")
    return mx.sym.Group([loss, *(mx.sym.BlockGrad(state) for state in after)])


def windows(count):
    """Batches of streams that each start somewhere else, and go on where the batch before ended."""
    starts = np.arange(BATCH_SIZE)
    for i in range(count):
        places = starts[:, np.newaxis] + i * WINDOW + np.arange(WINDOW + 1)
        letters = (places % PERIOD == PERIOD - 1).astype("float32")
        yield mx.io.DataBatch([mx.nd.array(letters[:, :-1])], [mx.nd.array(letters[:, 1:])])


def train(carry, batches=600):
    """The perplexity of the last tenth of the batches."""
    mx.random.seed(1)
    module = mx.mod.Module(network(), state_names=STATES)
    shape = (BATCH_SIZE, WINDOW)
    module.bind([("data", shape)], [("softmax_label", shape)])
    module.init_params(mx.init.Xavier())
    module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.02})
    module.set_states(value=0)
    metric = mx.metric.Perplexity(ignore_label=None)
    for i, batch in enumerate(windows(batches)):
        module.forward_backward(batch)
        module.update()
        loss, *after = module.get_outputs()
        if carry:
            module.set_states(states=after)
        if i >= batches * 0.9:
            metric.update([batch.label[0]], [loss])
    print("states:", [state.shape for state in module.get_states()], end=" ")
    return metric.get()[1]


def main():
    forgetful, counting = train(carry=False), train(carry=True)
    print(
        f"\nperplexity from zero at every batch: {forgetful:.3f}, with the state carried on: {counting:.3f}"
    )
    if not counting < 1.02 < forgetful:
        raise SystemExit("the state made no difference")


if __name__ == "__main__":
    main()
