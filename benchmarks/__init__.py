"""Benchmarks: what set-ups, polls and commands cost, here and at scale.

Run them all with `python -m benchmarks`; `README.md` beside this tells how to read
what they print.
"""

import custom_components.ev_charger_cloud  # noqa: F401  (before an empty namesake)
from tests.floors import mend_home_assistant  # noqa: TID251  (its helpers are used)

mend_home_assistant()
