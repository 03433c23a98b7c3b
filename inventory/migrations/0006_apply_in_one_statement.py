"""Postings move the balances in one statement; levels that are not there yet are made for the few that need one."""

from importlib import import_module

from django.db import migrations

rules = import_module("inventory.migrations.0002_ledger_rules")

FORWARD = f"""
CREATE OR REPLACE FUNCTION inventory_apply_movements() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    missing_skus bigint[];
    missing_nodes bigint[];
BEGIN
    WITH delta AS MATERIALIZED (
        SELECT sku_id, node_id,
        {rules.SUMS}
        FROM posted GROUP BY sku_id, node_id
    ),
    locked AS MATERIALIZED (
        SELECT level.id, level.sku_id, level.node_id
        FROM inventory_stocklevel level JOIN delta USING (sku_id, node_id)
        ORDER BY level.sku_id, level.node_id FOR NO KEY UPDATE OF level
    ),
    moved AS (
        UPDATE inventory_stocklevel level SET
          {rules.SETS},
          updated_at = now()
        FROM locked JOIN delta USING (sku_id, node_id)
        WHERE level.id = locked.id
    )
    SELECT array_agg(sku_id ORDER BY sku_id, node_id), array_agg(node_id ORDER BY sku_id, node_id)
    INTO missing_skus, missing_nodes
    FROM delta WHERE (sku_id, node_id) NOT IN (SELECT sku_id, node_id FROM locked);

    IF missing_skus IS NOT NULL THEN
        INSERT INTO inventory_stocklevel (sku_id, node_id)
        SELECT * FROM unnest(missing_skus, missing_nodes)
        ON CONFLICT (sku_id, node_id) DO NOTHING;

        UPDATE inventory_stocklevel level SET
          {rules.SETS},
          updated_at = now()
        FROM (
            SELECT sku_id, node_id,
            {rules.SUMS}
            FROM posted JOIN unnest(missing_skus, missing_nodes) AS missing(sku_id, node_id) USING (sku_id, node_id)
            GROUP BY sku_id, node_id
        ) delta
        WHERE level.sku_id = delta.sku_id AND level.node_id = delta.node_id;
    END IF;
    RETURN NULL;
END
$body$;
"""  # noqa: S608 - only column names of the ledger are put in

BACKWARD = rules.FORWARD[: rules.FORWARD.index("CREATE TRIGGER stock_movement_applies")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0005_short_checks")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
