"""A multilayer perceptron through FeedForward, from arrays in memory, on the first GPU."""

import logging

import mxnet as mx
import numpy as np

logging.basicConfig(level=logging.DEBUG)
np.random.seed(42)
mx.random.seed(42)

# ten blobs in 64 dimensions
centers = np.random.randn(10, 64).astype(np.float32) * 2
labels = np.random.randint(0, 10, 1200)
images = centers[labels] + np.random.randn(1200, 64).astype(np.float32)
train_x, train_y, val_x, val_y = images[:1000], labels[:1000], images[1000:], labels[1000:]

data = mx.symbol.Variable("data")
fc1 = mx.symbol.FullyConnected(data=data, name="fc1", num_hidden=64)
act1 = mx.symbol.Activation(data=fc1, name="relu1", act_type="relu")
fc2 = mx.symbol.FullyConnected(data=act1, name="fc2", num_hidden=32)
act2 = mx.symbol.Activation(data=fc2, name="relu2", act_type="relu")
fc3 = mx.symbol.FullyConnected(data=act2, name="fc3", num_hidden=10)
mlp = mx.symbol.SoftmaxOutput(data=fc3, name="softmax")

model = mx.model.FeedForward(
    ctx=mx.gpu(0),
    symbol=mlp,
    num_epoch=6,
    learning_rate=0.1,
    momentum=0.9,
    wd=0.00001,
    initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
)
model.fit(X=train_x, y=train_y, eval_data=(val_x, val_y), batch_end_callback=mx.callback.Speedometer(128, 4))

prob = model.predict(val_x)
accuracy = (prob.argmax(axis=1) == val_y).mean()
print("Accuracy: %.2f%%" % (accuracy * 100))
internals = mlp.get_internals()
features = mx.model.FeedForward(
    internals["relu2_output"],
    ctx=mx.gpu(),
    arg_params=model.arg_params,
    aux_params=model.aux_params,
    allow_extra_params=True,
).predict(val_x)
print("features:", features.shape)
