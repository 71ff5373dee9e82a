"""Pictures in files and folders."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras

pytest.importorskip("PIL")


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        for i in range(5):
            picture = np.full((4, 6, 3), 100 * number + i, np.float32)
            keras.utils.save_img(tmp_path / name / f"{i}.png", picture, scale=False)
    return tmp_path


def test_image_dataset(device, folder):
    with tc.device(device):
        data = keras.utils.image_dataset_from_directory(
            folder, image_size=(2, 3), batch_size=4, seed=1, verbose=False
        )
        assert data.class_names == ["cats", "dogs"] and len(data.file_paths) == 10
        batches = list(data)
        assert [b[0].shape for b in batches] == [(4, 2, 3, 3), (4, 2, 3, 3), (2, 2, 3, 3)]
        for pictures, labels in batches:
            assert pictures.device is device
            assert ((pictures.numpy()[:, 0, 0, 0] >= 100) == (labels.numpy() == 1)).all()
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        assert len(model.fit(data, epochs=1, verbose=0).history["loss"]) == 1


def test_subsets_do_not_overlap(folder):
    def paths(subset):
        return keras.utils.image_dataset_from_directory(
            folder, validation_split=0.3, subset=subset, seed=2, verbose=False
        ).file_paths

    assert len(paths("training")) == 7 and len(paths("validation")) == 3
    assert not set(paths("training")) & set(paths("validation"))
    with pytest.raises(ValueError, match="needs a seed"):
        keras.utils.image_dataset_from_directory(
            folder, validation_split=0.3, subset="training", verbose=False
        )


def test_array_to_img():
    array = np.arange(12, dtype="float32").reshape(2, 2, 3)
    scaled = keras.utils.img_to_array(keras.utils.array_to_img(array))
    assert scaled.min() == 0 and scaled.max() == 255
    kept = keras.utils.img_to_array(keras.utils.array_to_img(array, scale=False))
    assert np.array_equal(kept, array)


# Texts --------------------------------------------------------------------------------------------


@pytest.fixture
def texts(tmp_path):
    for name, word in (("neg", "bad"), ("pos", "good")):
        (tmp_path / name).mkdir()
        for i in range(5):
            (tmp_path / name / f"{i}.txt").write_text(f"{word} {i}")
    return tmp_path


def test_text_dataset(device, texts, capsys):
    data = keras.utils.text_dataset_from_directory(texts, batch_size=4, seed=1)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert data.class_names == ["neg", "pos"]
    seen = []
    for batch, labels in data:
        seen += zip(batch.numpy().tolist(), labels.numpy().tolist(), strict=True)
    assert len(seen) == 10 and all((label == 1) == text.startswith(b"good") for text, label in seen)
    plain = keras.utils.text_dataset_from_directory(
        texts, label_mode=None, batch_size=None, shuffle=False, max_length=3, verbose=False
    )
    assert [text.numpy() for text in plain] == [b"bad"] * 5 + [b"goo"] * 5
    vectorize = keras.layers.TextVectorization(max_tokens=10, output_sequence_length=4)
    vectorize.adapt(data.map(lambda text, label: text))
    model = keras.Sequential([keras.layers.Embedding(10, 2), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    history = model.fit(data.map(lambda text, label: (vectorize(text), label)), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_both_subsets_at_once(texts, capsys):
    training, validation = keras.utils.text_dataset_from_directory(
        texts, validation_split=0.2, subset="both", seed=1337
    )
    assert capsys.readouterr().out == (
        "Found 10 files belonging to 2 classes.\nUsing 8 files for training.\n"
        "Using 2 files for validation.\n"
    )
    # As Keras 3 divides them.
    chosen = ["/".join(path.split("/")[-2:]) for path in validation.file_paths]
    assert chosen == KERAS_CHOOSES
    alone = keras.utils.text_dataset_from_directory(
        texts, validation_split=0.2, subset="validation", seed=1337, verbose=False
    )
    assert alone.file_paths == validation.file_paths
    assert len(training.file_paths) == 8


KERAS_CHOOSES = ["pos/3.txt", "pos/2.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_mode": "ints"}, "label_mode must be one of 'int', 'categorical', 'binary', None,"),
        ({"validation_split": 1.5, "subset": "both", "seed": 1}, "must be between 0 and 1, rec"),
        ({"validation_split": 0.5}, "and subset .* go together, received 0.5 and None"),
        ({"class_names": ["neg"], "label_mode": "binary"}, r"needs exactly 2 classes, .*\['neg'\]"),
        ({"class_names": ["neg", "other"]}, r"has the folders \['neg', 'pos'\], but class_names="),
    ],
)
def test_words_about_folders(texts, options, words):
    with pytest.raises(ValueError, match=words):
        keras.utils.text_dataset_from_directory(texts, verbose=False, **options)
    with pytest.raises(ValueError, match=r"there is no folder '.*none'; expected one with"):
        keras.utils.text_dataset_from_directory(texts / "none")
