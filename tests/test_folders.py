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
