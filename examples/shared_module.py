"""One set of parameters in several modules: a training module, a predictor, and a look at the inside.

    python examples/shared_module.py

Modules bound with `shared_module` use its parameters, not copies: what the training module learns, the
others know at once. The predictor takes samples one by one, without labels; another module runs only the
first layers, for their features. They share scratch memory as well. It fails where a module lags behind.
"""

import numpy as np
import symbind as mx

BATCH_SIZE = 64


def network():
    x = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=24, name="fc1")
    x = mx.sym.Activation(x, act_type="relu", name="relu1")
    x = mx.sym.FullyConnected(mx.sym.Dropout(x, p=0.2), num_hidden=3, name="fc2")
    return mx.sym.SoftmaxOutput(x, name="softmax")


def main():
    mx.random.seed(2)
    rng = np.random.default_rng(2)
    data = rng.normal(size=(640, 8)).astype("float32")
    label = data[:, :3].argmax(axis=1).astype("float32")
    train = mx.io.NDArrayIter(data, label, BATCH_SIZE)

    trainer = mx.mod.Module(network())
    trainer.bind(train.provide_data, train.provide_label)
    trainer.init_params(mx.init.Xavier())
    trainer.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.01})

    predictor = mx.mod.Module(network(), label_names=None)
    predictor.bind([("data", (1, 8))], for_training=False, shared_module=trainer)
    inside = mx.mod.Module(network().get_internals()["relu1_output"], label_names=None)
    inside.bind([("data", (1, 8))], for_training=False, shared_module=trainer)

    sample = data[:1]
    for epoch in range(5):
        train.reset()
        for batch in train:
            trainer.forward_backward(batch)
            trainer.update()
        probability = predictor.predict(sample).asnumpy()[0, int(label[0])]
        active = int((inside.predict(sample).asnumpy() > 0).sum())
        print(f"epoch {epoch}: the right class has {probability:.1%}; {active} of 24 features are active")
        expected = trainer.predict(np.repeat(sample, BATCH_SIZE, axis=0)).asnumpy()[0, int(label[0])]
        if abs(probability - expected) > 1e-5:
            raise SystemExit("the predictor lags behind the training module")
    accuracy = dict(trainer.score(train, "acc"))["accuracy"]
    print(f"accuracy of the training module: {accuracy:.1%}")
    if accuracy < 0.85:
        raise SystemExit("the module did not learn")


if __name__ == "__main__":
    main()
