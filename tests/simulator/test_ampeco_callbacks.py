"""The callbacks of the simulated AMPECO tenant."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
import json
from typing import Any

from aiohttp import ClientSession, web
import pytest

from simulator.clouds.ampeco import Ampeco
from simulator.clouds.ampeco.notifications import KINDS, NEW_NAMES
from simulator.server import Simulator
from simulator.world import Car

TOKEN = "ampeco-demo-token"
PROFILE = {
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
    },
}


@dataclass(kw_only=True)
class Hook:
    """A subscriber to everything, and its tenant."""

    cloud: Ampeco
    session: ClientSession
    key: int = 0
    status: int = 202
    came: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None) -> int:
        """Ask the tenant for something."""
        async with self.session.request(
            method,
            f"{self.cloud.base_url}/public-api/{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as response:
            if method == "POST" and path.startswith("notifications"):
                self.key = (await response.json())["data"]["id"]
            return response.status

    async def kinds(self, seconds: float = 0.0) -> list[str]:
        """Let time pass, and return the kinds of what came since the last call."""
        return [json.loads(body)["notification"] for body in await self.taken(seconds)]

    async def taken(self, seconds: float = 0.0) -> list[str]:
        """Let time pass, and return what came since the last call."""
        self.cloud.world.clock.step(seconds)
        self.cloud.world.settle()
        await self.cloud.notifications.deliveries.arrived()
        came, self.came = self.came, []
        return came

    def control(self, **operation: Any) -> Any:
        """Ask for something that only a simulator does."""
        return self.cloud.handle_control(operation)


@pytest.fixture
async def hook(session: ClientSession) -> AsyncGenerator[Hook]:
    async with Simulator([Ampeco], speed=0) as simulator:
        cloud = simulator["ampeco"]
        assert isinstance(cloud, Ampeco)
        cloud.quirks.update(rate_limit=None, start_seconds=0.0, stop_seconds=0.0)
        hook = Hook(cloud=cloud, session=session)

        async def handle(request: web.Request) -> web.Response:
            hook.came.append((await request.read()).decode())
            return web.Response(status=hook.status)

        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/hook", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        wanted = {
            "via": "webhook",
            "notifications": sorted(KINDS - set(NEW_NAMES.values())),
            "webhook": {
                "callbackUrl": f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            },
        }
        assert await hook.ask("POST", "notifications/v2.0", wanted) == 201
        yield hook
        await runner.cleanup()


async def test_a_session(hook: Hook) -> None:
    connector = hook.cloud.stations["CP-GN-002"].connector(1)
    connector.plug_in(Car())
    assert await hook.kinds() == ["HardwareStatusNotification"]
    connector.start("CARD-0001")
    assert sorted(await hook.kinds()) == [
        "HardwareStatusNotification",
        "SessionUpdateNotification",
        "authorization.changed",
        "session.start.stop.notification",
    ]
    assert set(await hook.kinds(600)) == {
        "SessionMeterValuesNotification",
        "SessionUpdateNotification",
        "CircuitConsumptionNotification",
    }
    connector.stop("Local")
    assert "session.start.stop.notification" in await hook.kinds()


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "told"),
    [
        (
            "POST",
            "actions/charge-point/v1.0/4022/reserve/1",
            {"userId": 771},
            "reservation.changed",
            {"reservationId": 2001, "status": "active"},
        ),
        (
            "POST",
            "actions/charge-point/v1.0/4022/set-charging-profile/1",
            PROFILE,
            "chargingProfile.applied",
            {"chargePointId": 4022, "evseId": 9003},
        ),
        (
            "POST",
            "actions/users/v1.0/771/add-balance",
            {"amount": 10, "reason": "a gift"},
            "userBalance.changed",
            {"userId": 771, "updatedBalance": 35.5, "credit": 10, "debit": 0},
        ),
        (
            "POST",
            "actions/users/v1.0/771/cancel-subscription",
            {"reason": "moved"},
            "user.subscription.changed",
            {"userId": 771, "status": "canceled", "endsAt": "2027-05-01 00:00:00"},
        ),
        (
            "PATCH",
            "resources/charge-points/v2.0/4022",
            {"name": "Other"},
            "chargePoint.changed",
            {"chargePointId": 4022, "action": "updated"},
        ),
        (
            "PATCH",
            "resources/evses/v2.1/9003",
            {"label": "Other"},
            "evse.changed",
            {"evseId": 9003, "action": "updated"},
        ),
        (
            "DELETE",
            "resources/evses/v2.1/9003",
            None,
            "evse.changed",
            {"evseId": 9003, "action": "deleted"},
        ),
        (
            "PATCH",
            "resources/circuits/v2.0/77",
            {"maxCurrent": 20},
            "circuit.changed",
            {"circuitId": 77, "action": "updated"},
        ),
        (
            "POST",
            "resources/circuits/v2.0",
            {"name": "New", "phases": "three_phase", "maxCurrent": 20},
            "circuit.changed",
            {"circuitId": 78, "action": "created"},
        ),
    ],
)
async def test_what_is_changed_by_the_api(
    hook: Hook, method: str, path: str, body: Any, kind: str, told: dict[str, Any]
) -> None:
    assert await hook.ask(method, path, body) < 300
    came = [json.loads(each) for each in await hook.taken()]
    [mine] = [each for each in came if each["notification"] == kind]
    assert mine.items() >= told.items()


async def test_reservation_that_lapses(hook: Hook) -> None:
    path = "actions/charge-point/v1.0/4022/reserve/1"
    assert await hook.ask("POST", path, {"userId": 771}) < 300
    await hook.taken()
    came = [json.loads(each) for each in await hook.taken(3600)]
    told = [each["status"] for each in came if "reservationId" in each]
    assert told == ["expired"]


async def test_boot(hook: Hook) -> None:
    hook.cloud.stations["CP-GN-002"].reset()
    came = [json.loads(each) for each in await hook.taken(300)]
    [boot] = [each for each in came if each["notification"] == "BootNotification"]
    assert boot["bootNotification"]["firmware_version"] == "2.4.1"
    words = {each.get("networkStatus") for each in came}
    assert words >= {"available", "temporarily unavailable"}


async def test_late(hook: Hook) -> None:
    hook.cloud.quirks["push_delay"] = 60
    hook.cloud.stations["CP-GN-002"].connector(1).plug_in()
    assert await hook.kinds() == []
    assert await hook.kinds(61) == ["HardwareStatusNotification"]


async def test_out_of_order(hook: Hook) -> None:
    hook.cloud.quirks["push_shuffled"] = True
    for number in range(4):
        hook.control(callback={"notification": "Some", "number": number})
    bodies = await hook.taken() + await hook.taken(6)
    came = [json.loads(body)["number"] for body in bodies]
    assert sorted(came) == [0, 1, 2, 3]
    assert came.index(1) < came.index(0)
    assert came.index(3) < came.index(2)


async def test_burst_and_whatever_else(hook: Hook) -> None:
    told = hook.control(callback={"notification": "SomethingNew"}, times=1000)
    assert told == {"sent": 1000}
    assert await hook.kinds() == ["SomethingNew"] * 1000
    for body in ("<html>", "[" * 2000, " " * 2 * 1024 * 1024):
        hook.control(callback=body)
        assert await hook.taken() == [body]
    told = hook.control(deliveries=True)["deliveries"]
    assert len(told) == 1003
    assert {status for _, status in told} == {202}


async def test_disabled_by_what_is_given_up(hook: Hook) -> None:
    resend = f"actions/notifications/v1.0/{hook.key}/resend"
    kinds = {"notifications": ["HardwareStatusNotification"]}
    hook.cloud.quirks["push_disables"] = True
    hook.status = 500
    connector = hook.cloud.stations["CP-GN-002"].connector(1)
    connector.plug_in()
    for seconds in (0, 5, 30, 120):
        assert len(await hook.taken(seconds)) == 1
    hook.status = 202
    connector.unplug()
    assert await hook.taken(3600) == []
    assert await hook.ask("POST", resend, kinds) == 409


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (10, 1)])
async def test_resend_keeps_to_its_span(hook: Hook, minutes: int, count: int) -> None:
    hook.cloud.quirks["push_dead"] = True
    hook.cloud.stations["CP-GN-002"].connector(1).plug_in()
    hook.cloud.quirks["push_dead"] = False
    assert await hook.taken(300) == []
    since = hook.cloud.world.now.timestamp() - 60 * minutes
    body = {
        "notifications": ["HardwareStatusNotification"],
        "startTime": hook.cloud.world.now.fromtimestamp(
            since, hook.cloud.world.now.tzinfo
        ).isoformat(),
    }
    path = f"actions/notifications/v1.0/{hook.key}/resend"
    assert await hook.ask("POST", path, body) == 202
    assert len(await hook.taken()) == count


async def test_nothing_from_before(hook: Hook) -> None:
    """Who subscribes is told what happens from then on."""
    assert await hook.ask("DELETE", f"notifications/v2.0/{hook.key}") == 204
    hook.cloud.stations["CP-GN-002"].connector(1).plug_in()
    wanted = {
        "via": "webhook",
        "notifications": ["HardwareStatusNotification"],
        "webhook": {"callbackUrl": "http://127.0.0.1:9/hook"},
    }
    assert await hook.ask("POST", "notifications/v2.0", wanted) == 201
    hook.cloud.world.settle()
    await asyncio.sleep(0)
    assert hook.control(deliveries=True) == {"deliveries": []}
