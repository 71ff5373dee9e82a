"""TensorFlow's checkpoint files: those of real TensorFlow load, damaged and hostile ones do not.

`tests/golden/make_checkpoints.py` wrote the files with TensorFlow, and let it read ours.
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tensorcore.checkpoints import (
    CheckpointReader,
    checksum,
    latest_checkpoint,
    sstable,
    state,
    wire,
    write_checkpoint,
    writer,
)
from tensorcore.checkpoints.entry import DTYPES, Entry, Slice, slice_key
from tensorcore.errors import CheckpointError, DTypeError, InvalidArgumentError

GOLDEN = Path(__file__).parent / "golden" / "checkpoints"


def values_of(name: str, shape=(3, 5)) -> np.ndarray:
    dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 7).astype(dtype)


# Files of TensorFlow ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [dtype.name for dtype in DTYPES.values()])
def test_savers_file_holds_every_dtype(dtype):
    read = CheckpointReader(GOLDEN / "saver.ckpt-7").read(f"of_{dtype}")
    assert read.dtype.name == dtype
    np.testing.assert_array_equal(read, values_of(dtype))


def test_savers_file_holds_other_shapes_and_names():
    reader = CheckpointReader(GOLDEN / "saver.ckpt-7")
    assert reader.read("scalar") == np.float32(2.5)
    assert reader.read("empty").shape == (0, 4)
    np.testing.assert_array_equal(reader.read("deep/er/name"), values_of("float32", (2, 3, 4, 5)))
    np.testing.assert_array_equal(reader.read("한글"), values_of("int32", (2,)))
    assert "scalar" in reader and "other" not in reader


@pytest.mark.parametrize(("name", "shape"), [("wide", (200, 3)), ("tall", (3, 200))])
def test_partitioned_variables_are_put_together(name, shape):
    read = CheckpointReader(GOLDEN / "sliced.ckpt").read(name)
    np.testing.assert_array_equal(read, values_of("float32", shape))


def test_a_checkpoint_of_objects_is_listed_with_its_text():
    reader = CheckpointReader(GOLDEN / "objects-1")
    kernel = reader.read("weight/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(kernel, values_of("float32"))
    assert reader.read("step/.ATTRIBUTES/VARIABLE_VALUE") == 7
    assert reader.dtypes()["_CHECKPOINTABLE_OBJECT_GRAPH"] is None
    with pytest.raises(InvalidArgumentError, match="holds text; only numbers are read"):
        reader.read("_CHECKPOINTABLE_OBJECT_GRAPH")


# Checksums and the container ----------------------------------------------------------------------


def test_crc32c_of_rfc_3720():
    assert checksum.crc32c(bytes(32)) == 0x8A9136AA
    assert checksum.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert checksum.crc32c(bytes(range(32))) == 0x46DD794E
    assert checksum.crc32c(b"6789", checksum.crc32c(b"12345")) == 0xE3069283


@pytest.mark.parametrize("size", [0, 7, 8, 9, 16383, 16390])
def test_the_compiled_crc32c_is_the_plain_one(size):
    from tensorcore.kernels.cpu.crc32c import crc32c as compiled

    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    plain = 0
    for start in range(0, size, 10000):
        plain = checksum.crc32c(data[start : start + 10000], plain)
    assert compiled(data) == checksum.crc32c(data) == plain
    begun = compiled(data[: size // 2], 123)
    assert compiled(data, 123) == checksum.crc32c(data[size // 2 :], begun)


def test_tables_of_many_entries():
    entries = [(f"layer_{i:05d}/kernel".encode(), bytes([i % 256]) * (i % 40)) for i in range(3000)]
    table = sstable.write_table(entries)
    assert list(sstable.read_table(table)) == entries
    assert len(table) < sum(len(key) + len(value) for key, value in entries)


def test_keys_of_slices_are_tensorflows():
    table = (GOLDEN / "sliced.ckpt.index").read_bytes()
    keys = {key for key, _ in sstable.read_table(table)}
    for start in (0, 50, 100, 150):
        assert slice_key("wide", Slice((start, 0), (50, 3))) in keys
    assert slice_key("tall", Slice((0, 134), (3, 66))) in keys


def test_keys_of_slices_sort_as_their_places():
    """Lengths of one to nine bytes, negative ones included."""
    places = [-(2**62), -70000, -65, -64, -1, 0, 63, 64, 8191, 8192, 2**40, 2**62]
    keys = [slice_key("x", Slice((place,), (1,))) for place in places]
    assert keys == sorted(keys) and len(set(map(len, keys))) > 5


# Writing ------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path):
    tensors = {f"of_{dtype.name}": values_of(dtype.name) for dtype in DTYPES.values()}
    tensors |= {"scalar": np.float32(1.5), "empty": np.zeros((0, 2)), "big": np.ones(9000)}
    tensors["turned"] = np.arange(6).reshape(2, 3).T
    prefix = write_checkpoint(tmp_path / "new" / "model.ckpt", tensors)
    reader = CheckpointReader(prefix)
    assert reader.names() == sorted(tensors)
    for name, value in tensors.items():
        read = reader.read(name)
        assert read.dtype == value.dtype and read.shape == value.shape
        np.testing.assert_array_equal(read, value)


def test_our_file_equals_tensorflows(tmp_path):
    """Not only readable there: the same bytes."""
    theirs = CheckpointReader(GOLDEN / "saver.ckpt-7")
    prefix = write_checkpoint(tmp_path / "x", {name: theirs.read(name) for name in theirs.names()})
    for end in (".index", ".data-00000-of-00001"):
        assert Path(prefix + end).read_bytes() == (GOLDEN / f"saver.ckpt-7{end}").read_bytes()


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(DTypeError, match="'x': a checkpoint cannot hold dtype object"):
        write_checkpoint(tmp_path / "m", {"x": np.array([None])})
    with pytest.raises(InvalidArgumentError, match="cannot be the name of a tensor"):
        write_checkpoint(tmp_path / "m", {"": np.ones(2)})
    with pytest.raises(InvalidArgumentError, match="needs a file name"):
        write_checkpoint(f"{tmp_path}/", {"x": np.ones(2)})
    assert os.listdir(tmp_path) == []


class Killed(BaseException):
    pass


def test_a_writer_killed_anywhere_leaves_a_whole_checkpoint(tmp_path, monkeypatch):
    prefix = str(tmp_path / "model.ckpt")
    calls = ("open", "fsync", "replace", "remove")
    real = {name: getattr(os, name) for name in calls}
    countdown = [10**9]

    def guarded(name):
        def call(*args, **kwargs):
            countdown[0] -= 1
            if countdown[0] <= 0:
                raise Killed  # from here on nothing happens any more, as after kill -9
            return real[name](*args, **kwargs)

        return call

    for name in calls:
        monkeypatch.setattr(writer.os, name, guarded(name))
    write_checkpoint(prefix, {"x": np.full(10, 0)})
    value, death, finished = 0, 0, False
    while not finished:
        death += 1
        value += 1
        countdown[0] = death
        try:
            write_checkpoint(prefix, {"x": np.full(10 + death, value)})
            finished = True
        except Killed:
            pass
        countdown[0] = 10**9
        read = CheckpointReader(prefix).read("x")
        assert read[0] in (value - 1, value) and len(set(read.tolist())) == 1
        value = int(read[0])
    assert death > 8
    assert CheckpointReader(prefix).read("x")[0] == value
    assert len([name for name in os.listdir(tmp_path) if "data" in name and "tmp" not in name]) == 1


# Damaged and hostile files ------------------------------------------------------------------------


def test_every_damaged_byte_of_a_checkpoint_is_noticed(tmp_path):
    prefix = write_checkpoint(tmp_path / "m", {"a": np.arange(4.0), "b": np.ones((2, 2), "int8")})
    for end in (".index", ".data-00000-of-00001"):
        path = Path(prefix + end)
        sound = path.read_bytes()
        for position in range(len(sound)):
            damaged = bytearray(sound)
            damaged[position] ^= 0x55
            path.write_bytes(damaged)
            if end == ".index" and len(sound) - 48 <= position < len(sound) - 8:
                continue  # padding of the footer means nothing
            with pytest.raises(CheckpointError):
                reader = CheckpointReader(prefix)
                for name in ("a", "b"):
                    reader.read(name)
        for size in range(len(sound)):
            path.write_bytes(sound[:size])
            with pytest.raises(CheckpointError):
                CheckpointReader(prefix)
        path.write_bytes(sound)
    CheckpointReader(prefix).read("a")


def test_damage_is_told_with_a_remedy(tmp_path):
    prefix = write_checkpoint(tmp_path / "f", {"a": np.arange(4.0)})
    data = Path(f"{prefix}.data-00000-of-00001")
    sound = data.read_bytes()
    data.write_bytes(sound[:-1] + b"\x55")
    with pytest.raises(CheckpointError) as caught:
        CheckpointReader(prefix).read("a")
    assert str(caught.value) == f"{data}: the checksum of 'a' is wrong. {REMEDY}"
    data.write_bytes(sound[:-1])
    refused(lambda: CheckpointReader(prefix), OUTSIDE.replace("x", "a", 1) % 0, tmp_path)
    index = Path(f"{prefix}.index")
    whole = index.read_bytes()
    for content, problem in (
        (whole[:20], "it does not end with the footer of such a table"),
        (b"\xff" + whole[1:], "the checksum of a block is wrong"),
    ):
        index.write_bytes(content)
        refused(lambda: CheckpointReader(prefix), problem, tmp_path)


def forge(tmp_path, rows, data=b"\0" * 64, shards=1, header=None):
    """A checkpoint with sound checksums and whatever else was put into it."""
    header = writer._header(shards) if header is None else header
    (tmp_path / "f.index").write_bytes(sstable.write_table([(b"", header), *rows]))
    (tmp_path / "f.data-00000-of-00001").write_bytes(data)
    return CheckpointReader(tmp_path / "f")


def entry(shape=(4,), nbytes=16, offset=0, shard=0):
    sound = checksum.mask(checksum.crc32c(bytes(min(nbytes, 64))))
    return Entry(np.dtype("float32"), shape, shard, offset, nbytes, sound).encode()


REMEDY = "Copy its files again from where they were written, or restore an earlier checkpoint"
OUTSIDE = "'x' lies outside the data, {prefix}.data-0000%d-of-00001, which is missing or cut off"
HOSTILE = {
    "bytes that do not make the shape": (
        [(b"x", entry((1 << 40,)))],
        "16 bytes cannot be a tensor of float32 of shape (1099511627776,), which takes "
        "4398046511104",
    ),
    "a product beyond 64 bits": (
        [(b"x", entry((1 << 32, 1 << 32), 0))],
        "0 bytes cannot be a tensor of float32 of shape (4294967296, 4294967296), which takes "
        "73786976294838206464",
    ),
    "a negative size": (
        [(b"x", entry(((1 << 64) - 4,)))],
        "a tensor has the impossible shape (-4,)",
    ),
    "many dimensions": (
        [(b"x", entry((1,) * 255, 4))],
        "a tensor has the impossible shape (1, 1, 1, 1, 1, 1, 1, 1)",
    ),
    "data outside the file": ([(b"x", entry((1 << 30,), 1 << 32))], OUTSIDE % 0),
    "an offset outside the file": ([(b"x", entry(offset=60))], OUTSIDE % 0),
    "an absent shard": ([(b"x", entry(shard=1))], OUTSIDE % 1),
    "one place for many tensors": (
        [(b"x", entry()), (b"y", entry(offset=8))],
        "'x' and 'y' lie in the same bytes",
    ),
    "an unknown dtype": (
        [(b"x", wire.put_number(1, 20))],
        "dtype number 20 of TensorFlow has no counterpart here",
    ),
    "an unreadable name": ([(b"\xfe", entry())], "the name b'\\xfe' is not UTF-8"),
    "a message cut off": ([(b"x", entry()[:-2])], "a field is cut off"),
}


def refused(call, problem, folder):
    """The checkpoint f of the folder is refused in these words."""
    with pytest.raises(CheckpointError) as caught:
        call()
    prefix = folder / "f"
    assert str(caught.value) == (
        f"{prefix}.index is not a sound checkpoint: {problem.format(prefix=prefix)}. {REMEDY}"
    )


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_entries_are_refused(what, tmp_path):
    rows, words = HOSTILE[what]
    refused(lambda: forge(tmp_path, rows), words, tmp_path)


def test_short_names_that_stand_for_long_ones_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sstable, "FULL_KEY_EVERY", 10**9)
    monkeypatch.setattr(sstable, "BLOCK_BYTES", 10**9)
    rows = [(b"a" * 3000 + b"%05d" % i, entry((0,), 0)) for i in range(800)]
    refused(
        lambda: forge(tmp_path, rows),
        "its names are longer than a file of this size can hold",
        tmp_path,
    )


def sliced(*parts, shape=(8,)):
    proto = b""
    for start, length in parts:
        extent = wire.put_number(1, start) + wire.put_number(2, length)
        proto += wire.put_bytes(7, wire.put_bytes(1, extent))
    keys = [slice_key("x", Slice((start,), (length,))) for start, length in parts]
    rows = {
        key: entry((length,), 4 * length, offset=16 * number)
        for number, (key, (_, length)) in enumerate(zip(keys, parts, strict=True))
    }
    whole = Entry(np.dtype("float32"), shape, 0, 0, 0, 0).encode() + proto
    return [*sorted(rows.items()), (b"x", whole)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (sliced((0, 4)), "the slices of 'x' do not make up its shape (8,)"),
        (sliced((0, 4), (6, 4)), "a slice reaches outside the tensor's shape (8,)"),
        (sliced((0, 4), (0, 4)), "'x' and 'x' lie in the same bytes"),
        (sliced((0, 4), (4, 4))[1:], "a slice of 'x' is missing or of another shape"),
    ],
)
def test_hostile_slices_are_refused(rows, words, tmp_path):
    refused(lambda: forge(tmp_path, rows), words, tmp_path)


def test_slices_that_overlap_are_refused_when_read(tmp_path):
    reader = forge(tmp_path, sliced((0, 4), (2, 4)))
    with pytest.raises(CheckpointError) as caught:
        reader.read("x")
    path = tmp_path / "f.index"
    assert str(caught.value) == f"{path}: the slices of 'x' overlap. {REMEDY}"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "it claims 0 data files; expected 1 to 65536"),
        (wire.put_number(1, 1 << 40), "it claims 1099511627776 data files; expected 1 to 65536"),
        (
            wire.put_number(1, 1) + wire.put_number(2, 1),
            "it was written on a big-endian machine, which is not supported",
        ),
        (
            wire.put_number(1, 1) + wire.put_bytes(3, wire.put_number(2, 9)),
            "it was written by a later version of TensorFlow's format",
        ),
        (wire.put_bytes(1, b"x"), "a field holds bytes where a number belongs"),
    ],
)
def test_hostile_headers_are_refused(header, words, tmp_path):
    refused(lambda: forge(tmp_path, [], header=header), words, tmp_path)


def test_a_block_that_is_used_twice_is_refused():
    block = sstable._Block(16)
    block.add(b"k", b"v")
    content = block.finish()
    index = sstable._Block(1)
    handle = wire.put_varint(0) + wire.put_varint(len(content) - sstable.TRAILER)
    for key in (b"a", b"b"):
        index.add(key, handle)
    tail = index.finish()
    place = wire.put_varint(len(content)) + wire.put_varint(len(tail) - sstable.TRAILER)
    footer = (handle + place).ljust(40, b"\0") + struct.pack("<Q", sstable.MAGIC)
    with pytest.raises(CheckpointError, match="not in order"):
        list(sstable.read_table(content + tail + footer))


def test_a_missing_checkpoint_says_what_the_path_should_be(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        CheckpointReader(tmp_path / "none")
    prefix = tmp_path / "none"
    assert str(caught.value) == (
        f"there is no checkpoint {prefix}: {prefix}.index: No such file or directory. The path is "
        "the prefix that saver.save() returned, without .index or .data"
    )


def test_a_missing_tensor_names_those_there_are():
    with pytest.raises(InvalidArgumentError) as caught:
        CheckpointReader(GOLDEN / "saver.ckpt-7").read("z")
    assert str(caught.value) == (
        f"Key z not found in checkpoint {GOLDEN / 'saver.ckpt-7'}, which has deep/er/name, empty, "
        "of_bfloat16, of_bool, of_complex128, of_complex64, of_float16, of_float32 and 11 more"
    )


# The state file -----------------------------------------------------------------------------------


def test_the_state_files_of_tensorflow(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    assert latest_checkpoint(str(tmp_path / "run")) == str(tmp_path / "run" / "objects-1")
    assert latest_checkpoint(str(tmp_path / "run"), "checkpoint_of_saver").endswith("saver.ckpt-7")
    assert latest_checkpoint(str(tmp_path)) is None


def test_states_are_written_and_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("run")
    paths = ["run/a-1", 'run/"b"-2', "run/한글-3"]
    state.write_state("run", paths[-1], paths, timestamps=[1.5, 2.5, 3.5], last_preserved=0.5)
    found = state.read_state("run")
    assert found.model_checkpoint_path == paths[-1]
    assert found.all_model_checkpoint_paths == paths
    assert found.all_model_checkpoint_timestamps == [1.5, 2.5, 3.5]
    assert found.last_preserved_timestamp == 0.5
    text = Path("run/checkpoint").read_text(encoding="ascii")
    assert text.startswith('model_checkpoint_path: "\\355\\225\\234')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'model_checkpoint_path: "x" y',
            ', line 1: expected a line such as model_checkpoint_path: "model.ckpt"',
        ),
        ('all_model_checkpoint_paths: "a"', " names no model_checkpoint_path"),
        ("model_checkpoint_path: 7", ": 'model_checkpoint_path: 7' cannot be read"),
        (
            'model_checkpoint_path: "\\377"',
            ": 'model_checkpoint_path: \"\\\\377\"' cannot be read",
        ),
    ],
)
def test_damaged_state_files(text, words, tmp_path):
    (tmp_path / "checkpoint").write_text(text)
    with pytest.raises(CheckpointError) as caught:
        state.read_state(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path / 'checkpoint'}{words}. Delete it, and restore from the path that saver.save() "
        "returned"
    )


def test_retention_keeps_the_last_and_one_in_some_hours():
    kept = state.Retention(most=2, every_hours=1.0)
    start = kept._next_for_good - 3600
    dropped = []
    for hour in range(8):
        dropped += kept.add(f"m-{hour}", now=start + hour * 1800 + 1)
    # TensorFlow's rule: of those that leave, one whose time has come stays for good.
    assert dropped == ["m-0", "m-1", "m-3", "m-5"]
    assert kept.paths == ["m-6", "m-7"]
    assert state.Retention(most=0).add("x") == []
