"""Documents of the stock room, holds, lots and serial numbers, rules that keep stock back, and what auditors find."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.lookups
from django.db import migrations, models

import oms.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0006_apply_in_one_statement"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalLimit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "node_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("warehouse", "Warehouse"),
                            ("dark_store", "Dark store"),
                            ("store", "Store"),
                            ("3pl", "3PL"),
                            ("supplier", "Supplier"),
                        ],
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("units", models.IntegerField(default=50)),
                ("value_minor", models.BigIntegerField(default=1000000)),
            ],
        ),
        migrations.CreateModel(
            name="BufferRule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("priority", models.PositiveIntegerField(default=100, help_text="Lower comes first.")),
                (
                    "node_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("warehouse", "Warehouse"),
                            ("dark_store", "Dark store"),
                            ("store", "Store"),
                            ("3pl", "3PL"),
                            ("supplier", "Supplier"),
                        ],
                        max_length=12,
                    ),
                ),
                ("category", models.CharField(blank=True, max_length=120)),
                ("brand", models.CharField(blank=True, max_length=120)),
                (
                    "velocity",
                    models.CharField(
                        blank=True,
                        choices=[("fast", "Fast"), ("medium", "Medium"), ("slow", "Slow"), ("none", "Not at all")],
                        max_length=8,
                    ),
                ),
                ("channel_code", models.CharField(blank=True, max_length=40)),
                (
                    "measure",
                    models.CharField(
                        choices=[("units", "Units"), ("days", "Days of demand"), ("percent", "Percent of on hand")],
                        default="units",
                        max_length=8,
                    ),
                ),
                ("amount", models.PositiveIntegerField(help_text="Units, days or percent; 0 keeps nothing back.")),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("changed_by", models.CharField(blank=True, max_length=120)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["priority", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ChannelBuffer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("channel_code", models.CharField(max_length=40)),
                ("units", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="CountItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_directed", models.BooleanField(default=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("to_count", "To count"),
                            ("counted", "To review"),
                            ("accepted", "Accepted"),
                            ("auto", "Accepted by itself"),
                            ("rejected", "Rejected"),
                        ],
                        default="to_count",
                        max_length=10,
                    ),
                ),
                ("counted_quantity", models.IntegerField(blank=True, null=True)),
                ("expected_quantity", models.IntegerField(blank=True, null=True)),
                ("counted_at", models.DateTimeField(blank=True, null=True)),
                ("posted_quantity", models.IntegerField(default=0, help_text="The variance that was posted.")),
                ("decided_by", models.CharField(blank=True, max_length=120)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="CountScan",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("code", models.CharField(max_length=80)),
                ("quantity", models.IntegerField(default=1)),
                ("scanned_at", models.DateTimeField(help_text="By the device's clock.")),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("is_undone", models.BooleanField(default=False)),
                (
                    "set_aside",
                    models.CharField(blank=True, help_text="Why an unknown code counts for nothing.", max_length=200),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CountSession",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("area", models.CharField(blank=True, help_text="Shelf, aisle or back room.", max_length=60)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Counting"), ("submitted", "Submitted"), ("discarded", "Discarded")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("person", models.CharField(max_length=120)),
                ("person_key", models.CharField(help_text="Who it is among all people and machines.", max_length=120)),
                ("device", models.CharField(blank=True, max_length=60)),
                ("lock_token", models.UUIDField(default=oms.core.ids.uuid7)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_scan_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DemandRate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("units", models.BigIntegerField(help_text="In all the days looked at.")),
                ("days", models.PositiveIntegerField()),
                ("mean_per_day", models.FloatField()),
                ("deviation_per_day", models.FloatField()),
                (
                    "velocity",
                    models.CharField(
                        choices=[("fast", "Fast"), ("medium", "Medium"), ("slow", "Slow"), ("none", "Not at all")],
                        max_length=8,
                    ),
                ),
                ("computed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="InboundShipment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("expected", "On its way"),
                            ("arrived", "Arrived"),
                            ("received", "Received"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="expected",
                        max_length=10,
                    ),
                ),
                ("expected_at", models.DateTimeField(blank=True, null=True)),
                ("carrier_name", models.CharField(blank=True, max_length=80)),
                ("awb", models.CharField(blank=True, max_length=60)),
                ("created_by", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("arrived_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "inbound shipment (ASN)",
            },
        ),
        migrations.CreateModel(
            name="InboundShipmentLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.IntegerField()),
                ("received_quantity", models.IntegerField(default=0)),
                ("lot_code", models.CharField(blank=True, max_length=60)),
                ("expires_on", models.DateField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="KitComponent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.PositiveIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name="LedgerArchive",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("month", models.DateField(help_text="Its first day, UTC.", unique=True)),
                ("postings", models.PositiveBigIntegerField()),
                ("file", models.FileField(max_length=200, upload_to="ledger/")),
                ("sha256", models.CharField(max_length=64)),
                ("archived_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("archived_by", models.CharField(blank=True, max_length=120)),
            ],
            options={
                "ordering": ["month"],
            },
        ),
        migrations.CreateModel(
            name="LedgerClosing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("on_hand", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
                ("packed", models.BigIntegerField(default=0)),
                ("damaged", models.BigIntegerField(default=0)),
                ("quarantine", models.BigIntegerField(default=0)),
                ("inbound", models.BigIntegerField(default=0)),
                ("postings", models.PositiveBigIntegerField(default=0)),
                ("until", models.DateField(help_text="The first day, UTC, that is not in it.")),
            ],
        ),
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=60)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("made_on", models.DateField(blank=True, null=True)),
                ("is_blocked", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="LotLevel",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("on_hand", models.IntegerField(db_default=0, default=0)),
                ("packed", models.IntegerField(db_default=0, default=0)),
                ("damaged", models.IntegerField(db_default=0, default=0)),
                ("quarantine", models.IntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.CreateModel(
            name="PostedOperation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "op_key", "leg", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("op_key", models.CharField(max_length=100)),
                ("leg", models.SmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="PurchaseOrder",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=40, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("placed", "Placed"),
                            ("partial", "Partly received"),
                            ("received", "Received"),
                            ("closed", "Closed short"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("currency", models.CharField(default="INR", max_length=3)),
                ("expected_on", models.DateField(blank=True, null=True)),
                ("reference", models.CharField(blank=True, help_text="The supplier's own number.", max_length=80)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_by", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("placed_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PurchaseOrderLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.IntegerField()),
                ("open_quantity", models.IntegerField()),
                ("received_quantity", models.IntegerField(default=0)),
                ("damaged_quantity", models.IntegerField(default=0)),
                ("short_quantity", models.IntegerField(default=0)),
                ("over_quantity", models.IntegerField(default=0)),
                ("unit_cost_minor", models.BigIntegerField(default=0)),
                ("expected_on", models.DateField(blank=True, help_text="Empty: the order's.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("op_key", models.CharField(max_length=100, unique=True)),
                ("reference", models.CharField(blank=True, max_length=80)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("actor", models.CharField(blank=True, max_length=120)),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ReceiptLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("good_quantity", models.IntegerField(default=0)),
                ("damaged_quantity", models.IntegerField(default=0)),
                ("over_quantity", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ReplenishmentRule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("priority", models.PositiveIntegerField(default=100, help_text="Lower comes first.")),
                ("category", models.CharField(blank=True, max_length=120)),
                (
                    "service_level_bp",
                    models.PositiveIntegerField(
                        default=9500, help_text="Cycles without running out, in basis points: 9500 is 95 %."
                    ),
                ),
                (
                    "review_days",
                    models.PositiveSmallIntegerField(default=7, help_text="Days that an order is to last."),
                ),
                ("transfer_days", models.PositiveSmallIntegerField(default=2, help_text="Days a transfer takes.")),
                ("least_stock", models.IntegerField(default=0, help_text="Never reorder later than at so many units.")),
                (
                    "most_stock",
                    models.IntegerField(blank=True, help_text="Never order above so many units.", null=True),
                ),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["priority", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ReplenishmentSuggestion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.IntegerField()),
                ("sums", models.JSONField(default=dict, help_text="Each figure that led to the quantity.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Suggested"),
                            ("accepted", "Drafted"),
                            ("dismissed", "Dismissed"),
                            ("outdated", "Outdated"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.CharField(blank=True, max_length=120)),
            ],
        ),
        migrations.CreateModel(
            name="SerialNumber",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=60)),
                (
                    "bucket",
                    models.CharField(
                        choices=[
                            ("on_hand", "On hand"),
                            ("reserved", "Reserved"),
                            ("packed", "Packed"),
                            ("damaged", "Damaged"),
                            ("quarantine", "Quarantine"),
                            ("inbound", "Inbound"),
                            ("demand", "Demand"),
                            ("supplier", "Supplier"),
                            ("customer", "Customer"),
                            ("adjustment", "Adjustment"),
                            ("transit", "In transit"),
                        ],
                        db_default="supplier",
                        default="supplier",
                        max_length=12,
                    ),
                ),
                ("reference", models.CharField(blank=True, db_default="", default="", max_length=80)),
                ("moved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="StockAdjustment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("op_key", models.CharField(max_length=100, unique=True)),
                ("reason", models.CharField(max_length=20)),
                ("quantity", models.IntegerField()),
                ("serials", models.JSONField(blank=True, default=list)),
                ("value_minor", models.BigIntegerField(default=0)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("photo", models.FileField(blank=True, upload_to="adjustments/%Y/%m/")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waits for approval"),
                            ("posted", "Posted"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="posted",
                        max_length=10,
                    ),
                ),
                ("asked_by", models.CharField(blank=True, max_length=120)),
                (
                    "asked_key",
                    models.CharField(blank=True, help_text="Who asked, among all people and machines.", max_length=120),
                ),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_by", models.CharField(blank=True, max_length=120)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_note", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="StockCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("number", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(blank=True, max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("directed", "Directed"), ("free", "Free")], default="directed", max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Counting"),
                            ("review", "To review"),
                            ("closed", "Closed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("is_blind", models.BooleanField(default=True)),
                (
                    "accept_units",
                    models.IntegerField(
                        default=0, help_text="Variances up to so many units are accepted by themselves."
                    ),
                ),
                ("accept_value_minor", models.BigIntegerField(default=0, help_text="And up to so much value.")),
                ("due_on", models.DateField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("created_by", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("closed_by", models.CharField(blank=True, max_length=120)),
            ],
        ),
        migrations.CreateModel(
            name="StockDifference",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=40)),
                (
                    "subject",
                    models.CharField(
                        blank=True, help_text="The lot, order line or document, where it is one.", max_length=80
                    ),
                ),
                ("stored", models.BigIntegerField()),
                ("computed", models.BigIntegerField()),
                ("proposal", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "To decide"),
                            ("accepted", "Corrected"),
                            ("dismissed", "Left as it is"),
                            ("gone", "No longer there"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("first_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.CharField(blank=True, max_length=120)),
                ("note", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="StockHold",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("owner", models.CharField(max_length=120)),
                ("reference", models.CharField(blank=True, max_length=80)),
                ("channel_code", models.CharField(blank=True, max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("confirmed", "Sold"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="held",
                        max_length=10,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("order_id", models.BigIntegerField(blank=True, help_text="The order it became.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Supplier",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("phone", models.CharField(blank=True, max_length=32)),
                ("gstin", models.CharField(blank=True, max_length=15)),
                ("currency", models.CharField(default="INR", max_length=3)),
                ("lead_days", models.PositiveSmallIntegerField(default=7, help_text="Days from order to arrival.")),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SupplierItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("supplier_code", models.CharField(blank=True, help_text="Its own code for the SKU.", max_length=80)),
                ("unit_cost_minor", models.BigIntegerField(default=0)),
                ("pack_size", models.PositiveIntegerField(default=1)),
                ("least_order", models.PositiveIntegerField(default=1)),
                (
                    "lead_days",
                    models.PositiveSmallIntegerField(blank=True, help_text="Empty: the supplier's.", null=True),
                ),
                ("is_preferred", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=40, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("reserved", "To pick"),
                            ("picked", "Picked"),
                            ("shipped", "In transit"),
                            ("received", "Received, differences open"),
                            ("closed", "Closed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("expected_on", models.DateField(blank=True, null=True)),
                ("carrier_name", models.CharField(blank=True, max_length=80)),
                ("awb", models.CharField(blank=True, max_length=60)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_by", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("shipped_at", models.DateTimeField(blank=True, null=True)),
                ("received_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TransferLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                ("quantity", models.IntegerField()),
                ("picked_quantity", models.IntegerField(default=0)),
                ("shipped_quantity", models.IntegerField(default=0)),
                ("in_transit_quantity", models.IntegerField(default=0)),
                ("received_quantity", models.IntegerField(default=0)),
                ("damaged_quantity", models.IntegerField(default=0)),
                ("missing_quantity", models.IntegerField(default=0)),
                ("over_quantity", models.IntegerField(default=0)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="stockmovement",
            name="stock_movement_posted_once",
        ),
        migrations.RemoveConstraint(
            model_name="stockmovement",
            name="stock_movement_reason_known",
        ),
        migrations.AddField(
            model_name="reservation",
            name="purpose",
            field=models.CharField(
                choices=[("order", "Order"), ("checkout", "Checkout"), ("transfer", "Transfer")],
                db_default="order",
                default="order",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="is_kit",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Assembled from components when sold."
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="shelf_life_days",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Days of use that must be left when a lot leaves; 0 asks for none."
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="tracking",
            field=models.CharField(
                choices=[("none", "By quantity"), ("lot", "By lot"), ("serial", "By serial number")],
                db_default="none",
                default="none",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="unit_cost_minor",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="reservation",
            name="order_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="reservation",
            name="reference",
            field=models.CharField(help_text="Number of the order or document, for people.", max_length=80),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="reason",
            field=models.CharField(
                choices=[
                    ("opening", "Opening stock"),
                    ("receipt", "Received"),
                    ("reserve", "Reserved for an order"),
                    ("release", "Reservation released"),
                    ("pack", "Packed"),
                    ("unpack", "Unpacked"),
                    ("ship", "Shipped"),
                    ("return", "Returned"),
                    ("found", "Found"),
                    ("lost", "Not found"),
                    ("damage", "Damaged"),
                    ("count", "Counted"),
                    ("move_out", "Moved out"),
                    ("move_in", "Moved in"),
                    ("expected", "Expected from supplier"),
                    ("quality", "Quality check"),
                    ("expire", "Hold expired"),
                    ("unexpected", "No longer expected"),
                    ("feed", "Reported by supplier"),
                    ("to_supplier", "Sent back to supplier"),
                    ("correction", "Correction"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("tracking"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"none","lot","serial"}\'::text[])',
                ),
                name="sku_tracking_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_kit", False), ("tracking", "none"), _connector="OR"),
                name="sku_kit_has_no_stock_of_its_own",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvallimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("units__gte", 0), ("units__lte", 1000000000)),
                name="approval_limit_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvallimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("value_minor__gte", 0), ("value_minor__lte", 1000000000000)),
                name="approval_limit_money_bounded",
            ),
        ),
        migrations.AddField(
            model_name="bufferrule",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.nodegroup",
            ),
        ),
        migrations.AddField(
            model_name="bufferrule",
            name="node",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="bufferrule",
            name="sku",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="stocklevel",
            name="safety_rule",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The rule that the safety stock comes from.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="inventory.bufferrule",
            ),
        ),
        migrations.AddField(
            model_name="channelbuffer",
            name="node",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="channelbuffer",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.bufferrule"
            ),
        ),
        migrations.AddField(
            model_name="channelbuffer",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="countitem",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="count_items", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="countscan",
            name="sku",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="count_scans",
                to="inventory.sku",
            ),
        ),
        migrations.AddField(
            model_name="countscan",
            name="session",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="scans",
                to="inventory.countsession",
            ),
        ),
        migrations.AddField(
            model_name="demandrate",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="demand_rates", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="demandrate",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="demand_rates",
                to="inventory.sku",
            ),
        ),
        migrations.AddField(
            model_name="inboundshipmentline",
            name="shipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="inventory.inboundshipment"
            ),
        ),
        migrations.AddField(
            model_name="kitcomponent",
            name="component",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="kits", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="kitcomponent",
            name="kit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="components", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="ledgerclosing",
            name="node",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="ledgerclosing",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="lots", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="ledgerclosing",
            name="lot",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.lot",
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="lot",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="movements",
                to="inventory.lot",
            ),
        ),
        migrations.AddField(
            model_name="lotlevel",
            name="lot",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="levels", to="inventory.lot"
            ),
        ),
        migrations.AddField(
            model_name="lotlevel",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lot_levels", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="purchaseorder",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="purchase_orders", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="inboundshipment",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="inbound_shipments",
                to="inventory.purchaseorder",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorderline",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="inventory.purchaseorder",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorderline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="purchase_order_lines", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="inboundshipmentline",
            name="order_line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="inbound_lines",
                to="inventory.purchaseorderline",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="receipts", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="inventory.purchaseorder",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="shipment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="inventory.inboundshipment",
            ),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="lot",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.lot"
            ),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="order_line",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipt_lines",
                to="inventory.purchaseorderline",
            ),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="receipt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="inventory.receipt"
            ),
        ),
        migrations.AddField(
            model_name="receiptline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="receipt_lines", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="replenishmentrule",
            name="from_node",
            field=models.ForeignKey(
                blank=True,
                help_text="Where transfers come from; empty: bought from the supplier.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentrule",
            name="node",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentrule",
            name="sku",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="from_node",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="suggestions", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="purchase_order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="suggestions",
                to="inventory.purchaseorder",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="suggestions",
                to="inventory.sku",
            ),
        ),
        migrations.AddField(
            model_name="serialnumber",
            name="node",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="serials",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="serialnumber",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="serials", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="serial",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="movements",
                to="inventory.serialnumber",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("reason"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"opening","receipt","reserve","release","pack","unpack","ship","return","found","lost","damage","count","move_out","move_in","expected","quality","expire","unexpected","feed","to_supplier","correction"}\'::text[])',
                ),
                name="stock_movement_reason_known",
            ),
        ),
        migrations.AddField(
            model_name="stockadjustment",
            name="lot",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.lot"
            ),
        ),
        migrations.AddField(
            model_name="stockadjustment",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="adjustments", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="stockadjustment",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="adjustments", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="stockcount",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="counts", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="countsession",
            name="count",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="sessions", to="inventory.stockcount"
            ),
        ),
        migrations.AddField(
            model_name="countitem",
            name="count",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="inventory.stockcount",
            ),
        ),
        migrations.AddField(
            model_name="stockdifference",
            name="node",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="stockdifference",
            name="sku",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.sku"
            ),
        ),
        migrations.AddIndex(
            model_name="stockhold",
            index=models.Index(condition=models.Q(("state", "held")), fields=["expires_at"], name="stock_hold_due"),
        ),
        migrations.AddIndex(
            model_name="stockhold",
            index=models.Index(fields=["owner", "reference"], name="stock_hold_by_reference"),
        ),
        migrations.AddConstraint(
            model_name="stockhold",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"held","confirmed","released","expired"}\'::text[])',
                ),
                name="stock_hold_state_known",
            ),
        ),
        migrations.AddField(
            model_name="reservation",
            name="hold",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reservations",
                to="inventory.stockhold",
            ),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("state", "soft")), fields=["sku", "node", "expires_at"], name="reservation_soft"
            ),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("hold__isnull", False)), fields=["hold"], name="reservation_by_hold"
            ),
        ),
        migrations.AddConstraint(
            model_name="reservation",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("purpose"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"order","checkout","transfer"}\'::text[])',
                ),
                name="reservation_purpose_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="reservation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "soft"), _negated=True), ("expires_at__isnull", False), _connector="OR"
                ),
                name="reservation_soft_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="reservation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("order_id__isnull", False), models.Q(("purpose", "order"), _negated=True), _connector="OR"
                ),
                name="reservation_of_an_order_names_it",
            ),
        ),
        migrations.AddField(
            model_name="supplier",
            name="node",
            field=models.OneToOneField(
                blank=True,
                help_text="The node that stands for its stock, where it ships for us.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="supplier",
                to="inventory.node",
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="supplier",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.supplier",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorder",
            name="supplier",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="purchase_orders", to="inventory.supplier"
            ),
        ),
        migrations.AddField(
            model_name="supplieritem",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="supplier_items", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="supplieritem",
            name="supplier",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="inventory.supplier"
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="from_node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="transfers_out", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="to_node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="transfers_in", to="inventory.node"
            ),
        ),
        migrations.AddField(
            model_name="replenishmentsuggestion",
            name="transfer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="suggestions",
                to="inventory.transfer",
            ),
        ),
        migrations.AddField(
            model_name="transferline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="transfer_lines", to="inventory.sku"
            ),
        ),
        migrations.AddField(
            model_name="transferline",
            name="transfer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="inventory.transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="bufferrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0), ("amount__lte", 1000000000)),
                name="buffer_rule_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="bufferrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("measure", "percent"), _negated=True), ("amount__lte", 100), _connector="OR"
                ),
                name="buffer_rule_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="bufferrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="buffer_rule_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="bufferrule",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("measure"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"units","days","percent"}\'::text[])',
                ),
                name="buffer_rule_measure_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelbuffer",
            constraint=models.UniqueConstraint(fields=("sku", "node", "channel_code"), name="channel_buffer_once"),
        ),
        migrations.AddConstraint(
            model_name="channelbuffer",
            constraint=models.CheckConstraint(
                condition=models.Q(("units__gte", 1), ("units__lte", 1000000000)),
                name="channel_buffer_quantities_bounded",
            ),
        ),
        migrations.AddIndex(
            model_name="countscan",
            index=models.Index(fields=["session", "id"], name="count_scan_of_session"),
        ),
        migrations.AddConstraint(
            model_name="countscan",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 0), ("quantity__lte", 1000000000)),
                name="count_scan_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="demandrate",
            constraint=models.UniqueConstraint(fields=("sku", "node"), name="demand_rate_once"),
        ),
        migrations.AddConstraint(
            model_name="demandrate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("deviation_per_day__gte", 0),
                    ("deviation_per_day__lte", 1_000_000_000),
                    ("mean_per_day__gte", 0),
                    ("mean_per_day__lte", 1_000_000_000),
                    ("units__gte", 0),
                ),
                name="demand_rate_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="demandrate",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("velocity"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"fast","medium","slow","none"}\'::text[])',
                ),
                name="demand_rate_velocity_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="kitcomponent",
            constraint=models.UniqueConstraint(fields=("kit", "component"), name="kit_component_once"),
        ),
        migrations.AddConstraint(
            model_name="kitcomponent",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="kit_component_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="kitcomponent",
            constraint=models.CheckConstraint(
                condition=models.Q(("kit", models.F("component")), _negated=True), name="kit_component_is_another"
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("expires_on__isnull", False)), fields=["expires_on"], name="lot_by_expiry"
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.UniqueConstraint(fields=("sku", "code"), name="lot_once"),
        ),
        migrations.AddConstraint(
            model_name="ledgerclosing",
            constraint=models.UniqueConstraint(
                fields=("sku", "node", "lot"), name="ledger_closing_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="lotlevel",
            constraint=models.UniqueConstraint(fields=("lot", "node"), name="lot_level_once"),
        ),
        migrations.AddConstraint(
            model_name="lotlevel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least("on_hand", "packed", "damaged", "quarantine"), 0
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest("on_hand", "packed", "damaged", "quarantine"),
                        1000000000,
                    ),
                ),
                name="lot_level_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundshipment",
            constraint=models.UniqueConstraint(fields=("order", "number"), name="inbound_shipment_once"),
        ),
        migrations.AddConstraint(
            model_name="inboundshipment",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"expected","arrived","received","cancelled"}\'::text[])',
                ),
                name="inbound_shipment_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderline",
            constraint=models.UniqueConstraint(fields=("order", "sku"), name="purchase_order_line_once"),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="purchase_order_line_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "open_quantity", "received_quantity", "damaged_quantity", "short_quantity", "over_quantity"
                        ),
                        0,
                    )
                ),
                name="purchase_order_line_counters_quantities_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "quantity",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("open_quantity"), "+", models.F("received_quantity")
                                ),
                                "+",
                                models.F("damaged_quantity"),
                            ),
                            "+",
                            models.F("short_quantity"),
                        ),
                    )
                ),
                name="purchase_order_line_conserved",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("unit_cost_minor__gte", 0), ("unit_cost_minor__lte", 1000000000000)),
                name="purchase_order_line_money_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundshipmentline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="inbound_shipment_line_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundshipmentline",
            constraint=models.CheckConstraint(
                condition=models.Q(("received_quantity__gte", 0), ("received_quantity__lte", 1000000000)),
                name="inbound_shipment_line_received_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="receiptline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "good_quantity", "damaged_quantity", "over_quantity"
                        ),
                        0,
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest(
                            "good_quantity", "damaged_quantity", "over_quantity"
                        ),
                        1000000000,
                    ),
                ),
                name="receipt_line_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("service_level_bp__gte", 5000), ("service_level_bp__lte", 9999)),
                name="replenishment_rule_level",
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("least_stock__gte", 0), ("least_stock__lte", 1000000000)),
                name="replenishment_rule_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="serialnumber",
            constraint=models.UniqueConstraint(fields=("sku", "number"), name="serial_number_once"),
        ),
        migrations.AddConstraint(
            model_name="serialnumber",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("bucket"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"on_hand","reserved","packed","damaged","quarantine","inbound","demand","supplier","customer","adjustment","transit"}\'::text[])',
                ),
                name="serial_number_bucket_known",
            ),
        ),
        migrations.AddIndex(
            model_name="stockadjustment",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["id"], name="stock_adjustment_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="stockadjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 0), ("quantity__lte", 1000000000)),
                name="stock_adjustment_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockadjustment",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"waiting","posted","rejected","withdrawn"}\'::text[])',
                ),
                name="stock_adjustment_state_known",
            ),
        ),
        migrations.AddIndex(
            model_name="stockcount",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "review"])), fields=["node", "id"], name="stock_count_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("kind"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"directed","free"}\'::text[])',
                ),
                name="stock_count_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"open","review","closed","cancelled"}\'::text[])',
                ),
                name="stock_count_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(("accept_units__gte", 0), ("accept_units__lte", 1000000000)),
                name="stock_count_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(("accept_value_minor__gte", 0), ("accept_value_minor__lte", 1000000000000)),
                name="stock_count_money_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="countsession",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"open","submitted","discarded"}\'::text[])',
                ),
                name="count_session_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="countsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("count", "area"), name="count_session_one_per_area"
            ),
        ),
        migrations.AddConstraint(
            model_name="countitem",
            constraint=models.UniqueConstraint(fields=("count", "sku"), name="count_item_once"),
        ),
        migrations.AddConstraint(
            model_name="countitem",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"to_count","counted","accepted","auto","rejected"}\'::text[])',
                ),
                name="count_item_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockdifference",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"open","accepted","dismissed","gone"}\'::text[])',
                ),
                name="stock_difference_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockdifference",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("sku", "node", "what", "subject"),
                name="stock_difference_open_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="supplier",
            constraint=models.CheckConstraint(
                condition=models.Q(("lead_days__lte", 730)), name="supplier_lead_bounded"
            ),
        ),
        migrations.AddIndex(
            model_name="purchaseorder",
            index=models.Index(
                condition=models.Q(("state__in", ["placed", "partial"])),
                fields=["expected_on"],
                name="purchase_order_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorder",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"draft","placed","partial","received","closed","cancelled"}\'::text[])',
                ),
                name="purchase_order_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="supplieritem",
            constraint=models.UniqueConstraint(fields=("supplier", "sku"), name="supplier_item_once"),
        ),
        migrations.AddConstraint(
            model_name="supplieritem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_preferred", True)), fields=("sku",), name="supplier_item_one_preferred"
            ),
        ),
        migrations.AddConstraint(
            model_name="supplieritem",
            constraint=models.CheckConstraint(
                condition=models.Q(("unit_cost_minor__gte", 0), ("unit_cost_minor__lte", 1000000000000)),
                name="supplier_item_money_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="supplieritem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least("pack_size", "least_order"), 1
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest("pack_size", "least_order"), 1000000000
                    ),
                ),
                name="supplier_item_quantities_bounded",
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("state__in", ["draft", "reserved", "picked", "shipped", "received"])),
                fields=["state", "id"],
                name="transfer_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"draft","reserved","picked","shipped","received","closed","cancelled"}\'::text[])',
                ),
                name="transfer_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_node", models.F("to_node")), _negated=True), name="transfer_goes_somewhere"
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentsuggestion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("sku", "node"), name="replenishment_suggestion_open_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="replenishment_suggestion_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="replenishmentsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"open","accepted","dismissed","outdated"}\'::text[])',
                ),
                name="replenishment_suggestion_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferline",
            constraint=models.UniqueConstraint(fields=("transfer", "sku"), name="transfer_line_once"),
        ),
        migrations.AddConstraint(
            model_name="transferline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                name="transfer_line_quantities_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "picked_quantity",
                            "shipped_quantity",
                            "in_transit_quantity",
                            "received_quantity",
                            "damaged_quantity",
                            "missing_quantity",
                            "over_quantity",
                        ),
                        0,
                    )
                ),
                name="transfer_line_counters_quantities_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("picked_quantity__lte", models.F("quantity")),
                    ("shipped_quantity__lte", models.F("picked_quantity")),
                ),
                name="transfer_line_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "shipped_quantity",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("in_transit_quantity"), "+", models.F("received_quantity")
                                ),
                                "+",
                                models.F("damaged_quantity"),
                            ),
                            "+",
                            models.F("missing_quantity"),
                        ),
                    )
                ),
                name="transfer_line_conserved",
            ),
        ),
    ]
