"""Tax invoices, numbered by series. The database keeps them as they were issued."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.lookups
from django.db import migrations, models

import oms.core.ids
import orders.models.invoices

RULES = """
CREATE FUNCTION orders_keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'issued' AND NEW.state = 'cancelled' AND NEW.cancelled_at IS NOT NULL
        AND to_jsonb(NEW) - '{state,cancelled_at,cancelled_by,cancel_reason}'::text[]
          = to_jsonb(OLD) - '{state,cancelled_at,cancelled_by,cancel_reason}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Invoice % stays as it was issued: it can only be cancelled', OLD.number
        USING ERRCODE = 'restrict_violation';
END
$body$;
CREATE TRIGGER invoice_stays BEFORE UPDATE OR DELETE ON orders_invoice
FOR EACH ROW EXECUTE FUNCTION orders_keep_invoice();
CREATE TRIGGER invoice_line_stays BEFORE UPDATE OR DELETE ON orders_invoiceline
FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
"""

NO_RULES = """
DROP TRIGGER invoice_line_stays ON orders_invoiceline;
DROP TRIGGER invoice_stays ON orders_invoice;
DROP FUNCTION orders_keep_invoice();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0008_what_an_order_costs_less"),
    ]

    operations = [
        migrations.CreateModel(
            name="TaxRegistration",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "gstin",
                    models.CharField(
                        max_length=15, unique=True, validators=[orders.models.invoices._is_gstin], verbose_name="GSTIN"
                    ),
                ),
                ("legal_name", models.CharField(max_length=200)),
                ("trade_name", models.CharField(blank=True, max_length=200)),
                ("line1", models.CharField(max_length=200, verbose_name="address")),
                ("city", models.CharField(max_length=120)),
                ("postcode", models.CharField(max_length=16)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("phone", models.CharField(blank=True, max_length=32)),
                (
                    "invoice_prefix",
                    models.CharField(
                        help_text="Begins the number of each invoice: KA gives KA/26-27/00042. A change begins a new series.",
                        max_length=6,
                        validators=[orders.models.invoices._is_short_prefix],
                    ),
                ),
                (
                    "bill_prefix",
                    models.CharField(
                        help_text="For goods without tax.",
                        max_length=6,
                        validators=[orders.models.invoices._is_short_prefix],
                        verbose_name="bill of supply prefix",
                    ),
                ),
                (
                    "signatory",
                    models.CharField(blank=True, help_text="Who signs, under the name of the seller.", max_length=120),
                ),
            ],
            options={
                "ordering": ["gstin"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("gstin__regex", "^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$")),
                        name="tax_registration_gstin_form",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bill_prefix__regex", "^[A-Z0-9-]+$"),
                            ("invoice_prefix__regex", "^[A-Z0-9-]+$"),
                            models.Q(("invoice_prefix", models.F("bill_prefix")), _negated=True),
                        ),
                        name="tax_registration_prefixes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=oms.core.ids.uuid7, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("invoice", "Tax invoice"), ("bill_of_supply", "Bill of supply")],
                        default="invoice",
                        max_length=14,
                    ),
                ),
                ("number", models.CharField(max_length=16)),
                ("financial_year", models.SmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("issued", "Issued"), ("cancelled", "Cancelled")], default="issued", max_length=9
                    ),
                ),
                ("parcel_uid", models.UUIDField()),
                ("issued_on", models.DateField(help_text="The day at the node.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seller", models.JSONField()),
                ("ship_from", models.JSONField()),
                ("bill_to", models.JSONField()),
                ("ship_to", models.JSONField()),
                ("buyer_gstin", models.CharField(blank=True, max_length=15)),
                ("place_of_supply", models.CharField(max_length=2)),
                ("between_states", models.BooleanField()),
                ("taxable_minor", models.BigIntegerField()),
                ("cgst_minor", models.BigIntegerField(default=0)),
                ("sgst_minor", models.BigIntegerField(default=0)),
                ("igst_minor", models.BigIntegerField(default=0)),
                ("total_minor", models.BigIntegerField()),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_by", models.CharField(blank=True, max_length=120)),
                ("cancel_reason", models.CharField(blank=True, max_length=200)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="invoices", to="orders.order"
                    ),
                ),
                (
                    "registration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="orders.taxregistration",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.SmallIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("goods", "Goods"),
                            ("shipping", "Delivery"),
                            ("cod", "Cash on delivery"),
                            ("other", "Other charges"),
                        ],
                        default="goods",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=300)),
                ("sku_code", models.CharField(blank=True, max_length=80)),
                ("hsn", models.CharField(blank=True, max_length=8)),
                ("quantity", models.IntegerField()),
                ("gross_minor", models.BigIntegerField()),
                ("discount_minor", models.BigIntegerField(default=0)),
                (
                    "order_discount_minor",
                    models.BigIntegerField(
                        default=0, help_text="Of the discount, what was given on the order as a whole."
                    ),
                ),
                ("rate_bp", models.IntegerField()),
                ("taxable_minor", models.BigIntegerField()),
                ("cgst_minor", models.BigIntegerField(default=0)),
                ("sgst_minor", models.BigIntegerField(default=0)),
                ("igst_minor", models.BigIntegerField(default=0)),
                ("total_minor", models.BigIntegerField()),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="orders.invoice"
                    ),
                ),
                (
                    "order_line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_lines",
                        to="orders.orderline",
                    ),
                ),
            ],
            options={
                "ordering": ["invoice_id", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("invoice", "position"), name="invoice_line_once"),
                    models.CheckConstraint(
                        condition=models.Func(
                            models.F("kind"),
                            output_field=models.BooleanField(),
                            template='%(expressions)s = ANY (\'{"goods","shipping","cod","other"}\'::text[])',
                        ),
                        name="invoice_line_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1), ("quantity__lte", 1000000000)),
                        name="invoice_line_quantities_bounded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.functions.comparison.Least(
                                    "gross_minor",
                                    "discount_minor",
                                    "order_discount_minor",
                                    "taxable_minor",
                                    "cgst_minor",
                                    "sgst_minor",
                                    "igst_minor",
                                    "total_minor",
                                ),
                                0,
                            ),
                            django.db.models.lookups.LessThanOrEqual(
                                django.db.models.functions.comparison.Greatest(
                                    "gross_minor",
                                    "discount_minor",
                                    "order_discount_minor",
                                    "taxable_minor",
                                    "cgst_minor",
                                    "sgst_minor",
                                    "igst_minor",
                                    "total_minor",
                                ),
                                1000000000000,
                            ),
                        ),
                        name="invoice_line_money_bounded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cgst_minor", models.F("sgst_minor")),
                            (
                                "total_minor",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("gross_minor"), "-", models.F("discount_minor")
                                ),
                            ),
                            (
                                "total_minor",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("taxable_minor"), "+", models.F("cgst_minor")
                                        ),
                                        "+",
                                        models.F("sgst_minor"),
                                    ),
                                    "+",
                                    models.F("igst_minor"),
                                ),
                            ),
                        ),
                        name="invoice_line_adds_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceSeries",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("prefix", models.CharField(max_length=6)),
                ("financial_year", models.SmallIntegerField(help_text="The year in which it began, in April.")),
                ("last_number", models.IntegerField(default=0)),
                (
                    "registration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="series", to="orders.taxregistration"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "invoice series",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("registration", "financial_year", "prefix"), name="invoice_series_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_number__gte", 0)), name="invoice_series_counts_up"
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(fields=["issued_on", "id"], name="invoice_by_day"),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                fields=("registration", "financial_year", "number"), name="invoice_number_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(fields=("parcel_uid",), name="invoice_once_a_parcel"),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("kind"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"invoice","bill_of_supply"}\'::text[])',
                ),
                name="invoice_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"issued","cancelled"}\'::text[])',
                ),
                name="invoice_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "taxable_minor", "cgst_minor", "sgst_minor", "igst_minor", "total_minor"
                        ),
                        0,
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest(
                            "taxable_minor", "cgst_minor", "sgst_minor", "igst_minor", "total_minor"
                        ),
                        1000000000000,
                    ),
                ),
                name="invoice_money_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cgst_minor", models.F("sgst_minor")),
                    (
                        "total_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("taxable_minor"), "+", models.F("cgst_minor")
                                ),
                                "+",
                                models.F("sgst_minor"),
                            ),
                            "+",
                            models.F("igst_minor"),
                        ),
                    ),
                ),
                name="invoice_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("between_states", True), ("cgst_minor", 0)),
                    models.Q(("between_states", False), ("igst_minor", 0)),
                    _connector="OR",
                ),
                name="invoice_one_kind_of_tax",
            ),
        ),
        migrations.RunSQL(RULES, NO_RULES),
    ]
