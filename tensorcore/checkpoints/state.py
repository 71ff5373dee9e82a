"""The file `checkpoint` of a folder: which checkpoints there are, and which is the latest."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field

from tensorcore.checkpoints.reader import data_files
from tensorcore.checkpoints.writer import Replacement
from tensorcore.errors import CheckpointError

MOST_BYTES = 1 << 24
REMEDY = "Delete it, and restore from the path that saver.save() returned"
_LINE = re.compile(r'\s*(\w+)\s*:\s*(?:"((?:[^"\\\n]|\\.)*)"|([-+.\w]+))\s*')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass
class CheckpointState:
    """What the file says; paths are joined with the folder where they are relative.

    Attributes:
        model_checkpoint_path: the prefix of the latest checkpoint.
        all_model_checkpoint_paths: all that were kept, the oldest first.
        all_model_checkpoint_timestamps: when they were written, in seconds since 1970.
        last_preserved_timestamp: of the last one that is kept for good, in seconds since 1970.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def read_state(folder: str, filename: str | None = None) -> CheckpointState | None:
    """The state of a folder, or None where nothing was saved."""
    path = os.path.join(folder, filename or "checkpoint")
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise CheckpointError(
                f"{path} is larger than 16 MB, so it lists no checkpoints. {REMEDY}"
            )
        with open(path, "rb") as file:
            text = file.read().decode("latin-1")
    except OSError:
        return None
    state = CheckpointState()
    position = 0
    while text[position:].strip():
        match = _LINE.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise CheckpointError(
                f"{path}, line {line}: expected a line such as model_checkpoint_path: "
                f'"model.ckpt". {REMEDY}'
            )
        _take(state, match, folder, path)
        position = match.end()
    if not state.model_checkpoint_path:
        raise CheckpointError(f"{path} names no model_checkpoint_path. {REMEDY}")
    if state.model_checkpoint_path not in state.all_model_checkpoint_paths:
        state.all_model_checkpoint_paths.append(state.model_checkpoint_path)
    return state


def _take(state: CheckpointState, match: re.Match[str], folder: str, path: str) -> None:
    name, quoted, number = match.groups()
    try:
        if name == "model_checkpoint_path":
            state.model_checkpoint_path = os.path.join(folder, _unquoted(quoted))
        elif name == "all_model_checkpoint_paths":
            state.all_model_checkpoint_paths.append(os.path.join(folder, _unquoted(quoted)))
        elif name == "all_model_checkpoint_timestamps":
            state.all_model_checkpoint_timestamps.append(float(number))
        elif name == "last_preserved_timestamp":
            state.last_preserved_timestamp = float(number)
    except (TypeError, ValueError, AttributeError):
        raise CheckpointError(
            f"{path}: {match.group().strip()!r} cannot be read. {REMEDY}"
        ) from None


def _unquoted(text: str) -> str:
    def one(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        if code[:1].isdigit():
            return bytes([int(code, 8) & 0xFF])
        if code[:1] == b"x" and len(code) > 1:
            return bytes([int(code[1:], 16)])
        return _PLAIN.get(code, code)

    return _ESCAPE.sub(one, text.encode("latin-1")).decode()


def _quoted(text: str) -> str:
    parts = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            parts.append("\\" + char)
        else:
            parts.append(char if 32 <= byte < 127 else f"\\{byte:03o}")
    return f'"{"".join(parts)}"'


def write_state(
    folder: str,
    latest: str,
    paths: list[str] | None = None,
    *,
    filename: str | None = None,
    relative: bool = False,
    timestamps: list[float] | None = None,
    last_preserved: float | None = None,
) -> None:
    """Write the state of a folder.

    Args:
        folder: where the file `checkpoint` lies; paths below a relative folder are kept relative.
        latest: the prefix of the latest checkpoint.
        paths: all prefixes, the oldest first.
        filename: another name than `checkpoint`.
        relative: keep paths relative to an absolute folder, too, so that it can be moved.
        timestamps, last_preserved: in seconds since 1970.
    """
    paths = list(paths or [])
    if latest not in paths:
        paths.append(latest)

    def shown(path: str) -> str:
        if relative or not (os.path.isabs(folder) or os.path.isabs(path)):
            path = os.path.relpath(path, folder or ".")
        return _quoted(path)

    lines = [f"model_checkpoint_path: {shown(latest)}"]
    lines += [f"all_model_checkpoint_paths: {shown(path)}" for path in paths]
    lines += [f"all_model_checkpoint_timestamps: {when!r}" for when in timestamps or ()]
    if last_preserved is not None:
        lines.append(f"last_preserved_timestamp: {last_preserved!r}")
    with Replacement(os.path.join(folder, filename or "checkpoint")) as file:
        file.write(("\n".join(lines) + "\n").encode())


def checkpoint_exists(prefix: str) -> bool:
    """Whether a checkpoint of this prefix lies on the disk."""
    return os.path.isfile(prefix + ".index") and bool(data_files(prefix))


def latest_checkpoint(folder: str, filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint of a folder, or None if there is none."""
    state = read_state(folder, filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def delete_checkpoint(prefix: str) -> None:
    """Remove the files of a checkpoint, the index first, so that no broken one is seen."""
    for path in (prefix + ".index", *data_files(prefix), prefix + ".meta"):
        if os.path.exists(path):
            os.remove(path)


class Retention:
    """Which of the checkpoints of a run stay on the disk.

    Args:
        most: how many of the latest stay; None or 0 for all.
        every_hours: besides, one in so many hours stays for good.
    """

    def __init__(self, most: int | None = 5, every_hours: float = 10000.0) -> None:
        self.most = most
        self.every_hours = every_hours
        self.kept: list[tuple[str, float]] = []
        self._next_for_good = time.time() + every_hours * 3600

    @property
    def paths(self) -> list[str]:
        """The checkpoints that stay for now, the oldest first."""
        return [path for path, _ in self.kept]

    def add(self, path: str, now: float | None = None) -> list[str]:
        """A checkpoint was written; returns those that shall be deleted now."""
        if not self.most:
            return []
        self.kept = [(known, when) for known, when in self.kept if known != path]
        self.kept.append((path, time.time() if now is None else now))
        dropped = []
        while len(self.kept) > self.most:
            oldest, when = self.kept.pop(0)
            if when > self._next_for_good:
                self._next_for_good += self.every_hours * 3600
            else:
                dropped.append(oldest)
        return dropped
