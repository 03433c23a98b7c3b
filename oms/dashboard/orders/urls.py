"""Addresses of the orders screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.orders import (
    action_views,
    bulk_views,
    cancel_views,
    change_views,
    detail_views,
    export_views,
    list_views,
    promise_views,
    why_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", list_views.order_list, name="orders"),
    path("live/", list_views.live_rows, name="orders_live"),
    path("tabs/", list_views.live_tabs, name="orders_tabs"),
    path("views/", list_views.save_as, name="orders_views"),
    path("views/<int:pk>/", list_views.save, name="orders_view_save"),
    path("views/<int:pk>/share/", list_views.share, name="orders_view_share"),
    path("views/<int:pk>/delete/", list_views.delete, name="orders_view_delete"),
    path("export/<slug:file_format>/", export_views.export, name="orders_export"),
    path("bulk/<uuid:uid>/", bulk_views.result, name="orders_bulk_result"),
    path("bulk/<uuid:uid>/failures.csv", bulk_views.failures, name="orders_bulk_failures"),
    path("bulk/<uuid:uid>/retry/", bulk_views.retry, name="orders_bulk_retry"),
    path("bulk/<uuid:uid>/undo/", bulk_views.undo, name="orders_bulk_undo"),
    path("bulk/<slug:action>/", bulk_views.bulk, name="orders_bulk"),
    path("<str:number>/", detail_views.order_page, name="order"),
    path("<str:number>/peek/", detail_views.peek, name="order_peek"),
    path("<str:number>/timeline/", detail_views.timeline, name="order_timeline"),
    path("<str:number>/labels/<int:pk>/", detail_views.label, name="order_label"),
    path("<str:number>/holds/", action_views.hold, name="order_hold"),
    path("<str:number>/holds/<int:pk>/release/", action_views.release, name="order_release"),
    path("<str:number>/release/", action_views.release_all, name="order_release_all"),
    path("<str:number>/notes/", action_views.note, name="order_note"),
    path("<str:number>/tags/", action_views.tags, name="order_tags"),
    path("<str:number>/messages/<int:pk>/resend/", action_views.resend_message, name="order_resend"),
    path("<str:number>/promise/faster/", promise_views.hasten, name="order_hasten"),
    path("<str:number>/promise/", promise_views.tell, name="order_tell"),
    path("<str:number>/cancel/", cancel_views.cancel, name="order_cancel"),
    path("<str:number>/reroute/", change_views.reroute, name="order_reroute"),
    path("<str:number>/why/<int:attempt>/", why_views.proof, name="order_proof"),
    path("<str:number>/why/<int:attempt>/<int:pk>/", why_views.other_node, name="order_other_node"),
    path("<str:number>/address/", change_views.address, name="order_address"),
]
