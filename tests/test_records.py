"""TFRecord files, examples, serialized tensors and CSV files, as real TensorFlow has them."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tensorcore import tf
from tensorcore.data import Texts
from tensorcore.data.csv_files import make_csv_dataset
from tensorcore.data.record_files import read_records
from tensorcore.errors import FileFormatError, InvalidArgumentError, TensorcoreError
from tests.golden.make_records_specs import CSV, example_values, specs

GOLDEN = Path(__file__).parent / "golden" / "records"
NUMBERS = json.loads((GOLDEN / "numbers.json").read_text())
SPECS = specs(tf)
COMPRESSIONS = [("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")]


def plain(value):
    """What tests/golden/make_records.py writes of a value."""
    if isinstance(value, tf.SparseTensor):
        return {
            "indices": plain(value.indices),
            "values": plain(value.values),
            "shape": plain(value.dense_shape),
        }
    array = value.numpy()
    if isinstance(array, bytes):
        return {"bytes": base64.b64encode(array).decode()}
    if array.dtype == object:
        flat = [base64.b64encode(text).decode() for text in array.ravel()]
        return {"texts": flat, "shape": list(array.shape)}
    return {"dtype": array.dtype.name, "values": array.tolist()}


def examples():
    return example_values(tf)


# Files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), COMPRESSIONS)
def test_files_of_tensorflow_are_read(name, kind):
    path = GOLDEN / f"{name}.tfrecord"
    expected = [example.SerializeToString() for example in examples()]
    assert list(read_records(path, kind)) == expected
    dataset = tf.data.TFRecordDataset([str(path), str(path)], kind)
    assert [record.numpy() for record in dataset] == 2 * expected
    names = tf.data.Dataset.from_tensor_slices([str(path)])
    assert [record.numpy() for record in tf.data.TFRecordDataset(names, kind)] == expected


@pytest.mark.parametrize(("name", "kind"), COMPRESSIONS)
def test_files_written_here(name, kind, tmp_path):
    """TENSORCORE_KEEP names a folder in which they stay, for `make_records.py read`."""
    path = Path(os.environ.get("TENSORCORE_KEEP", tmp_path)) / f"{name}.tfrecord"
    options = tf.io.TFRecordOptions(compression_type=kind)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for example in examples():
            writer.write(example.SerializeToString())
        writer.flush()
    assert list(read_records(path, kind)) == [e.SerializeToString() for e in examples()]
    if not kind:
        assert path.read_bytes() == (GOLDEN / "plain.tfrecord").read_bytes()
    with pytest.raises(InvalidArgumentError, match=f"{re.escape(str(path))} was closed already"):
        writer.write(b"more")


REMEDY = "Copy the file again, or write it anew; with compression name it: compression_type='GZIP'"


def test_damaged_files(tmp_path):
    whole = (GOLDEN / "plain.tfrecord").read_bytes()
    path = tmp_path / "x.tfrecord"
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with pytest.raises(FileFormatError):
            list(read_records(path))
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with contextlib.suppress(FileFormatError):
            assert len(list(read_records(path))) < 4
    second = 16 + int.from_bytes(whole[:8], "little")
    for content, problem in (
        (whole[: second + 5], f"{second}: it is cut off"),
        (b"\0" + whole[1:], "0: the checksum of its length is wrong"),
        (whole[: second - 1] + b"\0" + whole[second:], "0: the checksum of its bytes is wrong"),
        (whole[:-3], None),
    ):
        path.write_bytes(content)
        with pytest.raises(FileFormatError) as caught:
            list(read_records(path))
        if problem is not None:
            assert str(caught.value) == f"{path}: corrupted record at {problem}. {REMEDY}"
    path.write_bytes(gzip.compress(whole)[:60])
    with pytest.raises(FileFormatError, match="end-of-stream marker"):
        list(read_records(path, "GZIP"))
    with pytest.raises(FileFormatError, match="the checksum of its length is wrong"):
        list(read_records(GOLDEN / "gzip.tfrecord"))
    with pytest.raises(InvalidArgumentError, match="must be one of '', 'GZIP', 'ZLIB', received"):
        tf.data.TFRecordDataset(str(path), "zip")


def test_a_record_that_claims_more_than_there_is(tmp_path):
    import struct

    from tensorcore.data.record_files import _checksum

    length = struct.pack("<Q", 2**62)
    head = length + _checksum(length)
    (tmp_path / "x").write_bytes(head + b"abc")
    with pytest.raises(FileFormatError, match=f"should have {2**62} bytes"):
        list(read_records(tmp_path / "x"))
    (tmp_path / "x.gz").write_bytes(gzip.compress(head + b"abc"))
    with pytest.raises(FileFormatError, match="it is cut off"):
        list(read_records(tmp_path / "x.gz", "GZIP"))


# Examples -----------------------------------------------------------------------------------------


def test_examples_are_parsed_as_tensorflow_does(device):
    for record, expected in zip(read_records(GOLDEN / "plain.tfrecord"), NUMBERS["single"]):
        found = tf.io.parse_single_example(record, SPECS)
        assert {key: plain(value) for key, value in found.items()} == expected
    batch = tf.io.parse_example(list(read_records(GOLDEN / "plain.tfrecord")), SPECS)
    assert {key: plain(value) for key, value in batch.items()} == NUMBERS["batch"]


def test_a_pipeline_of_records(device):
    specs = {key: SPECS[key] for key in ("label", "weights", "name")}
    records = tf.data.TFRecordDataset(str(GOLDEN / "plain.tfrecord"))

    def parse(record):
        found = tf.io.parse_single_example(record, specs)
        return found["weights"] * 2.0, found["label"]

    ((weights, labels),) = list(records.map(parse, num_parallel_calls=tf.data.AUTOTUNE).batch(4))
    expected = NUMBERS["batch"]
    np.testing.assert_allclose(weights.numpy(), 2 * np.float32(expected["weights"]["values"]))
    assert labels.numpy().tolist() == expected["label"]["values"]
    batches = records.batch(3).map(lambda batch: tf.io.parse_example(batch, specs))
    assert [batch["label"].shape for batch in batches] == [(3,), (1,)]
    dense = records.map(
        lambda record: tf.sparse.to_dense(tf.io.parse_single_example(record, SPECS)["words"])
    )
    assert [words.numpy().tolist() for words in dense][2] == [b"w0", b"w1"]


def test_examples_as_objects():
    example = list(examples())[2]
    shown = [str(example.features.feature[name]) for name in sorted(example.features.feature)]
    assert shown == NUMBERS["shown"]
    assert str(example).startswith('features {\n  feature {\n    key: "label"\n    value {\n')
    twin = tf.train.Example.FromString(example.SerializeToString())
    assert twin == example
    twin.features.feature["label"].int64_list.value.append(7)
    assert twin != example
    assert twin.features.feature["new"].WhichOneof("kind") is None
    twin.features.feature["new"].float_list.value.extend([0.1])
    again = tf.train.Example()
    again.ParseFromString(twin.SerializeToString())
    assert again.features.feature["new"].float_list.value == [float(np.float32(0.1))]
    assert again.features.feature["label"].int64_list.value == [2**30, 7]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: tf.train.BytesList(value=["text"]),
            "tf.train.BytesList: 'text' has type str, but expected bytes; encode a text: "
            "text.encode()",
        ),
        (
            lambda: tf.train.Int64List(value=[1.5]),
            "tf.train.Int64List: 1.5 has type float, but expected an int",
        ),
        (
            lambda: tf.train.Int64List(value=[2**63]),
            "tf.train.Int64List: 9223372036854775808 does not fit 64 bits; expected -2**63 to "
            "2**63 - 1",
        ),
        (
            lambda: tf.train.FloatList(value=3),
            "tf.train.FloatList: value must be a list, received 3; write value=[...]",
        ),
        (
            lambda: tf.train.Feature(int64_list=[1]),
            "tf.train.Feature: int64_list must be a tf.train.Int64List, received list",
        ),
        (
            lambda: tf.train.Features(feature={"a": 1}),
            "tf.train.Features: 'a' must be a tf.train.Feature, received int; for example "
            "tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))",
        ),
        (
            lambda: tf.io.parse_single_example(b"\xff", SPECS),
            "Could not parse example input, value: b'\\xff': a number is cut off. Expected the "
            "bytes of tf.train.Example.SerializeToString()",
        ),
        (
            lambda: tf.io.parse_single_example(b"", {"a": tf.io.FixedLenFeature([], tf.int64)}),
            "Feature: a (data type: int64) is required but could not be found. Give it a "
            "default_value, or write it into every example",
        ),
        (
            lambda: tf.io.parse_example(
                [next(examples()).SerializeToString()],
                {"label": tf.io.FixedLenFeature([], tf.string)},
            ),
            "Name: <unknown>, Index: 0. Key: label.  Data types don't match. Data type: int64 but "
            "expected type: string",
        ),
        (
            lambda: tf.io.parse_single_example(
                next(examples()).SerializeToString(),
                {"weights": tf.io.FixedLenFeature([3], tf.float32)},
            ),
            "Key: weights.  Number of float32 values != expected.  values size: 4 but output "
            "shape: [3]. Use VarLenFeature or FixedLenSequenceFeature for lists of different "
            "lengths",
        ),
        (
            lambda: tf.io.parse_single_example(b"", {"a": tf.io.FixedLenFeature([], tf.int32)}),
            "parse_example: 'a' must be float32, int64 or string, received int32; convert it "
            "afterwards with tf.cast",
        ),
    ],
)
def test_words_about_examples(make, words):
    with pytest.raises(TensorcoreError) as caught:
        make()
    assert str(caught.value) == words


def test_hostile_examples_are_refused(rng):
    sound = next(iter(read_records(GOLDEN / "plain.tfrecord")))
    for _ in range(300):
        data = bytearray(sound)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        with contextlib.suppress(TensorcoreError):
            tf.io.parse_single_example(bytes(data), SPECS)


# Tensors ------------------------------------------------------------------------------------------

TENSORS = {
    "float32": np.float32([[1.5, -2.0]]),
    "int8": np.int8([1, -1]),
    "bool": np.bool_(True),
    "string": Texts([["a", ""]]),
    "int64": np.zeros((0, 3), np.int64),
}


@pytest.mark.parametrize("name", NUMBERS["tensors"])
def test_tensors_as_bytes(name, device):
    theirs = base64.b64decode(NUMBERS["tensors"][name])
    value = TENSORS.get(name)
    if name == "bfloat16":
        value = tf.cast([1.5], tf.bfloat16)
    assert tf.io.serialize_tensor(value).numpy() == theirs
    found = tf.io.parse_tensor(theirs, getattr(tf, name))
    np.testing.assert_array_equal(np.asarray(found.numpy()), np.asarray(value))
    assert found.shape == np.shape(value)
    with pytest.raises(TensorcoreError, match="Type mismatch between parsed tensor"):
        tf.io.parse_tensor(theirs, tf.uint8)


# CSV ----------------------------------------------------------------------------------------------


def test_tables_as_tensorflow_reads_them(tmp_path):
    path = GOLDEN / "table.csv"
    assert path.read_text() == CSV
    data = tf.data.experimental.make_csv_dataset(str(path), 2, num_epochs=1, shuffle=False)
    assert [[plain(v) for v in batch.values()] for batch in data] == NUMBERS["csv"]
    (features, label), *_ = tf.data.experimental.make_csv_dataset(
        str(path), 3, label_name="a", select_columns=["a", "b"], num_epochs=1, shuffle=False
    )
    assert list(features) == ["b"]
    assert label.numpy().tolist() == [1, -3, 4]
    endless = make_csv_dataset(str(path), 2, shuffle_seed=0)
    assert [len(batch["a"].numpy()) for batch in endless.take(5)] == [2] * 5
    decoded = tf.io.decode_csv(["1;NA;'a'", ";2.5;"], [[7], 0.5, ""], ";", True, "NA")
    assert [plain(column) for column in decoded] == NUMBERS["decoded"]


def test_rows_of_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('n,x\n1,2.5\n2,"3.5"\n')
    rows = tf.data.experimental.CsvDataset(str(path), [tf.int32, [0.0]], header=True)
    assert [(int(n), float(x)) for n, x in rows] == [(1, 2.5), (2, 3.5)]
    only = tf.data.experimental.CsvDataset(str(path), [tf.float32], header=True, select_cols=[1])
    assert [float(x) for (x,) in only] == [2.5, 3.5]
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    packed = tf.data.experimental.CsvDataset(
        [str(tmp_path / "t.csv.gz")], [tf.int32], "GZIP", header=True, exclude_cols=[1]
    )
    assert [int(n) for (n,) in packed] == [1, 2]


@pytest.mark.parametrize(
    ("text", "defaults", "words"),
    [
        ("a,b", [tf.int32, ""], "Field 0 in record 0 is not a valid int32: a"),
        ("1_0,b", [tf.int32, ""], "Field 0 in record 0 is not a valid int32: 1_0"),
        ("99999999999,b", [tf.int32, ""], "Field 0 in record 0 is not a valid int32: 99999999999"),
        ("1,b,c", [0, ""], "Expect 2 fields but have 3 in record 0"),
        (
            ",b",
            [tf.int32, ""],
            "Field 0 is required but missing in record 0! Give the column a default value",
        ),
    ],
)
def test_words_about_tables(text, defaults, words):
    with pytest.raises(InvalidArgumentError) as caught:
        tf.io.decode_csv([text], defaults)
    assert str(caught.value) == words


def test_tables_that_do_not_fit(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("n,x\n1,2\n3\n")
    make = tf.data.experimental.make_csv_dataset
    with pytest.raises(InvalidArgumentError, match="Expect 2 fields but have 1 in record 1"):
        list(make(str(path), 1, num_epochs=1, shuffle=False))
    rows = make(str(path), 1, num_epochs=1, shuffle=False, ignore_errors=True)
    assert [row["n"].numpy().tolist() for row in rows] == [[1]]
    with pytest.raises(InvalidArgumentError, match=r"must be one of the columns: .* Received: y"):
        make(str(path), 1, label_name="y")
    with pytest.raises(InvalidArgumentError, match=r"no file matches '.*none\.csv'"):
        make(str(tmp_path / "none.csv"), 1)


# Sparse tensors -----------------------------------------------------------------------------------


def test_sparse_tensors(device):
    sparse = tf.sparse.from_dense(tf.constant([[0.0, 2.0], [3.0, 0.0]]))
    assert sparse.indices.numpy().tolist() == [[0, 1], [1, 0]]
    assert sparse.values.numpy().tolist() == [2.0, 3.0]
    assert tf.sparse.to_dense(sparse).numpy().tolist() == [[0.0, 2.0], [3.0, 0.0]]
    assert tf.sparse.to_dense(sparse, -1.0).numpy().tolist() == [[-1.0, 2.0], [3.0, -1.0]]
    values = tf.constant([2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        dense = tf.sparse.to_dense(tf.SparseTensor([[0, 1], [1, 0]], values, [2, 2]))
        total = tf.reduce_sum(dense * tf.constant([[1.0, 4.0], [5.0, 6.0]]))
    assert tape.gradient(total, values).numpy().tolist() == [4.0, 5.0]
    texts = tf.SparseTensor([[1]], ["b"], [3])
    assert tf.sparse.to_dense(texts, "-").numpy().tolist() == [b"-", b"b", b"-"]
    with pytest.raises(ValueError, match=r"the place \(0, 2\) lies outside of shape \(2, 2\)"):
        tf.SparseTensor([[0, 2]], [1.0], [2, 2])
