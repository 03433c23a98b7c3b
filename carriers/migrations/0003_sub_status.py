"""What a scan says beyond its milestone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("carriers", "0002_short_checks")]

    operations = [
        migrations.AddField(
            model_name="trackingevent",
            name="sub_status",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Says more than the milestone, where the carrier does.",
                max_length=24,
            ),
        ),
    ]
