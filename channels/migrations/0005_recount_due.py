"""Whatever changes what may be sold of a SKU leaves a row in its own transaction: triggers see to it.

Row triggers with a condition: a row of which ATP, inbound or unrouted demand stay as they were costs a comparison.
"""

from django.db import migrations, models

ATP = "{0}.on_hand - {0}.reserved - {0}.safety_stock"
WAITING = "{0}.unallocated + {0}.backordered"

FORWARD = f"""
ALTER TABLE channels_recountdue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

CREATE FUNCTION channels_recount_sku() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO channels_recountdue (sku_id) VALUES (NEW.sku_id);
    RETURN NULL;
END
$body$;

CREATE FUNCTION channels_recount_old_sku() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO channels_recountdue (sku_id) VALUES (OLD.sku_id);
    RETURN NULL;
END
$body$;

CREATE TRIGGER stock_level_recount AFTER UPDATE ON inventory_stocklevel FOR EACH ROW
WHEN ({ATP.format("OLD")} IS DISTINCT FROM {ATP.format("NEW")} OR OLD.inbound IS DISTINCT FROM NEW.inbound)
EXECUTE FUNCTION channels_recount_sku();

CREATE TRIGGER channel_buffer_recount AFTER INSERT OR UPDATE ON inventory_channelbuffer FOR EACH ROW
EXECUTE FUNCTION channels_recount_sku();
CREATE TRIGGER channel_buffer_recount_gone AFTER DELETE ON inventory_channelbuffer FOR EACH ROW
EXECUTE FUNCTION channels_recount_old_sku();

CREATE TRIGGER order_line_recount_new AFTER INSERT ON orders_orderline FOR EACH ROW
WHEN (NEW.sku_id IS NOT NULL AND {WAITING.format("NEW")} > 0)
EXECUTE FUNCTION channels_recount_sku();
CREATE TRIGGER order_line_recount AFTER UPDATE ON orders_orderline FOR EACH ROW
WHEN (NEW.sku_id IS NOT NULL AND {WAITING.format("OLD")} IS DISTINCT FROM {WAITING.format("NEW")})
EXECUTE FUNCTION channels_recount_sku();
"""  # noqa: S608 - two constants of this module

BACKWARD = """
DROP TRIGGER order_line_recount ON orders_orderline;
DROP TRIGGER order_line_recount_new ON orders_orderline;
DROP TRIGGER channel_buffer_recount_gone ON inventory_channelbuffer;
DROP TRIGGER channel_buffer_recount ON inventory_channelbuffer;
DROP TRIGGER stock_level_recount ON inventory_stocklevel;
DROP FUNCTION channels_recount_old_sku();
DROP FUNCTION channels_recount_sku();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0004_publication"),
        ("inventory", "0008_ledger_by_month"),
        ("orders", "0005_short_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecountDue",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sku_id", models.BigIntegerField()),
            ],
            options={"verbose_name_plural": "recounts due"},
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
