"""Checkpoints of a BucketingModule: one set of parameters, a symbol for each bucket, the list of keys."""

from __future__ import annotations

import ast
import logging
import os
from numbers import Integral
from typing import Any
from urllib.parse import quote

from .. import ndarray as nd
from .._files import atomic_write
from ..base import MXNetError
from ..model import load_params, load_symbol, save_checkpoint

_MAX_INT32 = 2**31


def save_buckets(prefix, epoch, symbols, default_symbol, arg_params, aux_params, remove_amp_cast):
    """Writes ``prefix-KEY-symbol.json``, ``prefix-symbol.json``, ``prefix-%04d.params`` and
    ``prefix.buckets``, the last in MXNet's form, an array of int32, where all keys are such numbers.

    Parameters
    ----------
    symbols : dict of bucket key to Symbol
    default_symbol : Symbol
        For ``prefix-symbol.json``.
    """
    keys = list(symbols)
    literals = _literals(keys)
    if len({_prefix_of(prefix, key) for key in keys}) != len(keys):
        raise ValueError(
            f"[BucketingModule.save_checkpoint] bucket keys: got {keys}, expected keys that differ as text, "
            "since they name files"
        )
    for key, symbol in symbols.items():
        symbol.save(f"{_prefix_of(prefix, key)}-symbol.json", remove_amp_cast=remove_amp_cast)
    save_checkpoint(prefix, epoch, default_symbol, arg_params, aux_params, remove_amp_cast=remove_amp_cast)
    file_name = f"{prefix}.buckets"
    if literals is None:
        nd.save(file_name, nd.array(keys, dtype="int32"))
    else:
        with atomic_write(file_name, "wb") as file:
            file.write(literals.encode())
    logging.info('Saved buckets to "%s"', file_name)


def load_buckets(prefix, epoch):
    """Reads what `save_buckets` or MXNet wrote: (symbols by key, arg_params, aux_params).

    Without a file of buckets there are no symbols.
    """
    file_name = f"{prefix}.buckets"
    keys = _read_keys(file_name) if os.path.exists(file_name) else []
    symbols = {key: load_symbol(_prefix_of(prefix, key)) for key in keys}
    return symbols, *load_params(prefix, epoch)


def _literals(keys):
    """Keys as text, or None where all are numbers that an int32 holds."""
    if all(_is_int(key) and -_MAX_INT32 <= key < _MAX_INT32 for key in keys):
        return None
    text = repr(keys)
    try:
        same = ast.literal_eval(text) == keys
    except (SyntaxError, ValueError):
        same = False
    if not same:
        raise ValueError(
            f"[BucketingModule.save_checkpoint] bucket keys: got {text}, expected numbers, strings, or "
            "tuples of them, which a file can hold"
        )
    return text


def _is_int(key):
    return isinstance(key, Integral) and not isinstance(key, bool)


def _read_keys(file_name):
    try:
        arrays: Any = nd.load(file_name)
        return [int(key) for key in arrays[0].asnumpy()]
    except (MXNetError, ValueError):
        with open(file_name, "rb") as file:
            content = file.read()
    try:
        return list(ast.literal_eval(content.decode()))
    except (SyntaxError, ValueError, TypeError):
        raise ValueError(f"[BucketingModule.load] {file_name}: not a list of bucket keys") from None


def _prefix_of(prefix, key):
    # As MXNet writes them where the key is a number; what a file name cannot hold is quoted.
    return f"{prefix}-{quote(str(key), safe=' ,()')}"
