"""What axe-core finds wrong with a part of a page."""

import json
from importlib import resources

from playwright.sync_api import Locator

from .tools import package

SERIOUS = ("serious", "critical")


def serious_violations(part: Locator) -> list[str]:
    """Each serious violation of accessibility in a part of a page, with the elements that have it."""
    package("axe_playwright_python")
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    found = part.evaluate(
        f"""async part => {{
            if (!window.axe) (0, eval)({json.dumps(axe)});
            const {{ violations }} = await window.axe.run(part, {{ resultTypes: ["violations"] }});
            return violations.map(({{ id, impact, nodes }}) => [id, impact, nodes.map(({{ html }}) => html)]);
        }}"""
    )
    return [f"{rule}: {nodes}" for rule, impact, nodes in found if impact in SERIOUS]
