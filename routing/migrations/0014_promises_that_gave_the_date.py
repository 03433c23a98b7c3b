from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0013_shadows"),
    ]

    operations = [
        migrations.AddField(
            model_name="orderpromise",
            name="gave_date",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
