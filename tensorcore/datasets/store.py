"""The one place that finds the files of data sets, or downloads them.

A file is looked for in the folder named by `TENSORCORE_DATA_DIR`, then in the user's cache
folder, and is then downloaded into the cache from the first mirror that delivers the right bytes
(sha256).  A download that was cut is continued where it stopped, from the same mirror or from the
next one. `TENSORCORE_OFFLINE=1` forbids downloads.

A new data set is one small file: a tuple of `DatasetFile`, and a `load_data` that calls `find`
and reads.
"""

from __future__ import annotations

import contextlib
import os
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorcore.errors import InvalidArgumentError, TensorcoreError
from tensorcore.progress import Progress

if TYPE_CHECKING:
    import logging

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
TRIES_PER_MIRROR = 5
CHUNK_BYTES = 1 << 16


class DatasetUnavailable(TensorcoreError, OSError):
    """A file of a data set is neither on this machine nor could it be downloaded."""


class DatasetCorrupted(TensorcoreError, OSError):
    """A file of a data set is there but cannot be what it is called."""


@dataclass(frozen=True)
class DatasetFile:
    """One file of a data set: what it is called, how to recognise it, where to get it.

    Attributes:
        folder: the data set's folder, such as `mnist`.
        name: the file's name in that folder.
        nbytes: its size in bytes.
        sha256: its checksum, 64 hexadecimal digits.
        mirrors: addresses of folders on the web, each ending in `/`, tried in this order.
    """

    folder: str
    name: str
    nbytes: int
    sha256: str
    mirrors: tuple[str, ...]


def data_dir() -> Path | None:
    """The user's own folder of data sets, from `TENSORCORE_DATA_DIR`; None if it is not set."""
    value = os.environ.get("TENSORCORE_DATA_DIR", "")
    return Path(value).expanduser() if value else None


