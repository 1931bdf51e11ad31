"""The sandbox's page: who can call, and what can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from integrations.sandbox.people import CALLERS, Caller
from integrations.sandbox.switches import FAULTS, MAX_LATENCY_MS, Switches

LABELS = {
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "payments": "Payments",
    "appointments": "Appointments",
    "availability": "Availability",
    "twilio": "Twilio",
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
body { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; }
tr + tr { border-top: 1px solid #8886; } td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0; }
button, input { font: inherit; padding: .35rem .75rem; border-radius: .4rem; border: 1px solid #8889; }
button { cursor: pointer; } button[aria-pressed=true] { background: #b42318; color: #fff; border-color: #b42318; }
.state { padding: .5rem .75rem; border-left: .25rem solid #067647; } .state.bad { border-color: #b42318; }
input { width: 6rem; }
"""


def index(switches: Mapping[str, Switches], panel_url: str) -> str:
    """The whole page. ``panel_url`` is the portal's panel shell; "" leaves the links to it out."""
    rows = "".join(_row(caller, panel_url) for caller in CALLERS)
    systems = "".join(_system(entry) for entry in switches.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Connie sandbox</title><style>{_STYLE}</style></head><body>
<h1>Connie sandbox</h1>
<p>This server plays the outside systems that the demo organisation has connected. Everyone below is made up.</p>
<h2>Who can call</h2>
<p>{_how_to_call(panel_url)}</p>
<table><thead><tr><th>Number</th><th>Name</th><th>What it shows</th></tr></thead><tbody>{rows}</tbody></table>
{systems}</body></html>"""


def _how_to_call(panel_url: str) -> str:
    if panel_url:
        return "Choose a number to open its panel, as a ringing call would. Log in to the portal first."
    return "Type a number into the search of the portal's dashboard."


def _row(caller: Caller, panel_url: str) -> str:
    number = escape(caller.phone)
    if panel_url:
        address = f"{panel_url}#phone={quote(caller.phone, safe='')}&call_sid=&direction=inbound"
        number = f'<a href="{escape(address)}">{number}</a>'
    return f"<tr><td>{number}</td><td>{escape(caller.name) or 'unknown'}</td><td>{escape(caller.what)}</td></tr>"


def _system(switches: Switches) -> str:
    label = escape(LABELS[switches.system])
    hidden = f'<input type="hidden" name="system" value="{escape(switches.system)}">'
    buttons = "".join(_fault_button(name, what, switches.fault) for name, what in FAULTS.items())
    doing = FAULTS[switches.fault] if switches.fault else "works"
    return f"""<section><h2>{label}</h2>
<p class="state{" bad" if switches.fault else ""}">{label} <strong>{escape(doing)}</strong>, after
{switches.latency_ms} ms. {switches.requests} requests so far.</p>
<form method="post" action="/_control">{hidden}<button name="fault" value="">Let it work</button></form>
<p>Or break it. {label} then …</p>
<form method="post" action="/_control">{hidden}{buttons}</form>
<form method="post" action="/_control">{hidden}<label for="latency">Time to answer, in milliseconds</label>
<input id="latency" name="latency_ms" type="number" min="0" max="{MAX_LATENCY_MS}" value="{switches.latency_ms}">
<button>Set</button></form></section>"""


def _fault_button(name: str, what: str, current: str | None) -> str:
    pressed = "true" if name == current else "false"
    return f'<button name="fault" value="{escape(name)}" aria-pressed="{pressed}">{escape(what)}</button>'
