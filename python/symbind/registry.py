"""Registries of classes that can be made from a name: metrics, initializers, optimizers.

A registry belongs to a base class. `get_register_func` gives its `register` decorator, `get_alias_func` the
decorator for further names, `get_create_func` the function that makes instances. Names are case-insensitive.
"""

from __future__ import annotations

import json
import warnings
from typing import Any, Callable

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

_REGISTRIES: dict[type, dict[str, type]] = {}


def get_registry(base_class: type) -> dict[str, type]:
    """Return a copy of the registry of `base_class`: lower-case name to class."""
    return dict(_REGISTRIES.get(base_class, {}))


def get_register_func(base_class: type, nickname: str) -> Callable[..., type]:
    """Return the function that registers subclasses of `base_class`.

    Parameters
    ----------
    base_class : type
    nickname : str
        What an instance is called in messages and in JSON, such as ``'metric'``.

    Returns
    -------
    function
        ``register(klass, name=None)`` registers `klass` under `name`, or under its own name, and returns it,
        so it also works as a decorator. Taking a name that another class has warns (UserWarning) and replaces
        that class. Raises TypeError for anything but a subclass of `base_class`.
    """
    registry = _REGISTRIES.setdefault(base_class, {})

    def register(klass: type, name: str | None = None) -> type:
        if not (isinstance(klass, type) and issubclass(klass, base_class)):
            raise TypeError(
                f"[{nickname}.register] Can only register subclass of {base_class.__name__}: got {klass!r}"
            )
        key = (klass.__name__ if name is None else name).lower()
        known = registry.get(key)
        if known is not None and known is not klass:
            warnings.warn(
                f"New {nickname} {klass.__module__}.{klass.__name__} registered with name {key} is "
                f"overriding existing {nickname} {known.__module__}.{known.__name__}",
                UserWarning,
                stacklevel=2,
            )
        registry[key] = klass
        return klass

    register.__doc__ = (
        f"Register a subclass of {base_class.__name__} under its name in lower case; a decorator."
    )
    return register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Callable[[type], type]]:
    """Return ``alias(*names)``: a decorator that registers a subclass of `base_class` under further names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases: str) -> Callable[[type], type]:
        def decorate(klass: type) -> type:
            for name in aliases:
                register(klass, name)
            return klass

        return decorate

    alias.__doc__ = (
        f"Make a decorator that registers a subclass of {base_class.__name__} under the given names."
    )
    return alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """Return the function that makes instances of registered subclasses of `base_class`.

    The returned ``create(spec, *args, **kwargs)`` takes as `spec` one of

    - a registered name; the other arguments go to the class,
    - an instance of `base_class`, which comes back as it is,
    - a dict ``{nickname: name, **kwargs}``,
    - a JSON string of such a dict, or of a list ``[name, kwargs]``.

    It raises TypeError for other types or superfluous arguments, ValueError for unknown names or broken JSON.
    """
    registry = _REGISTRIES.setdefault(base_class, {})
    where = f"[{nickname}.create]"

    def create(*args: Any, **kwargs: Any) -> Any:
        if args:
            spec, args = args[0], args[1:]
        elif nickname in kwargs:
            spec = kwargs.pop(nickname)
        else:
            raise TypeError(f"{where} missing argument: expected the name of a {nickname}")
        if isinstance(spec, base_class):
            _reject_arguments(f"{nickname} is already an instance", args, kwargs)
            return spec
        if isinstance(spec, str) and spec.lstrip()[:1] in ("[", "{"):
            spec, stored = _parse_json(spec)
            _reject_arguments("the JSON holds all arguments", args, kwargs)
            kwargs = stored
        elif isinstance(spec, dict):
            _reject_arguments("the dict holds all arguments", args, kwargs)
            kwargs = dict(spec)
            spec = _pop_name(kwargs)
        if not isinstance(spec, str):
            raise TypeError(f"{where} {nickname} must be of string type: got {type(spec).__name__}")
        klass = registry.get(spec.lower())
        if klass is None:
            raise ValueError(
                f"{where} {spec} is not registered: expected one of {', '.join(sorted(registry))}. "
                f"Please register with {nickname}.register first"
            )
        return klass(*args, **kwargs)

    def _reject_arguments(why: str, args: tuple, kwargs: dict) -> None:
        if args or kwargs:
            raise TypeError(f"{where} {why}. Additional arguments are invalid: got {(*args, *kwargs)}")

    def _pop_name(kwargs: dict) -> Any:
        if nickname not in kwargs:
            raise ValueError(f"{where} missing key {nickname!r}: got {sorted(map(str, kwargs))}")
        return kwargs.pop(nickname)

    def _parse_json(text: str) -> tuple[Any, dict]:
        try:
            value = json.loads(text)
        except ValueError as err:
            raise ValueError(f"{where} broken JSON {text!r}: {err}") from None
        if isinstance(value, dict):
            return _pop_name(value), value
        if len(value) == 2 and isinstance(value[1], dict):
            return value[0], value[1]
        raise ValueError(f'{where} wrong JSON: got {text!r}, expected ["name", {{arguments}}]')

    create.__doc__ = f"Make a {nickname} from a registered name, an instance, a dict or its JSON form."
    return create
