"""Whether a value is of a class of some library, which is not imported to find out."""

import sys


def is_a(value: object, module: str, *names: str) -> bool:
    """Whether a value is an instance of one of these classes: whoever has one has imported its module."""
    classes = (getattr(sys.modules.get(module), name, None) for name in names)
    return any(isinstance(found, type) and isinstance(value, found) for found in classes)
