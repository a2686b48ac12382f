"""Answers made to run, load, or mislead, by name; `{canary}` in them is an address that nobody may ask."""

import json
from pathlib import Path

CANARY = "http://canary.example"

VECTORS: list[dict[str, str]] = json.loads(
    Path(__file__).with_name("hostile_answers.json").read_text("utf-8")
)
HOSTILE_ANSWERS = {vector["name"]: vector["markdown"].replace("{canary}", CANARY) for vector in VECTORS}
