"""The whole pipeline on one screen: what happened, and what follows."""

from __future__ import annotations

from carriers.events import BookingSettled, TrackingRecorded
from channels.events import ListingsDirty, MessagesReceived, OrderUpdateQueued
from fulfillment.events import (
    DeliveryAnswered,
    DeliveryFailedAgain,
    FulfillmentReleased,
    InstructionsDue,
    LeftFromWms,
    NodeOverfull,
    NodeWorkLeft,
    ParcelNotServiceable,
    ParcelPacked,
    ParcelStaged,
    PickingStarted,
    ReturningToOrigin,
    SentToStore,
    ShipmentBooked,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentMoved,
    ShipmentVoided,
    ShortPicked,
    WorkWithdrawn,
)
from inventory.events import NodeCapacityChanged, NodeSwitched, StockArrived, StockChanged
from oms.core.events import Event
from oms.core.jobs import JobQueued
from oms.flow.deliveries import Step
from oms.flow.steps import channels, customers, decisions, long_work, nodes, parcels, systems, wms, work
from oms.integrations.events import WebhooksDue
from oms.notifications.events import MessageQueued
from orders.events import (
    AddressChanged,
    LineSubstituted,
    OrderCancelled,
    OrderCaptured,
    OrderHeld,
    OrderReleased,
    SubstitutionTakenBack,
)
from returns.events import ReturnReceived
from routing.events import OrderRouted, OrderUnroutable, WaitingOrdersTried

# The urgent ones wait for a batch of another to end: what is slow for each event comes in small batches.
route = Step("route", decisions.route, urgent=True)
open_work = Step("open_work", work.open_work)
release_work = Step("release_work", work.release_work)
hold_work = Step("hold_work", work.hold_work)
leave_waves = Step("leave_waves", work.leave_waves, batch=50, network=True)  # a transaction for each wave
reroute_moved = Step("reroute_moved", decisions.reroute_moved, batch=20)
tell_wms_of_address = Step("tell_wms_of_address", wms.tell_wms_of_address, batch=50, needed=wms.some_wms)
tell_wms = Step("tell_wms", wms.tell_wms, batch=1, network=True)  # one WMS at a time: one may be slow
book_left = Step("book_left", wms.book_left, batch=1, network=True)
retry_waiting = Step("retry_waiting", decisions.retry_waiting, batch=500)
retry_next_page = Step("retry_next_page", decisions.retry_next_page, batch=1)
node_switched = Step("node_switched", nodes.node_switched, batch=1)
capacity_changed = Step("capacity_changed", recorded=nodes.capacity_changed, batch=1, network=True)
reroute_refused = Step("reroute_refused", decisions.reroute_refused, batch=1, network=True)
withdraw_rest = Step("withdraw_rest", nodes.withdraw_rest, batch=1)
book_parcel = Step("book_parcel", parcels.book_parcels, batch=5, network=True)
book_settled = Step("book_settled", parcels.book_settled, batch=5, network=True)
void_label = Step("void_label", parcels.void_labels, batch=5, network=True)
apply_scans = Step("apply_scans", parcels.apply_scans)
tell_carrier = Step(
    "tell_carrier",
    parcels.tell_carriers,
    batch=5,
    network=True,
    on_dead=parcels.give_up_telling_of,
    on_replay=parcels.tell_again_of,
)
expect_return = Step("expect_return", parcels.expect_returns)
read_inbox = Step("read_inbox", channels.read_inbox, batch=500, network=True, urgent=True)
count_sellable = Step("count_sellable", channels.count_sellable, batch=500, urgent=True)
push_stock = Step("push_stock", channels.push_stock, batch=500, network=True, urgent=True)
substitute = Step(  # a transaction for each order
    "substitute", decisions.substitute, batch=20, network=True, needed=decisions.somebody_substitutes
)
tell_channel = Step("tell_channel", channels.tell_channel)
push_updates = Step("push_updates", channels.push_updates, batch=10, network=True)
write_customer = Step("write_customer", customers.write_customer, batch=20, needed=customers.somebody_is_written_to)
look_ahead = Step("look_ahead", decisions.look_ahead, batch=200, network=True)  # two short transactions of its own
send_mail = Step("send_mail", customers.send_mail, batch=10, network=True)
tell_systems = Step("tell_systems", recorded=systems.tell_systems, batch=500, needed=systems.somebody_listens)
send_webhooks = Step(  # one endpoint at a time: one may be slow
    "send_webhooks", systems.send_webhooks, batch=1, network=True
)
run_job = Step(  # its lease covers a slice and the last chunk of it
    "run_job",
    long_work.run_jobs,
    batch=1,
    network=True,
    leases=2.5,
    on_dead=long_work.give_up_job,
    on_replay=long_work.reopen_job,
)

