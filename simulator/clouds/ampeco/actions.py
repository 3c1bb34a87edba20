"""The actions: what stations are asked to do through the tenant."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from ...world import Refused
from .access import Access
from .lookup import Lookup, Missing, number, read_body
from .model import Evse
from .profiles import check
from .query import Invalid
from .resources import Collection
from .tenant import Tenant

type Answer = Callable[[web.Request, Access], Awaitable[web.Response]]

ROOT = "/public-api/actions"
STATION = ROOT + "/charge-point/v1.0/{charge_point}"

MESSAGES = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
    "SignV2GCertificate",
    "LogStatusNotification",
    "PublishFirmwareStatusNotification",
    "SignChargingStationCertificate",
    "SignCombinedCertificate",
    "TransactionEvent",
)
MODES = ("tod", "dynamic", "user_schedule", "disabled")
VOLTAGES = ["230", "380", "400", "480", "120", "208", "240", "110-130", "220-240"]
PHASES = ("single_phase", "three_phase", "split_phase")
ROTATIONS = ("RST", "RTS", "SRT", "STR", "TRS", "TSR")


class Actions:
    """Answers the actions of one tenant."""

    def __init__(
        self,
        tenant: Tenant,
        lookup: Lookup,
        users: Collection,
        quirks: Mapping[str, Any],
    ) -> None:
        """Act on a tenant."""
        self._tenant = tenant
        self._lookup = lookup
        self._users = users
        self._quirks = quirks

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield method, path, right and handler of each action."""
        for path, right, answer in (
            (STATION + "/start", "start", self._start_anywhere),
            (STATION + "/start/{evse}", "start", self._start_here),
            (ROOT + "/evse/v1.0/{evse}/start", "start", self._start),
            (STATION + "/stop/{session}", "stop", self._stop),
            (STATION + "/reserve/{evse}", "reserve", self._reserve),
            (
                ROOT + "/reservation/v1.0/{reservation}/cancel",
                "cancel-reservation",
                self._cancel,
            ),
            (STATION + "/unlock/{evse}", "unlock", self._unlock),
            (STATION + "/reset/{type}", "reset", self._reset),
            (
                STATION + "/set-charging-profile/{number}",
                "set-charging-profile",
                self._set_profile,
            ),
            (
                STATION + "/clear-charging-profile",
                "clear-charging-profile",
                self._clear_profile,
            ),
            (
                STATION + "/change-availability",
                "change-availability",
                self._change_availability,
            ),
            (STATION + "/trigger-message", "trigger-message", self._trigger),
            (
                ROOT + "/evse/v1.0/{evse}/trigger-message",
                "trigger-message",
                self._trigger,
            ),
        ):
            yield "POST", path, right, answer

    # Sessions

    async def _start(self, request: web.Request, access: Access) -> web.Response:
        evse = self._lookup.evse(request, access)
        return self._begin(evse, await read_body(request))

    async def _start_here(self, request: web.Request, access: Access) -> web.Response:
        evse = self._named(request, access)
        return self._begin(evse, await read_body(request))

    async def _start_anywhere(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point = self._lookup.charge_point(request, access)
        free = [o for o in charge_point.evses if self._tenant.open_session(o) is None]
        return self._begin((free or charge_point.evses)[0], await read_body(request))

    def _begin(self, evse: Evse, body: dict[str, Any]) -> web.Response:
        """Open a session, or say why not."""
        user = self._user(body)
        if body.get("bookingId") is not None:
            raise Invalid(bookingId="The booking does not exist.")
        if body.get("paymentMethodId") and user is None:
            raise Invalid(userId="The user id field is required.")
        profile = body.get("chargingProfile")
        if profile is not None:
            profile = check(profile, "chargingProfile.")
        if error := self._why_not(evse, user):
            return accepted(
                {
                    "success": False,
                    "sessionId": None,
                    "authorizationId": None,
                    "message": error.replace("_", " ").capitalize(),
                    "errorCode": error,
                }
            )
        session = self._tenant.start(
            evse, user, body.get("externalSessionId"), body.get("idTag")
        )
        if profile:
            self._tenant.set_profile(evse.charge_point, evse.connector.number, profile)
        return accepted(
            {
                "success": True,
                "sessionId": session.id,
                "authorizationId": session.authorization,
            }
        )

    def _why_not(self, evse: Evse, user: int | None) -> str | None:
        """Return the error code of a start that cannot be."""
        if forced := self._quirks["start_error"]:
            return str(forced)
        if not evse.charge_point.station.online:
            return "INTERNAL_ISSUE"
        if self._tenant.open_session(evse):
            return "SESSION_EXISTS"
        if user is not None and self._users.items[user].get("status") == "disabled":
            return "USER_IS_DISABLED"
        return None

    def _user(self, body: dict[str, Any], *, required: bool = False) -> int | None:
        user = body.get("userId")
        if user is None:
            if required:
                raise Invalid(userId="The user id field is required.")
            return None
        if not isinstance(user, int) or user not in self._users.items:
            raise Invalid(userId="The selected user id is invalid.")
        return user

    async def _stop(self, request: web.Request, access: Access) -> web.Response:
        charge_point, session = (
            self._lookup.charge_point(request, access),
            self._lookup.session(request, access),
        )
        force = (await read_body(request)).get("force", False)
        if not isinstance(force, bool):
            raise Invalid(force="The force field must be true or false.")
        if session.evse.charge_point is not charge_point:
            raise Missing
        if not session.open:
            raise Invalid(session="The session is not active.")
        self._tenant.stop(session, force=force)
        return accepted()

    # Reservations

    async def _reserve(self, request: web.Request, access: Access) -> web.Response:
        evse = self._named(request, access)
        user = self._user(await read_body(request), required=True)
        if self._quirks["refuse"]:
            return refused("Rejected", self._quirks)
        try:
            reservation = self._tenant.reserve(evse, user or 0)
        except Refused as err:
            return refused(err.reason, self._quirks)
        return accepted({"success": True, "reservationId": reservation.id})

    async def _cancel(self, request: web.Request, access: Access) -> web.Response:
        reservation = self._lookup.reservation(request, access)
        if reservation.status != "active":
            raise Invalid(reservation="The reservation is not active.")
        self._tenant.cancel(reservation)
        return accepted()

    # The station's own controls

    async def _unlock(self, request: web.Request, access: Access) -> web.Response:
        evse = self._named(request, access)
        return self._attempt(evse.connector.unlock)

    async def _reset(self, request: web.Request, access: Access) -> web.Response:
        charge_point, kind = (
            self._lookup.charge_point(request, access),
            request.match_info["type"],
        )
        if kind not in {"soft", "hard"}:
            raise Missing
        # The only action without a status of its own for a station that says no.
        old = {**self._quirks, "refusal_status": 202}
        return self._attempt(
            lambda: charge_point.station.reset(hard=kind == "hard"), old
        )

    def _attempt(
        self, act: Callable[[], None], quirks: Mapping[str, Any] | None = None
    ) -> web.Response:
        """Do something that the station may refuse."""
        quirks = quirks or self._quirks
        if quirks["refuse"]:
            return refused("Rejected", quirks)
        try:
            act()
        except Refused as err:
            return refused(err.reason, quirks)
        return accepted({"success": True})

    async def _set_profile(self, request: web.Request, access: Access) -> web.Response:
        charge_point, target = (
            self._lookup.charge_point(request, access),
            number(request, "number"),
        )
        if target not in {0, *(o.connector.number for o in charge_point.evses)}:
            raise Missing
        body = check(await read_body(request))
        if body["chargingProfilePurpose"] == "ChargePointMaxProfile" and target:
            raise Invalid(evseNetworkId="The purpose is for the whole station.")
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        key = self._tenant.set_profile(charge_point, target, body)
        return accepted({"data": {"id": key}})

    async def _clear_profile(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point, body = (
            self._lookup.charge_point(request, access),
            await read_body(request),
        )
        if not isinstance(body.get("evseNetworkId", ""), str):
            raise Invalid(evseNetworkId="The evse network id must be a string.")
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        self._tenant.clear_profiles(charge_point, body)
        return accepted()

    async def _change_availability(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point, body = (
            self._lookup.charge_point(request, access),
            await read_body(request),
        )
        if body.get("type") not in {"Operative", "Inoperative"}:
            raise Invalid(type="The selected type is invalid.")
        target = body.get("evseNetworkId")
        chosen = [o for o in charge_point.evses if target in {None, o.connector.number}]
        if not chosen:
            raise Invalid(evseNetworkId="The selected evse network id is invalid.")
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        scheduled = any(evse.connector.session for evse in chosen)
        for evse in chosen:
            evse.connector.set_operative(body["type"] == "Operative")
        return web.Response(status=204) if scheduled else accepted()

    async def _trigger(self, request: web.Request, access: Access) -> web.Response:
        if "charge_point" in request.match_info:
            charge_point = self._lookup.charge_point(request, access)
        else:
            charge_point = self._lookup.evse(request, access).charge_point
        if (await read_body(request)).get("type") not in MESSAGES:
            raise Invalid(type="The selected type is invalid.")
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        return accepted()

    def _named(self, request: web.Request, access: Access) -> Evse:
        """Return the EVSE in the path: its id, or its number on the station."""
        charge_point, wanted = (
            self._lookup.charge_point(request, access),
            number(request, "evse"),
        )
        for evse in charge_point.evses:
            if evse.id == wanted and self._quirks["evse_in_path"] != "network_id":
                return evse
        for evse in charge_point.evses:
            if evse.connector.number == wanted:
                return evse
        raise Missing


def check_smart_charging(body: dict[str, Any]) -> dict[str, Any]:
    """Return smart charging settings that can be kept."""
    mode = body.get("mode")
    if mode not in MODES:
        raise Invalid(mode="The selected mode is invalid.")
    if mode == "disabled":
        return {
            key: body[key] for key in ("mode", "preconditioningTime") if key in body
        }
    required = ["defaultChargePointMaxCurrent", "maxVoltage", "phases", "phaseRotation"]
    if mode == "user_schedule":
        required += ["minCurrent", "enableKeepAwake"]
    for name in required:
        if body.get(name) is None:
            raise Invalid(**{name: f"The {name} field is required."})
    for name, words in (
        ("maxVoltage", VOLTAGES),
        ("phases", PHASES),
        ("phaseRotation", ROTATIONS),
    ):
        if body[name] not in words:
            raise Invalid(**{name: f"The selected {name} is invalid."})
    if not isinstance(body["defaultChargePointMaxCurrent"], int | float):
        raise Invalid(defaultChargePointMaxCurrent="The value must be a number.")
    if "circuitId" in body:
        raise Invalid(circuitId="The circuit id is read only.")
    return body


def accepted(body: dict[str, Any] | None = None) -> web.Response:
    """Answer that a command was taken."""
    if body is None:
        return web.Response(status=202)
    return web.json_response(body, status=202)


def refused(words: str, quirks: Mapping[str, Any]) -> web.Response:
    """Answer that the station, or the cloud for it, said no."""
    status = int(quirks["refusal_status"])
    body: dict[str, Any] = {"message": words}
    if status == 202:
        body["success"] = False
    return web.json_response(body, status=status)
