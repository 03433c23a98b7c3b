"""Addresses of the promise screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.promise import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.tester, name="promise"),
    path("bulk/", views.bulk, name="promise_bulk"),
    path("reliability/", views.reliability, name="promise_reliability"),
]
