"""What screens ask about the channels. Nothing here writes."""

from channels.selectors.health import ChannelHealth, channel_health
from channels.selectors.inbox import (
    MessageDetail,
    Preview,
    QuarantineGroup,
    message_detail,
    preview_message,
    quarantine_groups,
    query_messages,
)
from channels.selectors.publication import (
    PROBLEMS,
    ExposureOfDay,
    ListingRow,
    PublicationCounts,
    exposure_by_day,
    listing_page,
    listing_rows,
    publication_counts,
)
from channels.selectors.sellable import NodeShare, SellableExplanation, explain_sellable

__all__ = [
    "PROBLEMS",
    "ChannelHealth",
    "ExposureOfDay",
    "ListingRow",
    "MessageDetail",
    "NodeShare",
    "Preview",
    "PublicationCounts",
    "QuarantineGroup",
    "SellableExplanation",
    "channel_health",
    "explain_sellable",
    "exposure_by_day",
    "listing_page",
    "listing_rows",
    "message_detail",
    "preview_message",
    "publication_counts",
    "quarantine_groups",
    "query_messages",
]
