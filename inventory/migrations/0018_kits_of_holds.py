"""Kits: whether all of one unit leaves from one node, and which kits a checkout's hold keeps components of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0017_suggestions_with_urgency")]

    operations = [
        migrations.AddField(
            model_name="sku",
            name="ships_together",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Of a kit: all components of one unit leave from one node.",
            ),
        ),
        migrations.AddField(
            model_name="stockhold",
            name="kits",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="Line uid of its reservations -> the kit that they are components of: sku_id, quantity.",
            ),
        ),
    ]
