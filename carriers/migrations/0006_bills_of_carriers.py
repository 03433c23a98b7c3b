"""Bills of carriers: kept as they came, decided once."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.lookups
from django.db import migrations, models

RULES = """
-- A bill stays as it came; settled it is only when every line is.
CREATE FUNCTION carriers_keep_bill() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.account_id, NEW.number, NEW.billed_on, NEW.currency, NEW.filename, NEW.raw,
        NEW.fingerprint, NEW.created_by, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.account_id, OLD.number,
        OLD.billed_on, OLD.currency, OLD.filename, OLD.raw, OLD.fingerprint, OLD.created_by, OLD.created_at) THEN
        RAISE EXCEPTION 'Bill % stays as it was received', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'settled' AND OLD.state <> 'settled' AND EXISTS (
        SELECT FROM carriers_billline WHERE bill_id = NEW.id AND state IN ('open', 'disputed')
    ) THEN
        RAISE EXCEPTION 'Bill % has lines that are not settled', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER carrier_bill_stays BEFORE UPDATE OR DELETE ON carriers_carrierbill
FOR EACH ROW EXECUTE FUNCTION carriers_keep_bill();

CREATE FUNCTION carriers_keep_bill_line() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    ours CONSTANT text[] := '{booking_id,finding,expected_minor,expected_grams,expected_zone,slabs_over,claim_minor,'
        'evidence,state,why,decided_by,decided_at,disputed_minor,credited_minor,credit_id}';
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - ours <> to_jsonb(OLD) - ours THEN
        RAISE EXCEPTION 'Line % of bill % stays as it was billed', OLD.row, OLD.bill_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('accepted', 'credited') AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
        RAISE EXCEPTION 'Line % of bill % was % already', OLD.row, OLD.bill_id, OLD.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER bill_line_stays BEFORE UPDATE OR DELETE ON carriers_billline
FOR EACH ROW EXECUTE FUNCTION carriers_keep_bill_line();

CREATE TRIGGER credit_note_stays BEFORE UPDATE OR DELETE ON carriers_creditnote
FOR EACH ROW EXECUTE FUNCTION carriers_keep_cash();

-- The shares of the lines make up their credit note, from the day on which it is written.
CREATE FUNCTION carriers_credit_adds_up() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    note carriers_creditnote%ROWTYPE;
    shares bigint;
