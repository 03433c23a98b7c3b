"""Entries of a timeline cannot be changed; order rows leave room for updates on the same page."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orders_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$body$;
CREATE TRIGGER order_event_append_only BEFORE UPDATE ON orders_orderevent
FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
ALTER TABLE orders_order SET (fillfactor = 80);
ALTER TABLE orders_orderline SET (fillfactor = 80);
"""

BACKWARD = """
DROP TRIGGER order_event_append_only ON orders_orderevent;
DROP FUNCTION orders_refuse_change();
ALTER TABLE orders_order RESET (fillfactor);
ALTER TABLE orders_orderline RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
