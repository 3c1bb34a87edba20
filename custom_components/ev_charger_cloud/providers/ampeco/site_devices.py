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
    Value,
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
    subscription: Subscription | None,
    plan: str | None,
    currency: str | None,
    commands: Mapping[type[Command], frozenset[str]],
    *,
    stale: bool,
) -> Device:
    """Return a driver's account, named by the operator's own key, never by a person."""
    key = user.external_id
    readings: dict[Reading, Value] = {
        Reading.BALANCE: None
        if user.balance is None
        else Money(user.balance, currency),
        Reading.SUBSCRIPTION: None,
    }
    if subscription:
        readings |= {
            Reading.SUBSCRIPTION: translate(
                SUBSCRIPTION_STATUS,
                subscription.status,
                of="AMPECO subscription status",
            ),
            Reading.SUBSCRIPTION_PLAN: plan,
            Reading.SUBSCRIPTION_END: subscription.end_date,
        }
        if (allowance := _allowance(subscription)) is not None:
            readings[Reading.ALLOWANCE] = allowance
    return Device(
        id=user_device_id(user.id),
        kind=DeviceKind.ACCOUNT,
        name=key
        if key and "@" not in key
        else Name(key="user", placeholders={"id": user.id or ""}),
        stale=stale,
        readings=readings,
        commands=commands,
    )


def subscription_of(subscriptions: Iterable[Subscription]) -> Subscription | None:
    """Return the subscription that counts: the active one, else the newest."""
    return max(
        subscriptions,
        key=lambda item: (
            item.status == "active",
            item.start_date.timestamp() if item.start_date else 0.0,
        ),
        default=None,
    )


def _allowance(subscription: Subscription) -> float | None:
    """Return what is left free (Wh), None where the plan has nothing like that."""
    left = subscription.remaining_allowance
    kinds = (left.combined, left.ac, left.dc) if left else ()
    told = [kind for kind in kinds if kind is not None]
    return sum(told) * 1000 if told else None
