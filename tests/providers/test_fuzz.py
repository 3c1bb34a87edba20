"""The short form of the fuzzing: a thousand answers of each cloud, bent."""

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.providers import PROVIDERS
from reliability.fuzz import fuzz
from reliability.mutation import Mutator
from reliability.recording import Recorded, record

PAYLOADS = 1000

# As many as a provider of each cloud asks.
ENDPOINTS = {"amps": 6, "ampeco": 28, "clemap": 4, "plugchoice": 17, "podero": 11}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_bent_answers(provider: str) -> None:
    """Nothing but a ChargingError comes of them, and nothing that cannot be."""
    report = await fuzz(provider, PAYLOADS)
    assert report.payloads >= PAYLOADS
    assert not report.faults, report.seeds


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_endpoint_is_recorded(
    session: ClientSession, provider: str
) -> None:
    """What a provider asks its cloud is answered as the simulated cloud did."""
    recording = await record(provider)
    assert len(recording.answers) >= ENDPOINTS.get(provider, 1), sorted(
        recording.answers
    )


def test_same_seed_bends_the_same() -> None:
    """What was found once can be found again."""
    recorded = Recorded(200, {}, b'{"data": [{"id": 1, "power": 2.5, "on": true}]}')
    first = [Mutator(7).bend(recorded) for _ in range(2)]
    assert first[0] == first[1]
    mutator = Mutator(8)
    assert len({mutator.bend(recorded).body for _ in range(50)}) > 30
