"""Addresses of the fulfil screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.fulfil import (
    bench_views,
    invoice_views,
    label_views,
    manifest_views,
    paper_views,
    pick_list_views,
    work_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", work_views.work_list, name="fulfil"),
    path("find/", work_views.find, name="fulfil_find"),
    path("pick-list.pdf", pick_list_views.pick_list, name="fulfil_pick_list"),
    path("pack/", bench_views.station, name="fulfil_pack"),
    path("pack/node/", bench_views.choose_node, name="fulfil_pack_node"),
    path("pack/scan/", bench_views.scan, name="fulfil_pack_scan"),
    path("pack/do/", bench_views.act, name="fulfil_pack_act"),
    path("pack/counts/", bench_views.counts, name="fulfil_pack_counts"),
    path("pack/label/<int:pk>/", bench_views.label_panel, name="fulfil_pack_label"),
    path("pack/commands.pdf", bench_views.commands, name="fulfil_pack_commands"),
    path("labels/", label_views.label_queue, name="fulfil_labels"),
    path("labels/retry/", label_views.retry_all, name="fulfil_retry_all"),
    path("parcels/<int:pk>/", label_views.parcel, name="fulfil_parcel"),
    path("parcels/<int:pk>/label.pdf", label_views.label_pdf, name="fulfil_label"),
    path("parcels/<int:pk>/slip.pdf", paper_views.slip_pdf, name="fulfil_slip"),
    path("parcels/<int:pk>/invoice.pdf", paper_views.invoice_pdf, name="fulfil_invoice"),
    path("parcels/<int:pk>/invoice/", paper_views.invoice_issue, name="fulfil_invoice_issue"),
    path("parcels/<int:pk>/retry/", label_views.retry, name="fulfil_retry"),
    path("parcels/<int:pk>/book/", label_views.book_with, name="fulfil_book"),
    path("parcels/<int:pk>/apart/", label_views.take_parcel_apart, name="fulfil_apart"),
    path("invoices/", invoice_views.register, name="fulfil_invoices"),
    path("invoices/missing/", invoice_views.issue_missing, name="fulfil_invoices_missing"),
    path("invoices.csv", invoice_views.export, name="fulfil_invoices_csv"),
    path("manifests/", manifest_views.manifest_list, name="fulfil_manifests"),
    path("manifests/open/", manifest_views.manifest_open, name="fulfil_manifest_open"),
    path("manifests/<int:pk>/", manifest_views.manifest_page, name="fulfil_manifest"),
    path("manifests/<int:pk>/scan/", manifest_views.manifest_scan, name="fulfil_manifest_scan"),
    path("manifests/<int:pk>/all/", manifest_views.manifest_all, name="fulfil_manifest_all"),
    path("manifests/<int:pk>/close/", manifest_views.manifest_close, name="fulfil_manifest_close"),
    path("manifests/<int:pk>/manifest.pdf", manifest_views.manifest_paper, name="fulfil_manifest_pdf"),
]
