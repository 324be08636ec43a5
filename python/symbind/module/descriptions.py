"""Descriptions of a module's inputs: checked against its symbol, brought into one form, resized."""

from __future__ import annotations

import warnings

from ..io import DataDesc


def _check_input_names(symbol, names, typename, throw):
    """Checks that names given to Module are arguments of the symbol; else raises or, not `throw`, warns."""
    arguments = symbol.list_arguments()
    for name in names:
        if name in arguments:
            continue
        params = ("_weight", "_bias", "_gamma", "_beta")
        candidates = [a for a in arguments if not a.endswith(params)]
        message = (
            f"[Module] You created Module with Module(..., {typename}_names={list(names)}) but input with "
            f"name '{name}' "
            "is not found in symbol.list_arguments(). Did you mean one of:\n\t" + "\n\t".join(candidates)
        )
        if throw:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)


def check_compute_dtype(owner, compute_dtype):
    """'float32' (for None) or 'bfloat16', from a name or a dtype that has one; else raises ValueError."""
    name = "float32" if compute_dtype is None else getattr(compute_dtype, "__name__", str(compute_dtype))
    if name not in ("float32", "bfloat16"):
        raise ValueError(f"[{owner}] compute_dtype: got {compute_dtype!r}, expected 'float32' or 'bfloat16'")
    return name


def _check_names_match(data_names, data_shapes, name, throw):
    """Checks that described names are the expected ones, in any order; else raises or warns."""
    actual = [desc[0] for desc in data_shapes]
    if sorted(data_names) == sorted(actual):
        return
    message = (
        f"[Module.bind] Data provided by {name}_shapes don't match names specified by {name}_names: got "
        f"{actual}, expected {list(data_names)}"
    )
    if throw:
        raise ValueError(message)
    warnings.warn(message, stacklevel=4)


def _as_desc(desc):
    """A DataDesc from a DataDesc or from (name, shape[, dtype[, layout]])."""
    if isinstance(desc, DataDesc):
        return desc
    if not isinstance(desc, (tuple, list)) or len(desc) < 2:
        raise TypeError(f"[Module.bind] got {desc!r}, expected a DataDesc or a tuple (name, shape)")
    return DataDesc(*desc)


def _parse_data_desc(data_names, label_names, data_shapes, label_shapes):
    """Descriptions as DataDesc, with names checked. Labels are None where none are described."""
    data_shapes = [_as_desc(d) for d in data_shapes]
    _check_names_match(data_names, data_shapes, "data", True)
    if not label_shapes:
        return data_shapes, None
    label_shapes = [_as_desc(d) for d in label_shapes]
    _check_names_match(label_names, label_shapes, "label", False)
    return data_shapes, label_shapes


def with_shape(desc, shape) -> DataDesc:
    """The same description with another shape."""
    return DataDesc(desc.name, tuple(shape), desc.dtype, desc.layout)


def unnamed_labels(symbol) -> list[str]:
    """Arguments that are labels by their names, as losses name them, and that no initializer is meant for."""
    labels = [name for name in symbol.list_arguments() if name.endswith("label")]
    attributes = symbol.attr_dict() if labels else {}
    return [name for name in labels if "__init__" not in attributes.get(name, {})]


def resized_labels(label_shapes, data_shapes) -> list[DataDesc]:
    """Descriptions of labels for the batch size of `data_shapes`."""
    first = data_shapes[0] if isinstance(data_shapes[0], DataDesc) else DataDesc(*data_shapes[0])
    batch_size = first.shape[max(DataDesc.get_batch_axis(first.layout), 0)]
    labels = []
    for desc in label_shapes:
        axis = max(DataDesc.get_batch_axis(desc.layout), 0)
        labels.append(with_shape(desc, (*desc.shape[:axis], batch_size, *desc.shape[axis + 1 :])))
    return labels
