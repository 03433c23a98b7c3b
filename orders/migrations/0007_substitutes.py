"""Whether a customer takes substitutes, and lines that were added in place of another.

The database looks at both lines when the transaction ends: of the line that was ordered at least as many units are
cancelled as its substitutes have that are not, so that no unit is ever sold twice.
"""

import django.db.models.deletion
from django.db import migrations, models

RULES = """
CREATE FUNCTION orders_check_substitutes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT o.sku_code INTO wrong
    FROM orders_orderline o JOIN orders_orderline s ON s.substitute_for_id = o.id
    WHERE o.id = coalesce(NEW.substitute_for_id, NEW.id)
    GROUP BY o.id
    HAVING sum(s.quantity - s.cancelled) > o.cancelled OR bool_or(s.order_id <> o.order_id)
        OR o.substitute_for_id IS NOT NULL OR o.kit_id IS NOT NULL;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'The units of % and of what was sold in its place do not match.', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_line_substitutes_match';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_line_added_in_place AFTER INSERT ON orders_orderline DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.substitute_for_id IS NOT NULL) EXECUTE FUNCTION orders_check_substitutes();
CREATE CONSTRAINT TRIGGER order_line_uncancelled AFTER UPDATE OF cancelled ON orders_orderline
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.cancelled < OLD.cancelled) EXECUTE FUNCTION orders_check_substitutes();
"""

NO_RULES = """
DROP TRIGGER order_line_uncancelled ON orders_orderline;
DROP TRIGGER order_line_added_in_place ON orders_orderline;
DROP FUNCTION orders_check_substitutes();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_order_kits"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="substitutions",
            field=models.CharField(
                choices=[("never", "Never"), ("allowed", "Allowed")], db_default="never", default="never", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="substitute_for",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="substitutes",
                to="orders.orderline",
            ),
        ),
        migrations.AddIndex(
            model_name="orderline",
            index=models.Index(
                condition=models.Q(("substitute_for__isnull", False)),
                fields=["substitute_for"],
                name="order_line_by_original",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("substitutions"),
                    output_field=models.BooleanField(),
                    template='%(expressions)s = ANY (\'{"never","allowed"}\'::text[])',
                ),
                name="order_substitutions_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("substitute_for__isnull", True),
                    models.Q(("kit__isnull", True), models.Q(("substitute_for", models.F("id")), _negated=True)),
                    _connector="OR",
                ),
                name="order_line_substitute_is_no_component",
            ),
        ),
        migrations.RunSQL(RULES, NO_RULES),
    ]
