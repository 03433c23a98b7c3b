"""The form of a buffer rule."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import BufferMeasure, BufferRule, Node, NodeGroup, NodeKind, Sku, Velocity
from inventory.selectors import find_sku_by_code_or_barcode
from inventory.services import RuleTerms
from inventory.services.buffers import MOST_PRIORITY
from oms.accounts.access import Principal, in_channel_scope, in_node_scope
from oms.core.values import MAX_QUANTITY
from orders.models import SalesChannel

_ANY = ("", _("Any"))
_MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


#: Fields that a rule and its form call the same.
PLAIN = ("name", "measure", "amount", "node_kind", "category", "brand", "velocity", "starts_at", "ends_at", "is_active",
         "note")  # fmt: skip


class RuleForm(forms.Form):
    """Where units are kept back, and how many. Conditions that are left empty hold everywhere.

    People of some nodes make rules for those nodes only.
    """

    name = forms.CharField(label=_("Name"), max_length=120)
    measure = forms.ChoiceField(label=_("Keep back"), choices=BufferMeasure.choices, widget=forms.RadioSelect)
    amount = forms.IntegerField(label=_("How many"), min_value=0, max_value=MAX_QUANTITY,
                                help_text=_("Units, days or percent. 0 keeps nothing back."))  # fmt: skip
    node = forms.ModelChoiceField(
        label=_("Node"), queryset=Node.objects.none(), to_field_name="code", empty_label=_("Any"), required=False
    )
    node_kind = forms.ChoiceField(label=_("Kind of node"), choices=[_ANY, *NodeKind.choices], required=False)
    group = forms.ModelChoiceField(
        label=_("Group of nodes"), queryset=NodeGroup.objects.all(), to_field_name="code", empty_label=_("Any"),
        required=False,
    )  # fmt: skip
    sku = forms.CharField(label=_("SKU or barcode"), max_length=80, required=False)
    category = forms.CharField(label=_("Category"), max_length=120, required=False)
    brand = forms.CharField(label=_("Brand"), max_length=120, required=False)
    velocity = forms.ChoiceField(label=_("Sells there"), choices=[_ANY, *Velocity.choices], required=False)
    channel = forms.ModelChoiceField(
        label=_("Hidden from"), queryset=SalesChannel.objects.none(), to_field_name="code", required=False,
        empty_label=_("Everybody: safety stock"),
        help_text=_("Of a channel, it comes on top of the safety stock."),
    )  # fmt: skip
    starts_at = forms.DateTimeField(label=_("From"), required=False, widget=_MOMENT)
    ends_at = forms.DateTimeField(label=_("Until"), required=False, widget=_MOMENT)
    priority = forms.IntegerField(
        label=_("Place in order"), min_value=0, max_value=MOST_PRIORITY, required=False,
        help_text=_("Lower comes first; what is set by hand has 10. Empty: last."),
    )  # fmt: skip
    is_active = forms.BooleanField(label=_("In force"), required=False, initial=True)
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    seen_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        node, channel = self.fields["node"], self.fields["channel"]
        assert isinstance(node, forms.ModelChoiceField)
        assert isinstance(channel, forms.ModelChoiceField)
        node.queryset = in_node_scope(Node.objects.order_by("code"), principal, "code")
        channel.queryset = in_channel_scope(SalesChannel.objects.order_by("name"), principal, "code")

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

    def terms(self) -> RuleTerms:
        """What the valid form asks for."""
        data = self.cleaned_data
        plain = {name: data[name] for name in PLAIN}
        return RuleTerms(
            **plain, node_id=data["node"].pk if data["node"] else None, sku_id=data["sku"].pk if data["sku"] else None,
            group_id=data["group"].pk if data["group"] else None,
            channel_code=data["channel"].code if data["channel"] else "",
        )  # fmt: skip


def initial_of(rule: BufferRule) -> dict[str, Any]:
    """A rule as its form shows it."""
    return {name: getattr(rule, name) for name in (*PLAIN, "priority")} | {
        "node": rule.node.code if rule.node else "", "group": rule.group.code if rule.group else "",
        "sku": rule.sku.code if rule.sku else "", "channel": rule.channel_code, "seen_at": rule.changed_at.isoformat(),
    }  # fmt: skip
