"""What the doctor found, as a table of what works, with the lines to type for what does not."""

import json
from collections.abc import Mapping, Sequence

from ..core.config import GatewayConfig
from ..core.doctor.findings import Finding, Fix, ServerReport
from .bundle import Bundle
from .html import Html, block, element
from .text import fitting

MARKS = {"works": "●", "fails": "✗", "not offered": "○", "not tried": "·"}
KEY_LINES = {"api_key": "%gateway key", "audio_api_key": "%gateway key audio"}
STATE_COLUMNS = max(map(len, MARKS))
LINE_COLUMNS = 200

Found = Mapping[str, Sequence[Finding]]


def doctor_bundle(
    reports: Sequence[ServerReport], config: GatewayConfig, *, url: str = "", is_deterministic: bool = False
) -> Bundle:
    """All that was found, and what to do about it.

    Args:
        reports: what was found.
        config: what was examined.
        url: the server, where it is not the one that is configured: its fixes begin with asking it.
        is_deterministic: whether what was measured is kept out.
    """
    found = {report.url: report.findings for report in reports}
    lines: list[str] = []
    parts: list[Html] = []
    for report in reports:
        fixes = _todo(report, config, url)
        title = f"{report.url}: {'all is well' if report.is_well else 'there is something to do'}"
        lines += [title, *_lines(report.findings, is_deterministic=is_deterministic), *_plain(fixes)]
        parts += [
            element("p", element("strong", report.url), title.removeprefix(report.url), class_="ipg-line"),
            _table(report.findings, is_deterministic=is_deterministic),
            *_marked(fixes),
        ]
    return Bundle("\n".join(lines), block(*parts), _facts(found))


def examination_bundle(found: Found, *, seconds: float) -> Bundle:
    """What was found so far, while the servers are tried out."""
    line = f"Trying out {', '.join(found) or 'the servers'} … {seconds:.0f} s"
    lines = [line]
    parts = [element("p", line, class_="ipg-facts")]
    for url, findings in found.items():
        lines += [url, *_lines(findings, is_deterministic=False)]
        parts += [element("p", element("strong", url), class_="ipg-line")]
        parts.append(_table(findings, is_deterministic=False))
    return Bundle("\n".join(lines), block(*parts))


def fix_lines(fix: Fix, config: GatewayConfig, *, url: str = "") -> list[str]:
    """What to type in a notebook for a fix; nothing where it is to be done elsewhere.

    Args:
        fix: what to change.
        config: what was examined.
        url: the server, where it is not the one that is configured.
    """
    settings = dict(fix.settings)
    lines = [
        f'import os; os.environ["{name}"] = {json.dumps(value)}' for name, value in fix.variables.items()
    ]
    if url and "text_base_url" not in settings and (settings or fix.key):
        lines.append(f"%gateway {url}")
    if set(settings) == {"text_base_url"} and config.routing_mode == "single":
        lines.append(f"%gateway {_text(settings.pop('text_base_url'), ' ')}")
    if settings:
        lines.append(f"%gateway set {' '.join(f'{name}={_text(settings[name])}' for name in settings)}")
    return [*lines, *([KEY_LINES[fix.key]] if fix.key else [])]


def _text(value: object, between: str = ",") -> str:
    return between.join(value) if isinstance(value, tuple) else str(value)


def _todo(report: ServerReport, config: GatewayConfig, url: str) -> list[tuple[str, str, list[str]]]:
    return [
        (finding.probe, finding.fix.advice, fix_lines(finding.fix, config, url=url))
        for finding in report.findings
        if finding.fix
    ]


def _plain(fixes: Sequence[tuple[str, str, list[str]]]) -> list[str]:
    return [
        line
        for probe, advice, typed in fixes
        for line in (f"    → {probe}: {advice}", *(f"          {line}" for line in typed))
    ]


def _marked(fixes: Sequence[tuple[str, str, list[str]]]) -> list[Html]:
    parts: list[Html] = []
    for probe, advice, typed in fixes:
        parts.append(element("p", element("strong", f"{probe}: "), advice, class_="ipg-notice"))
        parts += [element("pre", element("code", "\n".join(typed)))] if typed else []
    return parts


def _lines(findings: Sequence[Finding], *, is_deterministic: bool) -> list[str]:
    width = max((len(finding.probe) for finding in findings), default=0)
    return [
        fitting(
            f"    {MARKS[finding.state]} {finding.probe:{width}}  {finding.state:{STATE_COLUMNS}}  "
            f"{_detail(finding, is_deterministic=is_deterministic)}".rstrip(),
            LINE_COLUMNS,
        )
        for finding in findings
    ]


def _table(findings: Sequence[Finding], *, is_deterministic: bool) -> Html:
    head = element("tr", *(element("th", title, scope="col") for title in ("probe", "state", "detail")))
    rows = (
        element(
            "tr",
            element("th", finding.probe, scope="row"),
            element("td", f"{MARKS[finding.state]} {finding.state}"),
            element("td", _detail(finding, is_deterministic=is_deterministic)),
        )
        for finding in findings
    )
    return element("table", head, *rows, class_="ipg-settings")


def _detail(finding: Finding, *, is_deterministic: bool) -> str:
    speed = finding.speed
    if not speed:
        return finding.detail
    if is_deterministic:
        return "measured: see the metadata of this output"
    rate = "" if speed.tokens_per_s is None else f", then {speed.tokens_per_s:.1f} tokens a second"
    return f"first word after {speed.first_token_s:.2f} s{rate}"


def _facts(found: Found) -> dict[str, object]:
    return {
        "speed": {
            url: {"first_token_s": finding.speed.first_token_s, "tokens_per_s": finding.speed.tokens_per_s}
            for url, findings in found.items()
            for finding in findings
            if finding.speed
        }
    }
