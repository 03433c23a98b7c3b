from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0016_freight_by_currency")]

    operations = [
        migrations.AddField(
            model_name="routingshadow",
            name="stop_reason",
            field=models.CharField(blank=True, max_length=300),
        ),
    ]
