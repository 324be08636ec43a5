"""Trains a small convolutional network on the handwritten digits that come with scikit-learn.

    python examples/train_digits.py [folder for the results]

It shows a progress bar and the validation accuracy, saves a checkpoint, loads it again, predicts, and draws
the learning curve and some digits with their predictions into digits.png. It fails below 97 % accuracy.
"""

import logging
import pathlib
import sys

import matplotlib
import numpy as np
import symbind as mx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BATCH_SIZE, EPOCHS, GOAL = 50, 12, 0.97


class BarHandler(logging.StreamHandler):
    """Leaves the cursor in the line of the progress bar, so that the next message replaces it."""

    def format(self, record):
        text = record.getMessage()
        self.terminator = "" if text.endswith("\r") else "\n"
        return text if text.endswith("\r") else text.ljust(60)


def network():
    net = mx.sym.Variable("data")
    for i, filters in enumerate((16, 32)):
        net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=filters, name=f"conv{i}")
        net = mx.sym.BatchNorm(net, fix_gamma=False, name=f"bn{i}")
        net = mx.sym.Activation(net, act_type="relu", name=f"relu{i}")
        net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name=f"pool{i}")
    net = mx.sym.FullyConnected(mx.sym.Flatten(net), num_hidden=64, name="fc0")
    net = mx.sym.Dropout(mx.sym.Activation(net, act_type="relu"), p=0.3)
    net = mx.sym.FullyConnected(net, num_hidden=10, name="fc1")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def draw(path, curve, images, labels, probabilities):
    figure = plt.figure(figsize=(11, 5))
    left, right = figure.add_gridspec(1, 2)
    axes = figure.add_subplot(left, xlabel="epoch", ylabel="accuracy", title="Learning curve")
    for name, values in curve.items():
        axes.plot(range(1, len(values) + 1), values, marker="o", label=name)
    axes.legend()
    least_certain = np.argsort(probabilities.max(axis=1))[:20]
    for cell, i in zip(right.subgridspec(4, 5), least_certain):
        axes = figure.add_subplot(cell, xticks=[], yticks=[])
        axes.imshow(images[i, 0], cmap="gray_r")
        guess = int(probabilities[i].argmax())
        colour = "green" if guess == labels[i] else "red"
        axes.set_title(f"{guess} ({probabilities[i, guess]:.0%})", color=colour, fontsize=9)
    figure.text(0.72, 0.96, "Least certain predictions", ha="center")
    figure.savefig(path, dpi=100, bbox_inches="tight")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, handlers=[BarHandler(sys.stdout)])
    mx.random.seed(42)

    digits = load_digits()
    images = digits.images[:, np.newaxis].astype(np.float32) / 16
    train_x, valid_x, train_y, valid_y = train_test_split(images, digits.target, random_state=0)
    train = mx.io.NDArrayIter(train_x, train_y, BATCH_SIZE, shuffle=True, last_batch_handle="discard")
    valid = mx.io.NDArrayIter(valid_x, valid_y, BATCH_SIZE)

    curve = {"training": [0.0] * EPOCHS, "validation": []}
    bar = mx.callback.ProgressBar(total=len(train_x) // BATCH_SIZE, length=40)
    module = mx.mod.Module(network())
    module.fit(
        train, eval_data=valid, eval_metric="acc", num_epoch=EPOCHS, initializer=mx.init.Xavier(),
        optimizer="adam", optimizer_params={"learning_rate": 0.003},
        batch_end_callback=[bar, lambda p: curve["training"].__setitem__(p.epoch, p.eval_metric.get()[1])],
        eval_end_callback=lambda p: curve["validation"].append(p.eval_metric.get()[1]),
    )  # fmt: skip

    prefix = str(folder / "digits")
    module.save_checkpoint(prefix, EPOCHS)
    loaded = mx.mod.Module.load(prefix, EPOCHS, label_names=None)
    loaded.bind(data_shapes=valid.provide_data, for_training=False)
    probabilities = loaded.predict(valid).asnumpy()
    accuracy = float((probabilities.argmax(axis=1) == valid_y).mean())
    draw(folder / "digits.png", curve, valid_x, valid_y, probabilities)
    print(f"validation accuracy of the loaded checkpoint: {accuracy:.2%} of {len(valid_y)} digits")
    print(f"wrote {prefix}-symbol.json, {prefix}-{EPOCHS:04d}.params and {prefix}.png")
    return 0 if accuracy > GOAL else f"accuracy {accuracy:.2%} is not above {GOAL:.0%}"


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
