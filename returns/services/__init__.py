"""Every write to goods that come back."""

from returns.services.came_back import CameBack
from returns.services.receiving import expect_rto, receive

__all__ = ["CameBack", "expect_rto", "receive"]
