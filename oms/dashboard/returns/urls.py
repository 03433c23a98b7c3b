"""Addresses of the returns screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.returns import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.return_list, name="returns"),
    path("desk/", views.desk, name="returns_desk"),
    path("desk/expect/", views.expect, name="returns_expect"),
    path("desk/sent-back/", views.sent_back, name="returns_sent_back"),
    path("<int:pk>/", views.return_page, name="return"),
    path("<int:pk>/preview/", views.preview, name="return_preview"),
    path("<int:pk>/receive/", views.receive_return, name="return_receive"),
]
