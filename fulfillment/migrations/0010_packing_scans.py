"""Boxes that are open at pack stations, and what was scanned into them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0009_goes_fast"),
        ("inventory", "0025_substitutes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Packing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("packer", models.CharField(max_length=120)),
                (
                    "box",
                    models.CharField(
                        blank=True, help_text="The box that was chosen; empty: the suggested one.", max_length=20
                    ),
                ),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("touched_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "fulfillment_order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="packing",
                        to="fulfillment.fulfillmentorder",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PackScan",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(help_text="What the scanner read.", max_length=80)),
                ("scanned_by", models.CharField(max_length=120)),
                ("scanned_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pack_scans",
                        to="fulfillment.fulfillmentline",
                    ),
                ),
                (
                    "packing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scans", to="fulfillment.packing"
                    ),
                ),
                (
                    "serial",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.serialnumber",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("serial__isnull", False)),
                        fields=("packing", "serial"),
                        name="pack_scan_serial_once",
                    )
                ],
            },
        ),
    ]
