"""What has become of promises so far, and its history."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from oms.core.constraints import among

_BANDS = [
    ("on_track", "On track"),
    ("watch", "To watch"),
    ("at_risk", "At risk"),
    ("late", "Will be late"),
    ("done", "Over"),
]
_STAGES = [
    ("waiting", "Waiting"),
    ("node", "At the node"),
    ("road", "On its way"),
    ("lost", "Does not arrive"),
    ("done", "Arrived"),
]
_REMEDIES = [
    ("", "Nothing better is known"),
    ("reroute", "Reroute"),
    ("upgrade", "Faster service"),
    ("tell", "Tell the customer"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_order_kits"),
        ("routing", "0010_simulations"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderOutlook",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="outlook",
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("promised_by", models.DateTimeField()),
                ("expected_on", models.DateField(blank=True, null=True)),
                ("sure_by", models.DateTimeField(blank=True, null=True)),
                ("breach", models.FloatField()),
                ("band", models.CharField(choices=_BANDS, max_length=8)),
                ("stage", models.CharField(choices=_STAGES, max_length=8)),
                (
                    "place",
                    models.CharField(blank=True, help_text="Code of the node or name of the carrier.", max_length=120),
                ),
                (
                    "parts",
                    models.JSONField(
                        default=list, help_text="[key, start, end] of waiting, processing, pickup and transit."
                    ),
                ),
                ("at_risk_minor", models.BigIntegerField(default=0)),
                ("risk_since", models.DateTimeField(blank=True, null=True)),
                ("version", models.IntegerField(default=1)),
                ("seen_at", models.DateTimeField()),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("remedy", models.CharField(blank=True, choices=_REMEDIES, default="", max_length=8)),
                ("remedy_breach", models.FloatField(blank=True, null=True)),
                ("remedy_cost_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "remedy_nodes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "remedied_at",
                    models.DateTimeField(blank=True, help_text="When a remedy was last looked for.", null=True),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="order_outlook_next"
                    ),
                    models.Index(
                        condition=models.Q(("band__in", ["at_risk", "late"])),
                        fields=["remedied_at"],
                        name="order_outlook_at_risk",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=among("band", *(band for band, _ in _BANDS)), name="order_outlook_band_known"
                    ),
                    models.CheckConstraint(
                        condition=among("stage", *(stage for stage, _ in _STAGES)), name="order_outlook_stage_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OutlookChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("version", models.IntegerField()),
                ("reason", models.CharField(blank=True, max_length=120)),
                ("promised_by", models.DateTimeField()),
                ("expected_on", models.DateField(blank=True, null=True)),
                ("breach", models.FloatField()),
                ("band", models.CharField(choices=_BANDS, max_length=8)),
                ("stage", models.CharField(choices=_STAGES, max_length=8)),
                ("place", models.CharField(blank=True, max_length=120)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outlook_changes",
                        to="orders.order",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("order", "version"), name="outlook_change_once")],
            },
        ),
    ]
