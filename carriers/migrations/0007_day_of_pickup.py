from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("carriers", "0006_bills_of_carriers")]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="pickup_on",
            field=models.DateField(blank=True, help_text="For which day the pickup was asked.", null=True),
        ),
    ]
