"""Addresses of failed deliveries and of parcels that do not travel as they should."""

from django.urls import URLPattern, path

from oms.dashboard.fulfil import ndr_acts, ndr_views, road_views

urlpatterns: list[URLPattern] = [
    path("ndr/", ndr_views.queue, name="fulfil_ndr"),
    path("ndr/export.csv", ndr_views.export, name="fulfil_ndr_csv"),
    path("ndr/answer/", ndr_acts.bulk, name="fulfil_ndr_bulk"),
    path("ndr/<int:pk>/", ndr_views.case, name="fulfil_ndr_case"),
    path("ndr/<int:pk>/answer/", ndr_acts.answer, name="fulfil_ndr_answer"),
    path("ndr/<int:pk>/told/", ndr_acts.told, name="fulfil_ndr_told"),
    path("road/", road_views.road, name="fulfil_road"),
    path("road/<int:pk>/", road_views.road_case, name="fulfil_road_case"),
    path("road/<int:pk>/act/", road_views.road_act, name="fulfil_road_act"),
]
