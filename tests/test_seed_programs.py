"""The programs of `examples/` on the CPU and on the GPU: they print the same, and learn the same.

Nothing in a program is changed. They are short because the data sets are cut, and because `fit`
takes the first rows of what it is given, for few epochs. Pictures and cars are real where
TENSORCORE_DATA_DIR has them, reviews are always drawn: real ones take seconds to read.
"""

from __future__ import annotations

import functools
import io
import re
import runpy
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import tensorcore as tc
import tensorcore.tf.compat.v1 as tf1
from tensorcore import datasets, keras, tf
from tensorcore.datasets import DatasetUnavailable, generated, generated_reviews
from tensorcore.training.model import Model

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SEEDS = sorted(path.stem for path in (EXAMPLES / "seeds").glob("*_*.py"))
# The other examples, with budgets of their own.
BUDGETS = {
    "fashion_mnist": "--device {device} --epochs 2 --output pictures",
    "overfitting": "--epochs 2 --reviews 32 --output pictures",
    "regression": "--epochs 2 --output pictures",
    "save_and_load": "--epochs 2 --folder saved",
    "text_embedding": "--epochs 2 --words 500 --size 4",
}

EPOCHS = 5  # at most
ROWS = 32  # so many are trained on, validated with and tested with
SPLIT = {"tf2_imdb": 10_000}  # rows that a program puts aside before it trains on the rest
RTOL, ATOL = 1e-4, 1e-5
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


