"""`ImageDataGenerator`: batches of pictures that are changed by chance, as Keras 2 made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.training.picture_batches import PictureBatches, random_stream
from tensorcore.training.picture_moves import moved
from tensorcore.training.pictures import array_to_img, img_to_array, load_img

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class ImageDataGenerator:
    """Batches of pictures, turned, moved, mirrored and scaled by chance; for old programs.

    New ones use layers (`RandomFlip`, `RandomRotation`...) and `image_dataset_from_directory`.

    Args:
        featurewise_center, featurewise_std_normalization, zca_whitening: make the mean 0, the
            deviation 1, or values uncorrelated, over a data set given to `fit`.
        samplewise_center, samplewise_std_normalization: the same for each picture by itself.
        zca_epsilon: added to the singular values.
        rotation_range: degrees to turn by at most, either way.
        width_shift_range, height_shift_range: a share (below 1) or pixels to move by at most.
        brightness_range: (lowest, highest) factor of the brightness.
        shear_range: degrees.
        zoom_range: (lowest, highest) factor, or one number for 1 - zoom to 1 + zoom.
        channel_shift_range: at most added to all values.
        fill_mode, cval: what is beyond the border; see `picture_moves.moved`.
        horizontal_flip, vertical_flip: mirror every second picture.
        rescale: factor of all values, after the changes.
        preprocessing_function: of one picture, before `rescale`.
        validation_split: the share of the data that subset="validation" gets.
        interpolation_order: 1 or 0.

    Example:
        generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
        model.fit(generator.flow_from_directory("train", target_size=(64, 64)))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Any = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        if data_format not in (None, "channels_last"):
            raise InvalidArgumentError(
                "ImageDataGenerator: pictures are (height, width, channels); data_format must be "
                f"'channels_last', received {data_format!r}"
            )
        if not 0 <= validation_split < 1:
            raise InvalidArgumentError(
                "ImageDataGenerator: validation_split must be from 0 to 1, received "
                f"{validation_split!r}"
            )
        zoom = zoom_range if np.ndim(zoom_range) else (1 - zoom_range, 1 + zoom_range)
        for name, pair in (("zoom_range", zoom), ("brightness_range", brightness_range)):
            if pair is not None and len(pair) != 2:
                raise InvalidArgumentError(
                    f"ImageDataGenerator: {name} must be two numbers, (lowest, highest), received "
                    f"{pair!r}"
                )
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        by_features = featurewise_std_normalization or zca_whitening
        self.featurewise_center = featurewise_center or by_features
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = tuple(zoom)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = np.dtype(dtype or "float32")
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    # One picture ----------------------------------------------------------------------------------

    def get_random_transform(
        self, img_shape: Any, seed: int | None = None, stream: Any = None
    ) -> dict[str, Any]:
        """What is to be done to a picture, by chance."""
        rng = random_stream(seed) if stream is None else stream
        turn = self.rotation_range
        drawn: dict[str, Any] = {"theta": rng.uniform(-turn, turn) if turn else 0}
        drawn["tx"] = _shift(rng, self.height_shift_range, img_shape[0])
        drawn["ty"] = _shift(rng, self.width_shift_range, img_shape[1])
        drawn["shear"] = rng.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        drawn["zx"], drawn["zy"] = 1, 1
        if self.zoom_range != (1, 1):
            drawn["zx"], drawn["zy"] = rng.uniform(*self.zoom_range, 2)
        drawn["flip_horizontal"] = bool(rng.random_sample() < 0.5) and self.horizontal_flip
        drawn["flip_vertical"] = bool(rng.random_sample() < 0.5) and self.vertical_flip
        shift = self.channel_shift_range
        drawn["channel_shift_intensity"] = rng.uniform(-shift, shift) if shift else None
        light = self.brightness_range
        drawn["brightness"] = None if light is None else rng.uniform(*light)
        return drawn

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """The picture changed as the parameters say; see `get_random_transform`."""
        given = transform_parameters
        names = ("theta", "tx", "ty", "shear", "zx", "zy")
        x = moved(
            x,
            **{name: given[name] for name in names if name in given},
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = np.clip(x + given["channel_shift_intensity"], x.min(), x.max())
        if given.get("flip_horizontal"):
            x = x[:, ::-1]
        if given.get("flip_vertical"):
            x = x[::-1]
        if given.get("brightness") is not None:
            x = _brighter(x, given["brightness"])
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """The picture changed by chance."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """The picture, or batch, with the wanted mean, deviation and scale."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.dtype.type(self.rescale)
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + 1e-6)
        if self.featurewise_center:
            x = x - self._fitted("mean")
        if self.featurewise_std_normalization:
            x = x / (self._fitted("std") + 1e-6)
        if self.zca_whitening:
            flat = x.reshape(-1, int(np.prod(x.shape[-3:])))
            x = (flat @ self._fitted("zca_whitening_matrix")).reshape(x.shape)
        return x

    def _fitted(self, name: str) -> Any:
        if getattr(self, name) is None:
            raise TrainingError(
                "ImageDataGenerator: featurewise_center, featurewise_std_normalization and "
                "zca_whitening need to know the data: call generator.fit(x) first"
            )
        return getattr(self, name)

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find mean, deviation and whitening of pictures (N, height, width, channels).

        Args:
            augment: look at pictures changed by chance, each `rounds` times.
        """
        x = np.array(x, self.dtype)
        _check_pictures("fit", x)
        if self.rescale:
            x = x * self.dtype.type(self.rescale)
        if augment:
            stream = random_stream(seed)
            x = np.stack(
                [
                    self.apply_transform(one, self.get_random_transform(one.shape, stream=stream))
                    for _ in range(rounds)
                    for one in x
                ]
            )
        if self.featurewise_center:
            self.mean = np.mean(x, axis=(0, 1, 2)).reshape(1, 1, -1)
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=(0, 1, 2)).reshape(1, 1, -1)
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T

    # Batches --------------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> PictureBatches:
        """Batches of pictures of an array, changed by chance.

        Args:
            x: (N, height, width, channels).
            y, sample_weight: one row a picture.
            subset: "training" or "validation", with `validation_split`.
            seed: of order and changes.
            save_to_dir, save_prefix, save_format: where the changed pictures are written, too.
        """
        pictures = np.asarray(x, self.dtype)
        _check_pictures("flow", pictures)
        others = [None if part is None else np.asarray(part) for part in (y, sample_weight)]
        for name, part in zip(("y", "sample_weight"), others, strict=True):
            if part is not None and len(part) != len(pictures):
                raise ShapeError(
                    f"ImageDataGenerator.flow: x has {len(pictures)} pictures, {name} has "
                    f"{len(part)} rows; give one for each picture"
                )
        rows = _rows_of(len(pictures), self.validation_split, subset)
        pictures = pictures[rows]
        labels, weights = (None if part is None else part[rows] for part in others)
        batches = PictureBatches(self, len(pictures), batch_size, shuffle, seed)
        batches.read = pictures.__getitem__
        batches.image_shape = pictures.shape[1:]
        batches.labels, batches.weights = labels, weights
        batches.saving = (save_to_dir, save_prefix, save_format)
        return batches

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> PictureBatches:
        """Batches of pictures of files, which lie in a folder for each class.

        Args:
            target_size: (height, width) of all pictures.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: the folders to take, in the order of their numbers; None: all, sorted.
            class_mode: "categorical" (one-hot), "sparse" or "binary" (numbers), "input" (the
                pictures themselves), or None for pictures alone.
            others: see `flow`.

        Returns:
            Batches with the attributes `class_indices`, `classes`, `filenames` and `samples`.
        """
        if class_mode not in CLASS_MODES:
            raise InvalidArgumentError(
                f"flow_from_directory: class_mode must be one of "
                f"{', '.join(map(repr, CLASS_MODES))}, received {class_mode!r}"
            )
        root = Path(directory)
        if not root.is_dir():
            raise InvalidArgumentError(
                f"there is no folder {str(root)!r}; expected one with a folder for each class"
            )
        folders = sorted(path.name for path in root.iterdir() if path.is_dir())
        names = list(classes) if classes else folders
        files, numbers = [], []
        for number, name in enumerate(names):
            own = sorted(p for p in (root / name).rglob("*") if p.suffix.lower() in ENDINGS)
            own = own[_rows_of(len(own), self.validation_split, subset)]
            files += [str(path) for path in own]
            numbers += [number] * len(own)
        print(f"Found {len(files)} images belonging to {len(names)} classes.")
        batches = PictureBatches(self, len(files), batch_size, shuffle, seed)

        def read(number: int) -> np.ndarray:
            picture = load_img(
                files[number], color_mode, target_size, interpolation, keep_aspect_ratio
            )
            return img_to_array(picture, dtype=self.dtype)

        batches.read = read
        channels = {"grayscale": 1, "rgba": 4}.get(color_mode, 3)
        batches.image_shape = (*target_size, channels)
        batches.classes = np.asarray(numbers, np.int32)
        batches.class_indices = {name: number for number, name in enumerate(names)}
        batches.num_classes = len(names)
        batches.filepaths = files
        batches.filenames = [str(Path(path).relative_to(root)) for path in files]
        batches.labels = batches.classes.astype(self.dtype)
        if class_mode == "categorical":
            batches.labels = np.eye(len(names), dtype=self.dtype)[batches.classes]
        elif class_mode in ("input", None):
            batches.labels = class_mode
        batches.saving = (save_to_dir, save_prefix, save_format)
        return batches

    def flow_from_dataframe(self, dataframe: Any, *others: Any, **options: Any) -> Any:
        """Not there."""
        raise InvalidArgumentError(
            "ImageDataGenerator.flow_from_dataframe is not there; put the files into a folder for "
            "each class (flow_from_directory), or read them with keras.utils.load_img and use flow"
        )


def _shift(rng: Any, most: Any, size: int) -> float:
    """Pixels: one of a list, either way; up to so many whole ones; or a share of the size."""
    if not np.any(most):
        return 0
    if isinstance(most, float) and not np.ndim(most):
        drawn = rng.uniform(-most, most)
    else:
        drawn = rng.choice(most) * rng.choice([-1, 1])
    return drawn * size if np.max(most) < 1 else drawn


def _brighter(x: np.ndarray, factor: float) -> np.ndarray:
    from PIL import ImageEnhance

    low, high = x.min(), x.max()
    scaled = bool(low < 0 or high > 255)
    changed = ImageEnhance.Brightness(array_to_img(x, scale=scaled)).enhance(factor)
    found = img_to_array(changed)
    return found / 255 * (high - low) + low if scaled else found


def _rows_of(count: int, share: float, subset: str | None) -> slice:
    """The rows of a subset: validation comes first."""
    if subset not in (None, "training", "validation"):
        raise InvalidArgumentError(
            f'subset must be "training" or "validation", received {subset!r}'
        )
    border = int(count * share)
    if subset is None:
        return slice(None)
    return slice(0, border) if subset == "validation" else slice(border, None)


def _check_pictures(method: str, x: np.ndarray) -> None:
    if x.ndim != 4:
        raise ShapeError(
            f"ImageDataGenerator.{method}: expected pictures (N, height, width, channels), "
            f"received shape {x.shape}; add the channels to grey pictures with x[..., None]"
        )
