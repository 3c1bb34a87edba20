"""CLEMAP: the Direct EVSE Control API of a load management, one station at a time.

The load management stays in charge: what can be set is a target current that lapses
unless it is renewed. There is no start, no stop, no session and no meter.
"""

from ..base import Field, FieldKind, ProviderDescription
from .provider import ClemapProvider
from .settings import ALLOW_PAUSE, BASE_URL, HOLD_TIME, MAXIMUM_CURRENT, normalise

DESCRIPTION = ProviderDescription(
    key="clemap",
    name="CLEMAP",
    factory=ClemapProvider,
    fields=(
        Field(key="base_url", kind=FieldKind.URL, default=BASE_URL),
        Field(key="edge_device_id"),
        Field(key="evse_id"),
        Field(key="token", kind=FieldKind.SECRET),
    ),
    options=(MAXIMUM_CURRENT, HOLD_TIME, ALLOW_PAUSE),
    portal="https://docs.clemap.com",
    normalise=normalise,
)
