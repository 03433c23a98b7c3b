"""What a receipt must know to be taken back: its serial numbers and costs, and which one takes it back."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0011_counting_by_lot_and_serial")]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="reverses",
            field=models.OneToOneField(
                blank=True,
                help_text="The receipt that this one takes back.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversed_by",
                to="inventory.receipt",
            ),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="serials",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="damaged_serials",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="unit_cost_minor",
            field=models.BigIntegerField(blank=True, help_text="In the currency of the business.", null=True),
        ),
    ]
