"""Trains a small convolutional network on the handwritten digits that come with scikit-learn.

    python examples/train_digits.py [folder for the results]

It prints a progress bar and the validation accuracy, saves a checkpoint, loads it again, predicts, and draws the
learning curve and some digits with their predictions into digits.png. It fails below 97 % accuracy.
"""

import argparse
import os
import pathlib
import sys

import numpy as np
import symbind as mx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH_SIZE = 50
EPOCHS = 12
GOAL = 0.97


def network():
    net = mx.sym.Variable("data")
    for i, filters in enumerate((16, 32)):
        net = mx.sym.Convolution(
            net, kernel=(3, 3), pad=(1, 1), num_filter=filters, no_bias=True, name=f"conv{i}"
        )
        net = mx.sym.BatchNorm(net, fix_gamma=False, name=f"bn{i}")
        net = mx.sym.Activation(net, act_type="relu", name=f"relu{i}")
        net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name=f"pool{i}")
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=64, name="fc0")
    net = mx.sym.Dropout(mx.sym.Activation(net, act_type="relu"), p=0.3)
    net = mx.sym.FullyConnected(net, num_hidden=10, name="fc1")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def draw(path, curve, images, labels, probabilities):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 5))
    left, right = figure.add_gridspec(1, 2)
    axes = figure.add_subplot(left, xlabel="epoch", ylabel="accuracy", title="Learning curve")
    for name, values in curve.items():
        axes.plot(range(1, len(values) + 1), values, marker="o", label=name)
    axes.legend()
    # The least certain predictions say more than the first ones.
    order = np.argsort(probabilities.max(axis=1))[:20]
    for cell, i in zip(right.subgridspec(4, 5), order):
        axes = figure.add_subplot(cell, xticks=[], yticks=[])
        axes.imshow(images[i, 0], cmap="gray_r")
        guess = int(probabilities[i].argmax())
        axes.set_title(
            f"{guess} ({probabilities[i, guess]:.0%})", color="g" if guess == labels[i] else "r", fontsize=9
        )
    figure.savefig(path, dpi=100, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    mx.random.seed(42)

    digits = load_digits()
    images = digits.images[:, np.newaxis].astype(np.float32) / 16
    train_x, valid_x, train_y, valid_y = train_test_split(
        images, digits.target, test_size=0.25, random_state=0
    )
    train = mx.io.NDArrayIter(train_x, train_y, BATCH_SIZE, shuffle=True, last_batch_handle="discard")
    valid = mx.io.NDArrayIter(valid_x, valid_y, BATCH_SIZE)

    curve = {"training": [], "validation": []}
    module = mx.mod.Module(network(), data_names=["data"], label_names=["softmax_label"])
    module.fit(
        train,
        eval_data=valid,
        eval_metric="acc",
        num_epoch=EPOCHS,
        optimizer="adam",
        optimizer_params={"learning_rate": 0.003},
        initializer=mx.init.Xavier(),
        batch_end_callback=[
            mx.callback.ProgressBar(total=len(train_x) // BATCH_SIZE),
            lambda at: curve["training"].__setitem__(slice(at.epoch, None), [at.eval_metric.get()[1]]),
        ],
        eval_end_callback=lambda at: curve["validation"].append(at.eval_metric.get()[1]),
    )

    prefix = os.fspath(folder / "digits")
    module.save_checkpoint(prefix, EPOCHS)
    loaded = mx.mod.Module.load(prefix, EPOCHS, label_names=None)
    loaded.bind(data_shapes=valid.provide_data, for_training=False)
    probabilities = loaded.predict(valid).asnumpy()
    accuracy = float((probabilities.argmax(axis=1) == valid_y).mean())
    print(f"\nvalidation accuracy of the loaded checkpoint: {accuracy:.2%} of {len(valid_y)} digits")
    draw(folder / "digits.png", curve, valid_x, valid_y, probabilities)
    print(f"wrote {prefix}-symbol.json, {prefix}-{EPOCHS:04d}.params and {folder / 'digits.png'}")
    return 0 if accuracy > GOAL else f"accuracy {accuracy:.2%} is not above {GOAL:.0%}"


if __name__ == "__main__":
    sys.exit(main())
