"""Lots and serial numbers that came back with a line of a return."""

import django.db.models.deletion
from django.db import migrations, models

from oms.core.constraints import quantity_bounds


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0019_lots_that_expire"),
        ("returns", "0002_short_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnUnit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.IntegerField()),
                ("differs", models.BooleanField(db_default=False, default=False)),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="units", to="returns.returnline"
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
                    quantity_bounds("quantity", prefix="return_unit", low=1),
                    models.CheckConstraint(
                        condition=models.Q(lot__isnull=False, serial__isnull=True)
                        | models.Q(lot__isnull=True, serial__isnull=False, quantity=1),
                        name="return_unit_of_a_lot_or_one_serial",
                    ),
                    models.UniqueConstraint(fields=("line", "serial"), name="return_unit_serial_once"),
                ],
            },
        ),
    ]
