"""Safety stock comes from rules: what was set by hand before becomes a rule for exactly its SKU and node."""

from django.db import migrations, models

FORWARD = """
WITH made AS (
    INSERT INTO inventory_bufferrule (name, priority, node_id, node_kind, sku_id, category, brand, velocity,
        channel_code, measure, amount, is_active, note, changed_by, changed_at)
    SELECT left(sku.code || ' at ' || node.code, 120), 10, node.id, '', sku.id, '', '', '', '', 'units',
        level.safety_stock, true, 'Set by hand', 'migration', now()
    FROM inventory_stocklevel level JOIN inventory_sku sku ON sku.id = level.sku_id
    JOIN inventory_node node ON node.id = level.node_id
    WHERE level.safety_stock > 0 AND level.safety_rule_id IS NULL ORDER BY level.id
    RETURNING id, sku_id, node_id
)
UPDATE inventory_stocklevel level SET safety_rule_id = made.id
FROM made WHERE level.sku_id = made.sku_id AND level.node_id = made.node_id;
"""

BACKWARD = """
UPDATE inventory_stocklevel SET safety_rule_id = NULL
WHERE safety_rule_id IN (SELECT id FROM inventory_bufferrule WHERE changed_by = 'migration');
DELETE FROM inventory_bufferrule WHERE changed_by = 'migration';
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0012_receipts_in_detail")]

    operations = [
        migrations.AddIndex(
            model_name="stocklevel",
            index=models.Index(
                condition=models.Q(("safety_rule__isnull", False)), fields=["safety_rule"], name="stock_level_by_rule"
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
