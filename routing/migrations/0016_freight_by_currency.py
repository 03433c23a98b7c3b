from django.db import migrations, models


class Migration(migrations.Migration):
    """Freight of shadow runs is kept by currency; what was added up over all of them cannot be taken apart."""

    dependencies = [("routing", "0015_decisions_by_version")]

    operations = [
        migrations.AddField(
            model_name="routingshadow",
            name="freight",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RemoveField(model_name="routingshadow", name="both_whole"),
        migrations.RemoveField(model_name="routingshadow", name="live_freight_minor"),
        migrations.RemoveField(model_name="routingshadow", name="draft_freight_minor"),
    ]
