"""Photos that people took of goods, for those who may see what they show."""

from __future__ import annotations

from pathlib import PurePath

from django.db.models.fields.files import FieldFile
from django.http import FileResponse

from inventory.services import MEDIA_TYPES
from oms.core.errors import NotFound


def photo_response(photo: FieldFile, *, missing: str) -> FileResponse:
    """The picture. Raises NotFound with the words of `missing` where there is none, or its file is gone."""
    media_type = MEDIA_TYPES.get(PurePath(photo.name or "").suffix)
    if not photo or media_type is None or not photo.storage.exists(photo.name or ""):
        raise NotFound(missing)
    return FileResponse(photo.open("rb"), content_type=media_type)
