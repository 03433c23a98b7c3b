"""Drafts that go live at a set time."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0011_outlooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlannedPublication",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("edit_version", models.PositiveIntegerField()),
                ("publish_at", models.DateTimeField()),
                ("note", models.CharField(max_length=300)),
                ("planned_by", models.CharField(max_length=120)),
                ("planned_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("problem", models.CharField(blank=True, max_length=500)),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="planned", to="routing.routingpolicy"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("problem", "")), fields=["publish_at"], name="planned_publication_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("note", ""), _negated=True), name="planned_publication_says_why"
                    )
                ],
            },
        ),
    ]
