"""Simulations of orders that were named."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0017_why_a_shadow_ended")]

    operations = [
        migrations.AddField(
            model_name="simulation",
            name="order_ids",
            field=ArrayField(
                base_field=models.BigIntegerField(), blank=True, default=list, size=None,
                help_text="Only these; none: all orders of the window.",
            ),
        ),
    ]  # fmt: skip
