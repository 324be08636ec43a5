"""Contexts and the current one of each thread."""

import copy
import pickle
import threading

import pytest
from common import mx, ours_only


def test_kinds():
    for make, text, type_id in ((mx.cpu, "cpu", 1), (mx.gpu, "gpu", 2), (mx.cpu_pinned, "cpu_pinned", 3)):
        ctx = make(3)
        assert (ctx.device_type, ctx.device_typeid, ctx.device_id) == (text, type_id, 3)
        assert str(ctx) == repr(ctx) == f"{text}(3)"
        assert ctx == mx.Context(text, 3) and make() == mx.Context(text)
    assert mx.Context("cpu_shared", 0).device_typeid == 5
    assert mx.Context.devstr2type["gpu"] == 2 and mx.Context.devtype2str[3] == "cpu_pinned"


def test_equality_and_hash():
    assert mx.cpu(1) == mx.cpu(1) != mx.cpu(2)
    assert mx.cpu(0) != mx.gpu(0) and mx.cpu(0) != "cpu(0)"
    assert len({mx.cpu(1), mx.cpu(1), mx.gpu(1)}) == 2
    assert mx.Context(mx.gpu(2), 7) == mx.gpu(2)


def test_copies():
    for copied in (pickle.loads(pickle.dumps(mx.gpu(2))), copy.deepcopy(mx.gpu(2))):
        assert copied == mx.gpu(2)


def test_with_statement():
    assert mx.current_context() == mx.cpu(0)
    with mx.cpu(1) as entered:
        assert mx.current_context() == entered == mx.Context.default_ctx == mx.cpu(1)
        with mx.cpu(2):
            assert mx.current_context() == mx.cpu(2)
        assert mx.current_context() == mx.cpu(1)
    assert mx.current_context() == mx.cpu(0)


def test_exception_leaves_the_block():
    with pytest.raises(KeyError), mx.cpu(1):
        raise KeyError
    assert mx.current_context() == mx.cpu(0)


@ours_only
def test_one_context_can_be_entered_twice():
    ctx = mx.cpu(1)
    with ctx:
        with ctx:
            pass
        assert mx.current_context() == ctx
    assert mx.current_context() == mx.cpu(0)


def test_threads_have_their_own_current_context():
    seen = []
    with mx.cpu(1):
        thread = threading.Thread(target=lambda: seen.append(mx.current_context()))
        thread.start()
        thread.join()
    assert seen == [mx.cpu(0)]


def test_default_ctx_can_be_set():
    mx.Context.default_ctx = mx.cpu(4)
    try:
        assert mx.current_context() == mx.cpu(4)
    finally:
        mx.Context.default_ctx = mx.cpu(0)


@ours_only
def test_misuse():
    with pytest.raises(ValueError, match="unknown device type: got 'tpu', expected one of cpu, gpu"):
        mx.Context("tpu")
    with pytest.raises(TypeError, match="got str, expected Context"):
        mx.Context.default_ctx = "cpu"


@ours_only
def test_no_gpu_without_cuda():
    assert mx.context.num_gpus() == 0
    mx.cpu().empty_cache()
    for call in (mx.context.gpu_memory_info, mx.gpu().empty_cache):
        with pytest.raises(mx.MXNetError, match=r"no CUDA support: use mx.cpu\(\)"):
            call()
