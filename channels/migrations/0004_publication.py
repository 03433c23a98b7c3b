"""What people pause, stop and limit about a listing; what a channel acknowledged, and what it may sell too many."""

import django.db.models.deletion
from django.db import migrations, models

import oms.core.constraints
from oms.core.constraints import quantity_bounds

STATES = [("on", "Told"), ("paused", "Paused"), ("stopped", "Not sold")]


def steered(model: str) -> list[migrations.AddField]:
    """The four fields that say whether and why something is not told."""
    return [
        migrations.AddField(model, "publication", models.CharField(
            choices=STATES, db_default="on", default="on", max_length=8,
            help_text="Paused: the channel keeps what it was told. Stopped: it is told 0.")),
        migrations.AddField(model, "paused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model, "paused_by", models.CharField(blank=True, db_default="", default="",
                                                                 max_length=120)),
        migrations.AddField(model, "paused_reason", models.CharField(blank=True, db_default="", default="",
                                                                     max_length=200)),
    ]  # fmt: skip


def known(prefix: str) -> models.CheckConstraint:
    """The field holds one of the states."""
    return models.CheckConstraint(
        condition=oms.core.constraints.among("publication", *(value for value, _ in STATES)),
        name=f"{prefix}_publication_known",
    )


# What was acknowledged without an error is what the channel may sell; what it may sell too many counts from now on.
BACKFILL = """
UPDATE channels_listing SET told_quantity = sent_quantity
WHERE sent_version > 0 AND acknowledged_at IS NOT NULL AND error = '';
UPDATE channels_listing SET exposed_units = told_quantity - wanted_quantity, exposed_since = now()
WHERE told_quantity > wanted_quantity;
"""


class Migration(migrations.Migration):
    dependencies = [("channels", "0003_short_checks")]

    operations = [
        *steered("channelaccount"),
        migrations.AddConstraint("channelaccount", known("channel_account")),
        *steered("listing"),
        migrations.AddField("listing", "threshold", models.PositiveIntegerField(
            blank=True, help_text="Units never offered here. Empty: the channel's.", null=True)),
        migrations.AddField("listing", "cap", models.PositiveIntegerField(
            blank=True, help_text="Most units offered here. Empty: the channel's.", null=True)),
        migrations.AddField("listing", "sells_inbound", models.BooleanField(
            db_default=False, default=False, help_text="Goods that are on order with a date may be sold here already.")),
        migrations.AddField("listing", "told_quantity", models.IntegerField(blank=True, null=True)),
        migrations.AddField("listing", "exposed_units", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("listing", "exposed_since", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("listing", "exposure_unit_seconds", models.FloatField(db_default=0, default=0)),
        migrations.AddField("listing", "exposure_booked", models.FloatField(
            db_default=0, default=0, help_text="The part of the exposure that stands in the days of the channel.")),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
        migrations.AddConstraint("listing", known("listing")),
        migrations.AddConstraint("listing", quantity_bounds("exposed_units", prefix="listing_exposed")),
        migrations.AddIndex("listing", models.Index(
            condition=models.Q(("exposed_units__gt", 0)), fields=["account", "id"], name="listing_exposed")),
        migrations.CreateModel(
            name="ExposureDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("unit_seconds", models.FloatField(default=0)),
                ("pushed", models.PositiveIntegerField(
                    default=0, help_text="Quantities that the channel acknowledged that day.")),
                ("account", models.ForeignKey(
                    db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="exposure_days",
                    to="channels.channelaccount")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "day"), name="exposure_day_once")],
            },
        ),
    ]  # fmt: skip
