"""LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition."""

import mxnet as mx


def get_symbol(num_classes=10, add_stn=False, **kwargs):
    data = mx.symbol.Variable("data")
    conv1 = mx.symbol.Convolution(data=data, kernel=(5, 5), num_filter=8)
    tanh1 = mx.symbol.Activation(data=conv1, act_type="tanh")
    pool1 = mx.symbol.Pooling(data=tanh1, pool_type="max", kernel=(2, 2), stride=(2, 2))
    conv2 = mx.symbol.Convolution(data=pool1, kernel=(5, 5), num_filter=16)
    bn2 = mx.symbol.BatchNorm(data=conv2, fix_gamma=False, eps=2e-5, momentum=0.9)
    tanh2 = mx.symbol.Activation(data=bn2, act_type="tanh")
    pool2 = mx.symbol.Pooling(data=tanh2, pool_type="max", kernel=(2, 2), stride=(2, 2))
    flatten = mx.symbol.Flatten(data=pool2)
    fc1 = mx.symbol.FullyConnected(data=flatten, num_hidden=64)
    tanh3 = mx.symbol.Activation(data=fc1, act_type="tanh")
    drop = mx.symbol.Dropout(tanh3, p=0.1)
    fc2 = mx.symbol.FullyConnected(data=drop, num_hidden=num_classes)
    return mx.symbol.SoftmaxOutput(data=fc2, name="softmax")
