"""Admin pages of how systems do: which are slow or failing, and the single questions behind that. To read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter, SimpleListFilter
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from integrations.admin.tenancy import ReadOnlyAdmin
from integrations.lookup import SourceStatus
from integrations.models import Attempt, SlowSystem
from integrations.models.health import FAILURES
from integrations.presentation.systems import WORDS, words_of

WITHIN = "within"
_HOURS = {"24h": 24, "7d": 7 * 24}

# What a single question can end with: it was asked, and it is over.
OUTCOMES = [word for word in WORDS if word not in (SourceStatus.PENDING, SourceStatus.SKIPPED)]
QUESTIONS = {
    "find": _("who has this number"),
    "details": _("more about this person"),
    "search": _("who has this name or address"),
    "fetch": _("this person again"),
}


def _hours(request: HttpRequest) -> int:
    """How far back the page looks."""
    return _HOURS.get(request.GET.get(WITHIN, ""), 24)


def _ago(hours: int) -> datetime:
    return timezone.now() - timedelta(hours=hours)


class WithinFilter(SimpleListFilter):
    """The last day, unless the last week is asked for. The pages choose their rows by ``_hours``."""

    title = _("time")
    parameter_name = WITHIN

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("24h", _("last 24 hours")), ("7d", _("last 7 days"))]

    def choices(self, changelist: Any) -> Any:
        """The choices without Django's "all": there is always one of the two."""
        for value, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": (self.value() or "24h") == value, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


