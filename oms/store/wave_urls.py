"""Addresses of waves in the store."""

from django.urls import path

from oms.store import waves

urlpatterns = [
    path("waves/", waves.waves, name="waves"),
    path("waves/<int:pk>/", waves.wave, name="wave"),
    path("waves/<int:pk>/scan/", waves.wave_scan, name="wave_scan"),
    path("waves/<int:pk>/put/", waves.wave_put, name="wave_put"),
    path("waves/<int:pk>/short/", waves.wave_short, name="wave_short"),
    path("waves/<int:pk>/short/report/", waves.wave_short_report, name="wave_short_report"),
    path("waves/<int:pk>/take-over/", waves.wave_take_over, name="wave_take_over"),
    path("waves/<int:pk>/end/", waves.wave_end, name="wave_end"),
]
