"""Logging in and out, and a new password: the forms, and what of them goes on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.auth.views import LogoutView, PasswordResetView
from django.core.cache import cache
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from integrations.dashboard.session_store import ended
from integrations.disclosure import audit
from integrations.disclosure.refusals import count_refusal
from integrations.disclosure.viewers import people_of
from integrations.errors import AuditUnavailable
from integrations.models import ActorKind, Channel, Event, Organization, User

log = structlog.get_logger(__name__)

ORGANIZATION = "organization"  # the session's key for the slug of the current organisation

# A person is mailed once in so long, and so many requests are taken from one address in that time.
RESET_PAUSE_S, RESET_WINDOW_S, MAX_RESETS = 300, 900, 20


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "The user name or password is wrong. Check for capital letters and try again, or set a new password."
        ),
    }


class NewPasswordForm(PasswordResetForm):
    """Mails a link to the portal's public address, whatever address the request came in by."""

    def get_users(self, email: str) -> Iterator[User]:
        """Users with this address who may log in, invited ones without a password included; each once in five minutes."""
        for user in User.objects.filter(email__iexact=email, is_active=True):
            if user.email.casefold() == email.casefold() and cache.add(f"reset:{user.pk}", 1, RESET_PAUSE_S) is not False:
                yield user

    def save(self, *args: Any, **options: Any) -> None:
        public = urlsplit(settings.PUBLIC_URL)
        if public.netloc:
            options["extra_email_context"] = {"protocol": public.scheme, "domain": public.netloc}
        super().save(*args, **options)


class NewPasswordView(PasswordResetView):
    """Takes so many requests from one address and no more: each may send a mail."""

    form_class = NewPasswordForm
    email_template_name = "registration/password_reset_email.txt"

    def post(self, request: HttpRequest, *args: Any, **facts: Any) -> HttpResponse:
        if self._is_too_much(request):
            form = self.get_form()
            form.add_error(None, _("Too many requests from here. Try again in 15 minutes."))
            return self.render_to_response(self.get_context_data(form=form), status=429)
        return super().post(request, *args, **facts)

    def _is_too_much(self, request: HttpRequest) -> bool:
        name = f"resets:{request.META.get('REMOTE_ADDR', '')}"
        if cache.add(name, 1, RESET_WINDOW_S):
            return False
        try:
            return bool((cache.incr(name) or 0) > MAX_RESETS)
        except ValueError:  # it has expired since, or the cache is away
            return False


class LeavingView(LogoutView):
    """Ends the session, and says so where that cannot be written yet."""

    def post(self, request: HttpRequest, *args: Any, **facts: Any) -> HttpResponse:
        key = request.session.session_key
        response = super().post(request, *args, **facts)
        return render(request, "registration/left_for_now.html", status=503) if key in ended else response


@receiver(user_logged_in)
def record_log_in(sender: object, request: HttpRequest, user: User, **_facts: Any) -> None:
    """Record the log-in in each organisation that the user takes part in: its supervisors may ask who was there."""
    _record(Event.LOG_IN, user, request)


@receiver(user_logged_out)
def record_log_out(sender: object, request: HttpRequest, user: User | None, **_facts: Any) -> None:
    if user is None:
        return
    try:
        _record(Event.LOG_OUT, user, request)
    except AuditUnavailable:
        # Nobody is kept logged in for want of an entry: leaving shows nothing to anyone.
        log.error("audit.log_out_lost")


@receiver(user_login_failed)
def count_failed_log_in(sender: object, request: HttpRequest | None = None, **_facts: Any) -> None:
    """Counted without the name that was typed: it may be a password in the wrong field."""
    if request is not None:
        count_refusal("log-in", request.META.get("REMOTE_ADDR", ""))


def _record(event: Event, user: User, request: HttpRequest) -> None:
    people = people_of(user)
    organizations = [person.organization_id for person in people] or [Organization.objects.system().pk]
    for index, organization_id in enumerate(organizations):
        person = people[index] if people else None
        entry = audit.Entry(
            organization_id=organization_id,
            event=event,
            actor_kind=ActorKind.PERSON if person else ActorKind.USER,
            actor_id=str(person.pk if person else user.pk),
            actor_label=person.label if person else user.get_username(),
            person_id=person.pk if person else None,
            team=person.team if person else "",
            tier=person.tier.name if person else "",
            channel=Channel.DASHBOARD,
            address=request.META.get("REMOTE_ADDR", ""),
        )
        audit.record_anywhere(entry)
