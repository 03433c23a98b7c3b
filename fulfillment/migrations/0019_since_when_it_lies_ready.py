import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0018_hand_offs")]

    operations = [
        migrations.AddField(
            model_name="pickup",
            name="ready_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="pickup",
            name="ready_parcel",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="fulfillment.shipment",
            ),
        ),
        migrations.AddConstraint(
            model_name="pickup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ready_at__isnull", True),
                    ("ready_parcel__isnull", True),
                )
                | models.Q(("ready_at__isnull", False), ("ready_parcel__isnull", False)),
                name="pickup_ready_with_a_parcel",
            ),
        ),
    ]
