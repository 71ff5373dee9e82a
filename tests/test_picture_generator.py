"""ImageDataGenerator, with Keras's numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.training.picture_moves import moved
from tests.golden.make_generator import FILE, OPTIONS, batches, moves, pictures

pytest.importorskip("PIL")
ImageDataGenerator = keras.preprocessing.image.ImageDataGenerator


def test_keras_s_moves():
    found = moves(
        lambda x, move, mode, cval, order: moved(x, **move, fill_mode=mode, cval=cval, order=order)
    )
    with np.load(FILE) as wanted:
        for name, picture in found.items():
            np.testing.assert_allclose(picture, wanted[name], atol=2e-3, err_msg=name)


def test_keras_s_batches():
    """The same order and the same changes from a seed."""
    found = batches(ImageDataGenerator)
    with np.load(FILE) as wanted:
        assert found.keys() == {name for name in wanted.files if name.startswith("flow")}
        for name, values in found.items():
            scale = max(1.0, float(np.abs(wanted[name]).max()))
            np.testing.assert_allclose(
                values, wanted[name], atol=2e-4 * scale, err_msg=f"{name} {OPTIONS}"
            )


def test_training(device, tmp_path):
    x, y = pictures() / 255, np.arange(6) % 2
    with tc.device(device):
        model = keras.Sequential(
            [keras.Input((5, 6, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=["accuracy"])
        generator = ImageDataGenerator(horizontal_flip=True, validation_split=0.5)
        training = generator.flow(x, y, batch_size=2, subset="training", seed=1)
        validation = generator.flow(x, y, batch_size=2, subset="validation", seed=1)
        assert (len(training), training.n, validation.samples) == (2, 3, 3)
        history = model.fit(training, epochs=2, validation_data=validation, verbose=0).history
        assert np.isfinite(history["val_loss"]).all() and len(history["loss"]) == 2
        assert model.fit(training, steps_per_epoch=5, epochs=1, verbose=0).history["loss"]
        assert model.predict(generator.flow(x, shuffle=False), verbose=0).shape == (6, 2)


def test_folders(tmp_path, capsys):
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        for i in range(4):
            picture = np.full((4, 6, 3), 100 * number + i, np.float32)
            keras.utils.save_img(tmp_path / name / f"{i}.png", picture, scale=False)
    generator = ImageDataGenerator(rescale=1 / 255, validation_split=0.25)
    options = {"target_size": (2, 3), "batch_size": 4, "seed": 3}
    training = generator.flow_from_directory(tmp_path, subset="training", **options)
    validation = generator.flow_from_directory(
        tmp_path, subset="validation", class_mode="binary", shuffle=False, **options
    )
    assert capsys.readouterr().out == (
        "Found 6 images belonging to 2 classes.\nFound 2 images belonging to 2 classes.\n"
    )
    assert training.class_indices == {"cats": 0, "dogs": 1}
    assert validation.filenames == ["cats/0.png", "dogs/0.png"]
    assert validation.classes.tolist() == [0, 1]
    x, y = next(training)
    assert x.shape == (4, 2, 3, 3) and y.shape == (4, 2)
    np.testing.assert_array_equal(x[:, 0, 0, 0] * 255 >= 99, y[:, 1] == 1)
    pictures_alone = generator.flow_from_directory(tmp_path, class_mode=None, **options)
    assert next(pictures_alone).shape == (4, 2, 3, 3)
    same, target = next(generator.flow_from_directory(tmp_path, class_mode="input", **options))
    np.testing.assert_array_equal(same, target)
    (tmp_path / "out").mkdir()
    next(generator.flow(pictures(), batch_size=2, save_to_dir=tmp_path / "out", save_prefix="p"))
    assert len(list((tmp_path / "out").glob("p_*.png"))) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ImageDataGenerator(zoom_range=[1, 2, 3]), "zoom_range must be two numbers, "),
        (lambda: ImageDataGenerator(data_format="channels_first"), "data_format must be 'channels"),
        (
            lambda: ImageDataGenerator(fill_mode="mirror", rotation_range=3).random_transform(
                pictures()[0]
            ),
            "fill_mode must be one of constant, nearest, reflect, wrap, received",
        ),
        (lambda: ImageDataGenerator().flow(pictures()[0]), r"received shape \(5, 6, 3\); add the"),
        (
            lambda: ImageDataGenerator().flow(pictures(), [1]),
            "x has 6 pictures, y has 1 rows; give",
        ),
        (lambda: ImageDataGenerator().flow(pictures(), subset="x"), 'subset must be "training" or'),
        (
            lambda: next(ImageDataGenerator(featurewise_center=True).flow(pictures())),
            r"need to know the data: call generator.fit\(x\) first",
        ),
        (
            lambda: ImageDataGenerator().flow_from_directory("none"),
            "there is no folder 'none'; exp",
        ),
        (
            lambda: ImageDataGenerator().flow_from_dataframe(None),
            "flow_from_dataframe is not there",
        ),
    ],
)
def test_words(call, words):
    with pytest.raises((ValueError, RuntimeError), match=words):
        call()
