"""Loading batches into the bound inputs of all contexts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..io import DataDesc
from ..ndarray import NDArray
from .binder import Target
from .slicing import _load, _load_slice


class BatchLoading:
    """What an executor group does to take in a batch."""

    data_names: list[str]
    label_shapes: list[DataDesc] | None
    slices: list[slice]
    _only: Any
    _data: list[Target]
    _labels: list[Target]
    _data_fast: list[Any]
    _labels_fast: list[Any]

    def load_batch(self, data_batch) -> bool:
        """Copies a batch into the bound inputs; False, with nothing copied, if it has other shapes."""
        data, targets = data_batch.data, self._data_fast
        if len(data) != len(targets):
            raise ValueError(
                f"[Module.forward] the batch has {len(data)} data arrays, expected {len(targets)}: "
                f"{self.data_names}"
            )
        for source, (shape, _, _) in zip(data, targets):
            if source.shape != shape:
                return False
        label = getattr(data_batch, "label", None) or ()
        labels = self._labels_that_fit(label) if label else ()
        if labels is None:
            return False
        if self._only is None:
            self._load_sliced(data, self._data)
            self._load_sliced(label, self._labels if labels else ())
            return True
        for source, (_, copy, copy_numpy) in zip(data, targets):
            copy(source.handle) if isinstance(source, NDArray) else copy_numpy(np.asarray(source))
        for source, (_, copy, copy_numpy) in zip(label, labels):
            copy(source.handle) if isinstance(source, NDArray) else copy_numpy(np.asarray(source))
        return True

    def _labels_that_fit(self, label):
        """Where the labels of a batch go; None if the module has to be bound to other shapes for them.

        Bound without labels, those that do not fit are not needed, and go nowhere.
        """
        targets = self._labels_fast
        if len(label) < len(targets):
            if self.label_shapes:
                raise ValueError(
                    f"[Module.forward] the batch has {len(label)} labels, expected {len(targets)}: "
                    f"{[d.name for d in self.label_shapes]}"
                )
            return ()
        for source, (shape, _, _) in zip(label, targets):
            if source.shape != shape:
                return None if self.label_shapes else ()
        return targets

    def _load_sliced(self, sources, targets) -> None:
        for source, target in zip(sources, targets):
            for part, array in zip(self.slices, target.arrays):
                _load_slice(array, source, part, target.axis)

    def joined_shapes(self, batches):
        """Shapes of data and of labels over a list of batches, one for each context, taken together."""

        def joined(targets, lists):
            shapes = []
            for i, target in enumerate(targets):
                parts = [tuple(arrays[i].shape) for arrays in lists]
                shape, axis = parts[0], target.axis
                if axis >= 0:
                    shape = (*shape[:axis], sum(p[axis] for p in parts), *shape[axis + 1 :])
                shapes.append(shape)
            return shapes

        labels = [getattr(b, "label", None) or () for b in batches]
        targets = self._labels if all(len(part) >= len(self._labels) for part in labels) else []
        return joined(self._data, [b.data for b in batches]), joined(targets, labels)

    def load_presliced(self, batches) -> None:
        """Copies one batch for each context, of the shapes that are bound there."""
        pairs = []
        for i, batch in enumerate(batches):
            labels = getattr(batch, "label", None) or ()
            for targets, sources in ((self._data, batch.data), (self._labels, labels)):
                for target, source in zip(targets, sources):
                    array = target.arrays[i]
                    if tuple(source.shape) != array.shape:
                        raise ValueError(
                            f"[Module.forward] batch {i}: got shape {tuple(source.shape)}, expected "
                            f"{array.shape}: each context takes its share of the whole batch"
                        )
                    pairs.append((array, source))
        for array, source in pairs:
            _load(array, source)
