"""`tensorcore.tfds` and `tensorcore.hub`: data sets by name, and text embeddings from a folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tensorcore import hub, keras, tfds
from tensorcore.data import Dataset, Texts
from tensorcore.errors import DTypeError, FileFormatError, InvalidArgumentError

WORDS = ["the", "film", "was", "good", "bad", "dull", "lovely", "long", "short", "loud"]


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """A small IMDB: reviews of the words above, told apart by good, lovely, bad and dull."""
    rng = np.random.default_rng(0)
    members = {}
    for part, count in (("train", 50), ("test", 30)):
        labels = np.arange(count) % 2
        x = np.empty(count, object)
        for row, label in enumerate(labels):
            opinion = rng.choice([4, 7] if label else [5, 6])
            x[row] = [*rng.choice([1, 2, 3, 8, 9, 10], rng.integers(3, 9)).tolist(), int(opinion)]
        members |= {f"x_{part}": x, f"y_{part}": labels}
    folder = tmp_path / "imdb"
    folder.mkdir()
    np.savez(folder / "imdb.npz", **members)
    index = {word: number for number, word in enumerate(WORDS, 1)}
    (folder / "imdb_word_index.json").write_text(json.dumps(index))
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))


@pytest.fixture
def folder(tmp_path):
    table = np.random.default_rng(1).normal(size=(len(WORDS) + 1, 4)) * 0.1
    hub.save_text_embedding(tmp_path / "embedding", WORDS, table)
    return tmp_path / "embedding"


def test_slices_of_parts(reviews):
    train, rest, test = tfds.load(
        name="imdb_reviews", split=("train[:60%]", "train[60%:]", "test"), as_supervised=True
    )
    assert [len(part) for part in (train, rest, test)] == [30, 20, 30]
    whole = [text for text, _ in tfds.load("imdb_reviews", split="train", as_supervised=True)]
    parts = [text for part in (train, rest) for text, _ in part]
    assert [text.numpy() for text in whole] == [text.numpy() for text in parts]
    text, label = next(iter(train))
    assert set(text.numpy().decode().split()) <= set(WORDS)
    assert ({"good", "lovely"} & set(text.numpy().decode().split()) != set()) == bool(label)
    some = tfds.load("imdb_reviews", split="train[10:20]+test[:5]")
    assert len(some) == 15
    assert set(next(iter(some))) == {"text", "label"}


def test_information_and_batches(reviews):
    found, info = tfds.load("imdb_reviews", with_info=True, batch_size=8)
    assert info.features["label"].num_classes == 2
    assert info.splits["test"].num_examples == 30
    assert next(iter(found["train"]))["label"].shape == (8,)
    everything = tfds.load("imdb_reviews", split="test", batch_size=-1, as_supervised=True)
    assert everything[1].shape == (30,)


def test_names_and_slices_that_are_not_understood(reviews):
    with pytest.raises(InvalidArgumentError, match="did you mean 'imdb_reviews'"):
        tfds.load("imdb_review")
    with pytest.raises(InvalidArgumentError, match=r"split 'train\[60%\]' is not understood"):
        tfds.load("imdb_reviews", split="train[60%]")


def test_an_embedding_is_the_sum_over_the_root_of_the_number_of_words(device, folder):
    words, table = hub.read_text_embedding(folder)
    layer = hub.KerasLayer(folder)
    texts = Texts(["Good, film!", "unheard<br />GOOD the", ""])
    good, film = words.index(b"good"), words.index(b"film")
    found = layer(texts).numpy()
    np.testing.assert_allclose(found[0], (table[good] + table[film]) / 2**0.5, rtol=1e-5)
    expected = (table[good] + table[0] + 2 * table[-1]) / 2.0  # "unheard" and "br" are unknown
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)
    assert not found[2].any()
    means = hub.KerasLayer(folder, combiner="mean")(texts).numpy()
    np.testing.assert_allclose(means[0], (table[good] + table[film]) / 2, rtol=1e-5)
    assert not layer.trainable_weights


def test_a_model_that_begins_with_texts_learns(device, folder, reviews):
    keras.utils.set_random_seed(0)
    train, test = tfds.load("imdb_reviews", split=["train", "test"], as_supervised=True)
    layer = hub.KerasLayer(folder, input_shape=[], trainable=True)
    model = keras.Sequential(
        [layer, keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    before = layer.table.numpy()
    model.fit(train.shuffle(50).batch(10), epochs=12, validation_data=test.batch(10), verbose=0)
    assert model.evaluate(test.batch(7), verbose=0)[1] > 0.9
    assert np.abs(layer.table.numpy() - before).max() > 0.01
    scores = model.predict(np.asarray(["lovely good film", "dull bad film"]), verbose=0)
    assert scores[0, 0] > 0 > scores[1, 0]
    assert model(Texts(["lovely good film"])).numpy()[0, 0] == pytest.approx(scores[0, 0], rel=1e-4)


def test_texts_for_a_model_that_does_not_read_them(device):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(DTypeError, match="none of its layers reads texts"):
        model.fit(Dataset.from_tensor_slices((["a", "b"], [0.0, 1.0])).batch(2), verbose=0)


def test_folders_that_are_no_embedding(tmp_path, folder):
    with pytest.raises(FileFormatError, match=r"has no vocabulary\.txt"):
        hub.KerasLayer("https://tfhub.dev/google/nnlm-en-dim50/2")
    (folder / "vocabulary.txt").write_text("one\ntwo\n")
    with pytest.raises(FileFormatError, match="should have 3 rows"):
        hub.KerasLayer(folder)
    (folder / "embeddings.safetensors").write_bytes(b"no tensors")
    with pytest.raises(FileFormatError, match="cannot be read"):
        hub.KerasLayer(folder)
