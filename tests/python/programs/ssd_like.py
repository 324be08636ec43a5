"""One box on an image: anchors, targets, two losses, detections, as in SSD."""

import logging

import mxnet as mx
import numpy as np

logging.basicConfig(level=logging.INFO)
np.random.seed(1)
mx.random.seed(1)
NUM_CLASSES = 2


def conv_act_layer(from_layer, name, num_filter, kernel=(3, 3), pad=(1, 1), stride=(1, 1)):
    conv = mx.symbol.Convolution(
        data=from_layer,
        kernel=kernel,
        pad=pad,
        stride=stride,
        num_filter=num_filter,
        name="{}_conv".format(name),
    )
    return mx.symbol.Activation(data=conv, act_type="relu", name="{}_relu".format(name))


def multibox_layer(from_layers, num_classes, sizes, ratios):
    loc_layers, cls_layers, anchor_layers = [], [], []
    num_classes += 1
    for k, from_layer in enumerate(from_layers):
        num_anchors = len(sizes[k]) - 1 + len(ratios[k])
        loc_pred = mx.symbol.Convolution(
            data=from_layer, kernel=(3, 3), pad=(1, 1), num_filter=num_anchors * 4, name="{}_loc".format(k)
        )
        loc_pred = mx.symbol.transpose(loc_pred, axes=(0, 2, 3, 1))
        loc_layers.append(mx.symbol.Flatten(data=loc_pred))
        bias = mx.symbol.Variable(
            name="{}_cls_bias".format(k), init=mx.init.Constant(0.0), attr={"__lr_mult__": "2.0"}
        )
        cls_pred = mx.symbol.Convolution(
            data=from_layer,
            bias=bias,
            kernel=(3, 3),
            pad=(1, 1),
            num_filter=num_anchors * num_classes,
            name="{}_cls".format(k),
        )
        cls_pred = mx.symbol.transpose(cls_pred, axes=(0, 2, 3, 1))
        cls_layers.append(mx.symbol.Flatten(data=cls_pred))
        anchors = mx.symbol.contrib.MultiBoxPrior(
            from_layer, sizes=sizes[k], ratios=ratios[k], clip=False, name="{}_anchors".format(k)
        )
        anchor_layers.append(mx.symbol.Flatten(data=anchors))
    loc_preds = mx.symbol.Concat(*loc_layers, num_args=len(loc_layers), dim=1, name="multibox_loc_pred")
    cls_preds = mx.symbol.Concat(*cls_layers, num_args=len(cls_layers), dim=1)
    cls_preds = mx.symbol.Reshape(data=cls_preds, shape=(0, -1, num_classes))
    cls_preds = mx.symbol.transpose(cls_preds, axes=(0, 2, 1), name="multibox_cls_pred")
    anchor_boxes = mx.symbol.Concat(*anchor_layers, num_args=len(anchor_layers), dim=1)
    anchor_boxes = mx.symbol.Reshape(data=anchor_boxes, shape=(0, -1, 4), name="multibox_anchors")
    return loc_preds, cls_preds, anchor_boxes


def get_symbol_train():
    data = mx.symbol.Variable(name="data")
    label = mx.symbol.Variable(name="label")
    body = conv_act_layer(data, "c1", 8, stride=(2, 2))
    body1 = conv_act_layer(body, "c2", 16, stride=(2, 2))
    body2 = conv_act_layer(body1, "c3", 16, stride=(2, 2))
    loc_preds, cls_preds, anchor_boxes = multibox_layer(
        [body1, body2], NUM_CLASSES, [(0.25, 0.35), (0.5, 0.6)], [(1, 2, 0.5), (1, 2, 0.5)]
    )
    tmp = mx.symbol.contrib.MultiBoxTarget(
        *[anchor_boxes, label, cls_preds],
        overlap_threshold=0.5,
        ignore_label=-1,
        negative_mining_ratio=3,
        minimum_negative_samples=0,
        negative_mining_thresh=0.5,
        variances=(0.1, 0.1, 0.2, 0.2),
        name="multibox_target",
    )
    loc_target, loc_target_mask, cls_target = tmp[0], tmp[1], tmp[2]
    cls_prob = mx.symbol.SoftmaxOutput(
        data=cls_preds,
        label=cls_target,
        ignore_label=-1,
        use_ignore=True,
        grad_scale=1.0,
        multi_output=True,
        normalization="valid",
        name="cls_prob",
    )
    loc_loss_ = mx.symbol.smooth_l1(
        name="loc_loss_", data=loc_target_mask * (loc_preds - loc_target), scalar=1.0
    )
    loc_loss = mx.symbol.MakeLoss(loc_loss_, grad_scale=1.0, normalization="valid", name="loc_loss")
    cls_label = mx.symbol.MakeLoss(data=cls_target, grad_scale=0, name="cls_label")
    det = mx.symbol.contrib.MultiBoxDetection(
        *[cls_prob, loc_preds, anchor_boxes],
        name="detection",
        nms_threshold=0.5,
        force_suppress=False,
        variances=(0.1, 0.1, 0.2, 0.2),
        nms_topk=40,
    )
    det = mx.symbol.MakeLoss(data=det, grad_scale=0, name="det_out")
    return mx.symbol.Group([cls_prob, loc_loss, cls_label, det])


