"""Data sets of pictures and texts from folders that have a folder for each class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tensorcore.data import Dataset
from tensorcore.errors import InvalidArgumentError
from tensorcore.training.pictures import img_to_array, load_img

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXTS = (".txt",)
LABEL_MODES = ("int", "categorical", "binary", None)


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    verbose: bool = True,
) -> Any:
    """Pictures (batch, height, width, channels) from 0 to 255 with the numbers of their classes.

    Args:
        directory: holds a folder for each class.
        labels: "inferred" from the folders, None, or a list in the order of the sorted files.
        label_mode: "int", "categorical", "binary", or None for pictures alone.
        class_names: the folders to take, in the order of their numbers; None: all, sorted.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: None gives single pictures.
        image_size: (height, width).
        shuffle: a new order in every epoch.
        seed: of that order and of the split.
        validation_split: the share of the files that "validation" gets.
        subset: "training", "validation" or "both", with `validation_split`.
        interpolation: how pictures are resized.
        crop_to_aspect_ratio: cut the middle out with the wanted proportions first.

    Returns:
        A data set with the attributes `class_names` and `file_paths`; a list of two for "both".
    """

    def read(path: str) -> np.ndarray:
        picture = load_img(path, color_mode, image_size, interpolation, crop_to_aspect_ratio)
        return img_to_array(picture)

    channels = {"grayscale": 1, "rgb": 3, "rgba": 4}.get(color_mode, 3)
    spec = (*image_size, channels), "float32"
    found = _found(directory, labels, class_names, PICTURES, verbose)
    parts = _subsets(*found, shuffle, seed, validation_split, subset, verbose)
    return _datasets(parts, label_mode, batch_size, shuffle, seed, read, spec)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The contents of text files (.txt) with the numbers of their classes.

    Args:
        max_length: keep so many bytes of each text.
        others: see `image_dataset_from_directory`.

    Returns:
        A data set of texts (`tf.string`), shape (batch,), with labels.

    Example:
        train = keras.utils.text_dataset_from_directory("aclImdb/train", batch_size=32)
    """

    def read(path: str) -> np.ndarray:
        content = np.empty((), object)
        content[()] = Path(path).read_bytes()[:max_length]
        return content

    found = _found(directory, labels, class_names, TEXTS, verbose)
    parts = _subsets(*found, shuffle, seed, validation_split, subset, verbose)
    return _datasets(parts, label_mode, batch_size, shuffle, seed, read, ((), "string"))


def _found(
    directory: Any, labels: Any, class_names: Any, endings: tuple[str, ...], verbose: bool
) -> tuple[list[str], list[int], list[str]]:
    """(files, their labels, names of the classes)."""
    root = Path(directory)
    if not root.is_dir():
        raise InvalidArgumentError(
            f"there is no folder {str(root)!r}; expected one with a folder for each class"
        )
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    names = folders if class_names is None else list(class_names)
    if labels is None:
        names = []
    elif labels == "inferred" and set(names) - set(folders):
        raise InvalidArgumentError(f"{root} has the folders {folders}, but class_names={names}")
    roots = [root / name for name in names] if labels == "inferred" else [root]
    files, numbers = [], []
    for number, place in enumerate(roots):
        own = sorted(p for p in place.rglob("*") if p.suffix.lower() in endings)
        files += [str(path) for path in own]
        numbers += [number] * len(own)
    if not files:
        raise InvalidArgumentError(f"{root}: no files found; expected {', '.join(endings)} files")
    if labels not in (None, "inferred"):
        if len(labels) != len(files):
            raise InvalidArgumentError(f"received {len(labels)} labels for {len(files)} files")
        numbers, names = [int(n) for n in labels], sorted({str(n) for n in labels})
    if verbose:
        of = f" belonging to {len(names)} classes" if names else ""
        print(f"Found {len(files)} files{of}.")
    return files, numbers, names


Part = tuple[list[str], list[int], list[str], bool]


def _subsets(
    files: list[str],
    numbers: list[int],
    names: list[str],
    shuffle: bool,
    seed: int | None,
    share: float | None,
    subset: str | None,
    verbose: bool,
) -> list[Part]:
    """(files, labels, names of the classes, whether to shuffle) of the wanted subsets."""
    known = (None, "training", "validation", "both")
    if (share is None) != (subset is None) or subset not in known:
        raise InvalidArgumentError(
            "validation_split and subset ('training', 'validation' or 'both') go together, "
            f"received {share} and {subset!r}"
        )
    if share is None:
        return [(files, numbers, names, shuffle)]
    if not 0 < share < 1:
        raise InvalidArgumentError(
            f"validation_split must be between 0 and 1, received {share}; 0.2 takes a fifth"
        )
    if shuffle and seed is None:
        raise InvalidArgumentError(
            "a split of shuffled files needs a seed, or the two subsets would overlap"
        )
    order = np.random.RandomState(seed).permutation(len(files)) if shuffle else range(len(files))
    count = int(len(files) * share)
    parts: list[Part] = []
    for part, kept in (
        ("training", list(order)[: len(files) - count]),
        ("validation", list(order)[len(files) - count :]),
    ):
        if subset in (part, "both"):
            if verbose:
                print(f"Using {len(kept)} files for {part}.")
            mixed = shuffle and (subset != "both" or part == "training")
            parts.append(([files[i] for i in kept], [numbers[i] for i in kept], names, mixed))
    return parts


def _datasets(
    parts: list[Part],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    read: Callable[[str], np.ndarray],
    spec: tuple[tuple[int, ...], str],
) -> Any:
    if label_mode not in LABEL_MODES:
        raise InvalidArgumentError(
            f"label_mode must be one of {', '.join(map(repr, LABEL_MODES))}, received "
            f"{label_mode!r}"
        )
    names = parts[0][2]
    if label_mode == "binary" and len(names) != 2:
        raise InvalidArgumentError(
            f'label_mode="binary" needs exactly 2 classes, received {names}; use "int"'
        )
    made = [
        _dataset(files, numbers, names, label_mode, batch_size, mixed, seed, read, spec)
        for files, numbers, names, mixed in parts
    ]
    return made if len(made) > 1 else made[0]


def _dataset(
    files: list[str],
    numbers: list[int],
    names: list[str],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    read: Callable[[str], np.ndarray],
    spec: tuple[tuple[int, ...], str],
) -> Dataset:
    labels: np.ndarray | None = np.asarray(numbers, np.int32)
    if label_mode == "categorical":
        labels = np.eye(len(names), dtype=np.float32)[numbers]
    elif label_mode == "binary":
        labels = np.asarray(numbers, np.float32)[:, None]
    elif label_mode is None or not names:
        labels = None
    rng = np.random.RandomState(seed)

    def elements() -> Any:
        order = rng.permutation(len(files)) if shuffle else np.arange(len(files))
        step = batch_size or 1
        for start in range(0, len(files), step):
            rows = order[start : start + step]
            pictures = np.stack([read(files[row]) for row in rows])
            given = (pictures,) if labels is None else (pictures, labels[rows])
            given = given if batch_size else tuple(part[0] for part in given)
            yield given if labels is not None else given[0]

    lead = (None,) if batch_size else ()
    shapes: Any = (*lead, *spec[0])
    types: Any = spec[1]
    if labels is not None:
        shapes = (shapes, (*lead, *labels.shape[1:]))
        types = (types, labels.dtype.name)
    dataset: Any = Dataset.from_generator(elements, output_types=types, output_shapes=shapes)
    dataset.class_names = names
    dataset.file_paths = files
    return dataset
