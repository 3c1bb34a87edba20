"""What Plugchoice's framework finds wrong with a request."""

from typing import Any

type Json = dict[str, Any]

type Rule = tuple[str, bool, float]
"""Kind, whether it is required, and the most it may be (0 for no bound)."""


class Invalid(Exception):
    """A field of the request is wrong."""

    def __init__(self, name: str, complaint: str) -> None:
        """Word it like the framework."""
        words = name.replace("_", " ")
        super().__init__(f"The {words} field {complaint}.")
        self.errors = {name: [f"The {words} field {complaint}."]}


def validate(body: Json, **rules: Rule) -> Json:
    """Return the values of the fields, None for those that are not sent."""
    return {name: _check(name, body.get(name), *rule) for name, rule in rules.items()}


def _check(name: str, value: Any, kind: str, required: bool, most: float) -> Any:
    if value is None or value == "":
        if required:
            raise Invalid(name, "is required")
        return None
    match kind:
        case "text":
            if not isinstance(value, str):
                raise Invalid(name, "must be a string")
            if most and len(value) > most:
                raise Invalid(name, f"must not be greater than {most:.0f} characters")
        case "boolean":
            if value not in (True, False):
                raise Invalid(name, "must be true or false")
            return bool(value)
        case "object":
            if not isinstance(value, dict):
                raise Invalid(name, "must be an array")
        case _:
            return _number(name, value, whole=kind == "number", most=most)
    return value


def _number(name: str, value: Any, *, whole: bool, most: float) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else None
    except TypeError, ValueError:
        number = None
    if number is None or (whole and not number.is_integer()):
        raise Invalid(name, "must be an integer" if whole else "must be a number")
    if number < 0:
        raise Invalid(name, "must be at least 0")
    if most and number > most:
        raise Invalid(name, f"must not be greater than {most:.0f}")
    return int(number) if whole else number
