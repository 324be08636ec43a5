"""The arguments of the iterators over image records: their names, types and defaults, which are MXNet's."""

from __future__ import annotations

import dataclasses
import operator
import warnings
from typing import Any, Callable

__all__ = [
    "AugmentParameters",
    "DetAugmentParameters",
    "DetReaderParameters",
    "NormalizeParameters",
    "ReaderParameters",
    "parse",
]

# Methods that dataclasses generate would be a large part of the time to import the package: defaults are
# attributes of the classes, and `parse` sets the rest.
_TRUE, _FALSE = ("1", "true"), ("0", "false")
# How MXNet's reader works inside, which makes no difference here.
_WITHOUT_EFFECT = {"ctx", "device_id", "shuffle_chunk_size", "shuffle_chunk_seed", "aug_seq"}
Floats = tuple  # of float


@dataclasses.dataclass(init=False, repr=False, eq=False)
class ReaderParameters:
    """What is read, and how batches are made of it."""

    data_shape: tuple
    batch_size: int
    path_imgrec: str
    path_imgidx: str = ""
    path_imglist: str = ""
    label_width: int = 1
    data_name: str = "data"
    label_name: str = "softmax_label"
    dtype: Any = None
    shuffle: bool = False
    seed: int | None = None
    seed_aug: int | None = None
    num_parts: int = 1
    part_index: int = 0
    round_batch: bool = True
    preprocess_threads: int = 4
    prefetch_buffer: int = 4
    verbose: bool = True


@dataclasses.dataclass(init=False, repr=False, eq=False)
class DetReaderParameters(ReaderParameters):
    """The same for detection: labels are lists of objects, padded to one width."""

    label_width: int = -1
    label_pad_width: int = 0
    label_pad_value: float = -1.0


@dataclasses.dataclass(init=False, repr=False, eq=False)
class AugmentParameters:
    """What happens to a decoded image until it has the wanted size."""

    resize: int = -1
    rand_crop: bool = False
    random_resized_crop: bool = False
    max_rotate_angle: int = 0
    max_aspect_ratio: float = 0.0
    min_aspect_ratio: float | None = None
    max_shear_ratio: float = 0.0
    max_crop_size: int = -1
    min_crop_size: int = -1
    max_random_scale: float = 1.0
    min_random_scale: float = 1.0
    max_random_area: float = 1.0
    min_random_area: float = 1.0
    max_img_size: float = 1e10
    min_img_size: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    pca_noise: float = 0.0
    random_h: int = 0
    random_s: int = 0
    random_l: int = 0
    rotate: int = -1
    fill_value: int = 255
    inter_method: int = 1
    pad: int = 0


@dataclasses.dataclass(init=False, repr=False, eq=False)
class DetAugmentParameters:
    """What happens to a decoded image and its objects until it has the wanted size."""

    resize: int = -1
    rand_crop_prob: float = 0.0
    min_crop_scales: Floats = (0.0,)
    max_crop_scales: Floats = (1.0,)
    min_crop_aspect_ratios: Floats = (1.0,)
    max_crop_aspect_ratios: Floats = (1.0,)
    min_crop_overlaps: Floats = (0.0,)
    max_crop_overlaps: Floats = (1.0,)
    min_crop_sample_coverages: Floats = (0.0,)
    max_crop_sample_coverages: Floats = (1.0,)
    min_crop_object_coverages: Floats = (0.0,)
    max_crop_object_coverages: Floats = (1.0,)
    num_crop_sampler: int = 1
    crop_emit_mode: str = "center"
    emit_overlap_thresh: float = 0.3
    max_crop_trials: tuple = (25,)
    rand_pad_prob: float = 0.0
    max_pad_scale: float = 1.0
    max_random_hue: int = 0
    random_hue_prob: float = 0.0
    max_random_saturation: int = 0
    random_saturation_prob: float = 0.0
    max_random_illumination: int = 0
    random_illumination_prob: float = 0.0
    max_random_contrast: float = 0.0
    random_contrast_prob: float = 0.0
    rand_mirror_prob: float = 0.0
    fill_value: int = 127
    inter_method: int = 1
    resize_mode: str = "force"


@dataclasses.dataclass(init=False, repr=False, eq=False)
class NormalizeParameters:
    """What happens to the pixels of an image of the right size."""

    mirror: bool = False
    rand_mirror: bool = False
    mean_img: str = ""
    mean_r: float = 0.0
    mean_g: float = 0.0
    mean_b: float = 0.0
    mean_a: float = 0.0
    std_r: float = 1.0
    std_g: float = 1.0
    std_b: float = 1.0
    std_a: float = 1.0
    scale: float = 1.0
    max_random_contrast: float = 0.0
    max_random_illumination: float = 0.0


def _to_bool(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() in _TRUE + _FALSE:
            return value.lower() in _TRUE
        raise ValueError(value)
    return bool(value)


def _to_int(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return operator.index(value)


def _items(value: Any) -> list:
    if isinstance(value, str):
        return [item for item in value.strip("()[] ").split(",") if item.strip()]
    return list(value) if hasattr(value, "__iter__") else [value]


_CONVERTERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "int": (_to_int, "a whole number"),
    "float": (float, "a number"),
    "bool": (_to_bool, "True or False"),
    "str": (str, "text"),
    "tuple": (lambda v: tuple(_to_int(item) for item in _items(v)), "whole numbers"),
    "Floats": (lambda v: tuple(float(item) for item in _items(v)), "numbers"),
    "Any": (lambda v: v, "anything"),
}


def parse(iterator: str, arguments: dict[str, Any], *groups: type) -> list[Any]:
    """Distribute keyword arguments over groups of parameters; values may be given as text, as in MXNet.

    A group whose class has none of a name leaves it to the next one; unknown names are a warning.

    Raises ValueError for a value of a wrong kind, TypeError for a missing one.
    """
    left = {name: value for name, value in arguments.items() if name not in _WITHOUT_EFFECT}
    parsed = []
    used = set()
    for group in groups:
        made = group()
        for field in dataclasses.fields(group):
            if field.name in left:
                used.add(field.name)
                setattr(made, field.name, _convert(iterator, field, left[field.name]))
            elif field.default is dataclasses.MISSING:
                raise TypeError(f"[{iterator}] the argument {field.name} is missing")
        parsed.append(made)
    unknown = sorted(set(left) - used)
    if unknown:
        warnings.warn(f"[{iterator}] unknown arguments are ignored: {', '.join(unknown)}", stacklevel=4)
    return parsed


def _convert(iterator: str, field: Any, value: Any) -> Any:
    kind = field.type
    if kind.endswith(" | None"):
        if value is None:
            return None
        kind = kind[: -len(" | None")]
    convert, expected = _CONVERTERS[kind]
    try:
        return convert(value)
    except (TypeError, ValueError):
        raise ValueError(f"[{iterator}] wrong {field.name}: got {value!r}, expected {expected}") from None
