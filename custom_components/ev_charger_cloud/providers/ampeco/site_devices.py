"""What surrounds charge points: circuits, electricity rates and drivers' accounts."""

from collections.abc import Iterable, Mapping

from ...charging import (
    CURRENTS,
    Command,
    Control,
    ControlState,
    Device,
    DeviceKind,
    Money,
    Name,
    Reading,
    SubscriptionStatus,
)
from ..wire import translate
from .features import Feature, Rights
from .mappings import SUBSCRIPTION_STATUS
from .state import MINIMUM_CURRENT
from .wire import Circuit, ElectricityRate, Subscription, User

_CIRCUIT = "circuit"
_USER = "user"
_PHASES = dict(zip(("L1", "L2", "L3"), CURRENTS, strict=True))


def circuit_device_id(circuit: str | None) -> str:
    """Return the id of a circuit's device."""
    return f"{_CIRCUIT}{circuit}"


def user_device_id(user: str | None) -> str:
    """Return the id of a driver's device."""
    return f"{_USER}{user}"


def circuit_of(device_id: str) -> str | None:
    """Return the circuit behind a device, None when it is something else."""
    circuit = device_id.removeprefix(_CIRCUIT)
    return None if circuit == device_id else circuit


def user_of(device_id: str) -> str | None:
    """Return the driver behind a device, None when it is something else."""
    user = device_id.removeprefix(_USER)
    return None if user == device_id else user


def circuit_device(
    circuit: Circuit, ceiling: float | None, access: Rights, *, stale: bool
) -> Device:
    """Return a circuit; its limit may be raised to the `ceiling` (A) at most."""
    drawn = {phase.phase: phase.consumption for phase in circuit.consumption}
    controls = {}
    if circuit.max_current is not None and access.allows(Feature.CIRCUIT_LIMIT):
        controls[Control.CIRCUIT_LIMIT] = ControlState(
            value=circuit.max_current,
            minimum=min(
                circuit.min_charge_point_current or MINIMUM_CURRENT,
                circuit.max_current,
            ),
            maximum=max(ceiling or 0.0, circuit.max_current),
            step=1.0,
        )
    return Device(
        id=circuit_device_id(circuit.id),
        kind=DeviceKind.CIRCUIT,
        name=circuit.name or Name(key="circuit", placeholders={"id": circuit.id or ""}),
        stale=stale,
        readings={
            reading: drawn.get(phase)
            for phase, reading in _PHASES.items()
            if phase in drawn or circuit.phases == "three_phase"
        },
        controls=controls,
    )


def rate_device(
    rate: ElectricityRate, price: float | None, currency: str | None, *, stale: bool
) -> Device:
    """Return an electricity rate with its price per kWh."""
    return Device(
        id=f"rate{rate.id}",
        kind=DeviceKind.TARIFF,
        name=rate.name or f"Electricity rate {rate.id}",
        stale=stale,
        readings={
            Reading.ENERGY_PRICE: None if price is None else Money(price, currency)
        },
    )


def user_device(
    user: User,
    subscription: SubscriptionStatus | None,
    currency: str | None,
    commands: Mapping[type[Command], frozenset[str]],
    *,
    stale: bool,
) -> Device:
    """Return a driver's account, named by the operator's own key, never by a person."""
    key = user.external_id
    return Device(
        id=user_device_id(user.id),
        kind=DeviceKind.ACCOUNT,
        name=key
        if key and "@" not in key
        else Name(key="user", placeholders={"id": user.id or ""}),
        stale=stale,
        readings={
            Reading.BALANCE: None
            if user.balance is None
            else Money(user.balance, currency),
            Reading.SUBSCRIPTION: subscription,
        },
        commands=commands,
    )


def subscription_of(
    subscriptions: Iterable[Subscription],
) -> SubscriptionStatus | None:
    """Return how a driver's subscriptions stand: the active one, else the newest."""
    by_date = sorted(
        subscriptions,
        key=lambda item: (
            item.status == "active",
            item.start_date.timestamp() if item.start_date else 0.0,
        ),
    )
    word = by_date[-1].status if by_date else None
    return translate(SUBSCRIPTION_STATUS, word, of="AMPECO subscription status")
