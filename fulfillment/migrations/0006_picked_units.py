"""Lots and serial numbers that were taken for a line, and the parcel they went into."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from oms.core.constraints import quantity_bounds


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0005_short_checks"),
        ("inventory", "0016_apply_as_it_was_locked"),
    ]

    operations = [
        migrations.CreateModel(
            name="PickedUnit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.IntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "item",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="picked_units",
                        to="fulfillment.shipmentitem",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="picked_units",
                        to="fulfillment.fulfillmentline",
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.lot",
                    ),
                ),
                (
                    "serial",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.serialnumber",
                    ),
                ),
            ],
            options={
                "constraints": [
                    quantity_bounds("quantity", prefix="picked_unit", low=1),
                    models.CheckConstraint(
                        condition=models.Q(lot__isnull=False, serial__isnull=True)
                        | models.Q(lot__isnull=True, serial__isnull=False, quantity=1),
                        name="picked_unit_of_a_lot_or_one_serial",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(item__isnull=True),
                        fields=("serial",),
                        name="picked_unit_serial_in_one_tote",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(item__isnull=True),
                        fields=("line", "lot"),
                        name="picked_unit_lot_once_a_line",
                    ),
                ],
            },
        ),
    ]
