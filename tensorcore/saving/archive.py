"""The zip archive of a `.keras` file: small, flat, and checked before anything is read."""

from __future__ import annotations

import io
import json
import stat
from typing import IO, TYPE_CHECKING, Any

from tensorcore.errors import FileFormatError
from tensorcore.saving.refusals import damaged, hostile

if TYPE_CHECKING:
    import zipfile

MAX_MEMBERS = 10_000
MAX_RATIO = 200  # unpacked bytes for each byte of the file; honest files are not packed at all
MAX_JSON_BYTES = 256 * 2**20
MAX_JSON_DEPTH = 200


class Archive:
    """The members of a zip file in memory; nothing is ever unpacked to the disk.

    Args:
        file: binary file.
        what: its name, for messages.

    Raises:
        FileFormatError: it is no zip file, or one that only an attacker would make.
    """

    def __init__(self, file: IO[bytes], what: str) -> None:
        import zipfile

        self.what = what
        file.seek(0, io.SEEK_END)
        self._size = file.tell()
        file.seek(0)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise damaged(f"{what} cannot be read as a .keras file: {error}") from None
        self._check()

    def _check(self) -> None:
        members = self._zip.infolist()
        problem = None
        if len(members) > MAX_MEMBERS:
            problem = f"it has {len(members)} members, and at most {MAX_MEMBERS} are read"
        elif len({member.filename for member in members}) != len(members):
            problem = "two members have the same name"
        elif sum(member.file_size for member in members) > MAX_RATIO * max(self._size, 1024):
            problem = f"its members would be more than {MAX_RATIO} times as large as the file"
        for member in members:
            problem = problem or _problem_of(member)
        if problem is not None:
            raise hostile(f"{self.what} is refused: {problem}")

    def __contains__(self, name: str) -> bool:
        return name in self._zip.namelist()

    def size(self, name: str) -> int:
        """Bytes of a member when it is read; 0 if there is none."""
        return self._zip.getinfo(name).file_size if name in self else 0

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a member, whose checksum is checked."""
        import zipfile

        if name not in self:
            raise damaged(f'{self.what} has no member "{name}", which every .keras file has')
        if limit is not None and self._zip.getinfo(name).file_size > limit:
            raise hostile(f'{self.what}: "{name}" is larger than {limit} bytes')
        try:
            return self._zip.read(name)
        except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
            raise damaged(f'{self.what}: "{name}" cannot be read: {error}') from None
        except Exception as error:  # zlib.error has no public base class of its own
            raise damaged(f'{self.what}: "{name}" cannot be read: {error}') from None

    def json(self, name: str) -> Any:
        """A member as JSON."""
        return parse_json(self.read(name, MAX_JSON_BYTES), f'{self.what}: "{name}"')


def _problem_of(member: zipfile.ZipInfo) -> str | None:
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return f"the member {name!r} points out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return f"the member {name!r} is a symbolic link"
    if member.flag_bits & 0x1:
        return f"the member {name!r} is encrypted"
    if member.file_size > MAX_RATIO * max(member.compress_size, 1024):
        return f"the member {name!r} would be more than {MAX_RATIO} times as large as it is stored"
    return None


def parse_json(data: bytes | str, what: str) -> Any:
    """JSON, with limits on its size and depth."""
    if len(data) > MAX_JSON_BYTES:
        raise hostile(f"{what} is larger than {MAX_JSON_BYTES} bytes")
    try:
        value = json.loads(data)
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError as error:
        raise damaged(f"{what} is no JSON: {error}") from None
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise _too_deep(what)
        inner = [part.values() if isinstance(part, dict) else part for part in level]
        level = [x for part in inner for x in part if isinstance(x, (dict, list))]
    return value


def _too_deep(what: str) -> FileFormatError:
    return hostile(f"{what} is nested more than {MAX_JSON_DEPTH} levels deep")
