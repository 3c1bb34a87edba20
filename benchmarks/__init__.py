"""Figures that the documentation states, and the means to get them again.

Home Assistant's test helpers run each benchmark, so their bridge comes first.
"""

import tests.home_assistant_bridge  # noqa: F401, TID251
