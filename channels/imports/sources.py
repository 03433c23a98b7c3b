"""Bytes of a file: plain or gzip, from disk or memory, counted as they come."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from channels.imports.errors import ImportRefused
from channels.imports.limits import MEBIBYTE, Limits

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1024 * 256


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes are: a path or the content itself."""

    data: Path | bytes

    def open_raw(self) -> BinaryIO:
        """The file as it was given."""
        return self.data.open("rb") if isinstance(self.data, Path) else io.BytesIO(self.data)

    @property
    def size_bytes(self) -> int:
        """Size as it was given, still packed."""
        return self.data.stat().st_size if isinstance(self.data, Path) else len(self.data)

    @property
    def is_gzip(self) -> bool:
        """Told by the first bytes, not by the name."""
        with self.open_raw() as stream:
            return stream.read(2) == _GZIP_MAGIC

    def sha256(self) -> str:
        """Of the bytes as they were given."""
        digest = hashlib.sha256()
        with self.open_raw() as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
        return digest.hexdigest()

    def open(self) -> BinaryIO:
        """The content, unpacked where it is gzip."""
        if self.is_gzip:
            return cast(BinaryIO, gzip.GzipFile(fileobj=self.open_raw(), mode="rb"))
        return self.open_raw()

    def blocks(self, limits: Limits) -> Iterator[bytes]:
        """The unpacked content in blocks. Raises ImportRefused past the limits and for a broken archive."""
        if self.size_bytes > limits.file_bytes:
            raise ImportRefused(
                f"The file has {self.size_bytes / MEBIBYTE:.0f} MB; at most {limits.file_bytes // MEBIBYTE} MB are "
                "taken. Split it into parts."
            )
        seen = 0
        with self.open() as stream:
            while block := read_block(stream, _CHUNK):
                seen += len(block)
                if seen > limits.unpacked_bytes:
                    raise ImportRefused(
                        f"Unpacked, the file has more than {limits.unpacked_bytes // MEBIBYTE} MB. Split it into parts."
                    )
                yield block


def read_block(stream: BinaryIO, size: int) -> bytes:
    """One block; a broken gzip file is refused instead of failing deep in the standard library."""
    try:
        return stream.read(size)
    except (EOFError, OSError, zlib.error) as error:
        raise ImportRefused("The file is a damaged gzip archive. Export it again.") from error