# What a program does ------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a program did: the text that it printed, each History, its pictures."""

    text: str = ""
    histories: list[dict[str, list[float]]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def losses(self) -> np.ndarray:
        """Every number of every History, also accuracies."""
        values = [values for history in self.histories for values in history.values()]
        return np.concatenate([[], *values])


def run(name: str, device: str, folder: Path, eagerly: bool = False) -> Seen:
    """Run a program in an empty folder, with short data, from a seed; traced, or `eagerly`."""
    seen = Seen()
    seed = name in SEEDS
    path = EXAMPLES / ("seeds" if seed else ".") / f"{name}.py"
    arguments = [] if seed else BUDGETS[name].format(device=device).split()
    tf1.reset_default_graph()
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    sys.modules.pop("figures", None)  # it numbers a program's pictures
    if re.search(r"import .*\btf\b", path.read_text(encoding="utf-8")):
        tf.dialect.use_tensorflow()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TENSORCORE_PICTURES", "pictures")
        patch.setenv("TENSORCORE_OFFLINE", "1")
        patch.setattr(sys, "argv", [str(path), *arguments])
        patch.syspath_prepend(str(path.parent))
        patch.setattr(plt, "show", plt.show)  # the programs write pictures instead
        shorten(patch, seen, SPLIT.get(name, 0) + ROWS)
        if eagerly:
            trace_nothing(patch)
        if device != "cpu":  # drawn once is enough: empty files say where pictures would be
            patch.setattr(Figure, "savefig", lambda self, path, **options: Path(path).touch())
        printed = io.StringIO()
        try:
            with tc.device(device), redirect_stdout(printed), warnings.catch_warnings():
                # Matplotlib tells that DejaVu Sans has no Korean letters.
                warnings.filterwarnings("ignore", "Glyph", UserWarning)
                runpy.run_path(str(path), run_name="__main__")
        finally:
            plt.close("all")
            tc.set_default_device("cpu")  # as conftest has it; one of them chooses its own
            tf1.reset_default_graph()
    seen.text = printed.getvalue().replace(str(tc.device(device)), "DEVICE")
    seen.pictures = sorted(picture.name for picture in folder.rglob("*.png"))
    return seen


def shorten(patch: pytest.MonkeyPatch, seen: Seen, n_reviews: int) -> None:
    """Cut the data sets and what `fit` takes of them, and note what `fit` tells."""
    for name in ("mnist", "fashion_mnist"):
        patch.setattr(getattr(datasets, name), "load_data", functools.partial(images, name))
    patch.setattr(datasets.auto_mpg, "load_data", cars)
    patch.setattr(datasets.imdb, "load_data", functools.partial(reviews, n_reviews))
    patch.setattr(datasets.imdb, "get_word_index", word_index)
    fit = Model.fit

    @functools.wraps(fit)
    def short_fit(self, *data, epochs=1, validation_data=None, **options):
        history = fit(
            self,
            *map(first, data),
            epochs=min(epochs, EPOCHS),
            validation_data=first(validation_data),
            **options,
        )
        seen.histories.append(history.history)
        seen.kinds |= {weight.device.kind for weight in self.weights}
        return history

    patch.setattr(Model, "fit", short_fit)


def trace_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let steps and functions run as Python has them."""
    compile = Model.compile

    @functools.wraps(compile)
    def compile_eager(self, *given, **options):
        compile(self, *given, **{**options, "run_eagerly": True})

    def unchanged(function=None, **options):
        return function if function is not None else lambda function: function

    patch.setattr(Model, "compile", compile_eager)
    patch.setattr(tf, "function", unchanged)


def first(data):
    """The first rows of arrays, or the first batches of a data set."""
    if isinstance(data, tuple):
        return tuple(first(part) for part in data)
    if isinstance(data, tc.data.Dataset):
        return data.take(2)
    return data if data is None else data[:ROWS]


# Short data ---------------------------------------------------------------------------------------

REAL = {name: getattr(datasets, name).load_data for name in ("mnist", "fashion_mnist", "auto_mpg")}


def real_or(name, drawn):
    """The data set of this name if this machine has it, else what is drawn instead."""
    try:
        return REAL[name]()
    except DatasetUnavailable:
        return drawn()


def cut(halves, rows=ROWS):
    return tuple((x[:rows].copy(), y[:rows].copy()) for x, y in halves)


@functools.cache
def images_once(name):
    return cut(real_or(name, lambda: generated.load_data(n_train=ROWS, n_test=ROWS)))


def images(name):
    return cut(images_once(name))


def cars():
    def drawn():
        x = np.random.default_rng(0).normal(size=(2 * ROWS, 9)).astype(np.float32)
        return (x[:ROWS], x[:ROWS, 0]), (x[ROWS:], x[ROWS:, 0])

    return cut(real_or("auto_mpg", drawn))


def reviews(count, **options):
    """Reviews of drawn words in `imdb.load_data`'s form, not longer than 20 words."""
    begin = 1 if options.get("start_char", 1) is None else 0
    halves = []
    for texts, labels in generated_reviews.load_data(1000, n_train=count, n_test=ROWS):
        short = np.empty(len(texts), object)
        short[:] = [review[begin:20] for review in texts]
        halves.append((short, labels))
    return tuple(halves)


def word_index():
    return {f"word{number}": number for number in range(1, 1000)}


# Tests --------------------------------------------------------------------------------------------

# Program -> epochs of each `fit`, and how many pictures; what they print is compared whole.
DOES = {
    "fashion_mnist": ([2], 3),
    "keras_digits_sgd": ([5], 0),
    "keras_garments": ([5], 6),
    "keras_garments_history": ([5], 5),
    "overfitting": ([2] * 5, 1),
    "regression": ([2, 2], 1),
    "save_and_load": ([2, 1], 0),
    "text_embedding": ([2], 0),
    "tf1_arithmetic": ([], 0),
    "tf1_matrix": ([], 0),
    "tf1_placeholder": ([], 0),
    "tf1_saver": ([], 0),
    "tf1_two_sessions": ([], 0),
    "tf1_unknown_dimension": ([], 0),
    "tf1_variable": ([], 0),
    "tf1_vector": ([], 0),
    "tf2_advanced": ([], 0),  # a loop of its own, which prints its losses
    "tf2_beginner": ([5], 0),
    "tf2_fashion": ([5], 3),
    "tf2_hub": ([], 0),
    "tf2_imdb": ([5], 2),
}


def test_every_program_is_compared():
    assert set(DOES) == {*SEEDS, *BUDGETS}
    assert set(BUDGETS) == {path.stem for path in EXAMPLES.glob("*.py")} - {"pictures"}


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory):
    """What a program does on the CPU; each runs there once."""
    return functools.cache(lambda name: run(name, "cpu", tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", DOES)
def test_programs_do_the_same_on_both_devices(name, device, on_cpu, tmp_path):
    expected = on_cpu(name)
    if device.kind == "cpu":
        epochs, pictures = DOES[name]
        assert [len(history["loss"]) for history in expected.histories] == epochs
        assert len(expected.pictures) == pictures
        assert all(np.isfinite(expected.losses()))
        assert expected.text
        return
    seen = run(name, device.name, tmp_path)
    assert [list(history) for history in seen.histories] == [
        list(history) for history in expected.histories
    ]
    assert seen.kinds == ({"gpu"} if seen.histories else set())
    assert seen.pictures == expected.pictures
    np.testing.assert_allclose(seen.losses(), expected.losses(), rtol=RTOL, atol=ATOL)
    if name.startswith("tf1_"):
        assert seen.text == expected.text
    else:
        assert_same_text(seen.text, expected.text)


@pytest.mark.parametrize("name", [name for name in DOES if not name.startswith("tf1_")])
def test_programs_do_the_same_eagerly(name, device, on_cpu, tmp_path):
    expected = on_cpu(name)
    seen = run(name, device.name, tmp_path, eagerly=True)
    np.testing.assert_allclose(seen.losses(), expected.losses(), rtol=RTOL, atol=ATOL)
    assert_same_text(seen.text, expected.text)


def assert_same_text(found: str, expected: str) -> None:
    """All but numbers is equal, and numbers are close; a last digit decides on spaces in arrays."""
    assert re.sub(r"\s", "", NUMBER.sub("#", found)) == re.sub(r"\s", "", NUMBER.sub("#", expected))
    numbers = [np.array(NUMBER.findall(text), float) for text in (found, expected)]
    np.testing.assert_allclose(*numbers, rtol=RTOL, atol=ATOL)
