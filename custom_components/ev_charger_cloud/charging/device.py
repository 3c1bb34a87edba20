"""What a charger is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum, unique

from .commands import Command, SetControl
from .controls import Control, ControlState
from .readings import NEVER_NEGATIVE, Reading, Value


@unique
class DeviceKind(StrEnum):
    """What stands behind a device."""

    CHARGER = "charger"
    CONNECTOR = "connector"
    CIRCUIT = "circuit"
    SITE = "site"
    TARIFF = "tariff"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name that comes from us, not from the cloud: translated where it is shown.

    `key` is one of the translations of devices, `placeholders` are what it is made of
    (`charger` is filled in with the name of the parent).
    """

    key: str
    placeholders: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        """Tell names apart as their comparison does."""
        return hash((self.key, tuple(sorted(self.placeholders.items()))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A charger, one of its connectors, or what surrounds chargers.

    A charger with one connector is one device; with several, each connector is a
    device whose `parent` is the charger's id. A charger's own `parent` may be a site.
    Ids are unique within an account.

    `observed_at` (monotonic, s) is when the request that saw the device was sent: of
    two observations the newer one counts, whichever comes first. It tells nothing of
    the device, so it does not take part in comparing.

    `commands` are those that the device takes, each with the optional fields that its
    cloud honours; any other field is refused before anything is sent.

    `online` is what the cloud says of the charger's own connection, None where it
    says nothing: an offline charger's readings are worth nothing now. `tells_online`
    marks a device of which the cloud says it, if not yet, and a connector where this is
    not merely its charger's. `stale` says that this poll could not read the device: its
    readings are the last known.

    A reading that cannot be, whatever the cloud says, is unknown.
    """

    id: str
    kind: DeviceKind = DeviceKind.CHARGER
    name: str | Name
    parent: str | None = None
    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    area: str | None = None
    url: str | None = None
    online: bool | None = None
    tells_online: bool = False
    stale: bool = False
    observed_at: float = field(default=float("-inf"), compare=False)
    readings: Mapping[Reading, Value] = field(default_factory=dict)
    controls: Mapping[Control, ControlState] = field(default_factory=dict)
    commands: Mapping[type[Command], frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave unknown what cannot be."""
        for reading in NEVER_NEGATIVE:
            value = self.readings.get(reading)
            if isinstance(value, int | float) and value < 0:
                readings = {**self.readings, reading: None}
                object.__setattr__(self, "readings", readings)

    @property
    def charging(self) -> bool:
        """Return whether energy flows now."""
        return self.readings.get(Reading.CHARGING) is True

    def takes(self, command: Command) -> bool:
        """Return whether this device offers a command, whatever its fields."""
        if isinstance(command, SetControl):
            return command.control in self.controls
        return type(command) in self.commands


# What of a device is compared, beside its readings.
_OTHER_FIELDS = tuple(
    each.name for each in fields(Device) if each.compare and each.name != "readings"
)


def changed_readings(old: Device, new: Device) -> frozenset[Reading] | None:
    """Return which values of readings differ, None where anything else does, too.

    What a device offers, or whether it can be reached, concerns all that is shown of it.
    """
    if old.readings.keys() != new.readings.keys():
        return None
    for name in _OTHER_FIELDS:
        if getattr(old, name) != getattr(new, name):
            return None
    return frozenset(
        reading
        for reading, value in new.readings.items()
        if value != old.readings[reading]
    )


type Fleet = Mapping[str, Device]


@unique
class NoticeKind(StrEnum):
    """What the user should know or do, beyond what readings show."""

    RELINK_REQUIRED = "relink_required"  # the maker's account must be linked anew
    CONTROL_NOT_SUPPORTED = "control_not_supported"  # the cloud refuses all commands
    PERMISSION_MISSING = "permission_missing"  # a feature is off for want of a right
    LIMIT_CHANGED_OUTSIDE = "limit_changed_outside"  # someone else's is kept instead
    PUSH_DOUBTFUL = "push_doubtful"  # changes were found that no callback told of
    LIMIT_NOT_RENEWED = "limit_not_renewed"  # the cloud refuses to go on with a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something for the user to act on; it stands while polls go on reporting it.

    `subject` is the name of the device or feature concerned (a Name's key is one of the
    features in the translations), `link` says that
    `Provider.relink_url` can give an address to go to.
    """

    kind: NoticeKind
    subject: str | Name
    device_id: str | None = None
    link: bool = False
