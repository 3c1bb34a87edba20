"""Figures that the documentation states, and the means to get them again.

Home Assistant's test helpers run each benchmark, so what they lack is mended first.
"""

from tests.floors import mend_home_assistant  # noqa: TID251

mend_home_assistant()
