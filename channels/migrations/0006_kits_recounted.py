"""A changed recipe changes how many kits may be sold: the kit is noted in the transaction of the change."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION channels_recount_kit() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO channels_recountdue (sku_id) VALUES (OLD.kit_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO channels_recountdue (sku_id) VALUES (NEW.kit_id);
    END IF;
    RETURN NULL;
END
$body$;

CREATE TRIGGER kit_component_recount AFTER INSERT OR UPDATE OR DELETE ON inventory_kitcomponent FOR EACH ROW
EXECUTE FUNCTION channels_recount_kit();
"""

BACKWARD = """
DROP TRIGGER kit_component_recount ON inventory_kitcomponent;
DROP FUNCTION channels_recount_kit();
"""


class Migration(migrations.Migration):
    dependencies = [("channels", "0005_recount_due"), ("inventory", "0007_documents")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