class TroubleFilter(SimpleListFilter):
    title = _("trouble")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("failing", _("failing")), ("slow", _("slow"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failing":
            return queryset.filter(failed_number__gt=0)
        return queryset.filter(slow_number__gt=0) if self.value() == "slow" else queryset


class OutcomeFilter(SimpleListFilter):
    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("failed", _("any failure")), *((str(word), words_of(word)) for word in OUTCOMES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failed":
            return queryset.filter(outcome__in=FAILURES)
        return queryset.filter(outcome=self.value()) if self.value() else queryset


def _number(rows: QuerySet[Attempt]) -> Coalesce:
    """How many of ``rows`` are of the system at hand."""
    own = rows.filter(connector=OuterRef("pk")).order_by().values("connector").annotate(number=Count("pk"))
    return Coalesce(Subquery(own.values("number")), 0)


def milliseconds(ms: int | None) -> str:
    if ms is None:
        return "–"
    return _t("%(ms)d ms") % {"ms": ms} if ms < 1_000 else _t("%(seconds).1f s") % {"seconds": ms / 1_000}


@admin.register(SlowSystem)
class SlowSystemAdmin(ReadOnlyAdmin):
    """Failing systems first, then those that often take more than half of the time that they are given."""

    list_display = ("name", "organization", "asked", "failures", "last_failure", "usual", "slowest", "kept")
    list_filter = (WithinFilter, TroubleFilter)
    search_fields = ("name", "key")
    list_per_page = 50
    fields = ("organization", "name", "settings_page", "days")
    readonly_fields = ("settings_page", "days")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = Attempt.objects.filter(at__gte=_ago(_hours(request)))
        asked = rows.asked()
        chosen: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = chosen.annotate(
            asked_number=_number(asked),
            failed_number=_number(asked.failed()),
            slow_number=_number(asked.filter(ms__gt=OuterRef("timeout_ms") / 2)),
            kept_number=_number(rows.filter(cached=True)),
        )
        return counted.order_by("-failed_number", "-slow_number", "name")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list with what its rows tell beside their counts, in one query each for all rows of the page."""
        changelist = super().get_changelist_instance(request)
        systems = list(changelist.result_list)
        keys = [system.pk for system in systems]
        asked = Attempt.objects.filter(connector__in=keys, at__gte=_ago(_hours(request))).asked()
        took, failed = asked.percentiles(), asked.failed().last_of_each()
        for system in systems:
            system.took, system.failure = took.get(system.pk), failed.get(system.pk)
        changelist.result_list = systems
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.get_queryset(request).filter(Q(asked_number__gt=0) | Q(kept_number__gt=0)).exists():
            self.message_user(request, _t("No system was asked in this time, so there is nothing to tell of them yet."))
        title = {"title": _t("Slow and failing systems")}
        return super().changelist_view(request, {**title, **(extra_context or {})})  # type: ignore[no-any-return]

    @admin.display(description=_("asked"), ordering="asked_number")
    def asked(self, system: Any) -> int:
        return int(system.asked_number)

    @admin.display(description=_("failed"), ordering="failed_number")
    def failures(self, system: Any) -> str:
        return _share(system.failed_number, system.asked_number)

    @admin.display(description=_("last failure"))
    def last_failure(self, system: Any) -> str:
        row = system.failure
        return f"{words_of(row.outcome)}, {naturaltime(row.at)}" if row else "–"

    @admin.display(description=_("usually answers in"))
    def usual(self, system: Any) -> str:
        return milliseconds(system.took.p50_ms if system.took else None)

    @admin.display(description=_("one in twenty takes longer than"))
    def slowest(self, system: Any) -> str:
        return milliseconds(system.took.p95_ms if system.took else None)

    @admin.display(description=_("answered from what was kept"), ordering="kept_number")
    def kept(self, system: Any) -> int:
        return int(system.kept_number)

    @admin.display(description=_("settings"))
    def settings_page(self, system: SlowSystem) -> SafeString:
        link = reverse("admin:integrations_connector_change", args=[system.pk])
        return format_html('<a class="text-primary-600 dark:text-primary-400 font-medium" href="{}">{}</a>', link, system.name)

    @admin.display(description=_("the last 30 days"))
    def days(self, system: SlowSystem) -> SafeString | str:
        return _table(_days(system)) or _t("Nothing has been summed up yet: that happens after each full hour.")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """The slowest first, when sorted by time; without anything of whom a question was about."""

    list_display = ("at", "connector", "organization", "question_words", "outcome_words", "answered_from", "ms", "retries")
    list_filter = (WithinFilter, OutcomeFilter, ("connector", RelatedOnlyFieldListFilter))
    list_select_related = ("connector", "organization")
    list_per_page = 50
    fields = (
        "at",
        "organization",
        "connector",
        "question_words",
        "outcome_words",
        "ms",
        "received",
        "retries",
        "cached",
        "breaker",
    )
    readonly_fields = ("question_words", "outcome_words")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        return rows.filter(at__gte=_ago(_hours(request))) if is_list else rows

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.get_queryset(request).exists():
            self.message_user(request, _t("No system was asked in this time."))
        return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]

    @admin.display(description=_("question"), ordering="question")
    def question_words(self, row: Attempt) -> str:
        return str(QUESTIONS.get(row.question, row.question))

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_words(self, row: Attempt) -> str:
        return words_of(row.outcome)

    @admin.display(description=_("answered from"), ordering="cached")
    def answered_from(self, row: Attempt) -> str:
        return _t("what was kept") if row.cached else _t("the system")


def summary(connector_id: int) -> str:
    """How one system did in the last day, as a sentence."""
    rows = Attempt.objects.filter(connector=connector_id, at__gte=_ago(24))
    asked = rows.asked()
    took = asked.percentiles().get(connector_id)
    kept = rows.filter(cached=True).count()
    if took is None:
        return (
            _t("Not asked in the last 24 hours; %(kept)d answers came from what was kept.") % {"kept": kept}
            if kept
            else _t("Not asked in the last 24 hours.")
        )
    number = asked.count()
    facts = {
        "asked": number,
        "failed": _share(asked.failed().count(), number),
        "usual": milliseconds(took.p50_ms),
        "slowest": milliseconds(took.p95_ms),
        "kept": kept,
    }
    return (
        _t(
            "Asked %(asked)d times in the last 24 hours, failed: %(failed)s. It usually answers in %(usual)s; one in twenty "
            "takes longer than %(slowest)s. %(kept)d answers came from what was kept."
        )
        % facts
    )


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if part else "0"


@dataclass
class _Day:
    asked: int = 0
    failed: int = 0
    slowest_ms: int = 0


def _days(system: SlowSystem) -> dict[date, _Day]:
    """The last 30 days in the organisation's time zone, the newest first."""
    zone = ZoneInfo(system.organization.timezone)
    days: dict[date, _Day] = {}
    for hour in system.rollups.filter(hour__gte=_ago(30 * 24)).order_by("-hour"):
        day = days.setdefault(hour.hour.astimezone(zone).date(), _Day())
        day.asked += sum(hour.outcomes.values())
        day.failed += sum(number for outcome, number in hour.outcomes.items() if outcome in FAILURES)
        day.slowest_ms = max(day.slowest_ms, hour.p95_ms or 0)
    return days


def _table(days: dict[date, _Day]) -> SafeString | str:
    if not days:
        return ""
    heads = (_t("day"), _t("asked"), _t("failed"), _t("in its slowest hour, one in twenty took longer than"))
    rows = [
        (
            date_format(day, "DATE_FORMAT"),
            facts.asked,
            _share(facts.failed, facts.asked),
            milliseconds(facts.slowest_ms or None),
        )
        for day, facts in days.items()
    ]
    row = (
        '<tr class="border-t border-base-200 dark:border-base-800"><td class="pr-4 py-1 whitespace-nowrap">{}</td>'
        '<td class="pr-4">{}</td><td class="pr-4">{}</td><td class="pr-4">{}</td></tr>'
    )
    return format_html(
        '<div class="overflow-x-auto"><table class="text-left"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", '<th class="pr-4 py-1">{}</th>', ((head,) for head in heads)),
        format_html_join("", row, rows),
    )
