"""Arguments of the image record iterators whose batches are compared with MXNet's."""

from __future__ import annotations

_SMALL = {"path_imgrec": "classes", "data_shape": (3, 16, 16), "batch_size": 4}
_OTHER = {**_SMALL, "data_shape": (3, 24, 20)}
_MEAN = {"mean_r": 123.68, "mean_g": 116.779, "mean_b": 103.939}
_STD = {"std_r": 58.393, "std_g": 57.12, "std_b": 57.375}
_DET = {"path_imgrec": "objects", "data_shape": (3, 24, 28), "batch_size": 2}

# Name: (iterator, arguments, largest difference of a pixel). Newer versions of OpenCV round otherwise in
# warps and cubic interpolation.
CASES = {
    "plain": ("ImageRecordIter", _SMALL, 0),
    "enlarged": ("ImageRecordIter", _OTHER, 0),
    "resize": ("ImageRecordIter", {**_OTHER, "resize": 30}, 0),
    "resize_nearest": ("ImageRecordIter", {**_OTHER, "resize": 30, "inter_method": 0}, 0),
    "resize_cubic": ("ImageRecordIter", {**_OTHER, "resize": 30, "inter_method": 2}, 1),
    "resize_area": ("ImageRecordIter", {**_SMALL, "resize": 18, "inter_method": 3}, 0),
    "resize_lanczos": ("ImageRecordIter", {**_OTHER, "resize": 30, "inter_method": 4}, 1),
    "resize_auto": ("ImageRecordIter", {**_SMALL, "resize": 17, "inter_method": 9}, 1),
    "normalized": ("ImageRecordIter", {**_SMALL, **_MEAN, **_STD}, 0),
    "scaled": ("ImageRecordIter", {**_SMALL, **_MEAN, "scale": 1 / 255.0}, 0),
    "all_of_it": (
        "ImageRecordIter",
        {**_SMALL, **_MEAN, **_STD, "scale": 2.5, "resize": 19, "mirror": True},
        0,
    ),
    "grey": ("ImageRecordIter", {**_SMALL, "data_shape": (1, 16, 16)}, 0),
    "grey_mean": ("ImageRecordIter", {**_SMALL, "data_shape": (1, 16, 16), "mean_r": 10, "std_r": 2}, 0),
    "mirror": ("ImageRecordIter", {**_SMALL, "mirror": True}, 0),
    "pad": ("ImageRecordIter", {**_SMALL, "data_shape": (3, 40, 36), "pad": 10, "fill_value": 77}, 0),
    "pad_small": ("ImageRecordIter", {**_SMALL, "data_shape": (3, 40, 44), "pad": 2}, 0),
    "rotate": ("ImageRecordIter", {**_SMALL, "rotate": 30}, 5),
    "scale_up": ("ImageRecordIter", {**_SMALL, "max_random_scale": 1.5, "min_random_scale": 1.5}, 2),
    "image_size": ("ImageRecordIter", {**_SMALL, "max_img_size": 22, "min_img_size": 22}, 2),
    "crop_size": ("ImageRecordIter", {**_SMALL, "max_crop_size": 18, "min_crop_size": 18}, 0),
    "crop_resized": (
        "ImageRecordIter",
        {**_SMALL, "random_resized_crop": True, "min_random_area": 3, "max_random_area": 3},
        0,
    ),
    "labels": ("ImageRecordIter", {**_SMALL, "path_imgrec": "labels", "label_width": 3}, 0),
    "list": ("ImageRecordIter", {**_SMALL, "path_imglist": "classes.lst", "label_width": 2}, 0),
    "names": ("ImageRecordIter", {**_SMALL, "data_name": "d", "label_name": "l"}, 0),
    "turned": ("ImageRecordIter", {**_SMALL, "path_imgrec": "turned", "batch_size": 1}, 0),
    **{
        f"part{i}{index}": (
            "ImageRecordIter",
            {**_SMALL, "batch_size": 2, "num_parts": 4, "part_index": i, **more},
            0,
        )
        for i in range(4)
        for index, more in (("", {}), ("_index", {"path_imgidx": "classes.idx"}))
        if (i, index) != (3, "_index")  # of 9 records each part gets 3
    },
    "bytes": ("ImageRecordUInt8Iter", {**_SMALL, **_MEAN, "mirror": True}, 0),
    "signed": (
        "ImageRecordInt8Iter",
        {**_SMALL, "mean_r": 100.3, "mean_g": 100.8, "mean_b": 77.5, "std_r": 2},
        0,
    ),
    "old": ("ImageRecordIter_v1", {**_SMALL, **_MEAN, **_STD}, 0),
    "old_short": ("ImageRecordIter_v1", {**_SMALL, "round_batch": False}, 0),
    "old_bytes": ("ImageRecordUInt8Iter_v1", _SMALL, 0),
    "objects": ("ImageDetRecordIter", _DET, 0),
    "objects_padded": ("ImageDetRecordIter", {**_DET, "label_pad_width": 30, "label_pad_value": -7}, 0),
    "objects_fit": ("ImageDetRecordIter", {**_DET, "resize_mode": "fit"}, 0),
    "objects_shrink": ("ImageDetRecordIter", {**_DET, "data_shape": (3, 30, 30), "resize_mode": "shrink"}, 0),
    "objects_resize": ("ImageDetRecordIter", {**_DET, "resize": 40, "resize_mode": "fit"}, 0),
    "objects_normalized": ("ImageDetRecordIter", {**_DET, **_MEAN, "std_r": 2, "scale": 0.5}, 0),
    "objects_mirror": ("ImageDetRecordIter", {**_DET, "rand_mirror_prob": 1.0}, 0),
}


def make(mx, folder, case):
    """The iterator of a case, made with the package `mx` from the files in `folder`."""
    iterator, arguments, _ = CASES[case]
    arguments = {**arguments, "path_imgrec": str(folder / f"{arguments['path_imgrec']}.rec")}
    for name in ("path_imgidx", "path_imglist"):
        if name in arguments:
            arguments[name] = str(folder / arguments[name])
    return getattr(mx.io, iterator)(verbose=False, preprocess_threads=2, **arguments)
