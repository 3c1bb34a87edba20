"""What a poll of many idle chargers costs: counts that the documentation states."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud import session_history
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.session_history import SessionHistory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt as dt_util
from simulator.cloud import Cloud
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.plugchoice import Plugchoice
from simulator.server import Simulator

from .devices import tick


@pytest.mark.parametrize(
    ("kind", "chargers", "requests"),
    [
        # 25 chargers of a location in each request.
        pytest.param(Plugchoice, 50, 2, id="plugchoice"),
        # A hundred charge points in one, a hundred EVSEs in the other.
        pytest.param(Ampeco, 50, 2, id="ampeco"),
    ],
)
async def test_unchanged_poll(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Cloud],
    chargers: int,
    requests: int,
) -> None:
    """It writes no state and asks no more than the lists force.

    Settings, cards and other slow data come on top now and then, a few a minute.
    """
    # Within the hour no tariff changes its price.
    freezer.move_to(
        (dt_util.utcnow() + timedelta(days=1)).replace(hour=10, minute=0, second=0)
    )
    # What is read of the past comes beside polls, at a pace of its own.
    monkeypatch.setattr(session_history, "PAUSE", 86_400.0)
    async with Simulator([kind], seed=False) as simulator:
        cloud = simulator[kind.name]
        options: dict[str, Any] = {"connectors": 1}
        cloud.populate(chargers, **options)
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=f"{kind.name}_many",
            data={
                "provider": kind.name,
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
            options={"entities": "all"},
        )
        entry.add_to_hass(home)
        # What there was is read beside the polls, for hours, and counted elsewhere.
        with patch.object(SessionHistory, "async_start"):
            await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED
        assert len(home.states.async_all("switch")) >= chargers
        # Slow data of many chargers come in over the first minutes.
        for _ in range(20):
            await tick(home, freezer, 61)
        counts = []
        with patch.object(
            Entity,
            "async_write_ha_state",
            autospec=True,
            side_effect=Entity.async_write_ha_state,
        ) as write:
            for _ in range(21):
                cloud.requests.clear()
                await tick(home, freezer, 61)
                counts.append(len(cloud.requests))
        assert min(counts) == requests
        assert sum(counts) <= 12 * len(counts)
        assert not [call.args[0].entity_id for call in write.call_args_list]
        await home.config_entries.async_unload(entry.entry_id)
