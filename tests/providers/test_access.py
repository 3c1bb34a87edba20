"""What an account may do, learned from what its cloud forbids."""

import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerFaultError,
)
from custom_components.ev_charger_cloud.providers.access import ASK_AGAIN, Access


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """Return a time."""
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access[str]:
    """Return an account that may do everything."""
    return Access(clock)


def test_closed_endpoint_is_tried_again_in_an_hour(
    clock: Clock, access: Access[str]
) -> None:
    """A right may be given later."""
    assert access.allows("tariffs")
    access.close("tariffs")
    clock.time += ASK_AGAIN - 1
    assert not access.allows("tariffs")
    assert access.allows("sessions")
    clock.time += 1
    assert access.allows("tariffs")
    assert access.closed == []


def test_missing_endpoint_is_no_missing_right(access: Access[str]) -> None:
    """Only what is forbidden is for the user to mend."""
    access.close("tariffs")
    access.close("sites", forbidden=False)
    assert access.forbidden == ["tariffs"]
    assert access.closed == ["tariffs", "sites"]


def test_generation_changes_with_what_is_open(
    clock: Clock, access: Access[str]
) -> None:
    """Whoever keeps what follows from it sees when to think again."""
    seen = [access.generation]

    def changed() -> bool:
        seen.append(access.generation)
        return seen[-1] != seen[-2]

    access.open("tariffs")
    assert not changed()
    access.close("tariffs")
    assert changed()
    access.close("tariffs")
    assert not changed()
    access.close("tariffs", forbidden=False)
    assert changed()
    access.open("tariffs")
    assert changed()
    access.close("sites")
    assert changed()
    clock.time += ASK_AGAIN
    access.renew()
    assert changed()
    assert access.closed == []


def test_command_shows_whether_it_is_allowed(access: Access[str]) -> None:
    """A command that was forbidden is; one that was refused for itself is not."""
    with pytest.raises(PermissionDeniedError), access.track("reset"):
        raise PermissionDeniedError
    assert access.forbidden == ["reset"]
    with access.track("reset"):
        pass
    assert access.closed == []
    with pytest.raises(CommandRefusedError), access.track("reset"):
        raise CommandRefusedError
    assert access.closed == []


@pytest.mark.parametrize(
    ("error", "closed", "forbidden"),
    [
        (PermissionDeniedError, ["x"], ["x"]),
        (NotFoundError, ["x"], []),
        (ServerFaultError, [], []),
    ],
)
async def test_trouble_of_a_part_is_its_own(
    access: Access[str],
    error: type[ChargingError],
    closed: list[str],
    forbidden: list[str],
) -> None:
    """Nothing else depends on it."""
    async with access.guard("x") as allowed:
        assert allowed
        raise error
    assert (access.closed, access.forbidden) == (closed, forbidden)
    async with access.guard("x") as allowed:
        assert allowed is not bool(closed)


@pytest.mark.parametrize("error", [AuthenticationError, RateLimitedError])
async def test_trouble_of_the_account_is_everyones(
    access: Access[str], error: type[ChargingError]
) -> None:
    """No part keeps it to itself."""
    with pytest.raises(error):
        async with access.guard("x"):
            raise error
    assert access.closed == []
