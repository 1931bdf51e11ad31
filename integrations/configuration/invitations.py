"""The mail by which somebody who was added to an organisation sets their password."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from integrations.calls.addresses import public_url
from integrations.models import Organization, User


def invite(user: User, organization: Organization) -> str:
    """Mail ``user`` a link to set a password, good for PASSWORD_RESET_TIMEOUT seconds and for one use. (sync)

    Without a mail server nobody gets the mail: then the link is returned, for whoever invites to pass on; else ``""``.
    Raises OSError (SMTP's errors included) if the mail cannot be handed over.
    """
    link = _link(user)
    days = settings.PASSWORD_RESET_TIMEOUT // 86_400
    body = _(
        "Hello %(name)s,\n\n"
        "%(organization)s has given you access to its caller information. Your user name is: %(username)s\n\n"
        "Choose your password here within %(days)s days:\n%(link)s\n\n"
        "If you did not expect this mail, you can ignore it.\n"
    ) % {
        "name": user.first_name or user.get_username(),
        "organization": organization.name,
        "username": user.get_username(),
        "days": days,
        "link": link,
    }
    # A name may not break out of its header.
    subject = " ".join((_("Your access to %(organization)s") % {"organization": organization.name}).split())
    EmailMessage(subject=subject, body=body, to=[user.email]).send()
    return "" if settings.MAIL_IS_SENT else link


def _link(user: User) -> str:
    path = reverse(
        "password_reset_confirm",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": default_token_generator.make_token(user),
        },
    )
    return f"{public_url()}{path}"
