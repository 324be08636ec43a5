"""The input is what is optimized: gradients of data, updates by hand, lr_mult, an attribute scope."""

import mxnet as mx
import numpy as np

np.random.seed(0)
mx.random.seed(0)
dev = mx.gpu(0) if len(mx.test_utils.list_gpus()) else mx.cpu()
content = mx.nd.array(np.random.rand(1, 3, 16, 16), ctx=dev)
with mx.AttrScope(ctx_group="style", __lr_mult__="0.5"):
    img = mx.sym.Variable("img")
    conv = mx.sym.Convolution(img, kernel=(3, 3), num_filter=6, pad=(1, 1), name="conv")
relu = mx.sym.Activation(conv, act_type="relu")
flat = mx.sym.Reshape(relu, shape=(6, -1))
gram = mx.sym.FullyConnected(flat, flat, no_bias=True, num_hidden=6)
out = mx.sym.Group([relu, gram])
arg_shapes, _, _ = out.infer_shape(img=(1, 3, 16, 16))
args = {n: mx.nd.array(np.random.normal(0,0.3,s),ctx=dev) for n, s in zip(out.list_arguments(), arg_shapes)}
target_exe = out.bind(ctx=dev, args=args, grad_req="null")
content.copyto(args["img"])
target_exe.forward()
goal = [o.copyto(mx.cpu()).as_in_context(dev) for o in target_exe.outputs]

image = mx.nd.zeros((1, 3, 16, 16), ctx=dev)
image[:] = mx.nd.array(np.random.uniform(-.1,.1,image.shape))
grad = mx.nd.empty(image.shape, dev)
exe = out.bind(ctx=dev, args=dict(args, img=image), args_grad={"img": grad}, grad_req={"img": "write"})
lr = mx.lr_scheduler.FactorScheduler(step=50, factor=0.9)
optimizer = mx.optimizer.create("adam", learning_rate=0.05, wd=0.0, lr_scheduler=lr)
optim_state = optimizer.create_state(0, image)
losses = []
for e in range(100):
    exe.forward(is_train=True)
    diff = [o - g for o, g in zip(exe.outputs, goal)]
    losses.append(sum(mx.nd.sum(d * d).asscalar() for d in diff))
    exe.backward([d * 2 for d in diff])
    gnorm = mx.nd.norm(grad).asscalar()
    if gnorm > 100:
        grad[:] *= 100 / gnorm
    optimizer.update(0, image, grad, optim_state)
    if (e + 1) % 25 == 0:
        print("epoch %d, loss %.4f, relative change %f" % (e, losses[-1], gnorm))
