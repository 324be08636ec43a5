"""What training programs share: arguments, learning rates, checkpoints, the call of fit."""

import logging
import os

import mxnet as mx


def add_fit_args(parser):
    train = parser.add_argument_group("Training", "model training")
    train.add_argument("--network", type=str, help="the neural network to use")
    train.add_argument("--gpus", type=str, help="list of gpus to run, e.g. 0 or 0,2,5. empty means using cpu")
    train.add_argument("--kv-store", type=str, default="device", help="key-value store type")
    train.add_argument("--num-epochs", type=int, default=100, help="max num of epochs")
    train.add_argument("--lr", type=float, default=0.1, help="initial learning rate")
    train.add_argument("--lr-factor", type=float, default=0.1, help="the ratio to reduce lr on each step")
    train.add_argument("--lr-step-epochs", type=str, help="the epochs to reduce the lr, e.g. 30,60")
    train.add_argument("--optimizer", type=str, default="sgd", help="the optimizer type")
    train.add_argument("--mom", type=float, default=0.9, help="momentum for sgd")
    train.add_argument("--wd", type=float, default=0.0001, help="weight decay for sgd")
    train.add_argument("--batch-size", type=int, default=128, help="the batch size")
    train.add_argument("--disp-batches", type=int, default=20, help="show progress for every n batches")
    train.add_argument("--model-prefix", type=str, help="model prefix")
    train.add_argument("--monitor", dest="monitor", type=int, default=0, help="log params every N iters")
    train.add_argument("--load-epoch", type=int, help="load the model on an epoch using the model-prefix")
    train.add_argument("--top-k", type=int, default=0, help="report the top-k accuracy. 0 means no report.")
    return train


def _get_lr_scheduler(args, kv):
    if "lr_factor" not in args or args.lr_factor >= 1:
        return args.lr, None
    epoch_size = args.num_examples // args.batch_size
    if "dist" in args.kv_store:
        epoch_size //= kv.num_workers
    begin_epoch = args.load_epoch if args.load_epoch else 0
    step_epochs = [int(e) for e in args.lr_step_epochs.split(",")]
    lr = args.lr
    for s in step_epochs:
        if begin_epoch >= s:
            lr *= args.lr_factor
    if lr != args.lr:
        logging.info("Adjust learning rate to %e for epoch %d", lr, begin_epoch)
    steps = [epoch_size * (x - begin_epoch) for x in step_epochs if x - begin_epoch > 0]
    return lr, mx.lr_scheduler.MultiFactorScheduler(step=steps, factor=args.lr_factor) if steps else None


def _load_model(args, rank=0):
    if "load_epoch" not in args or args.load_epoch is None:
        return None, None, None
    assert args.model_prefix is not None
    model_prefix = args.model_prefix
    if rank > 0 and os.path.exists("%s-%d-symbol.json" % (model_prefix, rank)):
        model_prefix += "-%d" % (rank)
    sym, arg_params, aux_params = mx.model.load_checkpoint(model_prefix, args.load_epoch)
    logging.info("Loaded model %s_%04d.params", model_prefix, args.load_epoch)
    return sym, arg_params, aux_params


def _save_model(args, rank=0):
    if args.model_prefix is None:
        return None
    dst_dir = os.path.dirname(args.model_prefix)
    if not os.path.isdir(dst_dir):
        os.mkdir(dst_dir)
    return mx.callback.do_checkpoint(args.model_prefix if rank == 0 else "%s-%d" % (args.model_prefix, rank))


def fit(args, network, data_loader, **kwargs):
    kv = mx.kvstore.create(args.kv_store)
    head = "%(asctime)-15s Node[" + str(kv.rank) + "] %(message)s"
    logging.basicConfig(level=logging.DEBUG, format=head)
    logging.info("start with arguments %s", args)
    (train, val) = data_loader(args, kv)
    sym, arg_params, aux_params = _load_model(args, kv.rank)
    if sym is not None:
        assert sym.tojson() == network.tojson()
    checkpoint = _save_model(args, kv.rank)
    devs = (
        mx.cpu() if args.gpus is None or args.gpus == "" else [mx.gpu(int(i)) for i in args.gpus.split(",")]
    )
    lr, lr_scheduler = _get_lr_scheduler(args, kv)
    model = mx.mod.Module(context=devs, symbol=network)
    optimizer_params = {
        "learning_rate": lr,
        "wd": args.wd,
        "lr_scheduler": lr_scheduler,
        "multi_precision": True,
    }
    if args.optimizer in {"sgd", "dcasgd", "nag"}:
        optimizer_params["momentum"] = args.mom
    monitor = mx.mon.Monitor(args.monitor, pattern=".*") if args.monitor > 0 else None
    initializer = mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2)
    eval_metrics = ["accuracy"]
    if args.top_k > 0:
        eval_metrics.append(mx.metric.create("top_k_accuracy", top_k=args.top_k))
    batch_end_callbacks = [mx.callback.Speedometer(args.batch_size, args.disp_batches)]
    model.fit(
        train,
        begin_epoch=args.load_epoch if args.load_epoch else 0,
        num_epoch=args.num_epochs,
        eval_data=val,
        eval_metric=eval_metrics,
        kvstore=kv,
        optimizer=args.optimizer,
        optimizer_params=optimizer_params,
        initializer=initializer,
        arg_params=arg_params,
        aux_params=aux_params,
        batch_end_callback=batch_end_callbacks,
        epoch_end_callback=checkpoint,
        allow_missing=True,
        monitor=monitor,
    )
    return model
