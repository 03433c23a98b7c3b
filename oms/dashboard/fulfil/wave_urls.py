"""Addresses of the wave screens."""

from django.urls import URLPattern, URLResolver, path

from oms.dashboard.fulfil import wave_acts, wave_papers, wave_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("waves/", wave_views.wave_list, name="fulfil_waves"),
    path("waves/live/", wave_views.wave_live, name="fulfil_waves_live"),
    path("waves/make/", wave_acts.wave_make, name="fulfil_wave_make"),
    path("waves/bulk/", wave_acts.wave_bulk, name="fulfil_waves_bulk"),
    path("waves/pick-lists.pdf", wave_papers.wave_pick_lists, name="fulfil_waves_lists_pdf"),
    path("waves/<int:pk>/", wave_views.wave_page, name="fulfil_wave"),
    path("waves/<int:pk>/pick-list.pdf", wave_papers.wave_pick_list, name="fulfil_wave_list_pdf"),
    path("waves/<int:pk>/totes.pdf", wave_papers.wave_totes, name="fulfil_wave_totes_pdf"),
    path("waves/<int:pk>/assign/", wave_acts.wave_assign, name="fulfil_wave_assign"),
    path("waves/<int:pk>/take-out/", wave_acts.wave_take_out, name="fulfil_wave_take_out"),
    path("waves/<int:pk>/cancel/", wave_acts.wave_cancel, name="fulfil_wave_cancel"),
    path("waves/<int:pk>/finish/", wave_acts.wave_finish, name="fulfil_wave_finish"),
]
