"""The form of a replenishment rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import Node, NodeKind, ReplenishmentRule, Sku
from inventory.selectors import find_sku_by_code_or_barcode
from inventory.services.replenishment_rules import MOST_DAYS, MOST_PRIORITY, ReplenishmentTerms
from oms.accounts.access import Principal, in_node_scope
from oms.core.values import MAX_QUANTITY

#: Fields that a rule and its form call the same.
PLAIN = ("name", "category", "review_days", "transfer_days", "least_stock", "most_stock", "is_active")


class ReplenishmentRuleForm(forms.Form):
    """Where stock is kept up, and how. Conditions that are left empty hold everywhere.

    People of some nodes make rules for those nodes only; goods may come from any node.
    """

    name = forms.CharField(label=_("Name"), max_length=120)
    node = forms.ModelChoiceField(
        label=_("Node"), queryset=Node.objects.none(), to_field_name="code", empty_label=_("Any"), required=False
    )
    sku = forms.CharField(label=_("SKU or barcode"), max_length=80, required=False)
    category = forms.CharField(label=_("Category"), max_length=120, required=False)
    service_level = forms.DecimalField(
        label=_("Service level"), min_value=50, max_value=Decimal("99.99"), max_digits=4, decimal_places=2,
        help_text=_("Percent of the times between two deliveries that end without running out."),
    )  # fmt: skip
    review_days = forms.IntegerField(
        label=_("An order is to last"), min_value=1, max_value=MOST_DAYS, help_text=_("Days of demand on top.")
    )
    from_node = forms.ModelChoiceField(
        label=_("Comes from"), queryset=Node.objects.none(), to_field_name="code", required=False,
        empty_label=_("The supplier"),
        help_text=_("What this node has above its own reorder point. If it has none, the goods are bought."),
    )  # fmt: skip
    transfer_days = forms.IntegerField(label=_("A transfer takes"), min_value=0, max_value=MOST_DAYS)
    least_stock = forms.IntegerField(
        label=_("Least stock"), min_value=0, max_value=MAX_QUANTITY,
        help_text=_("Reordered no later than at so many units, also while nothing is known of demand."),
    )  # fmt: skip
    most_stock = forms.IntegerField(
        label=_("Most stock"), min_value=0, max_value=MAX_QUANTITY, required=False,
        help_text=_("Never ordered above so many units."),
    )  # fmt: skip
    priority = forms.IntegerField(
        label=_("Place in order"), min_value=0, max_value=MOST_PRIORITY, required=False,
        help_text=_("Of several rules the first that fits counts. Lower comes first; empty: last."),
    )  # fmt: skip
    is_active = forms.BooleanField(label=_("In force"), required=False, initial=True)
    seen_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        node, source = self.fields["node"], self.fields["from_node"]
        assert isinstance(node, forms.ModelChoiceField)
        assert isinstance(source, forms.ModelChoiceField)
        own = Node.objects.exclude(kind=NodeKind.SUPPLIER).order_by("code")
        node.queryset, source.queryset = in_node_scope(own, principal, "code"), own

    def clean_sku(self) -> Sku | None:
        """The SKU that was typed or scanned."""
        text = self.cleaned_data["sku"].strip()
        sku = find_sku_by_code_or_barcode(text) if text else None
        if text and sku is None:
            raise forms.ValidationError(_("There is no SKU %(code)s."), params={"code": text})
        return sku

    def clean(self) -> dict[str, Any]:
        """A rule without a node counts at every node, and so is for people of all nodes."""
        data = super().clean() or {}
        if not self.principal.all_nodes and not data.get("node") and "node" not in self.errors:
            self.add_error("node", _("Choose one of your nodes: a rule for all nodes is for people of all nodes."))
        return data

    def terms(self) -> ReplenishmentTerms:
        """What the valid form asks for."""
        data = self.cleaned_data
        return ReplenishmentTerms(
            **{name: data[name] for name in PLAIN}, node_id=data["node"].pk if data["node"] else None,
            sku_id=data["sku"].pk if data["sku"] else None, service_level_bp=int(data["service_level"] * 100),
            from_node_id=data["from_node"].pk if data["from_node"] else None,
        )  # fmt: skip


def initial_of(rule: ReplenishmentRule) -> dict[str, Any]:
    """A rule as its form shows it."""
    return {name: getattr(rule, name) for name in (*PLAIN, "priority")} | {
        "node": rule.node.code if rule.node else "", "from_node": rule.from_node.code if rule.from_node else "",
        "sku": rule.sku.code if rule.sku else "", "service_level": f"{rule.service_level_bp / 100:g}",
        "seen_at": rule.changed_at.isoformat(),
    }  # fmt: skip
