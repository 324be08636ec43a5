"""A module of our own whose inputs change shape, and a training loop made of the helpers behind Module."""
from __future__ import print_function

import logging
import time

import mxnet as mx
import numpy as np
from mxnet import context as ctx
from mxnet import metric
from mxnet.executor_manager import _split_input_slice
from mxnet.initializer import Uniform
from mxnet.io import DataDesc
from mxnet.model import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore
from mxnet.module.base_module import BaseModule, _as_list, _check_input_names, _parse_data_desc
from mxnet.module.executor_group import DataParallelExecutorGroup
from mxnet.module.module import Module

logging.basicConfig(level=logging.INFO)
np.random.seed(0)
mx.random.seed(0)


class MutableModule(BaseModule):
    """Binds again when a batch has other shapes than the last."""

    def __init__(self, symbol, data_names, label_names, logger=logging, context=ctx.cpu(),
                 max_data_shapes=None):
        super(MutableModule, self).__init__(logger=logger)
        self._symbol = symbol
        self._data_names = data_names
        self._label_names = label_names
        self._context = context
        self._curr_module = None
        self._max_data_shapes = max_data_shapes

    @property
    def data_names(self):
        return self._data_names

    @property
    def output_names(self):
        return self._symbol.list_outputs()

    @property
    def data_shapes(self):
        return self._curr_module.data_shapes

    @property
    def label_shapes(self):
        return self._curr_module.label_shapes

    @property
    def output_shapes(self):
        return self._curr_module.output_shapes

    def get_params(self):
        return self._curr_module.get_params()

    def init_params(self, initializer=Uniform(0.01), arg_params=None, aux_params=None, allow_missing=False,
                    force_init=False, allow_extra=False):
        if self.params_initialized and not force_init:
            return
        self._curr_module.init_params(initializer=initializer, arg_params=arg_params, aux_params=aux_params,
                                      allow_missing=allow_missing, force_init=force_init)
        self.params_initialized = True

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False,
             force_rebind=False, shared_module=None, grad_req='write'):
        if force_rebind:
            self.binded = False
        if self.binded:
            return
        self.for_training = for_training
        self.binded = True
        largest = dict(self._max_data_shapes or [])
        shapes = [(d[0], largest.get(d[0], d[1])) for d in data_shapes]
        module = Module(self._symbol, self._data_names, self._label_names, logger=self.logger,
                        context=self._context)
        module.bind(shapes, label_shapes, for_training, inputs_need_grad, force_rebind=False,
                    shared_module=None)
        self._curr_module = module

    def init_optimizer(self, kvstore='local', optimizer='sgd', optimizer_params=(('learning_rate', 0.01),),
                       force_init=False):
        if self.optimizer_initialized and not force_init:
            return
        self._curr_module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        self.optimizer_initialized = True

    def forward(self, data_batch, is_train=None):
        current = {d.name: d.shape for d in self._curr_module.data_shapes}
        given = dict((d[0], d[1]) for d in data_batch.provide_data)
        if current != given:
            module = Module(self._symbol, self._data_names, self._label_names, logger=self.logger,
                            context=self._context)
            module.bind(data_batch.provide_data, data_batch.provide_label,
                        self._curr_module.for_training, self._curr_module.inputs_need_grad,
                        force_rebind=False, shared_module=self._curr_module)
            self._curr_module = module
        self._curr_module.forward(data_batch, is_train=is_train)

    def backward(self, out_grads=None):
        self._curr_module.backward(out_grads=out_grads)

    def update(self):
        self._curr_module.update()

    def get_outputs(self, merge_multi_context=True):
        return self._curr_module.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        return self._curr_module.get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric, labels):
        self._curr_module.update_metric(eval_metric, labels)

    def install_monitor(self, mon):
        self._curr_module.install_monitor(mon)


