"""Photos that people add to what they did to stock: small, and really pictures."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.files.base import File

from oms.core.errors import DomainError

#: Largest photo, in bytes. Phones make pictures of two to five megabytes.
MOST_PHOTO_BYTES = 8 * 1024 * 1024
#: First bytes of what browsers show as a picture, its suffix and its media type.
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture with the suffix that its content, not its name, asks for."""

    content: bytes
    suffix: str


def checked_photo(upload: File[bytes]) -> Photo:
    """The content of an upload. Raises DomainError for what is too large or no JPEG, PNG or WebP picture."""
    if (upload.size or 0) > MOST_PHOTO_BYTES:
        raise DomainError(f"The photo is larger than {MOST_PHOTO_BYTES // 1024 // 1024} MB.", field="photo")
    upload.seek(0)  # a transaction that is done again reads it again
    content = upload.read(MOST_PHOTO_BYTES + 1)
    suffix = _suffix_of(content)
    if len(content) > MOST_PHOTO_BYTES or not suffix:
        raise DomainError("The photo is not a JPEG, PNG or WebP picture.", field="photo")
    return Photo(content, suffix)


def _suffix_of(content: bytes) -> str:
    if content.startswith(_JPEG):
        return ".jpg"
    if content.startswith(_PNG):
        return ".png"
    return ".webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""
