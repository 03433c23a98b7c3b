import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Counts of the phones are not added up: they are of the last minutes, and begin anew."""

    dependencies = [
        ("inventory", "0026_how_pickups_are_kept"),
        ("store", "0003_who_left_a_phone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.DeleteModel(name="PinTries"),
        migrations.CreateModel(
            name="PinTries",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("wrong", models.PositiveSmallIntegerField(default=0)),
                ("last_at", models.DateTimeField(blank=True, null=True)),
                (
                    "last_on",
                    models.CharField(blank=True, help_text="The phone of the last wrong one.", max_length=60),
                ),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.node"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("node", "person"), name="pin_tries_once_per_store")],
            },
        ),
    ]
