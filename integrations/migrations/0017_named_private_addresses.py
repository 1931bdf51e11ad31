"""``allow_private`` names what may be reached. Who was allowed any private address is allowed the one that it is aimed at."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import migrations, models

_ADDRESSES = ("base_url", "url")


def name_what_was_allowed(apps, schema_editor):
    for row in apps.get_model("integrations", "Connector").objects.filter(any_private=True):
        options = row.options if isinstance(row.options, dict) else {}
        auth = options.get("auth") if isinstance(options.get("auth"), dict) else {}
        row.allow_private = True
        if not settings.ALLOW_PRIVATE:
            written = [*(options.get(name) for name in _ADDRESSES), auth.get("token_url")]
            row.allow_private = sorted({host for host in map(_host, written) if host}) or True
        row.save(update_fields=["allow_private"])


def allow_any_again(apps, schema_editor):
    for row in apps.get_model("integrations", "Connector").objects.all():
        row.any_private = bool(row.allow_private)
        row.save(update_fields=["any_private"])


def _host(address):
    try:
        return (urlsplit(address).hostname or "").rstrip(".") if isinstance(address, str) else ""
    except ValueError:
        return ""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0016_columns_that_identify")]

    operations = [
        migrations.RenameField("connector", "allow_private", "any_private"),
        migrations.AddField(
            "connector",
            "allow_private",
            models.JSONField(blank=True, default=list, verbose_name="private addresses allowed"),
        ),
        migrations.AddField(
            "connector", "hosts", models.JSONField(blank=True, default=list, verbose_name="other hosts allowed")
        ),
        migrations.RunPython(name_what_was_allowed, allow_any_again),
        migrations.RemoveField("connector", "any_private"),
    ]
