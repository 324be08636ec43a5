"""A factorization machine (Rendle, 2010) on sparse data: logistic regression with an interaction for every
pair of features, through Module with row_sparse parameters.

The data are scikit-learn's breast cancer measurements, cut into bins: 240 columns of which every sample has
30, written as LibSVM files. Parameters live in a key-value store; before each batch Module pulls the rows
that its columns need, and a step of the optimizer touches no others.

    python examples/factorization_machine.py
"""

import argparse
import os
import tempfile

import numpy as np
import symbind as mx

BINS = 8


def write_libsvm(path, columns, labels):
    """One line a sample: the label, and 1 in each of its columns."""
    with open(path, "w") as file:
        for label, row in zip(labels, columns):
            file.write(f"{label} " + " ".join(f"{column}:1" for column in row) + "\n")


def make_files(folder):
    """Training and test files, and the number of columns."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    edges = np.quantile(x[:400], np.linspace(0, 1, BINS + 1)[1:-1], axis=0)
    bins = (x[:, None, :] > edges[None]).sum(axis=1)
    columns = bins + BINS * np.arange(x.shape[1])
    files = os.path.join(folder, "train.libsvm"), os.path.join(folder, "test.libsvm")
    write_libsvm(files[0], columns[:400], y[:400])
    write_libsvm(files[1], columns[400:], y[400:])
    return *files, BINS * x.shape[1]


def factorization_machine(columns, factors):
    """sigmoid(bias + sum w_i x_i + sum over pairs <v_i, v_j> x_i x_j)."""
    x = mx.sym.Variable("data", stype="csr")
    v = mx.sym.Variable("v", shape=(columns, factors), stype="row_sparse", init=mx.init.Normal(0.01))
    w = mx.sym.Variable("w", shape=(columns, 1), stype="row_sparse", init=mx.init.Normal(0.01))
    bias = mx.sym.Variable("bias", shape=(1,), init=mx.init.Zero())
    linear = mx.sym.broadcast_add(mx.sym.sparse.dot(x, w), bias)
    # The sum over pairs is half of (the square of sums - the sum of squares), factor by factor.
    square_of_sum = mx.sym.sum(mx.sym.square(mx.sym.sparse.dot(x, v)), axis=1, keepdims=True)
    squares = mx.sym._internal._square_sum(v, axis=1, keepdims=True)
    sum_of_squares = mx.sym.sparse.dot(mx.sym.sparse.square(x), squares)
    score = linear + 0.5 * (square_of_sum - sum_of_squares)
    return mx.sym.LogisticRegressionOutput(score, mx.sym.Variable("softmax_label"), name="out")


def accuracy(label, prob):
    return ((prob.ravel() > 0.5) == (label.ravel() > 0.5)).mean()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--factors", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=50)
    args = parser.parse_args(argv)
    mx.random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        train_file, test_file, columns = make_files(folder)
        train = mx.io.LibSVMIter(train_file, data_shape=(columns,), batch_size=args.batch_size)
        test = mx.io.LibSVMIter(test_file, data_shape=(columns,), batch_size=args.batch_size)
    rows = lambda batch: {"w": batch.data[0].indices, "v": batch.data[0].indices}  # noqa: E731
    module = mx.mod.Module(factorization_machine(columns, args.factors))
    module.fit(
        train,
        eval_metric=mx.metric.CustomMetric(accuracy, name="accuracy"),
        kvstore=mx.kv.create("local"),
        optimizer="adam",
        optimizer_params={"learning_rate": 0.02, "wd": 1e-4},
        num_epoch=args.epochs,
        sparse_row_id_fn=rows,
    )
    metric = mx.metric.CustomMetric(accuracy, name="accuracy")
    score = dict(module.score(test, metric, sparse_row_id_fn=rows))["accuracy"]
    weight = module.get_params()[0]["v"]
    print(f"test accuracy {score:.3f}; v: {weight.stype}, {weight.shape}")
    return score


if __name__ == "__main__":
    main()