class SizesIter(mx.io.DataIter):
    """Images of two sizes: is the left half brighter?"""

    def __init__(self, batch_size=16):
        super(SizesIter, self).__init__(batch_size)
        self.batches = []
        for k in range(8):
            size = (12, 8)[k % 2]
            img = np.random.uniform(0, 1, (batch_size, 1, size, size))
            lab = np.random.randint(0, 2, batch_size)
            img[lab == 1, :, :, :size // 2] += 0.5
            self.batches.append(mx.io.DataBatch(
                [mx.nd.array(img)], [mx.nd.array(lab)], pad=0,
                provide_data=[('data', img.shape)], provide_label=[('softmax_label', lab.shape)]))
        self.reset()

    provide_data = property(lambda self: self.batches[0].provide_data)
    provide_label = property(lambda self: self.batches[0].provide_label)

    def reset(self):
        self.left = list(self.batches)

    def next(self):
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


def get_symbol():
    net = mx.sym.Convolution(mx.sym.Variable('data'), kernel=(3, 3), pad=(1, 1), num_filter=4, name='conv')
    net = mx.sym.Activation(net, act_type='relu')
    rois = mx.sym.Pooling(net, kernel=(4, 4), stride=(4, 4), pool_type='avg')
    left = mx.sym.mean(mx.sym.slice_axis(rois, axis=3, begin=0, end=1), axis=(2, 3))
    right = mx.sym.mean(mx.sym.slice_axis(rois, axis=3, begin=1, end=2), axis=(2, 3))
    net = mx.sym.FullyConnected(mx.sym.Concat(left, right, dim=1), num_hidden=2, name='fc')
    return mx.sym.SoftmaxOutput(net, name='softmax')


train_data = SizesIter()
mod = MutableModule(get_symbol(), ['data'], ['softmax_label'], context=[mx.gpu(0)],
                    max_data_shapes=[('data', (16, 1, 12, 12))])
tic = time.time()
mod.fit(train_data, eval_metric=metric.Accuracy(), num_epoch=15, kvstore='device', optimizer='sgd',
        batch_end_callback=_as_list(mx.callback.Speedometer(16, frequent=4)),
        optimizer_params={'learning_rate': 0.5, 'momentum': 0.9}, initializer=mx.init.Xavier())
train_data.reset()
accuracy = mod.score(train_data, 'acc')[0][1]
print('accuracy', accuracy, 'in', time.time() - tic)

# the same with what Module is made of
symbol = get_symbol()
contexts = [mx.gpu(0), mx.gpu(1)]
_check_input_names(symbol, ['data'], 'data', True)
batches = [b for b in train_data.batches if b.data[0].shape[2] == 8]
data_shapes, label_shapes = _parse_data_desc(['data'], ['softmax_label'], batches[0].provide_data,
                                             batches[0].provide_label)
assert isinstance(data_shapes[0], DataDesc) and len(_split_input_slice(16, [1, 1])) == 2
param_names = [n for n in symbol.list_arguments() if n not in ('data', 'softmax_label')]
losses = {}
for kind in ('local', 'device'):
    group = DataParallelExecutorGroup(symbol, contexts, [1, 1], data_shapes, label_shapes, param_names,
                                      for_training=True, inputs_need_grad=False, shared_group=None,
                                      logger=logging, fixed_param_names=None, grad_req='write')
    arg_params = {n: mx.nd.zeros(a[0].shape) for n, a in zip(param_names, group.param_arrays)}
    rng = np.random.RandomState(1)
    for name in sorted(arg_params):
        arg_params[name][:] = rng.uniform(-.5, .5, arg_params[name].shape)
    group.set_params(arg_params, {})
    kvstore, update_on_kvstore = _create_kvstore(kind, len(contexts), arg_params)
    optimizer = mx.optimizer.create('sgd', learning_rate=0.5, rescale_grad=1. / 16,
                                    param_idx2name=dict(enumerate(param_names)))
    update_on_kvstore = update_on_kvstore and kind == 'local'
    updater = mx.optimizer.get_updater(optimizer)
    if update_on_kvstore:
        kvstore.set_optimizer(optimizer)
    _initialize_kvstore(kvstore=kvstore, param_arrays=group.param_arrays, arg_params=arg_params,
                        param_names=param_names, update_on_kvstore=update_on_kvstore)
    for _ in range(20):
        total = 0
        for batch in batches:
            group.forward(batch, is_train=True)
            group.backward()
            if update_on_kvstore:
                _update_params_on_kvstore(group.param_arrays, group.grad_arrays, kvstore, param_names)
            else:
                _update_params(group.param_arrays, group.grad_arrays, updater=updater,
                               num_device=len(contexts), kvstore=kvstore, param_names=param_names)
            prob = group.get_outputs()[0].asnumpy()
            total -= np.log(prob[np.arange(16), batch.label[0].asnumpy().astype(int)]).mean()
    losses[kind] = total / len(batches)
print(losses)
