"""Image classification with Module, arguments and checkpoints as in MXNet's examples."""

import argparse
import logging
from importlib import import_module

import mxnet as mx
import numpy as np
from common import fit

logging.basicConfig(level=logging.DEBUG)


def read_data(count, seed):
    """Images with a bright square whose place is the class."""
    rng = np.random.RandomState(seed)
    label = rng.randint(0, 4, count)
    image = rng.uniform(0, 0.3, (count, 28, 28)).astype(np.float32)
    for i, where in enumerate(label):
        r, c = 4 + 12 * (where // 2), 4 + 12 * (where % 2)
        image[i, r : r + 8, c : c + 8] += 0.7
    return label.astype(np.int), (image * 255).astype(np.uint8)


def to4d(img):
    return img.reshape(img.shape[0], 1, 28, 28).astype(np.float32) / 255


def get_iter(args, kv):
    train_lbl, train_img = read_data(args.num_examples, 1)
    val_lbl, val_img = read_data(64, 2)
    train = mx.io.NDArrayIter(to4d(train_img), train_lbl, args.batch_size, shuffle=True)
    val = mx.io.NDArrayIter(to4d(val_img), val_lbl, args.batch_size)
    return train, val


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="train images", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--num-classes", type=int, default=4, help="the number of classes")
    parser.add_argument("--num-examples", type=int, default=256, help="the number of training examples")
    fit.add_fit_args(parser)
    parser.set_defaults(
        network="lenet", gpus=None, batch_size=32, disp_batches=4, num_epochs=2, lr=0.05, lr_step_epochs="10"
    )
    args = parser.parse_args()
    mx.random.seed(7)
    np.random.seed(7)
    net = import_module("symbols." + args.network)
    sym = net.get_symbol(**vars(args))
    model = fit.fit(args, sym, get_iter)
    score = model.score(get_iter(args, None)[1], ["acc"])
    print("final accuracy", score)
