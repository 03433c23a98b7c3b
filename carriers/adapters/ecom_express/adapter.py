"""Ecom Express: an Indian carrier of which the status push is public, and nothing else. See README.md beside this file.

`CarrierConfig.secrets`: `webhook_token`, agreed with the carrier. `CarrierConfig.settings`: `webhook_header` (where it
is sent, `Authorization` without it), and those of `carriers.adapters.panel`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from carriers.adapters.ecom_express import mapping
from carriers.adapters.panel import BookedInPanel, check_token
from carriers.base import CarrierConfig, Certainty, TrackingUpdate
from oms.core.errors import PermanentError


class EcomExpressAdapter(BookedInPanel):
    """Receives pushes of Ecom Express; everything else is done in its panel."""

    code = "ecom_express"
    name = "Ecom Express"
    certainty = Certainty.EXCERPT
    not_offered = ("prices", "booking", "labels", "pickups", "cancellation", "polling", "NDR answers")

    def read_webhook(self, config: CarrierConfig, headers: Mapping[str, str], body: bytes) -> TrackingUpdate | None:
        """Check the agreed token, then parse one scan; None for a body without an AWB."""
        check_token(config, headers)
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise PermanentError(f"The status push is not JSON: {error}") from error
        return mapping.read_push(parsed) if isinstance(parsed, dict) else None
