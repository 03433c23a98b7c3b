"""How nodes and carriers do, in editions that never change, and which of them routing uses."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

TABLES = ("performanceedition", "nodeperformance", "laneperformance", "editionuse")
GUARD = """
CREATE FUNCTION routing_refuse_measured_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% was measured or applied once and never changes', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'routing_measured_stays';
END
$body$;
""" + "".join(
    f"CREATE TRIGGER routing_measured_stays BEFORE UPDATE ON routing_{table} "
    "FOR EACH ROW EXECUTE FUNCTION routing_refuse_measured_change();\n"
    for table in TABLES
)
NO_GUARD = "".join(f"DROP TRIGGER routing_measured_stays ON routing_{table};\n" for table in TABLES) + (
    "DROP FUNCTION routing_refuse_measured_change();"
)


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0023_needs_and_capabilities"),
        ("routing", "0008_promises"),
    ]

    operations = [
        migrations.CreateModel(
            name="PerformanceEdition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField(unique=True)),
                ("measured_at", models.DateTimeField()),
                ("measured_by", models.CharField(blank=True, max_length=120)),
                ("orders", models.IntegerField(default=0, help_text="Work of nodes that was looked at.")),
                ("parcels", models.IntegerField(default=0, help_text="That were looked at.")),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="NodePerformance",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("score", models.FloatField()),
                ("low", models.FloatField()),
                ("high", models.FloatField()),
                ("orders", models.IntegerField()),
                ("stages", models.JSONField()),
                ("accept_hours", models.FloatField(blank=True, null=True)),
                ("ship_hours", models.FloatField(blank=True, null=True)),
                (
                    "of_promise",
                    models.FloatField(
                        blank=True, help_text="Part of its time that it takes until it ships.", null=True
                    ),
                ),
                ("units", models.IntegerField(default=0)),
                ("short_units", models.IntegerField(default=0)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="performances", to="inventory.node"
                    ),
                ),
                (
                    "edition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="nodes",
                        to="routing.performanceedition",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("edition", "node"), name="node_performance_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("high__lte", 100),
                            ("low__gte", 0),
                            ("low__lte", models.F("high")),
                            ("score__gte", 0),
                            ("score__lte", 100),
                        ),
                        name="node_performance_0_to_100",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LanePerformance",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("carrier", models.CharField(blank=True, max_length=40)),
                ("origin", models.CharField(blank=True, max_length=80)),
                ("destination", models.CharField(blank=True, max_length=80)),
                ("parcels", models.IntegerField()),
                ("seen", models.FloatField(help_text="Weight of the parcels that arrived.")),
                ("shares", models.JSONField()),
                ("days_median", models.FloatField(blank=True, null=True)),
                ("days_slow", models.FloatField(blank=True, help_text="Nine of ten are faster.", null=True)),
                ("beyond_days", models.FloatField(default=0.0, help_text="Mean days beyond those of the rate card.")),
                (
                    "counted_days",
                    models.SmallIntegerField(default=0, help_text="Whole days that routing adds to the rate card's."),
                ),
                ("cost_minor", models.FloatField(blank=True, null=True)),
                (
                    "charged_share",
                    models.FloatField(default=0.0, help_text="Of the costs that the carrier itself told."),
                ),
                (
                    "edition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lanes",
                        to="routing.performanceedition",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("edition", "carrier", "origin", "destination"), name="lane_performance_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EditionUse",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("used_from", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("used_by", models.CharField(max_length=120)),
                ("note", models.CharField(max_length=300)),
                (
                    "edition",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="routing.performanceedition",
                    ),
                ),
                (
                    "replaced",
                    models.ForeignKey(
                        blank=True,
                        help_text="In force before; empty: none.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="routing.performanceedition",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("note", ""), _negated=True), name="edition_use_says_why")
                ],
            },
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
    ]
