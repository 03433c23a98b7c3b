"""The row that says that the demo world is loaded."""

import django.db.models.functions.datetime
from django.db import migrations, models

import oms.core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DemoWorld",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("seed", models.BigIntegerField()),
                ("orders", models.PositiveIntegerField()),
                ("days", models.PositiveSmallIntegerField()),
                ("loaded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "finished_at",
                    models.DateTimeField(
                        blank=True, help_text="Empty while, or where, loading did not end.", null=True
                    ),
                ),
            ],
        ),
    ]
