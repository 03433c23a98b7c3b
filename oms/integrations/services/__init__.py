"""Webhooks: who is told, queueing, sending, sending again."""

from oms.integrations.services.again import prune_webhooks, resend, resend_dead, send_test
from oms.integrations.services.endpoints import (
    CHANGEOVER_HOURS,
    EndpointWish,
    create_endpoint,
    edit_endpoint,
    pause_endpoint,
    remove_endpoint,
    resume_endpoint,
    rotate_secret,
)
from oms.integrations.services.hand_off_files import write_hand_off_files
from oms.integrations.services.instructions import send_instructions, wake_instructions
from oms.integrations.services.queueing import has_listeners, queue_webhooks
from oms.integrations.services.sending import send_webhooks, wake_webhooks
from oms.integrations.services.settling import MAX_ATTEMPTS

__all__ = [
    "CHANGEOVER_HOURS",
    "MAX_ATTEMPTS",
    "EndpointWish",
    "create_endpoint",
    "edit_endpoint",
    "has_listeners",
    "pause_endpoint",
    "prune_webhooks",
    "queue_webhooks",
    "remove_endpoint",
    "resend",
    "resend_dead",
    "resume_endpoint",
    "rotate_secret",
    "send_instructions",
    "send_test",
    "send_webhooks",
    "wake_instructions",
    "wake_webhooks",
    "write_hand_off_files",
]
