"""Every address of the project."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from oms.core.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("", include("oms.dashboard.urls")),
    path("s/", include("oms.store.urls")),
    path("t/", include("oms.portal.urls")),
    path("", include("channels.webhooks")),
    path("", include("carriers.webhooks")),
    path("", include("oms.notifications.webhooks")),
    path("api/", include("oms.api.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
