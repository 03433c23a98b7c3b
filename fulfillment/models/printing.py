"""Label printers of nodes, and what they are to print."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.shipments import Shipment
from inventory.models import Node
from oms.core.constraints import one_of


class Printer(models.Model):
    """A printer that speaks ZPL. Its agent, beside it in the warehouse, knows its address; here it has a name only."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="printers")
    name = models.CharField(
        max_length=40, validators=[RegexValidator(r"^[A-Za-z0-9_.-]+$", "Letters, digits, point, hyphen, underscore.")]
    )
    is_active = models.BooleanField(default=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When its agent asked last.")

    class Meta:
        ordering = ["node_id", "name"]
        constraints = [models.UniqueConstraint(fields=["node", "name"], name="printer_once_a_node")]

    def __str__(self) -> str:
        return self.name


class PrintJobState(models.TextChoices):
    """States of a print job."""

    WAITING = "waiting", "Waiting"
    TAKEN = "taken", "With the agent"
    PRINTED = "printed", "Printed"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Not needed any more"


class PrintJob(models.Model):
    """One label to print. It waits for its label, is lent to an agent for a minute, and ends when the agent says so."""

    State = PrintJobState

    id = models.BigAutoField(primary_key=True)
    printer = models.ForeignKey(Printer, on_delete=models.CASCADE, related_name="jobs")
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="print_jobs")
    state = models.CharField(max_length=8, choices=PrintJobState, default=PrintJobState.WAITING)
    asked_by = models.CharField(max_length=120)
    asked_at = models.DateTimeField(db_default=Now())
    taken_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            one_of("state", PrintJobState, prefix="print_job"),
            # Asked again while it waits, it is the same paper.
            models.UniqueConstraint(
                fields=["printer", "shipment"], condition=Q(state__in=["waiting", "taken"]), name="print_job_open_once"
            ),
        ]
        indexes = [
            models.Index(fields=["printer", "id"], name="print_job_open", condition=Q(state__in=["waiting", "taken"])),
        ]

    def __str__(self) -> str:
        return f"{self.shipment_id} on {self.printer_id}"
