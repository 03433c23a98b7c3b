"""Work that a node's own WMS does: how it is reached, what it was told, what it answered, and the handshake."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from encrypted_fields.fields import EncryptedTextField

from carriers.models import CarrierAccount
from fulfillment.models.work import FulfillmentOrder
from inventory.models import Node
from oms.core.clock import now
from oms.core.constraints import one_of
from oms.core.ids import uuid7


class LinkMode(models.TextChoices):
    """How a node's WMS is told."""

    NONE = "none", "Not linked"
    WEBHOOK = "webhook", "Signed webhook"
    FILE = "file", "Files"


class LinkAccepts(models.TextChoices):
    """What counts as taking the work."""

    AUTOMATIC = "automatic", "What was delivered is accepted"
    ANSWER = "answer", "The WMS must answer"


class LinkLabels(models.TextChoices):
    """Who books the carrier."""

    OURS = "ours", "We book, the WMS fetches the label"
    THEIRS = "theirs", "The WMS books and tells us the AWB"


class LinkSilence(models.TextChoices):
    """What follows where the WMS does not answer in time."""

    REROUTE = "reroute", "Treat it as rejected"
    WAIT = "wait", "Wait for a person"


class LinkFormat(models.TextChoices):
    """What the files are written in."""

    CSV = "csv", "CSV"
    JSON = "json", "JSON"


