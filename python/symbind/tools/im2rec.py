"""Packs folders of images into record files: ``python -m symbind.tools.im2rec PREFIX ROOT``.

First ``--list`` makes list files, PREFIX*.lst, of the images below ROOT: lines of a number, a label and a
path, with tabs between them. Then, without it, every PREFIX*.lst becomes a record file and its index, .rec
and .idx. Arguments and files are those of MXNet's tool.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .. import _opencv
from .._files import atomic_write
from ..recordio import IRHeader, MXIndexedRecordIO, pack, pack_img
from .progress import progress

__all__ = ["find_images", "main", "make_lists", "make_records", "read_list"]

# MXNet's tool shuffles with this seed: lists come out in the same order.
_SHUFFLE_SEED = 100
_AHEAD = 8
# Number, path, labels.
Entry = tuple[int, str, list[float]]


def find_images(root: str, recursive: bool, extensions: Sequence[str]) -> tuple[list[Entry], dict[str, int]]:
    """Return the images below a folder, numbered in sorted order, and the label of every folder.

    recursive : look into subfolders, each of which is a class of its own; otherwise all labels are 0.
    """
    entries: list[Entry] = []
    classes: dict[str, int] = {}
    for path, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() not in extensions:
                continue
            label = classes.setdefault(os.path.relpath(path, root), len(classes)) if recursive else 0
            relative = os.path.relpath(os.path.join(path, name), root)
            entries.append((len(entries), relative, [float(label)]))
        if not recursive:
            break
    return entries, classes


def _write_list(path: str, entries: Iterable[Entry]) -> None:
    with atomic_write(path, "w") as file:
        for number, name, labels in entries:
            file.write("\t".join([str(number), *(f"{v:f}" for v in labels), name]) + "\n")


def make_lists(options: argparse.Namespace) -> list[str]:
    """Write the list files that the options ask for; return their names. Raises ValueError without images."""
    entries, classes = find_images(options.root, options.recursive, options.exts)
    if not entries:
        raise ValueError(
            f"no images with the extensions {' '.join(options.exts)} in {options.root!r}"
            + ("" if options.recursive else "; --recursive looks into subfolders, too")
        )
    for name, label in classes.items():
        print(name, label)
    if options.shuffle:
        random.Random(_SHUFFLE_SEED).shuffle(entries)
    size = -(-len(entries) // options.chunks)
    written = []
    for chunk in range(options.chunks):
        part = entries[chunk * size : (chunk + 1) * size]
        prefix = options.prefix + (f"_{chunk}" if options.chunks > 1 else "")
        test, train = int(size * options.test_ratio), int(size * options.train_ratio)
        if options.train_ratio == 1.0:
            pieces = {"": part}
        else:
            pieces = {"_train": part[test : test + train]}
            if options.test_ratio:
                pieces["_test"] = part[:test]
            if options.train_ratio + options.test_ratio < 1.0:
                pieces["_val"] = part[test + train :]
        for suffix, piece in pieces.items():
            written.append(f"{prefix}{suffix}.lst")
            _write_list(written[-1], piece)
    return written


def read_list(path: str) -> list[Entry]:
    """Read a list file. Raises ValueError, with file and line, for a line of another form."""
    entries: list[Entry] = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.strip().split("\t")
            if fields == [""]:
                continue
            try:
                key, *labels = (float(field) for field in fields[:-1])
                if not labels:
                    raise ValueError("no label")
            except ValueError as err:
                raise ValueError(
                    f"{path!r}: line {number}: expected a number, labels and a path with tabs between them, "
                    f"got {line[:80]!r} ({err})"
                ) from None
            entries.append((int(key), fields[-1], labels))
    return entries


def _encode(entry: Entry, options: argparse.Namespace) -> bytes:
    """Return the record of one image. Raises OSError or ValueError if that is not possible."""
    number, name, labels = entry
    header = IRHeader(0, labels if options.pack_label and len(labels) > 1 else labels[0], number, 0)
    with open(os.path.join(options.root, name), "rb") as file:
        data = file.read()
    if options.pass_through:
        return pack(header, data)
    image = _opencv.decode(data, options.color)
    if image is None:
        raise ValueError(f"no image that OpenCV can decode: {len(data)} bytes")
    return pack_img(header, _resized(image, options), options.quality, options.encoding)


def _resized(image: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    height, width = image.shape[:2]
    if options.center_crop:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
        height = width = side
    if options.resize:
        size = options.resize
        shape = (size, height * size // width) if height > width else (width * size // height, size)
        image = _opencv.load().resize(image, shape)
    return image


def _in_order(entries: list[Entry], options: argparse.Namespace) -> Iterator[tuple[Entry, Future]]:
    """Encode in threads, a few images ahead of what is taken."""
    with ThreadPoolExecutor(max(options.num_thread, 1)) as pool:
        ahead: collections.deque[tuple[Entry, Future]] = collections.deque()
        left = iter(entries)
        for entry in itertools.islice(left, _AHEAD * options.num_thread):
            ahead.append((entry, pool.submit(_encode, entry, options)))
        while ahead:
            yield ahead.popleft()
            for entry in itertools.islice(left, 1):
                ahead.append((entry, pool.submit(_encode, entry, options)))


def make_records(list_path: str, options: argparse.Namespace) -> int:
    """Make NAME.rec and NAME.idx of NAME.lst; they appear when they are complete. Returns their size in
    records.

    Images that cannot be read or decoded are reported and left out.
    """
    entries = read_list(list_path)
    base = os.path.splitext(list_path)[0]
    temporary = {suffix: f"{base}{suffix}.{os.getpid()}.tmp" for suffix in (".idx", ".rec")}
    count = 0
    try:
        with MXIndexedRecordIO(temporary[".idx"], temporary[".rec"], "w") as writer:
            what = os.path.basename(base) + ".rec"
            for entry, future in progress(_in_order(entries, options), len(entries), what):
                try:
                    record = future.result()
                except (OSError, ValueError) as err:
                    print(f"left out {entry[1]!r}: {err}", file=sys.stderr)
                    continue
                writer.write_idx(entry[0], record)
                count += 1
        for suffix in (".rec", ".idx"):
            with open(temporary[suffix], "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary[suffix], base + suffix)
    finally:
        for path in temporary.values():
            if os.path.exists(path):
                os.unlink(path)
    return count


def _lists_of(prefix: str) -> list[str]:
    folder, name = os.path.split(os.path.abspath(prefix))
    if os.path.isdir(prefix):
        folder, name = os.path.abspath(prefix), ""
    if not os.path.isdir(folder):
        return []
    return [
        os.path.join(folder, file)
        for file in sorted(os.listdir(folder))
        if file.startswith(name) and file.endswith(".lst")
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m symbind.tools.im2rec",
        description="Makes lists of the images in a folder (--list), or record files of such lists.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    flag: dict[str, Any] = {"action": "store_true"}
    parser.add_argument("prefix", help="what the names of the .lst, .rec and .idx files begin with")
    parser.add_argument("root", help="the folder of the images")
    lists = parser.add_argument_group("lists")
    lists.add_argument("--list", **flag, help="make lists instead of record files")
    lists.add_argument("--exts", nargs="+", default=[".jpeg", ".jpg", ".png"], help="extensions of images")
    lists.add_argument("--chunks", type=int, default=1, help="number of lists")
    lists.add_argument("--train-ratio", type=float, default=1.0, help="share of images for training")
    lists.add_argument("--test-ratio", type=float, default=0.0, help="share of images for testing")
    lists.add_argument("--recursive", **flag, help="look into subfolders, and label images by their folder")
    lists.add_argument("--no-shuffle", dest="shuffle", action="store_false", help="keep the sorted order")
    records = parser.add_argument_group("record files")
    records.add_argument("--pass-through", **flag, help="store the files as they are")
    records.add_argument("--resize", type=int, default=0, help="length of the shorter edge, 0 for as it is")
    records.add_argument("--center-crop", **flag, help="cut out the square in the middle first")
    records.add_argument("--quality", type=int, default=95, help="1 to 100 for JPEG, 0 to 9 for PNG")
    records.add_argument("--num-thread", type=int, default=1, help="threads that encode")
    records.add_argument(
        "--color", type=int, default=1, choices=[-1, 0, 1], help="1 colour, 0 grey, -1 as stored"
    )
    records.add_argument("--encoding", default=".jpg", choices=[".jpg", ".png"], help="format of the images")
    records.add_argument("--pack-label", **flag, help="store all labels of a list with several")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 1 if there is nothing to do or a file cannot be read."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.chunks < 1 or options.num_thread < 1:
        parser.error("--chunks and --num-thread must be 1 or more")
    if not (options.train_ratio >= 0 <= options.test_ratio and options.train_ratio + options.test_ratio <= 1):
        parser.error("--train-ratio and --test-ratio must be 0 or more, and 1 or less together")
    try:
        if options.list:
            for name in make_lists(options):
                print("wrote", name)
            return 0
        if not options.pass_through:
            _opencv.load()
        lists = _lists_of(options.prefix)
        if not lists:
            raise ValueError(f"no list files {options.prefix}*.lst: make them with --list first")
        for name in lists:
            count = make_records(name, options)
            print(f"wrote {os.path.splitext(name)[0]}.rec: {count} records")
    except (OSError, ValueError, ImportError) as err:
        print(f"im2rec: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
