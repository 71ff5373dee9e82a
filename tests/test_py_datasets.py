"""keras.utils.PyDataset (Sequence) in fit, evaluate and predict."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras

X = np.linspace(-1, 1, 80, dtype=np.float32).reshape(20, 4)
Y = (X.sum(axis=1) > 0).astype(np.int32)


class Rows(keras.utils.Sequence):
    """Four batches of five rows."""

    def __init__(self, labels=True, **options):
        super().__init__(**options)
        self.labels = labels
        self.asked, self.begun, self.ended = [], 0, 0
        self.threads = set()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.asked.append(index)
        self.threads.add(threading.current_thread().name)
        rows = slice(5 * index, 5 * index + 5)
        return (X[rows], Y[rows]) if self.labels else X[rows]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


def classifier():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_training_with_a_sequence(device):
    with tc.device(device):
        model, data, other = classifier(), Rows(), Rows()
        history = model.fit(data, epochs=3, validation_data=other, verbose=0).history
        assert len(history["val_loss"]) == 3
        assert (data.begun, data.ended, other.ended) == (3, 3, 3)
        epochs = [data.asked[start : start + 4] for start in (0, 4, 8)]
        assert all(sorted(order) == [0, 1, 2, 3] for order in epochs)
        assert len({tuple(order) for order in epochs}) > 1
        assert other.asked == 3 * [0, 1, 2, 3]
        model.fit(plain := Rows(), shuffle=False, verbose=0)
        assert plain.asked == [0, 1, 2, 3]
        expected = model.evaluate(X, Y, batch_size=5, verbose=0)
        np.testing.assert_allclose(model.evaluate(Rows(), verbose=0), expected, rtol=1e-6)
        outputs = model.predict(Rows(labels=False), verbose=0)
        np.testing.assert_allclose(outputs, model.predict(X, verbose=0), rtol=1e-6)


def test_threads_make_batches_ahead():
    class Slow(Rows):
        def __getitem__(self, index):
            time.sleep(0.002 * (4 - index))  # the later ones are ready first
            return super().__getitem__(index)

    data = Slow(workers=3, max_queue_size=4)
    with_threads = classifier().fit(data, epochs=2, shuffle=False, verbose=0).history
    assert len(data.threads) > 1 and len(data.asked) == 8
    alone = classifier().fit(Rows(), epochs=2, shuffle=False, verbose=0).history
    assert with_threads == alone


def test_weights_of_classes_for_batches(device):
    weights = {0: 3.0}
    with tc.device(device):
        expected = classifier().fit(
            X, Y, batch_size=5, shuffle=False, class_weight=weights, verbose=0
        )
        found = classifier().fit(Rows(), shuffle=False, class_weight=weights, verbose=0)
        batches = tc.data.Dataset.from_tensor_slices((X, Y)).batch(5)
        third = classifier().fit(batches, class_weight=weights, verbose=0)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(third.history["loss"], expected.history["loss"], rtol=1e-6)


def test_words_about_sequences():
    class Nothing(keras.utils.PyDataset):
        pass

    with pytest.raises(ValueError) as caught:
        classifier().fit(Nothing(), verbose=0)
    assert str(caught.value) == (
        "Nothing: a PyDataset needs a method __len__(self) that returns the number of batches"
    )

    class Counted(keras.utils.PyDataset):
        num_batches = 2

    with pytest.raises(ValueError) as caught:
        classifier().fit(Counted(), verbose=0)
    assert str(caught.value) == (
        "Counted: a PyDataset needs a method __getitem__(self, index) that returns a batch (x, y)"
    )


def test_without_an_end(device):
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return X[:5] + index, Y[:5]

    with tc.device(device):
        history = classifier().fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
