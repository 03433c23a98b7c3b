"""The pick list of a node on paper, for who picks without a phone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from carriers.labels import pick_list_pdf
from fulfillment.models import FulfillmentOrderState, Wave, WaveOrder
from fulfillment.selectors import TO_PICK, by_urgency, with_lines
from fulfillment.selectors.pick_lists import pick_list_of
from inventory.models import Node
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.clock import now
from oms.core.errors import Conflict, NotFound
from oms.dashboard.fulfil.work_views import scoped_work

#: Orders on one list, the first due first: what one person walks for.
MOST_ORDERS = 50
STATES = (FulfillmentOrderState.OPEN, *TO_PICK)


@require_safe
@requires("fulfillment.view")
def pick_list(request: HttpRequest) -> HttpResponse:
    """What is to be taken from the shelves of the node in the address, A4; waves have lists of their own.

    Raises NotFound for a node out of scope, Conflict where nothing waits.
    """
    code = request.GET.get("node", "")[:40]
    node = in_node_scope(Node.objects.filter(code=code), principal_of(request), "code").first()
    if node is None:
        raise NotFound(_("There is no node %(code)s.") % {"code": code}, field="node")
    in_waves = WaveOrder.objects.filter(left_at__isnull=True, wave__state__in=Wave.LIVE).values("fulfillment_order")
    work_here = scoped_work(principal_of(request)).filter(node=node, state__in=STATES, with_wms=False)
    found = by_urgency(work_here.exclude(pk__in=in_waves))
    work = list(with_lines(found)[:MOST_ORDERS])
    waiting = found.count() if len(work) == MOST_ORDERS else len(work)
    data = pick_list_of(node, work, now(), waiting=waiting) if work else None
    if data is None or not data.rows:
        raise Conflict(_("Nothing waits to be picked at %(node)s.") % {"node": code}, field="node")
    response = HttpResponse(pick_list_pdf(data), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="pick-list-{code}.pdf"'
    return response
