"""Trains a chain of modules: features in one, two classifiers with losses of their own behind it.

    python examples/sequential_module.py

The first module turns points into features, and the second, which takes labels, learns to classify them.
Its outputs, probabilities, go into a third module, which learns to correct them from the same labels.
Gradients flow back through the chain. `fit`, `score` and `predict` treat it as one module. It fails below
95 % accuracy.
"""

import numpy as np
import symbind as mx


def spirals(count, seed):
    """Points on two spirals, and which of the two each one is on."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, count)
    angle = 5 * np.sqrt(rng.random(count))
    radius = angle / 5
    angle = angle + np.pi * label
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return (points + rng.normal(0, 0.02, points.shape)).astype("float32"), label.astype("float32")


def layer(x, width, name):
    return mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=width, name=name), act_type="tanh")


def features():
    return layer(layer(mx.sym.Variable("points"), 32, "features0"), 32, "features1")


def classifier(name):
    x = layer(mx.sym.Variable("data"), 16, f"{name}_hidden")
    x = mx.sym.FullyConnected(x, num_hidden=2, name=f"{name}_out")
    return mx.sym.SoftmaxOutput(x, mx.sym.Variable("softmax_label"), name=name)


def main():
    mx.random.seed(3)
    np.random.seed(3)
    chain = mx.mod.SequentialModule()
    chain.add(mx.mod.Module(features(), data_names=["points"], label_names=None))
    # auto_wiring: the outputs of the module before become this one's data, whatever their names.
    chain.add(mx.mod.Module(classifier("first")), take_labels=True, auto_wiring=True)
    chain.add(mx.mod.Module(classifier("second")), take_labels=True, auto_wiring=True)

    train = mx.io.NDArrayIter(*spirals(1000, 0), batch_size=50, shuffle=True, data_name="points")
    held_out = mx.io.NDArrayIter(*spirals(330, 1), batch_size=50, data_name="points")
    chain.fit(
        train,
        num_epoch=40,
        initializer=mx.init.Xavier(),
        optimizer="adam",
        optimizer_params={"learning_rate": 0.01},
    )
    arg_params, _ = chain.get_params()
    print("parameters of all modules:", ", ".join(sorted(arg_params)))
    print("shape of predictions:", chain.predict(held_out).shape)
    accuracy = dict(chain.score(held_out, "acc"))["accuracy"]
    print(f"accuracy on held-out points: {accuracy:.1%}")
    if accuracy < 0.95:
        raise SystemExit("the chain did not learn the spirals")


if __name__ == "__main__":
    main()
