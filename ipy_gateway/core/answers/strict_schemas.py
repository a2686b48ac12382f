"""JSON schemas as servers take them: without what is unknown to them, and strict wherever that is possible.

OpenAI's strict mode wants every object to name all its fields, to require them and to allow no others
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas). llama.cpp makes a grammar of
the same schema, for which fewer choices are a shorter way.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

_IN_ONE: Final = ("items", "additionalProperties", "not")
_IN_LIST: Final = ("anyOf", "allOf", "prefixItems")
_IN_NAMES: Final = ("properties", "$defs")
# What says nothing about the answer, or is refused where a schema is strict.
_LEFT_OUT: Final = frozenset({"title", "default", "discriminator", "examples"})


def strict_schema(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A schema whose objects require all their fields and allow no others, and whether all of them could.

    An object with names of its own choice, a `dict`, stays open: then the schema is not strict.
    """
    open_objects: list[Mapping[str, Any]] = []

    def strict(node: Any) -> Any:
        if not isinstance(node, Mapping):
            return node
        if "$ref" in node:  # nothing may stand beside it
            return {"$ref": node["$ref"]}
        kept = {name: value for name, value in node.items() if name not in _LEFT_OUT}
        if "oneOf" in kept:
            kept["anyOf"] = kept.pop("oneOf")
        inside = {name: _inside(name, value, strict) for name, value in kept.items()}
        return _closed(inside, open_objects) if inside.get("type") == "object" else inside

    whole: dict[str, Any] = strict(schema)
    return whole, not open_objects


def _inside(name: str, value: Any, strict: Callable[[Any], Any]) -> Any:
    if name in _IN_ONE:
        return strict(value)
    if name in _IN_LIST:
        return [strict(one) for one in value]
    if name in _IN_NAMES:
        return {key: strict(one) for key, one in value.items()}
    return value


def _closed(node: dict[str, Any], open_objects: list[Mapping[str, Any]]) -> dict[str, Any]:
    is_open = node.get("additionalProperties", "properties" not in node) is not False
    if is_open:
        open_objects.append(node)
        return node
    return {**node, "required": list(node.get("properties", ())), "additionalProperties": False}
