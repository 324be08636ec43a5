"""Trains one network on one context and on three that share every batch, and compares.

    python examples/several_contexts.py

Each context computes its slice of the batch; a store sums the gradients and updates the parameters, so the
result is that of one context. A third run sends gradients as two bits each, with what is lost added to the
next ones. It fails where the first two runs differ, or the third one does not learn. (On CPUs contexts take
turns: this is the program for several devices, not a way to be faster on one.)
"""

import numpy as np
import symbind as mx

BATCH_SIZE = 48


def network():
    x = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=32, name="fc1")
    x = mx.sym.FullyConnected(mx.sym.Activation(x, act_type="relu"), num_hidden=4, name="fc2")
    return mx.sym.SoftmaxOutput(x, name="softmax")


def quadrants(count=1440):
    data = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    return data, (2 * (data[:, 0] > 0) + (data[:, 1] > 0)).astype("float32")


def train(contexts, **options):
    """A trained module and its accuracy."""
    mx.random.seed(7)  # the same initial parameters each time
    iterator = mx.io.NDArrayIter(*quadrants(), BATCH_SIZE)
    module = mx.mod.Module(network(), context=contexts, **options)
    module.fit(
        iterator,
        num_epoch=8,
        kvstore="device",
        initializer=mx.init.Xavier(),
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
    )
    return module, dict(module.score(iterator, "acc"))["accuracy"]


def main():
    one, accuracy_of_one = train(mx.cpu())
    three, accuracy_of_three = train([mx.cpu(i) for i in range(3)], work_load_list=[1, 2, 1])
    (parts,) = three.get_outputs(merge_multi_context=False)
    print("rows of the last batch on each context:", [part.shape[0] for part in parts])
    print("and merged:", three.get_outputs()[0].shape[0])
    ours, theirs = one.get_params()[0], three.get_params()[0]
    difference = max(float(np.abs(ours[n].asnumpy() - theirs[n].asnumpy()).max()) for n in ours)
    print(f"largest difference between the parameters: {difference:.1e}")
    _, compressed = train([mx.cpu(0), mx.cpu(1)], compression_params={"type": "2bit", "threshold": 0.01})
    print(f"accuracy: {accuracy_of_one:.1%}, {accuracy_of_three:.1%}, compressed {compressed:.1%}")
    if difference > 1e-3 or min(accuracy_of_one, compressed) < 0.9:
        raise SystemExit("the contexts did not train the same network")


if __name__ == "__main__":
    main()
