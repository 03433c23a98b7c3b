"""Photos of the checks that were done before a box was closed."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from fulfillment.models import PackProof
from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.dashboard.fulfil.work_views import scoped_work
from oms.dashboard.photos import photo_response


@require_safe
@requires("fulfillment.view")
def check_photo(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a packer photographed: papers with a name and an address may be in the picture."""
    principal = principal_of(request)
    proof = PackProof.objects.filter(pk=pk, fulfillment_order__in=scoped_work(principal)).first()
    if proof is None:
        raise NotFound(f"There is no check {pk}.")
    principal.require_labels()
    return photo_response(proof.photo, missing=f"The photo of check {pk} is not there.")