BEGIN
    IF TG_TABLE_NAME = 'carriers_creditnote' THEN
        note := NEW;
    ELSE
        SELECT * INTO note FROM carriers_creditnote WHERE id = NEW.credit_id;
    END IF;
    SELECT coalesce(sum(credited_minor), 0) INTO shares FROM carriers_billline
    WHERE credit_id = note.id AND bill_id = note.bill_id;
    IF shares <> note.amount_minor THEN
        RAISE EXCEPTION 'Credit note % is over %, its lines over %', note.number, note.amount_minor, shares
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$body$;
CREATE CONSTRAINT TRIGGER credit_note_adds_up AFTER INSERT ON carriers_creditnote
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION carriers_credit_adds_up();
CREATE CONSTRAINT TRIGGER bill_line_share_adds_up AFTER UPDATE OF credit_id ON carriers_billline
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.credit_id IS NOT NULL)
EXECUTE FUNCTION carriers_credit_adds_up();
"""

NO_RULES = """
DROP TRIGGER bill_line_share_adds_up ON carriers_billline;
DROP TRIGGER credit_note_adds_up ON carriers_creditnote;
DROP FUNCTION carriers_credit_adds_up();
DROP TRIGGER credit_note_stays ON carriers_creditnote;
DROP TRIGGER bill_line_stays ON carriers_billline;
DROP FUNCTION carriers_keep_bill_line();
DROP TRIGGER carrier_bill_stays ON carriers_carrierbill;
DROP FUNCTION carriers_keep_bill();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("carriers", "0005_cash_of_carriers"),
    ]

    operations = [
        migrations.CreateModel(
            name="BillLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("row", models.PositiveIntegerField()),
                ("awb", models.CharField(max_length=60)),
                ("billed_grams", models.PositiveIntegerField(blank=True, null=True)),
                ("zone", models.CharField(blank=True, max_length=20)),
                ("freight_minor", models.BigIntegerField(default=0)),
                ("fuel_minor", models.BigIntegerField(default=0)),
                ("cod_fee_minor", models.BigIntegerField(default=0)),
                ("return_minor", models.BigIntegerField(default=0)),
                ("other_minor", models.BigIntegerField(default=0)),
                ("gst_minor", models.BigIntegerField(default=0)),
                ("total_minor", models.BigIntegerField()),
                (
                    "finding",
                    models.CharField(
                        choices=[
                            ("unchecked", "Not checked yet"),
                            ("equal", "As expected"),
                            ("less", "Less than expected"),
                            ("weight", "Heavier than ours"),
                            ("rate", "Another rate"),
                            ("return", "Return that was none"),
                            ("cancelled", "Parcel was cancelled"),
                            ("twice", "Billed twice"),
                            ("unknown", "Unknown AWB"),
                            ("no_price", "No price to compare"),
                        ],
                        default="unchecked",
                        max_length=10,
                    ),
                ),
                ("expected_minor", models.BigIntegerField(blank=True, null=True)),
                ("expected_grams", models.PositiveIntegerField(blank=True, null=True)),
                ("expected_zone", models.CharField(blank=True, max_length=20)),
                ("slabs_over", models.IntegerField(default=0)),
                ("claim_minor", models.BigIntegerField(default=0)),
                ("evidence", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "To decide"),
                            ("disputed", "Disputed"),
                            ("accepted", "Accepted"),
                            ("credited", "Credited"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("why", models.CharField(blank=True, max_length=300)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("disputed_minor", models.BigIntegerField(default=0)),
                ("credited_minor", models.BigIntegerField(default=0)),
            ],
            options={
                "ordering": ["bill_id", "row"],
            },
        ),
        migrations.CreateModel(
            name="CarrierBill",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=60)),
                ("billed_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("checked", "Checked"),
                            ("disputed", "Partly disputed"),
                            ("settled", "Settled"),
                        ],
                        default="received",
                        max_length=10,
                    ),
                ),
                ("filename", models.CharField(blank=True, max_length=200)),
                ("raw", models.BinaryField()),
                ("fingerprint", models.CharField(help_text="SHA-256 of what its lines say.", max_length=64)),
                ("created_by", models.CharField(blank=True, max_length=150)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-billed_on", "-id"],
            },
        ),
        migrations.CreateModel(
            name="CreditNote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=60)),
                ("issued_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("created_by", models.CharField(blank=True, max_length=150)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="cashentry",
            name="cash_entry_book_known",
        ),
        migrations.RemoveConstraint(
            model_name="cashtransaction",
            name="cash_transaction_event_known",
        ),
        migrations.AlterField(
            model_name="cashentry",
            name="book",
            field=models.CharField(
                choices=[
                    ("due", "With the carrier"),
                    ("bank", "In the bank"),
                    ("deducted", "Kept back by the carrier"),
                    ("written_off", "Written off"),
                    ("customers", "Paid by customers"),
                    ("excess", "Paid too much"),
                    ("unknown", "Paid for unknown parcels"),
                    ("charges", "Charges of carriers"),
                    ("payable", "Owed to the carrier"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="cashtransaction",
            name="event",
            field=models.CharField(
                choices=[
                    ("collected", "Delivered and collected"),
                    ("not_collected", "Not delivered after all"),
                    ("remitted", "Remitted"),
                    ("assigned", "Assigned to its parcel"),
                    ("written_off", "Written off"),
                    ("taken_back", "Taken back"),
                    ("billed", "Billed and accepted"),
                ],
                max_length=14,
            ),
        ),
        migrations.AddConstraint(
            model_name="cashentry",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("book"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"due","bank","deducted","written_off","customers","excess","unknown","charges","payable"}\'::text[])',
                ),
                name="cash_entry_book_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashtransaction",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("event"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"collected","not_collected","remitted","assigned","written_off","taken_back","billed"}\'::text[])',
                ),
                name="cash_transaction_event_known",
            ),
        ),
        migrations.AddField(
            model_name="billline",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="carriers.carrieraccount"
            ),
        ),
        migrations.AddField(
            model_name="billline",
            name="booking",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="billed",
                to="carriers.booking",
            ),
        ),
        migrations.AddField(
            model_name="billline",
            name="first",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="again",
                to="carriers.billline",
            ),
        ),
        migrations.AddField(
            model_name="carrierbill",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="bills", to="carriers.carrieraccount"
            ),
        ),
        migrations.AddField(
            model_name="billline",
            name="bill",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="carriers.carrierbill"
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="carriers.carrieraccount"
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="bill",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="credits", to="carriers.carrierbill"
            ),
        ),
        migrations.AddField(
            model_name="billline",
            name="credit",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="carriers.creditnote",
            ),
        ),
        migrations.AddConstraint(
            model_name="carrierbill",
            constraint=models.UniqueConstraint(fields=("account", "number"), name="carrier_bill_once"),
        ),
        migrations.AddConstraint(
            model_name="carrierbill",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"received","checked","disputed","settled"}\'::text[])',
                ),
                name="carrier_bill_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.UniqueConstraint(fields=("account", "number"), name="credit_note_once"),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gte", 1), ("amount_minor__lte", 1000000000000)),
                name="credit_note_money_bounded",
            ),
        ),
        migrations.AddIndex(
            model_name="billline",
            index=models.Index(fields=["account", "awb"], name="bill_line_by_awb"),
        ),
        migrations.AddIndex(
            model_name="billline",
            index=models.Index(fields=["bill", "finding", "row"], name="bill_line_by_finding"),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.UniqueConstraint(fields=("bill", "row"), name="bill_line_once"),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("first__isnull", True), ("freight_minor__gt", 0)),
                fields=("account", "awb"),
                name="bill_line_way_out_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("first__isnull", True), ("return_minor__gt", 0)),
                fields=("account", "awb"),
                name="bill_line_way_back_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("finding"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"unchecked","equal","less","weight","rate","return","cancelled","twice","unknown","no_price"}\'::text[])',
                ),
                name="bill_line_finding_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("state"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"open","disputed","accepted","credited"}\'::text[])',
                ),
                name="bill_line_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "freight_minor",
                            "fuel_minor",
                            "cod_fee_minor",
                            "return_minor",
                            "other_minor",
                            "gst_minor",
                            "total_minor",
                            "claim_minor",
                            "disputed_minor",
                            "credited_minor",
                        ),
                        0,
                    ),
                    django.db.models.lookups.LessThanOrEqual(
                        django.db.models.functions.comparison.Greatest(
                            "freight_minor",
                            "fuel_minor",
                            "cod_fee_minor",
                            "return_minor",
                            "other_minor",
                            "gst_minor",
                            "total_minor",
                            "claim_minor",
                            "disputed_minor",
                            "credited_minor",
                        ),
                        1000000000000,
                    ),
                ),
                name="bill_line_money_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total_minor__range",
                        (
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("freight_minor"), "+", models.F("fuel_minor")
                                                ),
                                                "+",
                                                models.F("cod_fee_minor"),
                                            ),
                                            "+",
                                            models.F("return_minor"),
                                        ),
                                        "+",
                                        models.F("other_minor"),
                                    ),
                                    "+",
                                    models.F("gst_minor"),
                                ),
                                "-",
                                models.Value(100),
                            ),
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("freight_minor"), "+", models.F("fuel_minor")
                                                ),
                                                "+",
                                                models.F("cod_fee_minor"),
                                            ),
                                            "+",
                                            models.F("return_minor"),
                                        ),
                                        "+",
                                        models.F("other_minor"),
                                    ),
                                    "+",
                                    models.F("gst_minor"),
                                ),
                                "+",
                                models.Value(100),
                            ),
                        ),
                    )
                ),
                name="bill_line_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "open"),
                    models.Q(("decided_at__isnull", False), models.Q(("finding", "unchecked"), _negated=True)),
                    _connector="OR",
                ),
                name="bill_line_decided_after_check",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "disputed"), _negated=True),
                    models.Q(("disputed_minor__gt", 0), models.Q(("why", ""), _negated=True)),
                    _connector="OR",
                ),
                name="bill_line_dispute_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("credited_minor__lte", models.F("disputed_minor")),
                    ("disputed_minor__lte", models.F("total_minor")),
                ),
                name="bill_line_credit_within",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("credit__isnull", False), ("state", "credited")),
                    models.Q(
                        models.Q(("state", "credited"), _negated=True), ("credit__isnull", True), ("credited_minor", 0)
                    ),
                    _connector="OR",
                ),
                name="bill_line_credit_has_note",
            ),
        ),
        migrations.RunSQL(RULES, NO_RULES),
    ]
