"""Addresses of the store app."""

from django.urls import path

from oms.store import handover, lookup, packing, picking, tasks

app_name = "store"

urlpatterns = [
    path("", tasks.tasks, name="tasks"),
    path("node/", tasks.choose_node, name="node"),
    path("accept/", tasks.accept_list, name="accept"),
    path("accept/take/", tasks.accept_work, name="accept_work"),
    path("work/<int:pk>/", picking.open_work, name="work"),
    path("work/<int:pk>/reject/", tasks.reject_form, name="reject"),
    path("work/<int:pk>/reject/send/", tasks.reject_work, name="reject_work"),
    path("work/<int:pk>/pack/", packing.pack_page, name="pack"),
    path("work/<int:pk>/pack/close/", packing.pack_work, name="pack_work"),
    path("work/<int:pk>/packed/", packing.packed_page, name="packed"),
    path("work/<int:pk>/put-back/", tasks.put_back_done, name="put_back_done"),
    path("put-back/", tasks.put_back_list, name="put_back"),
    path("pick/", picking.pick_page, name="pick"),
    path("pick/scan/", picking.pick_scan, name="pick_scan"),
    path("pick/take/", picking.pick_take, name="pick_take"),
    path("pick/short/", picking.short_form, name="short"),
    path("pick/short/report/", picking.short_report, name="short_report"),
    path("labels/<int:pk>.pdf", packing.label_pdf, name="label"),
    path("handover/", handover.handover, name="handover"),
    path("handover/scan/", handover.handover_scan, name="handover_scan"),
    path("handover/open/", handover.manifest_open, name="manifest_open"),
    path("handover/<int:pk>/", handover.manifest_page, name="manifest"),
    path("handover/<int:pk>/scan/", handover.manifest_scan, name="manifest_scan"),
    path("handover/<int:pk>/close/", handover.manifest_close, name="manifest_close"),
    path("collect/<int:pk>/", handover.collect_page, name="collect"),
    path("collect/<int:pk>/done/", handover.collect_done, name="collect_done"),
    path("look-up/", lookup.lookup, name="lookup"),
    path("more/", lookup.more, name="more"),
]
