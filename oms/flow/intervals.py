"""How often each entry of the schedule runs, in seconds: apart from the schedule, so that settings can read it."""

EVERY_SECONDS: dict[str, float] = {
    "poll channels": 5,
    "poll tracking": 20,
    "settle unknown bookings": 15,
    "sweep the inbox": 60,
    "retry channel updates": 60,
    "retry channel stock": 30,
    "retry webhooks": 5,
    "release expired holds": 60,
    "end stock holds": 5,
    "retry waiting orders": 120,
    "clear closed nodes": 120,
    "reconcile listings": 1800,
    "audit stock": 3600,
    "make months of the ledger": 86_400,
    "prune the outbox": 3600,
    "drop old export files": 3600,
    "prune webhooks": 3600,
}
