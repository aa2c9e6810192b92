"""Results that are kept while they come: appended to one file, each with its checksum.

A run that is killed, at whatever moment, leaves whole records and at most one that is cut off; that one is not read.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import IO, Any

from rnnkit.errors import FileError

__all__ = ["Journal"]

_FORMAT = "rnnkit journal 1"


def _line(content: Any) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _content(line: bytes) -> Any:
    """Return what a line holds; raise ValueError if it is not whole."""
    if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
        raise ValueError("checksum")
    return json.loads(line[9:-1])


class Journal:
    """Numbered records behind one header, in a file that exists from the first record on.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    header : dict or None
        None when there is no file, or none with a whole header and record.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder) / "a.part")
    ...     journal.begin({"run": 1})
    ...     journal.add(7, [0.5, None])
    ...     journal.close()
    ...     again = Journal(Path(folder) / "a.part")
    ...     again.header, again.get(7), again.get(8)
    ({'run': 1}, [0.5, None], None)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: dict[str, Any] | None = None
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._writing: IO[bytes] | None = None
        if path.is_file():
            self._scan()

    def __len__(self) -> int:
        return len(self._places)

    def _scan(self) -> None:
        with self.path.open("rb") as handle:
            header: Any = None
            torn = False
            for line in handle:
                torn = not line.endswith(b"\n")
                try:
                    content = _content(line)
                    if header is None:
                        header = content if content["format"] == _FORMAT else None
                    else:
                        self._places[content[0]] = (self._end, len(line))
                except (ValueError, KeyError, TypeError, IndexError):
                    break
                if header is None:
                    break
                self._end += len(line)
        if header is None and self.path.stat().st_size and not torn:
            raise FileError(str(self.path), "is no part of a table", "delete it, or choose another --out")
        self.header = header["header"] if header is not None and self._places else None

    def begin(self, header: dict[str, Any]) -> None:
        """Set the header of a new journal; nothing is written yet."""
        self.header, self._places, self._end = header, {}, 0

    def get(self, number: int) -> Any:
        """Return a record, or None if it is not there."""
        if number not in self._places:
            return None
        start, length = self._places[number]
        with self.path.open("rb") as handle:
            handle.seek(start)
            return _content(handle.read(length))[1]

    def __contains__(self, number: object) -> bool:
        return number in self._places

    def add(self, number: int, record: Any) -> None:
        """Append a record; it is there for a later run when this returns, whatever happens to this one."""
        if self._writing is None:
            self._writing = self._opened()
        line = _line([number, record])
        self._write(line)
        self._places[number] = (self._end, len(line))
        self._end += len(line)

    def _opened(self) -> IO[bytes]:
        """Open the file behind its last whole record."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = self.path.open("r+b" if self._end else "wb", buffering=0)
            handle.truncate(self._end)
            handle.seek(self._end)
        except OSError as error:
            raise FileError(str(self.path), f"cannot be written: {error.strerror}", "choose another place") from error
        if not self._end:
            line = _line({"format": _FORMAT, "header": self.header})
            handle.write(line)
            self._end = len(line)
        return handle

    def _write(self, line: bytes) -> None:
        try:
            if self._writing is not None:
                self._writing.write(line)
        except OSError as error:
            raise FileError(str(self.path), f"cannot be written: {error.strerror}", "free some space") from error

    def close(self, remove: bool = False) -> None:
        """Let go of the file, and delete it when it has served."""
        if self._writing is not None:
            self._writing.close()
        self._writing = None
        if remove:
            self.path.unlink(missing_ok=True)
