"""Uploaded files under MEDIA_ROOT/imports, named by their content: a name from outside is never a path."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from channels.imports.errors import ImportRefused

_SUFFIXES = (".csv.gz", ".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".gz")
_TOKEN = re.compile(r"[0-9a-f]{64}(?:\.[a-z]{2,4}){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A stored upload. `token` names it in forms and jobs; `filename` is what people called it."""

    token: str
    path: Path
    filename: str
    sha256: str


def store_upload(blocks: Iterable[bytes], filename: str) -> StoredFile:
    """Write the blocks to disk (an UploadedFile's `chunks()` will do). Raises ImportRefused past OMS_MAX_UPLOAD_MB."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    most = int(settings.MAX_UPLOAD_BYTES)
    digest, size = hashlib.sha256(), 0
    handle, partial = tempfile.mkstemp(dir=folder, prefix="part-")
    try:
        with os.fdopen(handle, "wb") as out:
            for block in blocks:
                size += len(block)
                if size > most:
                    raise ImportRefused(f"The file is larger than {most // 1024 // 1024} MB. Split it into parts.")
                digest.update(block)
                out.write(block)
        name = Path(filename.replace("\\", "/")).name[:120] or "file"
        suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
        token = digest.hexdigest() + suffix
        Path(partial).replace(folder / token)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return StoredFile(token=token, path=folder / token, filename=name, sha256=digest.hexdigest())


def store_path(path: Path) -> StoredFile:
    """Copy a local file, so that a worker can finish what a command began. Raises ImportRefused."""
    try:
        with path.open("rb") as stream:
            return store_upload(iter(lambda: stream.read(1024 * 1024), b""), path.name)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from error


def stored_path(token: str) -> Path:
    """Where a stored upload lies. Raises ImportRefused for anything that is not the token of one."""
    path = _folder() / token
    if not _TOKEN.fullmatch(token) or not path.is_file():
        raise ImportRefused("The uploaded file is no longer there. Upload it again.")
    return path


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "imports"
