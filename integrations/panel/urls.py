"""Addresses of the panel. A call's key is 32 lower-hex characters and grants nothing."""

from __future__ import annotations

from django.urls import path, re_path

from integrations.panel import availability, choices, identity, reveal, search, views

_CALL = r"^(?P<org>[a-z0-9-]{2,40})/(?P<key>[0-9a-f]{32})/"

urlpatterns = [
    path("<slug:org>/", views.shell, name="panel-shell"),
    path("<slug:org>/open", views.open_panel, name="panel-open"),
    re_path(_CALL + "$", views.call_page, name="panel-call"),
    re_path(_CALL + "caller/$", views.caller, name="panel-caller"),
    re_path(_CALL + "stream/$", views.stream_caller, name="panel-stream"),
    re_path(_CALL + "reveal$", reveal.reveal_field, name="panel-reveal"),
    re_path(_CALL + "free$", availability.free, name="panel-free"),
    re_path(_CALL + "identity/ask$", identity.ask_caller, name="panel-identity-ask"),
    re_path(_CALL + "identity/answer$", identity.take_answer, name="panel-identity-answer"),
    re_path(_CALL + "identity/skip$", identity.skip_check, name="panel-identity-skip"),
    re_path(_CALL + "search$", search.search_people, name="panel-search"),
    re_path(_CALL + "search/pick$", search.pick_found, name="panel-search-pick"),
    re_path(_CALL + "pick$", choices.pick_person, name="panel-pick"),
    re_path(_CALL + "not-this-person$", choices.not_this_person, name="panel-not-this-person"),
    re_path(_CALL + "choose-again$", choices.choose_again, name="panel-choose-again"),
]
