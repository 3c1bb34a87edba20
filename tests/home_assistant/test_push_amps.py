"""AMPS's callbacks, from the simulated cloud to Home Assistant's repairs and events."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
import json

from aiohttp import ClientSession
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from standardwebhooks import Webhook

from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from custom_components.ev_charger_cloud.providers.amps import client
from custom_components.ev_charger_cloud.providers.transport import Limits
from custom_components.ev_charger_cloud.push import PushState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from simulator.clouds.amps import Amps
from simulator.clouds.amps.webhooks import LINK, SECRET
from simulator.server import Simulator

ONE = "dev_sim_ev_1"


@dataclass
class Account:
    """An account that AMPS calls."""

    home: HomeAssistant
    entry: MockConfigEntry
    cloud: Amps

    async def called(self) -> None:
        """Wait until what was called back arrived, and was acted on."""
        await self.cloud.deliveries.arrived()
        await self.home.async_block_till_done(wait_background_tasks=True)

    @property
    def relink(self) -> ir.IssueEntry | None:
        """Return the repair that asks to link a charger anew."""
        return next(
            (
                issue
                for issue in ir.async_get(self.home).issues.values()
                if issue.domain == DOMAIN and "relink" in issue.issue_id
            ),
            None,
        )


@pytest.fixture
async def account(
    home: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    hass_client_no_auth: ClientSessionGenerator,
) -> AsyncGenerator[Account]:
    monkeypatch.setattr(client, "LIMITS", Limits(requests=10_000, concurrency=1))
    async with Simulator([Amps]) as simulator:
        cloud = simulator["amps"]
        assert isinstance(cloud, Amps)
        await home.config.async_update(external_url="https://home.example")
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="AMPS",
            unique_id="amps_push",
            data={
                "provider": "amps",
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
            options={"all_chargers": True, "webhook_secret": SECRET},
        )
        entry.add_to_hass(home)
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        push = entry.runtime_data.push
        assert push.state is PushState.ACTIVE
        receiver = await hass_client_no_auth()
        path = f"/api/webhook/{push.address.rsplit('/', 1)[-1]}"
        cloud.quirks["callback_url"] = str(receiver.make_url(path))
        cloud.quirks["callback_seconds"] = 0
        yield Account(home, entry, cloud)
        await home.config_entries.async_unload(entry.entry_id)


async def test_broken_link_shows_its_address(account: Account) -> None:
    operation = {"operation": "link", "device": ONE}
    assert account.relink is None
    account.cloud.handle_control({**operation, "event": "device.disconnected"})
    await account.called()
    assert account.entry.runtime_data.push.accepted == {"device.disconnected": 1}
    issue = account.relink
    assert issue is not None
    assert issue.is_fixable
    assert await account.entry.runtime_data.provider.relink_url(ONE) == LINK
    assert LINK not in str(issue)
    account.cloud.handle_control({**operation, "event": "device.reconnected"})
    await account.called()
    assert account.relink is None


async def test_end_of_another_clients_command_is_an_event(account: Account) -> None:
    events = async_capture_events(account.home, EVENT_CHARGING)
    account.cloud.quirks["action_seconds"] = 0
    station = account.cloud.stations[ONE]
    account.cloud.commands.canonical(station, {"action": {"command": "idle"}})
    account.cloud.world.settle()
    await account.called()
    told = [each.data for each in events if each.data["type"] == "command_finished"]
    assert [(each["command"], each["outcome"]) for each in told] == [
        ("stop_charging", "completed")
    ]


async def test_polls_are_as_frequent_as_without(account: Account) -> None:
    """The state of chargers never comes by callback."""
    coordinator = account.entry.runtime_data
    await coordinator.async_refresh()
    told = coordinator.update_interval
    account.home.config_entries.async_update_entry(
        account.entry, options={"all_chargers": True}
    )
    await account.home.config_entries.async_reload(account.entry.entry_id)
    await account.home.async_block_till_done(wait_background_tasks=True)
    coordinator = account.entry.runtime_data
    assert coordinator.push.state is PushState.OFF
    await coordinator.async_refresh()
    assert coordinator.update_interval == told


async def test_wrong_clock_is_told_from_a_wrong_secret(account: Account) -> None:
    account.cloud.quirks["callback_trouble"] = "old"
    account.cloud.webhooks.link_changed("device.disconnected", ONE)
    await account.called()
    assert account.entry.runtime_data.push.refused == {"wrong_time": 1}
    assert account.relink is None


async def test_forged(account: Account) -> None:
    account.cloud.quirks["callback_trouble"] = "badly_signed"
    account.cloud.webhooks.link_changed("device.disconnected", ONE)
    await account.called()
    assert account.entry.runtime_data.push.refused == {"bad_signature": 1}
    assert account.relink is None


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 202), ("whsec_AAAA", 401)])
async def test_signed_by_a_foreign_judge(
    account: Account, session: ClientSession, secret: str, status: int
) -> None:
    """What the library of Standard Webhooks signs is taken, with our secret alone."""
    body = json.dumps(
        {"deviceId": ONE, "reconnectionUrl": LINK, "timestamp": "2026-05-04T06:20:00Z"}
    )
    now = datetime.now(UTC)
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": f"{now.timestamp() // 1:.0f}",
        "svix-signature": Webhook(secret).sign("msg_1", now, body),
    }
    url = account.cloud.quirks["callback_url"]
    async with session.post(url, data=body, headers=headers) as answer:
        assert answer.status == status
    await account.home.async_block_till_done(wait_background_tasks=True)
    assert (account.relink is not None) is (status == 202)
