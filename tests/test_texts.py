"""Texts as numbers: lookup layers, the Tokenizer, and data sets of windows.

The numbers of the lookup layers were made by Keras on TensorFlow.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, TrainingError

TEXTS = ["The cat sat.", "The dog."]


def test_text_vectorization():
    layer = keras.layers.TextVectorization(output_sequence_length=4)
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", "the", "sat", "dog", "cat"]
    assert layer(["the dog sat down"]).tolist() == [[2, 4, 3, 1]]
    assert layer("the cat").tolist() == [2, 5, 0, 0]
    assert layer(np.array([b"dog"])).dtype == tc.int64
    again = keras.layers.TextVectorization(output_sequence_length=4, vocabulary=["the", "dog"])
    again = type(again).from_config(again.get_config())
    assert again(["a dog"]).tolist() == [[1, 3, 0, 0]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("multi_hot", [[1, 1, 0, 1, 0], [0, 0, 0, 0, 1]]),
        ("count", [[1, 2, 0, 1, 0], [0, 0, 0, 0, 1]]),
        ("tf_idf", [[0.64756680, 1.02165127, 0, 0.69314718, 0], [0, 0, 0, 0, 0.69314718]]),
    ],
)
def test_texts_as_vectors(mode, expected):
    layer = keras.layers.TextVectorization(output_mode=mode)
    layer.adapt(TEXTS)
    np.testing.assert_allclose(layer(["the the dog x", "cat"]).numpy(), expected, rtol=1e-6)


def test_ngrams_characters_and_own_functions():
    layer = keras.layers.TextVectorization(ngrams=2, standardize=None)
    layer.adapt(["a b"])
    assert sorted(layer.get_vocabulary(False)) == ["a", "a b", "b"]
    layer = keras.layers.TextVectorization(split="character", vocabulary=["a", "b"])
    assert layer(["ab?"]).tolist() == [[2, 3]]
    layer = keras.layers.TextVectorization(
        standardize=lambda texts: [text.replace("x", "y") for text in texts], vocabulary=["y"]
    )
    assert layer(["x"]).tolist() == [[2]]


def test_string_and_integer_lookup():
    layer = keras.layers.StringLookup(vocabulary=["a", "b"])
    assert layer([["b", "z"]]).tolist() == [[2, 0]]
    back = keras.layers.StringLookup(vocabulary=layer.get_vocabulary(), invert=True)
    assert back([1, 2, 0]).tolist() == ["a", "b", "[UNK]"]
    layer = keras.layers.StringLookup(vocabulary=["a"], mask_token="", num_oov_indices=0)
    assert layer(["", "a"]).tolist() == [0, 1]
    with pytest.raises(InvalidArgumentError, match="'z' is not in the vocabulary"):
        layer(["z"])
    numbers = keras.layers.IntegerLookup(output_mode="one_hot")
    numbers.adapt([5, 5, 9])
    assert numbers([5, 7]).tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    with pytest.raises(TrainingError, match="no vocabulary yet"):
        keras.layers.StringLookup()(["a"])
    with pytest.raises(InvalidArgumentError, match="several times"):
        keras.layers.StringLookup(vocabulary=["a", "a"])


def test_texts_through_a_dataset_into_a_model():
    layer = keras.layers.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    numbers = layer(TEXTS)
    model = keras.Sequential(
        [
            keras.layers.Embedding(layer.vocabulary_size(), 2, mask_zero=True),
            keras.layers.LSTM(3),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    model.fit(numbers, np.array([0.0, 1.0]), verbose=0)
    # Padding does not count.
    longer = np.pad(numbers.numpy(), ((0, 0), (0, 4)))
    np.testing.assert_allclose(
        model.predict(longer, verbose=0), model.predict(numbers, verbose=0), rtol=1e-5
    )


def test_tokenizer():
    tokenizer = keras.preprocessing.text.Tokenizer(num_words=3, oov_token="<u>")
    tokenizer.fit_on_texts(["the cat", "the dog"])
    assert tokenizer.word_index == {"<u>": 1, "the": 2, "cat": 3, "dog": 4}
    assert tokenizer.texts_to_sequences(["The dog, x"]) == [[2, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 4]]) == ["the <u>"]
    np.testing.assert_allclose(
        tokenizer.texts_to_matrix(["the dog"], "tfidf"), [[0, np.log(3), np.log(1 + 2 / 3)]]
    )
    again = keras.preprocessing.text.tokenizer_from_json(tokenizer.to_json())
    assert again.texts_to_sequences(["cat the"]) == tokenizer.texts_to_sequences(["cat the"])


def test_windows_of_time_series():
    windows = keras.utils.timeseries_dataset_from_array(
        np.arange(6), np.arange(6) * 10, 3, batch_size=2
    )
    found = [(x.tolist(), y.tolist()) for x, y in windows]
    assert found == [
        ([[0, 1, 2], [1, 2, 3]], [0, 10]),
        ([[2, 3, 4], [3, 4, 5]], [20, 30]),
    ]
    thin = keras.utils.timeseries_dataset_from_array(
        np.arange(8), None, 2, sequence_stride=2, sampling_rate=3, start_index=1
    )
    assert [x.tolist() for x in thin] == [[[1, 4], [3, 6]]]


def test_split_dataset():
    left, right = keras.utils.split_dataset((np.arange(10), np.arange(10) * 2), left_size=0.7)
    assert [int(y) for _, y in right] == [14, 16, 18]
    assert len(list(left)) == 7
    again, _ = keras.utils.split_dataset(left, right_size=2)
    assert len(list(again)) == 5
    with pytest.raises(InvalidArgumentError, match="left_size must be a share"):
        keras.utils.split_dataset(np.arange(3), left_size=1.5)


def test_names_that_are_not_there_say_so():
    with pytest.raises(AttributeError, match=r"keras\.layers\.Conv3D is not there yet"):
        _ = keras.layers.Conv3D
    with pytest.raises(AttributeError, match="did you mean 'Conv2D'"):
        _ = keras.layers.Conv2d
    with pytest.raises(AttributeError, match="did you mean 'EarlyStopping'"):
        _ = keras.callbacks.EarlyStoping
