"""What came off a manifest while it lay in the pile."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0019_since_when_it_lies_ready"),
    ]

    operations = [
        migrations.CreateModel(
            name="OffManifest",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "awb",
                    models.CharField(
                        help_text="What its label says, also where the carrier was changed since.", max_length=60
                    ),
                ),
                ("dropped_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "manifest",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dropped", to="fulfillment.manifest"
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fulfillment.shipment"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("manifest", "shipment"), name="off_manifest_once")],
            },
        ),
    ]