def cache_dir() -> Path:
    """The folder that downloads go to: `datasets` in the user's cache folder for tensorcore."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("tensorcore", appauthor=False)) / "datasets"


IMAGES_STAND_IN = (
    "Or go on offline with a built-in set of 28x28 images in ten classes:\n"
    "    from tensorcore.datasets import generated\n"
    "    (x_train, y_train), (x_test, y_test) = generated.load_data()"
)


def find(*files: DatasetFile, stand_in: str = IMAGES_STAND_IN) -> list[Path]:
    """Finds files of a data set on this machine, and downloads those that are missing.

    Files in the two folders are taken as they are: whoever put them there may have packed them
    anew, and the readers check what they read.  Downloads are kept only if their sha256 is right.

    Args:
        *files: the files, usually all those of one data set.
        stand_in: what the message proposes to use instead.

    Returns:
        One path a file, in the order of the arguments.

    Raises:
        DatasetUnavailable: a file is not here and no mirror delivered it; the message says what
            to do.

    Example:
        train_images, train_labels = store.find(*mnist.FILES[:2])
    """
    paths = []
    for file in files:
        path = _on_disk(file)
        if path is None:
            path, failures = _download(file)
        if path is None:
            missing = [each for each in files if _on_disk(each) is None]
            raise DatasetUnavailable(_unavailable_text(missing, failures, stand_in))
        paths.append(path)
    return paths


def corrupted(path: Path, problem: str) -> DatasetCorrupted:
    """The error for a file with wrong content; the caller raises it.

    Args:
        path: the file.
        problem: what is wrong with it, such as `the file ends after 10 of 16 bytes`.

    Returns:
        An error whose message names the file, the problem and the remedy.
    """
    return DatasetCorrupted(
        f"{path} is damaged or is not the file it is called: {problem}. "
        "Delete it and load the data again: it is then downloaded anew."
    )


def _on_disk(file: DatasetFile) -> Path | None:
    for folder in (data_dir(), cache_dir()):
        if folder is not None and (folder / file.folder / file.name).is_file():
            return folder / file.folder / file.name
    return None


def _download(file: DatasetFile) -> tuple[Path | None, list[str]]:
    """Tries the mirrors in turn; returns the path or None, and a line for each failure."""
    if os.environ.get("TENSORCORE_OFFLINE", "") not in ("", "0"):
        return None, ["TENSORCORE_OFFLINE is set: downloads are switched off"]
    folder = cache_dir() / file.folder
    failures: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _one_process_at_a_time(folder):
            found = _on_disk(file)  # another process may have brought it meanwhile
            if found is not None:
                return found, failures
            with Progress(file.nbytes, file.name, unit="B") as progress:
                for mirror in file.mirrors:
                    problem = _try_mirror(file, mirror, folder, progress)
                    if problem is None:
                        return folder / file.name, failures
                    failures.append(f"{mirror}{file.name}: {problem}")
                progress.stop("failed")
    except ImportError as error:
        failures.append(f"downloads need the package pooch: pip install pooch ({error})")
    except OSError as error:
        failures.append(f"cannot write into {folder}: {error}")
    return None, failures


def _try_mirror(file: DatasetFile, mirror: str, folder: Path, progress: Progress) -> str | None:
    """Downloads from one mirror; returns None, or in one line why it did not work."""
    import pooch
    import requests
    import urllib3

    part = folder / (file.name + ".part")
    problem = ""
    for _ in range(TRIES_PER_MIRROR):
        before = _size(part)
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    mirror + file.name,
                    known_hash=f"sha256:{file.sha256}",
                    fname=file.name,
                    path=folder,
                    downloader=_ResumingDownloader(part, file.nbytes, progress),
                )
            return None
        except _WrongContent as error:
            return str(error)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            problem = _short(error)
            if _size(part) <= before:
                return problem  # nothing arrived: asking again will not help
        except ValueError:
            # All bytes came and their sha256 is wrong.  Pooch has deleted them.
            problem = f"wrong content (its sha256 is not {file.sha256[:12]}...)"
            if not before:
                return problem
            # The first part may have come from elsewhere: once more from the beginning.
    return f"{problem} (tried {TRIES_PER_MIRROR} times)"


class _WrongContent(Exception):
    """A mirror offers something else, known before or while it is read."""


class _ResumingDownloader:
    """A downloader for pooch that keeps what has arrived in a `.part` file and continues there."""

    def __init__(self, part: Path, nbytes: int, progress: Progress):
        self.part = part
        self.nbytes = nbytes
        self.progress = progress

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        """Brings `url` into `output_file`, as pooch asks for it.

        Args:
            url: the address of the file.
            output_file: the path of pooch's temporary file, in the same folder as the `.part` file.
            pooch: not used; part of pooch's protocol.
            check_only: not used; part of pooch's protocol.

        Raises:
            requests.RequestException, urllib3.exceptions.HTTPError: the network or the server
                failed.
            _WrongContent: the server offers a file of another size.
        """
        have = _size(self.part)
        if have > self.nbytes:
            have = 0
        if have < self.nbytes:
            self._fetch(url, have)
        os.replace(self.part, output_file)

    def _fetch(self, url: str, have: int) -> None:
        import requests
        import urllib3

        # The file is gzip'd as it is: identity, so that no server packs or unpacks it on the way.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            response.raise_for_status()
            resumed = response.status_code == 206
            place = response.headers.get("Content-Range", "")
            if resumed and not place.startswith(f"bytes {have}-"):
                raise _WrongContent("the server continues at another place than asked for")
            if not resumed:
                have = 0  # the server does not know Range and sends the file from its beginning
            offered = response.headers.get("Content-Length", "")
            if offered.isdigit() and have + int(offered) != self.nbytes:
                size = have + int(offered)
                raise _WrongContent(f"wrong content ({size:,} bytes, expected {self.nbytes:,})")
            self.progress.update(have)
            with open(self.part, "ab" if have else "wb") as out:
                for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                    have += len(chunk)
                    if have > self.nbytes:
                        out.truncate(0)
                        raise _WrongContent(f"wrong content (more than {self.nbytes:,} bytes)")
                    out.write(chunk)
                    self.progress.advance(len(chunk))
        if have < self.nbytes:
            raise urllib3.exceptions.ProtocolError(
                f"the connection ended after {have:,} of {self.nbytes:,} bytes"
            )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _short(error: Exception) -> str:
    """The reason inside the nested errors of requests and urllib3, on one line."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code} {response.reason}".strip()
    cause = error.args[0] if error.args else error
    text = str(getattr(cause, "reason", cause))
    text = re.sub(r"^(<.*?>|\w+\(.*?\)): ", "", text)  # the connection object's own name
    return " ".join(text.split())[:200] or type(error).__name__


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silences pooch's own messages, which would be printed through the bar."""
    import logging

    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _one_process_at_a_time(folder: Path) -> Iterator[None]:
    """Lets the second process that wants to download into a folder wait for the first.

    The system drops the lock when its process ends, so no stale lock can be left behind.  Where
    folders cannot be locked (Windows, some network disks) processes download one after the other
    by luck only; the sha256 still keeps wrong files out.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unavailable_text(missing: list[DatasetFile], failures: list[str], stand_in: str) -> str:
    """The whole message of `DatasetUnavailable`: what, where, what was tried, and how to go on."""
    name = missing[0].folder
    own = data_dir()
    own_text = str(own / name) if own else f"$TENSORCORE_DATA_DIR/{name} (it is not set)"
    files = "\n".join(f"    {each.name}  sha256 {each.sha256}" for each in missing)
    tried = "\n".join(f"    {failure}" for failure in failures)
    return (
        f"the data set {name} is not on this machine and could not be downloaded.\n"
        f"  Tried:\n{tried}\n"
        f"  Put the missing files\n{files}\n"
        f"  into one of these folders:\n"
        f"    {own_text}\n"
        f"    {cache_dir() / name}\n" + "\n".join(f"  {line}" for line in stand_in.splitlines())
    )


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "files",
    hash_algorithm: str = "auto",
    extract: bool = False,
    **options: Any,
) -> str:
    """A file from the web, downloaded once; returns where it is.

    Args:
        fname: its name on this machine; None for that at the end of the address.
        origin: the address.
        file_hash, md5_hash: its sha256 or md5; a file that does not agree is refused.
        cache_subdir: the folder within the user's folder of data sets, or within the cache.
        untar, extract: unpack an archive beside it; the folder is returned.

    Raises:
        DatasetUnavailable: it is not here and could not be downloaded.

    Example:
        path = keras.utils.get_file("data.csv", "https://example.org/data.csv")
    """
    if not origin:
        raise InvalidArgumentError('get_file: give origin="https://...", the address of the file')
    name = Path(fname or urllib.parse.urlparse(origin).path).name
    for folder in (data_dir(), cache_dir()):
        if folder is not None and (folder / cache_subdir / name).exists():
            path = folder / cache_subdir / name
            break
    else:
        path = _retrieve(origin, name, cache_dir() / cache_subdir, file_hash or md5_hash)
    if untar or extract or options.get("archive_format"):
        return str(_unpacked(path))
    return str(path)


def _retrieve(origin: str, name: str, folder: Path, known_hash: str | None) -> Path:
    if os.environ.get("TENSORCORE_OFFLINE", "") not in ("", "0"):
        raise DatasetUnavailable(
            f"get_file: {name} is not in {folder}, and TENSORCORE_OFFLINE forbids to download it "
            f"from {origin}"
        )
    import pooch
    import requests

    if known_hash is not None:
        known_hash = f"{'md5' if len(known_hash) == 32 else 'sha256'}:{known_hash}"
    try:
        with _quiet(pooch.get_logger()):
            return Path(pooch.retrieve(origin, known_hash, fname=name, path=folder))
    except (requests.RequestException, OSError, ValueError) as error:
        raise DatasetUnavailable(
            f"get_file: {origin} could not be downloaded ({_short(error)}). Put the file into "
            f"{folder} by hand, as {name}"
        ) from error


def _unpacked(path: Path) -> Path:
    """The folder beside an archive that holds what is in it."""
    import tarfile
    import zlib

    target = path.with_name(path.name.partition(".")[0])
    if not target.is_dir():
        import shutil

        part = path.with_name(target.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        options = {} if path.suffix == ".zip" else {"filter": "data"}  # no file outside the folder
        try:
            shutil.unpack_archive(path, part, **options)
        except (OSError, EOFError, shutil.ReadError, zlib.error, tarfile.TarError) as error:
            shutil.rmtree(part, ignore_errors=True)
            raise corrupted(path, _short(error)) from error
        part.rename(target)
    return target
