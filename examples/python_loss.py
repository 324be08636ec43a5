"""Trains with a loss that is written in NumPy: the hinge loss of a multi-class support vector machine.

    python examples/python_loss.py

A `PythonLossModule` ends the chain. It hands on the scores, and asks a function of yours for their
gradient. Another chain has a module of its own at the end, derived from `PythonModule`: it says how sure
the scores are, by the margin between the best class and the next one. It fails below 90 % accuracy.
"""

import numpy as np
import symbind as mx

CLASSES, FEATURES, BATCH_SIZE = 5, 20, 40


def hinge_gradient(scores, labels):
    """Of sum(max(0, 1 + score - score of the right class)) over the others (Weston and Watkins, 1999)."""
    scores, labels = scores.asnumpy(), labels.asnumpy().astype(int)
    rows = np.arange(len(labels))
    gradient = (scores + 1 > scores[rows, labels][:, np.newaxis]).astype("float32")
    gradient[rows, labels] = 0
    gradient[rows, labels] = -gradient.sum(axis=1)
    return gradient


class Margin(mx.mod.PythonModule):
    """The distance between the two highest scores. It has no parameters, and is for prediction alone."""

    def __init__(self):
        super().__init__(["data"], None, ["margin_output"])

    def _compute_output_shapes(self):
        return [("margin_output", (self.data_shapes[0].shape[0],))]

    def forward(self, data_batch, is_train=None):
        best = np.sort(data_batch.data[0].asnumpy(), axis=1)
        self._margin = mx.nd.array(best[:, -1] - best[:, -2])

    def get_outputs(self, merge_multi_context=True):
        return [self._margin]


def main():
    mx.random.seed(1)
    np.random.seed(1)
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 1, (CLASSES, FEATURES))
    label = rng.integers(0, CLASSES, 1500)
    data = (centres[label] + rng.normal(0, 1.0, (len(label), FEATURES))).astype("float32")
    train = mx.io.NDArrayIter(data[:1200], label[:1200].astype("float32"), BATCH_SIZE, shuffle=True)
    held_out = mx.io.NDArrayIter(data[1200:], label[1200:].astype("float32"), BATCH_SIZE)

    scores = mx.mod.Module(
        mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=CLASSES, name="scores"), label_names=None
    )
    machine = mx.mod.SequentialModule()
    machine.add(scores)
    machine.add(mx.mod.PythonLossModule(grad_func=hinge_gradient), take_labels=True, auto_wiring=True)
    machine.fit(train, num_epoch=8, optimizer_params={"learning_rate": 0.05, "wd": 1e-3})
    accuracy = dict(machine.score(held_out, "acc"))["accuracy"]
    print(f"accuracy on held-out samples: {accuracy:.1%}")

    unsure = mx.mod.SequentialModule()
    unsure.add(mx.mod.Module(scores.symbol, label_names=None)).add(Margin(), auto_wiring=True)
    unsure.bind(held_out.provide_data, for_training=False)
    unsure.init_params(arg_params=machine.get_params()[0], aux_params={})
    margin = unsure.predict(held_out).asnumpy()
    right = machine.predict(held_out).asnumpy().argmax(axis=1) == label[1200:]
    print(f"mean margin where it is right: {margin[right].mean():.2f}, wrong: {margin[~right].mean():.2f}")
    if accuracy < 0.9 or margin[right].mean() < margin[~right].mean():
        raise SystemExit("the loss did not teach")


if __name__ == "__main__":
    main()
