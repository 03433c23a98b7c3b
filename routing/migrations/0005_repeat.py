"""A statement that finds out, at its end, that others were quicker takes everything back and is run again."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION routing_repeat_unless(holds boolean, problem text) RETURNS boolean LANGUAGE plpgsql AS $body$
BEGIN
    IF holds THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION '%', problem USING ERRCODE = 'serialization_failure';
END
$body$;
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0004_short_checks")]

    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION routing_repeat_unless(boolean, text)")]
