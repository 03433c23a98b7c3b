"""Work that was moved, or could not be moved, to another node by itself."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from oms.core.constraints import among


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0006_picked_units"),
        ("orders", "0006_order_kits"),
    ]

    operations = [
        migrations.CreateModel(
            name="RerouteAttempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("capacity_cut", "The node takes fewer orders"),
                            ("not_serviceable", "No carrier goes there"),
                            ("at_risk", "Promise at risk"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[("moved", "Moved to another node"), ("stayed", "Stayed where it is")], max_length=8
                    ),
                ),
                ("sentence", models.CharField(help_text="What was found, in words for people.", max_length=500)),
                ("tried_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "fulfillment_order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reroute_attempts",
                        to="fulfillment.fulfillmentorder",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reroute_attempts", to="orders.order"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "stayed")), fields=["fulfillment_order"], name="reroute_stayed"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("fulfillment_order", "cause"), name="reroute_attempt_once"),
                    models.CheckConstraint(
                        condition=among("cause", "capacity_cut", "not_serviceable", "at_risk"),
                        name="reroute_attempt_cause_known",
                    ),
                    models.CheckConstraint(
                        condition=among("outcome", "moved", "stayed"), name="reroute_attempt_outcome_known"
                    ),
                ],
            },
        ),
    ]