#: What happened -> what follows. Steps of one event are independent of each other and may run in any order.
PIPELINE: dict[type[Event], tuple[Step, ...]] = {
    MessagesReceived: (read_inbox,),
    OrderCaptured: (route, write_customer, tell_systems),
    OrderHeld: (hold_work, leave_waves, look_ahead),
    OrderReleased: (route, release_work, look_ahead),
    AddressChanged: (reroute_moved, tell_wms_of_address, look_ahead),
    OrderCancelled: (leave_waves, tell_channel, write_customer, tell_systems, look_ahead),
    OrderRouted: (open_work, substitute, tell_systems, look_ahead),
    OrderUnroutable: (substitute, write_customer, tell_systems, look_ahead),
    LineSubstituted: (write_customer, tell_systems),
    SubstitutionTakenBack: (write_customer, tell_systems),
    FulfillmentReleased: (tell_channel,),
    InstructionsDue: (tell_wms,),
    LeftFromWms: (book_left,),
    WorkWithdrawn: (route, leave_waves, look_ahead),
    ShortPicked: (route, look_ahead),
    PickingStarted: (look_ahead,),
    ParcelPacked: (book_parcel, write_customer, look_ahead),
    ParcelStaged: (write_customer,),
    ShipmentBooked: (),
    BookingSettled: (book_settled,),
    ShipmentVoided: (void_label,),
    ShipmentHandedOver: (tell_channel, write_customer, tell_systems, look_ahead),
    SentToStore: (look_ahead,),
    TrackingRecorded: (apply_scans, look_ahead),
    ShipmentMoved: (write_customer, look_ahead),
    ShipmentDelivered: (tell_channel, write_customer, tell_systems, look_ahead),
    DeliveryFailedAgain: (write_customer,),
    DeliveryAnswered: (tell_carrier,),
    ReturningToOrigin: (expect_return, look_ahead),
    ReturnReceived: (tell_systems,),
    StockChanged: (count_sellable, tell_systems),
    StockArrived: (retry_waiting, tell_systems),
    WaitingOrdersTried: (retry_next_page,),
    NodeSwitched: (node_switched, tell_systems, look_ahead),
    NodeWorkLeft: (withdraw_rest,),
    NodeCapacityChanged: (capacity_changed, look_ahead),
    NodeOverfull: (capacity_changed,),
    ParcelNotServiceable: (reroute_refused,),
    ListingsDirty: (push_stock,),
    OrderUpdateQueued: (push_updates,),
    MessageQueued: (send_mail,),
    WebhooksDue: (send_webhooks,),
    JobQueued: (run_job,),
}

STEPS: dict[str, Step] = {step.name: step for steps in PIPELINE.values() for step in steps}
EVENT_STEPS: tuple[tuple[str, tuple[str, ...]], ...] = tuple(
    (event.kind, tuple(step.name for step in steps)) for event, steps in PIPELINE.items()
)


def steps_of_events() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every kind of event with the names of the steps that follow it at this moment."""
    idle = {step.name for step in STEPS.values() if step.needed is not None and not step.needed()}
    return tuple((kind, tuple(name for name in names if name not in idle)) for kind, names in EVENT_STEPS)