class WmsLink(models.Model):
    """The WMS of one node. Work that opens at the node goes to it while the mode is not NONE.

    Where the link ended, `ended_mode` says how the WMS is told of the work that it still has, NONE that it is not.
    """

    Mode = LinkMode

    id = models.BigAutoField(primary_key=True)
    node = models.OneToOneField(Node, on_delete=models.PROTECT, related_name="wms_link")
    mode = models.CharField(max_length=8, choices=LinkMode, default=LinkMode.NONE)
    ended_mode = models.CharField(max_length=8, choices=LinkMode, default=LinkMode.NONE, db_default=LinkMode.NONE)
    url = models.CharField(max_length=500, blank=True)
    secret = EncryptedTextField(null=True, blank=True)
    old_secret = EncryptedTextField(null=True, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    answer_minutes = models.PositiveIntegerField(
        default=60, help_text="Minutes that the WMS has to answer an instruction, or a question whether to cancel."
    )
    accepts = models.CharField(max_length=10, choices=LinkAccepts, default=LinkAccepts.ANSWER)
    labels = models.CharField(max_length=8, choices=LinkLabels, default=LinkLabels.OURS)
    on_silence = models.CharField(max_length=8, choices=LinkSilence, default=LinkSilence.REROUTE)
    carrier_account = models.ForeignKey(
        CarrierAccount, null=True, blank=True, on_delete=models.PROTECT,
        help_text="The account, without an API, under which AWBs of the WMS's own bookings are kept.",
    )  # fmt: skip
    file_format = models.CharField(max_length=4, choices=LinkFormat, default=LinkFormat.CSV)
    file_sequence = models.IntegerField(default=0, help_text="Number of the last file.")
    silent_tries = models.PositiveIntegerField(default=0, help_text="Times in a row that nobody was there.")
    quiet_until = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent before.")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "WMS link"
        constraints = [
            one_of("mode", LinkMode, prefix="wms_link"),
            one_of("ended_mode", LinkMode, prefix="wms_link"),
            one_of("accepts", LinkAccepts, prefix="wms_link"),
            one_of("labels", LinkLabels, prefix="wms_link"),
            one_of("on_silence", LinkSilence, prefix="wms_link"),
            one_of("file_format", LinkFormat, prefix="wms_link"),
            models.CheckConstraint(
                condition=~Q(mode="webhook") | ~Q(url=""), name="wms_link_webhook_has_an_address"
            ),
            models.CheckConstraint(
                condition=~Q(ended_mode="webhook") | ~Q(url=""), name="wms_link_ended_webhook_has_an_address"
            ),
            models.CheckConstraint(
                condition=Q(labels="ours") | Q(carrier_account__isnull=False), name="wms_link_own_awbs_have_an_account"
            ),
            models.CheckConstraint(
                condition=Q(answer_minutes__gte=1, answer_minutes__lte=10_080), name="wms_link_minutes_bounded"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"WMS of {self.node_id}"

    @property
    def is_linked(self) -> bool:
        """New work goes to the WMS."""
        return self.mode != LinkMode.NONE

    @property
    def is_told(self) -> bool:
        """The WMS is told of the work that it has."""
        return self.is_linked or self.ended_mode != LinkMode.NONE


class HandOffState(models.TextChoices):
    """Where the handshake about one piece of work stands."""

    UNSUBMITTED = "unsubmitted", "Not delivered yet"
    SUBMITTED = "submitted", "Waiting for an answer"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    CANCELLATION_REQUESTED = "cancellation_requested", "Asked to cancel"
    CANCELLATION_ACCEPTED = "cancellation_accepted", "Cancellation agreed"
    CANCELLATION_REJECTED = "cancellation_rejected", "Cancellation refused"
    CLOSED = "closed", "Closed"


class HandOff(models.Model):
    """The handshake about one fulfillment order, beside its state and never in it.

    `version` is that of the newest instruction; what the WMS confirms must name one from `valid_from` on: what was
    changed since makes an older one void. `wish` is what follows once the WMS agrees to cancel. `answer_by` is when an
    answer is overdue, None where none is awaited.
    """

    State = HandOffState

    #: States in which the WMS may still do something about the work.
    LIVE = (
        HandOffState.UNSUBMITTED, HandOffState.SUBMITTED, HandOffState.ACCEPTED, HandOffState.CANCELLATION_REQUESTED,
        HandOffState.CANCELLATION_REJECTED,
    )  # fmt: skip

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.OneToOneField(FulfillmentOrder, on_delete=models.CASCADE, related_name="hand_off")
    link = models.ForeignKey(WmsLink, on_delete=models.PROTECT, related_name="hand_offs", db_index=False)
    state = models.CharField(max_length=24, choices=HandOffState, default=HandOffState.UNSUBMITTED)
    version = models.IntegerField(default=0)
    valid_from = models.IntegerField(default=1)
    is_told_to_wait = models.BooleanField(default=False, db_default=False, help_text="The order is on hold.")
    answer_by = models.DateTimeField(null=True, blank=True)
    overdue_at = models.DateTimeField(null=True, blank=True, help_text="When it was noticed that no answer came.")
    wish = models.JSONField(default=dict, blank=True, db_default={})
    why = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="Why it came to its state, in words."
    )
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "hand-off"
        constraints = [
            one_of("state", HandOffState, prefix="hand_off"),
            models.CheckConstraint(condition=Q(version__gte=0, valid_from__gte=1), name="hand_off_versions_positive"),
        ]
        indexes = [
            models.Index(fields=["link", "state", "id"], name="hand_off_by_state"),
            models.Index(fields=["answer_by"], name="hand_off_awaited", condition=Q(answer_by__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"hand-off of {self.fulfillment_order_id}"

    @property
    def is_overdue(self) -> bool:
        """The WMS should have answered by now."""
        return self.answer_by is not None and self.answer_by < now()

    @property
    def tone(self) -> str:
        """The colour of its state on the screens."""
        if self.is_overdue:
            return "bad"
        return {
            "submitted": "info", "accepted": "good", "rejected": "bad", "cancellation_requested": "warn",
            "cancellation_rejected": "bad", "closed": "off",
        }.get(self.state, "neutral")  # fmt: skip


class InstructionKind(models.TextChoices):
    """What an instruction says."""

    PICK = "pick", "Do this"
    CHANGE = "change", "It changed"
    HOLD = "hold", "Wait"
    RESUME = "resume", "Go on"
    CANCEL = "cancel", "Please cancel"
    STOP = "stop", "Stop: it is not yours any more"
    TEST = "test", "A test"


class InstructionState(models.TextChoices):
    """What became of an instruction."""

    PENDING = "pending", "To send"
    SENDING = "sending", "Being sent"
    FAILED = "failed", "To try again"
    SENT = "sent", "Delivered"
    DEAD = "dead", "Given up"
    OVERTAKEN = "overtaken", "Overtaken by a newer one"


class HandOffFile(models.Model):
    """Instructions as one file, numbered without gaps for its WMS, never written again."""

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(WmsLink, on_delete=models.PROTECT, related_name="files", db_index=False)
    sequence = models.IntegerField()
    name = models.CharField(max_length=120)
    content = models.TextField()
    sha256 = models.CharField(max_length=64)
    instructions_in = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now())
    written_at = models.DateTimeField(null=True, blank=True, help_text="When it lay in the directory.")
    problem = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        verbose_name = "hand-off file"
        constraints = [models.UniqueConstraint(fields=["link", "sequence"], name="hand_off_file_once")]

    def __str__(self) -> str:
        return self.name


class HandOffInstruction(models.Model):
    """One message to a WMS about one piece of work; a test is about none.

    Its `uid` is the same at every try, so that the receiver can tell repetitions. `payload` is fixed when it is sent
    for the first time and stays from then on.
    """

    Kind = InstructionKind
    State = InstructionState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    link = models.ForeignKey(WmsLink, on_delete=models.PROTECT, related_name="instructions", db_index=False)
    hand_off = models.ForeignKey(
        HandOff, null=True, on_delete=models.CASCADE, related_name="instructions", db_index=False
    )
    version = models.IntegerField()
    kind = models.CharField(max_length=8, choices=InstructionKind)
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    payload = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=InstructionState, default=InstructionState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, default="", db_default="")
    error = models.CharField(max_length=300, blank=True, default="", db_default="")
    file = models.ForeignKey(HandOffFile, null=True, blank=True, on_delete=models.PROTECT, related_name="instructions")
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "instruction"
        constraints = [
            models.UniqueConstraint(fields=["hand_off", "version"], name="instruction_once_a_version"),
            one_of("kind", InstructionKind, prefix="instruction"),
            one_of("state", InstructionState, prefix="instruction"),
        ]
        indexes = [
            models.Index(
                fields=["link", "next_try_at", "id"], name="instruction_due",
                condition=Q(state__in=["pending", "sending", "failed"]),
            ),
            models.Index(fields=["link", "id"], name="instruction_dead", condition=Q(state="dead")),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"

    @property
    def message_id(self) -> str:
        """The name under which the WMS knows it, the same at every try."""
        return f"ins_{self.uid.hex}"


class EventOutcome(models.TextChoices):
    """What became of what a WMS said."""

    APPLIED = "applied", "Done"
    REFUSED = "refused", "Refused"


class HandOffEvent(models.Model):
    """What a WMS said, raw as it came, and what became of it. One that was applied counts once for ever."""

    Outcome = EventOutcome

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(WmsLink, on_delete=models.PROTECT, related_name="events", db_index=False)
    hand_off = models.ForeignKey(HandOff, null=True, on_delete=models.CASCADE, related_name="events")
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    payload = models.JSONField()
    outcome = models.CharField(max_length=8, choices=EventOutcome)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=500, blank=True)
    result = models.JSONField(default=dict, blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often it came.")
    source = models.CharField(max_length=200, blank=True, help_text="The API, or the name of a file.")
    actor = models.CharField(max_length=120, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "WMS event"
        constraints = [
            models.UniqueConstraint(fields=["link", "event_id"], name="hand_off_event_once"),
            one_of("outcome", EventOutcome, prefix="hand_off_event"),
        ]

    def __str__(self) -> str:
        return self.event_id
