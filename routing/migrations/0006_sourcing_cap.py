"""A channel may be told of at most so many units."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0005_repeat")]

    operations = [
        migrations.AddField(
            model_name="channelsourcing",
            name="cap",
            field=models.PositiveIntegerField(
                blank=True, help_text="Most units of a SKU that this channel is told. Empty: no limit.", null=True
            ),
        ),
    ]
