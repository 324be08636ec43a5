"""Steps over several modules that happen in all of them or in none."""

from __future__ import annotations

from contextlib import contextmanager


def _nested(modules):
    """The modules, and those inside of containers among them."""
    for module in modules:
        yield module
        yield from _nested(getattr(module, "_modules", ()))


@contextmanager
def unchanged_on_failure(modules):
    """Gives modules the attributes back that they had, where the body raises.

    For steps that replace attributes and do not write into what they refer to.
    """
    saved = [(module, dict(vars(module))) for module in _nested(modules)]
    try:
        yield
    except BaseException:
        for module, attributes in saved:
            vars(module).clear()
            vars(module).update(attributes)
        raise


@contextmanager
def parameters_unchanged_on_failure(modules):
    """Also gives modules with initialized parameters the values back that these had."""
    values = [
        (module, [{n: v.copy() for n, v in params.items()} for params in module.get_params()])
        for module in modules
        if module.binded and module.params_initialized
    ]
    try:
        with unchanged_on_failure(modules):
            yield
    except BaseException:
        for module, (arg_params, aux_params) in values:
            module.set_params(arg_params, aux_params)
        raise
