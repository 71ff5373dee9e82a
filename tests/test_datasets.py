"""Data sets: reading files safely, finding and downloading them, and the set drawn by code.

Downloads are tried against small servers on this machine, never against the internet.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tensorcore.datasets import (
    auto_mpg,
    cifar10,
    fashion_mnist,
    generated,
    generated_reviews,
    idx,
    imdb,
    mnist,
    store,
)
from tensorcore.errors import TensorcoreError

CONTENT = np.random.default_rng(0).bytes(100_000)
NAME = "some-file.gz"
REAL_DATA_DIR = os.environ.get("TENSORCORE_DATA_DIR", "")


def idx_bytes(array, kind=0x08):
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_four(folder, n_train=6, n_test=3):
    """The four files of a small data set of random images, as MNIST is stored."""
    rng = np.random.default_rng(1)
    arrays = []
    folder.mkdir(parents=True, exist_ok=True)
    for file, n in zip(mnist.FILES, (n_train, n_train, n_test, n_test), strict=True):
        shape = (n, 28, 28) if "images" in file.name else (n,)
        array = rng.integers(0, 10, shape, dtype=np.uint8)
        (folder / file.name).write_bytes(gzip.compress(idx_bytes(array)))
        arrays.append(array)
    return arrays


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test sees the user's files unless it says so, and none goes to the internet."""
    monkeypatch.delenv("TENSORCORE_DATA_DIR", raising=False)
    monkeypatch.setattr(store, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.delenv("TENSORCORE_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# Reading IDX


@pytest.mark.parametrize(
    ("kind", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
@pytest.mark.parametrize("shape", [(), (3,), (0, 5), (2, 3, 4)])
def test_idx_round_trip(tmp_path, kind, dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    path = tmp_path / "array.idx"
    path.write_bytes(idx_bytes(array, kind))
    result = idx.read(path, shape, np.dtype(dtype).newbyteorder("=").name)
    np.testing.assert_array_equal(result, array)
    assert result.dtype == array.dtype.newbyteorder("=")
    assert result.dtype.isnative
    assert result.flags.writeable


GOOD = idx_bytes(np.zeros((4, 28, 28), np.uint8))
HUGE = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 28, 28)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "an IDX file begins"),
        (b"\0\0\x07\x03" + GOOD[4:], "an IDX file begins"),
        (b"\0\0\x0d\x03" + GOOD[4:], "expected uint8 in 3 dimensions, its header says float32"),
        (GOOD[:10], "within its header"),
        (idx_bytes(np.zeros(4, np.uint8)), "its header says uint8 in 1"),
        (idx_bytes(np.zeros((4, 28, 27), np.uint8)), "expected the shape"),
        (HUGE, "at most"),
        (GOOD[:-1], "ends after 3,135 of 3,136 bytes"),
        (GOOD + b"x", "goes on after"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_refuses_damaged_files(tmp_path, content, problem, packed):
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(store.DatasetCorrupted, match=problem) as caught:
        idx.read(path, (None, 28, 28))
    assert str(path) in str(caught.value)
    assert "Delete it" in str(caught.value)
    assert isinstance(caught.value, TensorcoreError)
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("damage", ["not gzip", "cut", "flipped bit", "wrong checksum"])
def test_idx_refuses_damaged_gzip(tmp_path, damage):
    data = bytearray(gzip.compress(idx_bytes(np.frombuffer(CONTENT, np.uint8))))
    if damage == "not gzip":
        data[:2] = b"PK"
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "flipped bit":
        data[len(data) // 2] ^= 16
    else:
        data[-6] ^= 1
    path = tmp_path / "damaged.gz"
    path.write_bytes(data)
    with pytest.raises(store.DatasetCorrupted, match="gzip stream"):
        idx.read(path, (None,))


def test_labels_must_fit_images(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))
    write_four(tmp_path / "mnist")
    labels = gzip.compress(idx_bytes(np.zeros(2, np.uint8)))
    (tmp_path / "mnist" / mnist.FILES[3].name).write_bytes(labels)
    with pytest.raises(store.DatasetCorrupted, match="2 labels for the 3 images"):
        mnist.load_data()


# Finding files


@pytest.mark.parametrize("place", ["TENSORCORE_DATA_DIR", "cache"])
@pytest.mark.parametrize("dataset", [mnist, fashion_mnist])
def test_load_data_from_folders(tmp_path, monkeypatch, place, dataset):
    folder = tmp_path / "cache"
    if place != "cache":
        folder = tmp_path / "own"
        monkeypatch.setenv(place, str(folder))
    arrays = write_four(folder / dataset.FILES[0].folder)
    (x_train, y_train), (x_test, y_test) = dataset.load_data()
    for got, want in zip((x_train, y_train, x_test, y_test), arrays, strict=True):
        np.testing.assert_array_equal(got, want, strict=True)
    assert len(dataset.CLASS_NAMES) == 10


def test_offline_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORCORE_OFFLINE", "1")
    with pytest.raises(store.DatasetUnavailable) as caught:
        mnist.load_data()
    message = str(caught.value)
    assert isinstance(caught.value, TensorcoreError)
    assert isinstance(caught.value, OSError)
    assert "TENSORCORE_OFFLINE" in message
    assert "TENSORCORE_DATA_DIR/mnist" in message
    assert str(tmp_path / "cache" / "mnist") in message
    assert all(file.name in message and file.sha256 in message for file in mnist.FILES)
    assert "generated.load_data()" in message

    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path / "own"))
    with pytest.raises(store.DatasetUnavailable) as caught:
        mnist.load_data()
    assert str(tmp_path / "own" / "mnist") in str(caught.value)


def test_real_data_if_it_is_there(monkeypatch):
    """Checks the real files where TENSORCORE_DATA_DIR has them; the tests above use small ones."""
    monkeypatch.setenv("TENSORCORE_DATA_DIR", REAL_DATA_DIR)
    known = {mnist: (0.1307, [5, 0, 4], [7, 2, 1]), fashion_mnist: (0.2860, [9, 0, 0], [9, 2, 1])}
    folder = store.data_dir()
    for dataset, (mean, first_train, first_test) in known.items():
        files = [folder / file.folder / file.name for file in dataset.FILES] if folder else []
        if not files or not all(file.is_file() for file in files):
            continue
        for file, path in zip(dataset.FILES, files, strict=True):
            assert path.stat().st_size == file.nbytes
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
        (x_train, y_train), (x_test, y_test) = dataset.load_data()
        assert x_train.shape == (60000, 28, 28)
        assert x_test.shape == (10000, 28, 28)
        assert y_train.shape == (60000,)
        assert y_test.shape == (10000,)
        assert x_train.dtype == y_train.dtype == np.uint8
        assert x_train.mean() / 255 == pytest.approx(mean, abs=1e-4)
        assert y_train[:3].tolist() == first_train
        assert y_test[:3].tolist() == first_test


# Downloading


class Mirror:
    """A small web server with one file and bad habits."""

    def __init__(self, content=CONTENT, cut_after=None, ranges=True, status=200, chunked=False):
        mirror = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                mirror.requests.append(wanted)
                start = int(wanted[6:-1]) if wanted and ranges else 0
                if status != 200:
                    self.send_error(status)
                    return
                self.send_response(206 if start else 200)
                if start:
                    size = len(content)
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                if not chunked:
                    self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = len(content) if cut_after is None else start + cut_after
                self.wfile.write(content[start:end])

            def log_message(self, *args):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def mirror(monkeypatch):
    """Makes mirrors, and closes them after the test."""
    monkeypatch.setattr(store, "CHUNK_BYTES", 1000)
    made = []

    def make(**habits):
        made.append(Mirror(**habits))
        return made[-1]

    yield make
    for each in made:
        each.close()


def down():
    """The address of a server that does not run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def file_at(*mirrors):
    urls = tuple(each if isinstance(each, str) else each.url for each in mirrors)
    digest = hashlib.sha256(CONTENT).hexdigest()
    return store.DatasetFile("some", NAME, len(CONTENT), digest, urls)


def assert_kept(path, tmp_path):
    assert path == tmp_path / "cache" / "some" / NAME
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == [NAME]


def test_download_once(mirror, tmp_path, capsys):
    good = mirror()
    file = file_at(good)
    for _ in range(2):
        (path,) = store.find(file)
        assert_kept(path, tmp_path)
    assert good.requests == [None]
    errors = capsys.readouterr().err
    assert errors.startswith(f"{NAME}  0.1/0.1 MB")
    assert errors.count("\n") == 1


def test_next_mirror_if_one_fails(mirror, tmp_path):
    wrong = mirror(content=CONTENT[::-1])
    short = mirror(content=b"<html>please log in</html>")
    long = mirror(content=CONTENT + b"x", chunked=True)
    missing = mirror(status=404)
    good = mirror()
    (path,) = store.find(file_at(down(), wrong, short, long, missing, good))
    assert_kept(path, tmp_path)
    assert len(wrong.requests) == len(short.requests) == len(missing.requests) == 1


def test_a_cut_download_goes_on_where_it_stopped(mirror, tmp_path):
    flaky = mirror(cut_after=40_000)
    (path,) = store.find(file_at(flaky))
    assert_kept(path, tmp_path)
    assert flaky.requests == [None, "bytes=40000-", "bytes=80000-"]


def test_a_cut_download_goes_on_at_the_next_mirror_and_in_the_next_run(mirror, tmp_path):
    flaky = mirror(cut_after=10_000)
    with pytest.raises(store.DatasetUnavailable, match="tried 5 times"):
        store.find(file_at(flaky))
    assert len(flaky.requests) == store.TRIES_PER_MIRROR
    good = mirror()
    (path,) = store.find(file_at(down(), good))
    assert_kept(path, tmp_path)
    assert good.requests == ["bytes=50000-"]


def test_a_server_that_ignores_ranges_sends_everything(mirror, tmp_path):
    part = tmp_path / "cache" / "some" / (NAME + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:30_000])
    plain = mirror(ranges=False)
    (path,) = store.find(file_at(plain))
    assert_kept(path, tmp_path)
    assert plain.requests == ["bytes=30000-"]


@pytest.mark.parametrize("size", [30_000, len(CONTENT), len(CONTENT) + 5])
def test_a_wrong_beginning_is_thrown_away(mirror, tmp_path, size):
    part = tmp_path / "cache" / "some" / (NAME + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(size))
    good = mirror()
    (path,) = store.find(file_at(good))
    assert_kept(path, tmp_path)
    assert good.requests[-1] is None


def test_every_failure_is_named(mirror, tmp_path, capsys):
    closed = down()
    wrong = mirror(content=CONTENT[::-1])
    short = mirror(content=b"<html>please log in</html>")
    missing = mirror(status=404)
    with pytest.raises(store.DatasetUnavailable) as caught:
        store.find(file_at(closed, wrong, short, missing))
    message = str(caught.value)
    assert f"{closed}{NAME}: Failed to establish a new connection" in message
    assert f"{wrong.url}{NAME}: wrong content (its sha256 is not" in message
    assert f"{short.url}{NAME}: wrong content (26 bytes, expected 100,000)" in message
    assert f"{missing.url}{NAME}: HTTP 404 Not Found" in message
    assert not (tmp_path / "cache" / "some" / NAME).exists()
    assert capsys.readouterr().err.endswith("(failed)\n")


def test_cache_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(store.DatasetUnavailable, match="cannot write into"):
        store.find(file_at(down()))


def test_without_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(store.DatasetUnavailable, match="pip install pooch"):
        store.find(file_at(down()))


def test_two_processes_download_once(mirror, tmp_path):
    good = mirror()
    file = file_at(good)
    threads = [threading.Thread(target=store.find, args=(file,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_kept(tmp_path / "cache" / "some" / NAME, tmp_path)
    if sys.platform != "win32":
        assert good.requests == [None]


# The set drawn by code


def test_generated_is_what_it_says():
    (x_train, y_train), (x_test, y_test) = generated.load_data(300, 55)
    assert x_train.shape == (300, 28, 28)
    assert x_test.shape == (55, 28, 28)
    assert x_train.dtype == y_train.dtype == x_test.dtype == y_test.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [30] * 10
    assert len(generated.CLASS_NAMES) == len(generated.GARMENTS) == 10
    assert 20 < x_train.mean() < 110
    assert x_train.max(axis=(1, 2)).min() > 60


def test_generated_is_deterministic():
    first = generated.load_data(50, 20)
    again = generated.load_data(50, 20)
    other = generated.load_data(50, 20, seed=1)
    more = generated.load_data(80, 20)
    for a, b in zip(first[0] + first[1], again[0] + again[1], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first[1][0], more[1][0])
    assert not np.array_equal(first[0][0], other[0][0])
    assert not np.array_equal(first[0][0][:20], first[1][0])


def test_generated_can_be_learned_but_not_by_heart():
    (x_train, y_train), (x_test, y_test) = generated.load_data(2000, 500)
    x_train = x_train.reshape(2000, -1) / 255
    x_test = x_test.reshape(500, -1) / 255
    targets = np.eye(10)[y_train]
    weights = np.linalg.solve(x_train.T @ x_train + 50 * np.eye(784), x_train.T @ targets)
    accuracy = np.mean(np.argmax(x_test @ weights, axis=1) == y_test)
    assert 0.55 < accuracy < 0.9


def test_generated_takes_nothing_and_refuses_less():
    (x_train, y_train), _ = generated.load_data(0, 0)
    assert x_train.shape == (0, 28, 28)
    assert y_train.shape == (0,)
    for name in ("n_train", "n_test", "seed"):
        with pytest.raises(ValueError, match=f"{name} must be 0 or more, received -1"):
            generated.load_data(**{name: -1})


def test_importing_datasets_is_light():
    program = (
        "import sys, tensorcore.datasets\n"
        "names = ('rich', 'pooch', 'requests', 'matplotlib', 'platformdirs')\n"
        "print([name for name in names if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


# Reviews, photographs and cars


def npz_of_reviews(path, reviews, labels):
    arrays = {}
    for part in ("train", "test"):
        array = np.empty(len(reviews), object)
        array[:] = reviews
        arrays |= {f"x_{part}": array, f"y_{part}": np.asarray(labels, np.int64)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def test_imdb_is_numbered_and_mixed_as_in_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))
    npz_of_reviews(tmp_path / "imdb" / "imdb.npz", [[1, 2, 9], [3], [4, 5, 6, 7]], [0, 1, 0])
    (x, y), _ = imdb.load_data(num_words=9)
    order = np.arange(3)
    np.random.RandomState(113).shuffle(order)
    expected = [[[1, 4, 5, 2], [1, 6], [1, 7, 8, 2, 2]][place] for place in order]
    assert list(x) == expected
    assert y.tolist() == np.asarray([0, 1, 0])[order].tolist()
    (x, y), _ = imdb.load_data(num_words=9, oov_char=None, start_char=None, maxlen=4)
    assert sorted(x) == [[4, 5], [6]]


@pytest.mark.skipif(not REAL_DATA_DIR, reason="needs TENSORCORE_DATA_DIR")
def test_the_real_imdb(monkeypatch):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", REAL_DATA_DIR)
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10000)
    assert (len(x_train), len(x_test)) == (25000, 25000)
    assert x_train[0][:10] == [1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65]
    assert (len(x_train[0]), len(x_train[1])) == (218, 189)
    assert y_train[:5].tolist() == [1, 0, 0, 1, 0]
    assert y_test[:5].tolist() == [0, 1, 1, 0, 1]
    assert max(max(review) for review in x_test) == 9999
    assert imdb.get_word_index()["the"] == 1


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("depth", [0, 1])
def test_a_hostile_imdb_file_is_refused(tmp_path, monkeypatch, depth):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))
    mark = tmp_path / "it ran"
    array = np.empty(1, object)
    array[0] = [Hostile(str(mark))] if depth else Hostile(str(mark))
    path = tmp_path / "imdb" / "imdb.npz"
    path.parent.mkdir()
    np.savez(path, x_train=array, y_train=[1], x_test=array, y_test=[1])
    with pytest.raises(store.DatasetCorrupted, match=r"it asks for \w+\.mkdir"):
        imdb.load_data()
    assert not mark.exists()


def test_a_missing_imdb_names_the_stand_in(monkeypatch):
    monkeypatch.setenv("TENSORCORE_OFFLINE", "1")
    with pytest.raises(store.DatasetUnavailable, match="generated_reviews"):
        imdb.load_data()


def test_generated_reviews_can_be_learned():
    (x, y), (x_test, y_test) = generated_reviews.load_data(n_train=400, n_test=100)
    again, _ = generated_reviews.load_data(n_train=400, n_test=100)
    assert list(x) == list(again[0])
    counts = np.ones((2, 2000))
    for review, label in zip(x, y, strict=True):
        np.add.at(counts[label], review, 1)
    lean = np.log(counts[1] / counts[1].sum()) - np.log(counts[0] / counts[0].sum())
    guess = [lean[review].sum() > 0 for review in x_test]
    assert np.mean(np.asarray(guess) == y_test) > 0.85


def test_the_binary_records_of_cifar10(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(3, -1)
    records = np.concatenate([np.array([[7], [0], [9]], np.uint8), planes], axis=1).tobytes()
    folder = tmp_path / "cifar-10"
    folder.mkdir()
    for name in cifar10.PARTS:
        (folder / name).write_bytes(gzip.compress(records))
    with pytest.warns(UserWarning, match="only a part"):
        (x, y), _ = cifar10.load_data()
    assert (x == images).all()
    assert y.tolist() == [[7], [0], [9]]
    (folder / cifar10.PARTS[0]).write_bytes(gzip.compress(records[:-1]))
    with pytest.warns(UserWarning), pytest.raises(store.DatasetCorrupted, match="records of 3073"):
        cifar10.load_data()


def test_the_table_of_cars(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path))
    folder = tmp_path / "auto-mpg"
    folder.mkdir()
    line = '18.0   8   307.0      {}.0      3504.      12.0   70  {}\t"a car"\n'
    rows = [line.format(100 + n, n % 3 + 1) for n in range(10)]
    rows.append(line.replace("{}.0 ", "?     ").format(1))
    (folder / "auto-mpg.data").write_text("".join(rows))
    (x, y), (x_test, _) = auto_mpg.load_data()
    assert x.shape == (8, len(auto_mpg.FEATURES))
    assert x_test.shape == (2, 9)
    assert (x[:, 6:].sum(axis=1) == 1).all()
    assert y.dtype == np.float32
    (folder / "auto-mpg.data").write_text("18.0 8\n")
    with pytest.raises(store.DatasetCorrupted, match="line 1 has 2 columns, expected 8"):
        auto_mpg.load_data()


# Archives that `get_file` unpacks -----------------------------------------------------------------


def test_archives_write_nothing_elsewhere(tmp_path, monkeypatch):
    """CVE-2024-55459, CVE-2025-12060: members that lead out of the folder."""
    monkeypatch.setenv("TENSORCORE_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "data" / "files"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "evil.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO(b""))
    with zipfile.ZipFile(folder / "good.zip", "w") as archive:
        archive.writestr("../../evil", "x")
        archive.writestr("inner/good", "x")
    (folder / "cut.tar.gz").write_bytes((folder / "evil.tar.gz").read_bytes()[:40])
    for name, problem in (
        ("evil.tar.gz", "'../../evil' would be extracted to "),
        ("cut.tar.gz", "Compressed file ended before the end-of-stream marker was reached"),
    ):
        with pytest.raises(store.DatasetCorrupted) as caught:
            store.get_file(name, "http://127.0.0.1/none", extract=True)
        begin = f"{folder / name} is damaged or is not the file it is called: {problem}"
        assert str(caught.value).startswith(begin)
        assert str(caught.value).endswith(
            "Delete it and load the data again: it is then downloaded anew."
        )
    unpacked = store.get_file("good.zip", "http://127.0.0.1/none", extract=True)
    assert (Path(unpacked) / "inner" / "good").read_text() == "x"
    assert not list(tmp_path.glob("**/*evil")) and not list(folder.glob("*.part"))