class MultiBoxMetric(mx.metric.EvalMetric):
    """Cross entropy of the classes and the smooth L1 loss of the boxes."""

    def __init__(self, eps=1e-8):
        super(MultiBoxMetric, self).__init__("MultiBox")
        self.eps = eps
        self.num = 2
        self.name = ["CrossEntropy", "SmoothL1"]
        self.reset()

    def reset(self):
        if getattr(self, "num", None) is None:
            self.num_inst = 0
            self.sum_metric = 0.0
        else:
            self.num_inst = [0] * self.num
            self.sum_metric = [0.0] * self.num

    def update(self, labels, preds):
        cls_prob = preds[0].asnumpy()
        loc_loss = preds[1].asnumpy()
        cls_label = preds[2].asnumpy()
        valid_count = np.sum(cls_label >= 0)
        label = cls_label.flatten()
        mask = np.where(label >= 0)[0]
        indices = np.int64(label[mask])
        prob = cls_prob.transpose((0, 2, 1)).reshape((-1, cls_prob.shape[1]))
        prob = prob[mask, indices]
        self.sum_metric[0] += (-np.log(prob + self.eps)).sum()
        self.num_inst[0] += valid_count
        self.sum_metric[1] += np.sum(loc_loss)
        self.num_inst[1] += valid_count

    def get(self):
        values = [x / y if y != 0 else float("nan") for x, y in zip(self.sum_metric, self.num_inst)]
        return list(self.name), values


class DetIter(mx.io.DataIter):
    """Images with one rectangle; the label has its class and corners."""

    def __init__(self, batch_size, batches):
        super(DetIter, self).__init__(batch_size)
        self.batches, self.at = [], 0
        for _ in range(batches):
            img = np.random.uniform(0, 0.2, (batch_size, 3, 32, 32))
            lab = np.zeros((batch_size, 1, 5))
            for i in range(batch_size):
                c, (y, x) = np.random.randint(2), np.random.randint(0, 20, 2)
                img[i, c, y : y + 12, x : x + 12] = 1
                lab[i, 0] = [c, x / 32.0, y / 32.0, (x + 12) / 32.0, (y + 12) / 32.0]
            self.batches.append((mx.nd.array(img), mx.nd.array(lab)))

    @property
    def provide_data(self):
        return [mx.io.DataDesc("data", self.batches[0][0].shape)]

    @property
    def provide_label(self):
        return [("label", self.batches[0][1].shape)]

    def reset(self):
        self.at = 0

    def iter_next(self):
        return self.at < len(self.batches)

    def next(self):
        if not self.iter_next():
            raise StopIteration
        data, label = self.batches[self.at]
        self.at += 1
        return mx.io.DataBatch(data=[data], label=[label], pad=0, index=None)


class MApMetric(MultiBoxMetric):
    """How often the best detection overlaps the rectangle and has its class."""

    def __init__(self):
        super(MApMetric, self).__init__()
        self.name = ["found", "all"]

    def update(self, labels, preds):
        for det, gt in zip(preds[3].asnumpy(), labels[0].asnumpy()):
            best = det[det[:, 0] >= 0]
            best = best[best[:, 1].argmax()] if len(best) else np.zeros(6) - 1
            t = gt[0]
            w = max(0, min(best[4], t[3]) - max(best[2], t[1])) * max(
                0, min(best[5], t[4]) - max(best[3], t[2])
            )
            union = (best[4] - best[2]) * (best[5] - best[3]) + (t[3] - t[1]) * (t[4] - t[2]) - w
            self.sum_metric[0] += float(best[0] == t[0] and w / union > 0.5)
            self.num_inst[0] += 1
        self.num_inst[1] = self.sum_metric[1] = self.num_inst[0]


train_iter, val_iter = DetIter(16, 6), DetIter(16, 2)
mod = mx.mod.Module(
    get_symbol_train(), label_names=("label",), logger=logging, context=[mx.gpu(0)], fixed_param_names=None
)
optimizer_params = {"learning_rate": 0.01, "wd": 0.0005, "clip_gradient": 4.0, "rescale_grad": 1.0}
mod.fit(
    train_iter,
    eval_data=val_iter,
    eval_metric=MultiBoxMetric(),
    validation_metric=MApMetric(),
    batch_end_callback=[mx.callback.Speedometer(train_iter.batch_size, frequent=3)],
    optimizer="adam",
    optimizer_params=optimizer_params,
    num_epoch=8,
    initializer=mx.init.Xavier(),
    allow_missing=True,
    monitor=None,
)
found = mod.score(val_iter, MApMetric())[0][1]
print("found", found)
