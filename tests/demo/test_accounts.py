"""Forms, filled."""

from typing import Any

import pytest

from demo.accounts import filled
from demo.errors import DemoError

FORM: list[dict[str, Any]] = [
    {"name": "token", "required": True},
    {"name": "pace", "required": True, "default": "normal"},
    {"name": "stack", "optional": True, "description": {"suggested_value": 1}},
    {"name": "note", "optional": True},
]


def test_a_form_is_filled_with_what_is_known_or_suggested() -> None:
    assert filled(FORM, {"token": "x", "pace": "quick", "else": 1}) == {
        "token": "x",
        "pace": "quick",
        "stack": 1,
    }
    assert filled(FORM, {"token": "x"})["pace"] == "normal"


def test_the_first_choice_is_taken_where_nothing_is_known() -> None:
    options = [{"value": "u1", "label": "Ann"}, {"value": "u2", "label": "Bob"}]
    form = [
        {
            "name": "user",
            "required": True,
            "selector": {"select": {"options": options}},
        }
    ]

    assert filled(form, {}) == {"user": "u1"}


def test_a_question_that_nobody_can_answer_is_named() -> None:
    with pytest.raises(DemoError, match="token"):
        filled(FORM, {})
