"""What was charged before anybody watched."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from simulator.clouds.ampeco import Ampeco
from simulator.clouds.plugchoice import Plugchoice
from simulator.past import nights
from simulator.server import Simulator

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_nights() -> None:
    """They are the same each time, do not overlap, and end a week ago."""
    found = list(nights(1, NOW, 92))
    assert found == list(nights(1, NOW, 92))
    assert found != list(nights(2, NOW, 92))
    assert 20 < len(found) < 80
    for night, following in pairwise(found):
        assert night.started_at < night.stopped_at < following.started_at
    assert NOW - timedelta(days=93) < found[0].started_at
    assert found[-1].stopped_at < NOW - timedelta(days=6)
    assert list(nights(1, NOW, 0)) == []


def test_clouds_have_a_past() -> None:
    """Those that keep sessions, as many days as are asked for."""
    few = Simulator([Ampeco, Plugchoice])
    many = Simulator([Ampeco, Plugchoice], past_days=92)
    for one, other in zip(
        few.world.stations.values(), many.world.stations.values(), strict=True
    ):
        for before, after in zip(one.connectors, other.connectors, strict=True):
            assert len(after.sessions) > len(before.sessions) + 20
            starts = [session.started_at for session in after.sessions]
            assert starts == sorted(starts)
            meters = [session.meter_start_wh for session in after.sessions]
            assert meters == sorted(meters)
    tenant = many["ampeco"]
    assert isinstance(tenant, Ampeco)
    assert len(tenant.tenant.sessions) > 80
