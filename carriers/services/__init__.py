"""Every write of this room. Calls to carriers are made here and never inside a transaction."""

from carriers.choosing import Quote
from carriers.services.accounts import account_config
from carriers.services.bookings import book
from carriers.services.cancellation import cancel_booking
from carriers.services.choice import choose
from carriers.services.labels import make_label
from carriers.services.pickups import schedule_pickups
from carriers.services.proofs import fetch_proof, proves_delivery
from carriers.services.settlement import decide_unknown, settle_unknown, waits_for_a_person
from carriers.services.tracking import answer_ndr, poll_tracking, record_scans

__all__ = [
    "Quote",
    "account_config",
    "answer_ndr",
    "book",
    "cancel_booking",
    "choose",
    "decide_unknown",
    "fetch_proof",
    "make_label",
    "poll_tracking",
    "proves_delivery",
    "record_scans",
    "schedule_pickups",
    "settle_unknown",
    "waits_for_a_person",
]
