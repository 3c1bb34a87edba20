"""What a request names, as far as its token reaches."""

from typing import Any

from aiohttp import web

from .access import Access
from .model import ChargePoint, Circuit, Evse, Reservation, Session
from .query import Invalid
from .tenant import Tenant


class Missing(Exception):
    """What the path names does not exist, or is out of the token's reach."""


class Lookup:
    """Finds the tenant's records for a request."""

    def __init__(self, tenant: Tenant) -> None:
        """Look in a tenant."""
        self._tenant = tenant

    def charge_point(self, request: web.Request, access: Access) -> ChargePoint:
        """Return the charge point in the path."""
        charge_point = self._tenant.charge_points.get(number(request, "charge_point"))
        if charge_point is None or not access.reaches(charge_point.partner):
            raise Missing
        return charge_point

    def evse(self, request: web.Request, access: Access) -> Evse:
        """Return the EVSE in the path."""
        evse = self._tenant.evses.get(number(request, "evse"))
        if evse is None or not access.reaches(evse.charge_point.partner):
            raise Missing
        return evse

    def session(self, request: web.Request, access: Access) -> Session:
        """Return the session in the path."""
        session = self._tenant.sessions.get(number(request, "session"))
        if session is None or not access.reaches(session.evse.charge_point.partner):
            raise Missing
        return session

    def reservation(self, request: web.Request, access: Access) -> Reservation:
        """Return the reservation in the path."""
        reservation = self._tenant.reservations.get(number(request, "reservation"))
        if reservation is None or not access.reaches(
            reservation.evse.charge_point.partner
        ):
            raise Missing
        return reservation

    def circuit(self, request: web.Request) -> Circuit:
        """Return the circuit in the path."""
        circuit = self._tenant.circuits.get(number(request, "circuit"))
        if circuit is None:
            raise Missing
        return circuit


def number(request: web.Request, name: str) -> int:
    """Return a number in the path."""
    try:
        return int(request.match_info[name])
    except ValueError:
        raise Missing from None


async def read_body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object sent, empty by default."""
    if not await request.text():
        return {}
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Invalid(body="The body must be a JSON object.")
    return body
