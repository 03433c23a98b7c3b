"""Ways of delivery, what is learned for them, and every promise that was made."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0023_needs_and_capabilities"),
        ("orders", "0006_order_kits"),
        ("routing", "0007_policies_as_documents"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeliveryHoliday",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("state", models.CharField(blank=True, max_length=80)),
                ("name", models.CharField(blank=True, max_length=120)),
            ],
            options={
                "ordering": ["day", "state"],
                "constraints": [models.UniqueConstraint(fields=("day", "state"), name="delivery_holiday_once")],
            },
        ),
        migrations.CreateModel(
            name="LearnedDays",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("transit", "Transit"), ("handling", "Handling")], max_length=10)),
                ("service", models.CharField(blank=True, max_length=20)),
                ("carrier", models.CharField(blank=True, help_text="Empty: all carriers together.", max_length=40)),
                ("level", models.PositiveSmallIntegerField(help_text="0 is the widest.")),
                ("lane", models.CharField(max_length=160)),
                ("risk", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ("events", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ("parcels", models.IntegerField(default=0, help_text="That were seen, without weights.")),
                ("learned_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "learned days",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "service", "carrier", "lane"), name="learned_days_once"),
                    models.CheckConstraint(
                        condition=models.Func(
                            models.F("kind"),
                            output_field=models.BooleanField(),
                            template='%(expressions)s = ANY (\'{"transit","handling"}\'::text[])',
                        ),
                        name="learned_days_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NodePace",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("orders_ahead", models.PositiveIntegerField(default=0)),
                ("orders_per_hour", models.FloatField(default=0.0, help_text="While it is open; 0: not known.")),
                (
                    "hours_median",
                    models.FloatField(blank=True, help_text="From release to hand-over, by the clock.", null=True),
                ),
                ("hours_slow", models.FloatField(blank=True, help_text="Nine of ten are faster.", null=True)),
                ("measured_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "node",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pace", to="inventory.node"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PromiseCalibration",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("service", models.CharField(max_length=20)),
                ("group", models.CharField(blank=True, max_length=60)),
                ("correction", models.FloatField(default=0.0, help_text="Added to the log odds of the level.")),
                ("judged", models.IntegerField(default=0)),
                ("kept", models.IntegerField(default=0)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("service", "group"), name="promise_calibration_once")],
            },
        ),
        migrations.CreateModel(
            name="DeliveryService",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.SlugField(help_text="As the service level of orders.", max_length=20, unique=True)),
                ("name", models.CharField(max_length=80)),
                (
                    "target_percent",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="Of 100 promises so many shall be kept.",
                        validators=[
                            django.core.validators.MinValueValidator(50),
                            django.core.validators.MaxValueValidator(99),
                        ],
                    ),
                ),
                (
                    "transit_percent",
                    models.PositiveSmallIntegerField(
                        default=100,
                        help_text="Of the rate card's transit days, until parcels of this service were delivered.",
                    ),
                ),
                ("price_percent", models.PositiveSmallIntegerField(default=100, help_text="Of the rate card's price.")),
                (
                    "slots",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='Same-day windows on the clock of the node: [["18:00", "21:00"]].',
                    ),
                ),
                (
                    "radius_km",
                    models.PositiveIntegerField(default=0, help_text="How far same-day riders go from the node."),
                ),
                ("ride_minutes", models.PositiveIntegerField(default=30)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("is_active", models.BooleanField(default=True)),
                (
                    "nodes",
                    models.ManyToManyField(
                        blank=True, help_text="Nodes that offer the same-day windows.", to="inventory.node"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "code"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("target_percent__gte", 50), ("target_percent__lte", 99)),
                        name="delivery_service_target",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NodePickup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "carrier",
                    models.CharField(blank=True, help_text="Code of the carrier account; for people.", max_length=40),
                ),
                ("at", models.TimeField()),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pickups", to="inventory.node"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("node", "carrier", "at"), name="node_pickup_once")],
            },
        ),
        migrations.CreateModel(
            name="OrderPromise",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("seq", models.PositiveSmallIntegerField(default=1)),
                (
                    "reason",
                    models.CharField(blank=True, help_text="What happened that it was made anew.", max_length=120),
                ),
                ("made_at", models.DateTimeField()),
                ("promised_by", models.DateTimeField()),
                ("said", models.FloatField()),
                ("level", models.FloatField(help_text="The share of the distribution at which the date was read off.")),
                ("service", models.CharField(max_length=20)),
                ("group", models.CharField(blank=True, max_length=60)),
                ("lane", models.CharField(blank=True, max_length=160)),
                ("carrier", models.CharField(blank=True, max_length=40)),
                (
                    "nodes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), default=list, size=None
                    ),
                ),
                ("parts", models.JSONField(default=list, help_text="[key, start, end] of each part of the bar.")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("kept", "Kept"), ("broken", "Broken"), ("void", "Void")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("judged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="promises", to="orders.order"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["promised_by"], name="order_promise_open"
                    ),
                    models.Index(
                        condition=models.Q(("judged_at__isnull", False)),
                        fields=["promised_by", "id"],
                        name="order_promise_judged",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "seq"), name="order_promise_once"),
                    models.CheckConstraint(
                        condition=models.Func(
                            models.F("state"),
                            output_field=models.BooleanField(),
                            template='%(expressions)s = ANY (\'{"open","kept","broken","void"}\'::text[])',
                        ),
                        name="order_promise_state_known",
                    ),
                ],
            },
        ),
    ]
