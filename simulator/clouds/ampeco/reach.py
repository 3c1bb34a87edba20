"""What a request names, as far as its token reaches."""

from typing import Any

from aiohttp import web

from .access import Access
from .model import Booking, Charge, Circuit, Outlet, Point
from .query import Invalid
from .tenant import Tenant


class Missing(Exception):
    """What the path names does not exist, or is out of the token's reach."""


class Reach:
    """Finds the tenant's records for a request."""

    def __init__(self, tenant: Tenant) -> None:
        """Look in a tenant."""
        self._tenant = tenant

    def point(self, request: web.Request, access: Access) -> Point:
        """Return the charge point in the path."""
        point = self._tenant.points.get(number(request, "point"))
        if point is None or not access.reaches(point.partner):
            raise Missing
        return point

    def outlet(self, request: web.Request, access: Access) -> Outlet:
        """Return the EVSE in the path."""
        outlet = self._tenant.outlets.get(number(request, "outlet"))
        if outlet is None or not access.reaches(outlet.point.partner):
            raise Missing
        return outlet

    def charge(self, request: web.Request, access: Access) -> Charge:
        """Return the session in the path."""
        charge = self._tenant.charges.get(number(request, "charge"))
        if charge is None or not access.reaches(charge.outlet.point.partner):
            raise Missing
        return charge

    def booking(self, request: web.Request, access: Access) -> Booking:
        """Return the reservation in the path."""
        booking = self._tenant.bookings.get(number(request, "booking"))
        if booking is None or not access.reaches(booking.outlet.point.partner):
            raise Missing
        return booking

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
