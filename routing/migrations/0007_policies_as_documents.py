"""Policies become documents of rules: drafts, published versions that never change, and trials beside the live one.

Each version there is becomes a document with one rule for every order. Taken back, a version keeps the weights, parcels
and partial shipping of its last rule that is on; drafts are lost.
"""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone

import oms.core.constraints


def _settle(schema_editor):
    """Check keys now: a table with checks to come cannot be altered."""
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


def to_documents(apps, schema_editor):
    policies = apps.get_model("routing", "RoutingPolicy").objects
    for row in policies.all():
        rule = {
            "name": "Every order",
            "weights": row.weights,
            "split": {"max_shipments": min(10, max(1, row.max_shipments))},
            "fallback": {"partial": row.allow_partial},
        }
        row.document = {"rules": [rule]}
        row.state = "live" if row.is_active else "archived"
        row.note = row.note or "Published before reasons were asked for."
        row.published_at = row.published_at or timezone.now()
        row.live_since = row.published_at
        row.archived_at = None if row.is_active else row.published_at
        row.save()
    _settle(schema_editor)


def to_columns(apps, schema_editor):
    policies = apps.get_model("routing", "RoutingPolicy").objects
    policies.filter(state="draft").delete()
    for row in policies.all():
        rules = [rule for rule in row.document["rules"] if rule.get("enabled", True)] or row.document["rules"]
        last = rules[-1]
        row.weights = last.get("weights", {})
        row.max_shipments = last.get("split", {}).get("max_shipments", 3)
        row.allow_partial = last.get("fallback", {}).get("partial", True)
        row.is_active = row.state == "live"
        row.save()
    _settle(schema_editor)


GUARD = """
CREATE FUNCTION routing_refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'A published policy is never deleted: decisions refer to it'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'routing_policy_published_stays';
    END IF;
    IF NEW.state = 'draft'
       OR to_jsonb(OLD) - '{state,live_since,archived_at,base_id}'::text[]
          <> to_jsonb(NEW) - '{state,live_since,archived_at,base_id}'::text[] THEN
        RAISE EXCEPTION 'A published policy never changes: restore it as a draft'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'routing_policy_published_stays';
    END IF;
    RETURN NEW;
END
$body$;

CREATE TRIGGER routing_policy_published_stays BEFORE UPDATE OR DELETE ON routing_routingpolicy
FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION routing_refuse_policy_change();
"""

NO_GUARD = """
DROP TRIGGER routing_policy_published_stays ON routing_routingpolicy;
DROP FUNCTION routing_refuse_policy_change();
"""
_STATES = [("draft", "Draft"), ("canary", "On trial"), ("live", "Live"), ("archived", "Past")]
_CODES = models.CharField(max_length=40)


class Migration(migrations.Migration):
    dependencies = [("routing", "0006_sourcing_cap")]

    operations = [
        migrations.RemoveConstraint(model_name="routingpolicy", name="routing_policy_one_active"),
        migrations.AlterField(
            model_name="routingpolicy",
            name="version",
            field=models.PositiveIntegerField(
                blank=True, help_text="Given when it is published.", null=True, unique=True
            ),
        ),
        migrations.AlterField(
            model_name="routingpolicy",
            name="note",
            field=models.CharField(blank=True, help_text="Why it was published.", max_length=300),
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="document",
            field=models.JSONField(default=dict, help_text="As routing.policy.document writes it."),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="state",
            field=models.CharField(choices=_STATES, default="draft", max_length=10),
        ),
        migrations.AddField(
            model_name="routingpolicy", name="edit_version", field=models.PositiveIntegerField(default=1)
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="base",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="drafts",
                to="routing.routingpolicy",
            ),
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="created_by",
            field=models.CharField(blank=True, default="", max_length=120),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="edited_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="routingpolicy",
            name="edited_by",
            field=models.CharField(blank=True, default="", max_length=120),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="routingpolicy", name="live_since", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="routingpolicy", name="archived_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunPython(to_documents, to_columns),
        migrations.RemoveField(model_name="routingpolicy", name="weights"),
        migrations.RemoveField(model_name="routingpolicy", name="max_shipments"),
        migrations.RemoveField(model_name="routingpolicy", name="allow_partial"),
        migrations.RemoveField(model_name="routingpolicy", name="is_active"),
        migrations.AddConstraint(
            model_name="routingpolicy",
            constraint=models.CheckConstraint(
                condition=oms.core.constraints.among("state", *(state for state, _ in _STATES)),
                name="routing_policy_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="routingpolicy",
            constraint=models.UniqueConstraint(
                condition=Q(state="live"), fields=("state",), name="routing_policy_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="routingpolicy",
            constraint=models.UniqueConstraint(
                condition=Q(state="canary"), fields=("state",), name="routing_policy_one_canary"
            ),
        ),
        migrations.AddConstraint(
            model_name="routingpolicy",
            constraint=models.CheckConstraint(
                condition=Q(state="draft", version__isnull=True, published_at__isnull=True)
                | Q(~Q(state="draft"), ~Q(note=""), version__isnull=False, published_at__isnull=False),
                name="routing_policy_published_whole",
            ),
        ),
        migrations.CreateModel(
            name="RoutingCanary",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(base_field=_CODES, blank=True, default=list, size=None),
                ),
                (
                    "percent",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ]
                    ),
                ),
                ("max_unroutable_points", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("max_cost_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("min_decisions", models.PositiveIntegerField(default=200)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_by", models.CharField(max_length=120)),
                ("widened_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_by", models.CharField(blank=True, max_length=120)),
                ("stop_reason", models.CharField(blank=True, max_length=300)),
                (
                    "baseline",
                    models.ForeignKey(
                        help_text="Live when it began.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="trials",
                        to="routing.routingpolicy",
                    ),
                ),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="canary", to="routing.routingpolicy"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "routing canaries",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(percent__gte=1, percent__lte=100), name="routing_canary_percent_real"
                    ),
                    models.CheckConstraint(condition=Q(min_decisions__gte=1), name="routing_canary_decides_first"),
                ],
            },
        ),
        migrations.AddField(
            model_name="routingdecision",
            name="rule",
            field=models.CharField(
                db_default="", default="", help_text="Name of the rule of the policy that decided.", max_length=80
            ),
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
    ]
