"""The life of a callback.

Home Assistant's webhook answers 200 for ids it does not know and for handlers that
raise, so a cloud would take for delivered what was lost: the webhook is there before
the first poll, and its handler never raises.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum, unique
from http import HTTPStatus
import logging
import time
from typing import Any

from aiohttp import DummyCookieJar
from aiohttp.web import Request, Response

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.util import dt as dt_util

from .addresses import is_local
from .charging import (
    AuthenticationError,
    ChargingError,
    NotSupportedError,
    PermissionDeniedError,
)
from .const import CONF_BASE_URL, CONF_PROVIDER, DOMAIN
from .coordinator import ChargingCoordinator
from .provider_import import async_import_provider
from .providers.base import Callback, Context
from .store import AccountStore

_LOGGER = logging.getLogger(__name__)

_WEBHOOK_ID = "webhook_id"
_ADDRESS = "webhook_address"
_CLOUD = "cloud"
_LARGEST_BODY = 1024 * 1024
_CHUNK = 64 * 1024
_PATIENCE = 10.0  # s, for a body
# What changed within this time (s) is read together.
_GATHER = 0.5
_RENEWAL = timedelta(hours=1)
_RETRY = 900.0  # s


@unique
class PushState(StrEnum):
    """Whether callbacks come, and if not why; the texts have these keys."""

    OFF = "off"
    WAITING = "waiting"
    ACTIVE = "active"
    NO_ADDRESS = "no_address"
    NOT_PERMITTED = "not_permitted"
    FAILED = "failed"


class PushReceiver:
    """Takes the callbacks of one account's cloud."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, coordinator: ChargingCoordinator
    ) -> None:
        """Prepare; nothing is registered yet."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._webhook_id: str | None = None
        self._subscribing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._gathering: CALLBACK_TYPE | None = None
        self._due: set[str] = set()
        self.state = PushState.OFF
        self.address: str | None = None
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.last_accepted: datetime | None = None
        self.last_refused: datetime | None = None

    @callback
    def async_register(self) -> None:
        """Begin to answer, before the first poll: what comes earlier is lost."""
        if not self._coordinator.description.callbacks:
            return
        store = self._coordinator.store
        if _WEBHOOK_ID not in store.content:
            store.content[_WEBHOOK_ID] = webhook.async_generate_id()
            store.save()
        webhook_id = self._webhook_id = str(store.content[_WEBHOOK_ID])
        webhook.async_unregister(self._hass, webhook_id)
        webhook.async_register(
            self._hass,
            DOMAIN,
            self._entry.title,
            webhook_id,
            self._handle,
            local_only=False,
            allowed_methods=("POST",),
        )
        self.state = PushState.WAITING

    @callback
    def async_unregister(self) -> None:
        """Answer no more."""
        if self._webhook_id is not None:
            webhook.async_unregister(self._hass, self._webhook_id)
            # One may be under way.
            self._webhook_id = None
        if self._gathering is not None:
            self._gathering()
        for task in (self._subscribing, self._refreshing, self._reading):
            if task is not None:
                task.cancel()

    @callback
    def async_start(self) -> None:
        """Have the cloud call, now and whenever our address may have changed."""
        if (webhook_id := self._webhook_id) is None:
            return

        @callback
        def renew(_: object = None) -> None:
            if self._subscribing is not None:
                self._subscribing.cancel()
            self._subscribing = self._entry.async_create_background_task(
                self._hass, self._subscribe(webhook_id), f"{DOMAIN} subscribe"
            )

        if (cloud := _cloud(self._hass)) is not None:
            self._entry.async_on_unload(
                cloud.async_listen_connection_change(self._hass, renew)
            )
        self._entry.async_on_unload(
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, renew)
        )
        self._entry.async_on_unload(
            async_track_time_interval(self._hass, renew, _RENEWAL)
        )
        renew()
        if self.accepted:
            # What was told during the first poll may be newer than what it found.
            self._refresh()

    def _refresh(self) -> None:
        """Poll now."""
        self._refreshing = self._entry.async_create_background_task(
            self._hass, self._coordinator.async_refresh(), f"{DOMAIN} refresh"
        )

    async def _subscribe(self, webhook_id: str) -> None:
        """Tell the cloud where to call, until it is told."""
        store = self._coordinator.store
        while True:
            self.address = await _address(self._hass, self._entry, webhook_id)
            if self.address is None:
                self._coordinator.provider.suspend_callbacks()
                if self.state is PushState.ACTIVE:
                    # What would have been told must be found.
                    self._refresh()
                self.state = PushState.NO_ADDRESS
                return
            back = self.state is PushState.NO_ADDRESS
            if store.content.get(_ADDRESS) != self.address:
                store.content[_ADDRESS] = self.address
                store.save()
            # Whoever forgets, by a kill, what it subscribed, cannot end it any more.
            await store.flush()
            try:
                active = await self._coordinator.provider.subscribe(self.address)
            except PermissionDeniedError, NotSupportedError:
                self.state = PushState.NOT_PERMITTED
                return
            except ChargingError as err:
                _LOGGER.debug("Callbacks cannot be subscribed: %s", err.reason)
                self.state = PushState.FAILED
                await asyncio.sleep(_RETRY)
            else:
                self.state = PushState.ACTIVE if active else PushState.OFF
                if back:
                    self._refresh()
                return

    async def _handle(
        self, hass: HomeAssistant, webhook_id: str, request: Request
    ) -> Response:
        """Answer a callback: 2xx whatever is genuine, at once."""
        try:
            status = await self._receive(request)
        except Exception:
            _LOGGER.exception("Unexpected error with a callback")
            self._count(self.refused, "unexpected_error")
            status = HTTPStatus.ACCEPTED
        return Response(status=status)

    async def _receive(self, request: Request) -> HTTPStatus:
        """Read a callback, have the provider understand it, apply what it says."""
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await _read_bounded(request)
        except Exception:  # noqa: BLE001  (broken off, garbled: what a sender may do)
            return self._refuse("incomplete", HTTPStatus.BAD_REQUEST)
        if body is None:
            return self._refuse("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        received_at = time.monotonic()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            received = self._coordinator.provider.receive(
                Callback(headers=headers, body=body)
            )
        except AuthenticationError as err:
            return self._refuse(err.reason or "unproved", HTTPStatus.UNAUTHORIZED)
        except ChargingError:
            return self._refuse("unreadable", HTTPStatus.BAD_REQUEST)
        self._count(self.accepted, received.kind)
        self.last_accepted = dt_util.utcnow()
        await self._coordinator.apply_callback(received, received_at)
        self._read_soon(received.reread)
        return HTTPStatus.ACCEPTED

    def _refuse(self, reason: str, status: HTTPStatus) -> HTTPStatus:
        """Note a callback that is not taken, and return what it is answered."""
        self._count(self.refused, reason)
        self.last_refused = dt_util.utcnow()
        return status

    @staticmethod
    def _count(counter: Counter[str], what: str) -> None:
        """Count something."""
        counter[what] += 1

    def _read_soon(self, device_ids: Iterable[str]) -> None:
        """Have devices read again, once for all that is told of them in a moment."""
        if self._webhook_id is None:
            return
        fleet = self._coordinator.data or {}
        self._due |= {
            self._coordinator.charger_id(device)
            for device_id in device_ids
            if (device := fleet.get(device_id)) is not None
        }
        if self._due and self._gathering is None:
            self._gathering = async_call_later(self._hass, _GATHER, self._read_gathered)

    @callback
    def _read_gathered(self, _: datetime) -> None:
        """Read what was gathered."""
        self._gathering = None
        due, self._due = self._due, set()
        self._reading = self._entry.async_create_background_task(
            self._hass, self._read(due), f"{DOMAIN} read after callbacks"
        )

    async def _read(self, due: Iterable[str]) -> None:
        """Read what callbacks told of, one after the other."""
        for device_id in sorted(due):
            await self._coordinator.read(
                device_id, since=time.monotonic(), urgent=False
            )

    def diagnostics(self) -> dict[str, Any]:
        """Return what came, without a word of it."""
        return {
            "state": self.state,
            "accepted": dict(self.accepted),
            "refused": dict(self.refused),
            "last_accepted": self.last_accepted,
            "last_refused": self.last_refused,
        }


async def async_end_push(
    hass: HomeAssistant, entry: ConfigEntry, store: AccountStore
) -> None:
    """Have the cloud of an account that is removed call no more."""
    webhook_id = store.content.get(_WEBHOOK_ID)
    address = store.content.get(_ADDRESS)
    if webhook_id is None:
        return
    if address is not None:
        await _unsubscribe(hass, entry, store, address)
    if (cloud := _cloud(hass)) is not None:
        try:
            await cloud.async_delete_cloudhook(hass, webhook_id)
        except ValueError, HomeAssistantError:
            _LOGGER.debug("There was no cloud hook to delete")


async def _unsubscribe(
    hass: HomeAssistant, entry: ConfigEntry, store: AccountStore, address: str
) -> None:
    """End what an account subscribed, if its cloud can be asked."""
    session = async_create_clientsession(
        hass, auto_cleanup=False, cookie_jar=DummyCookieJar()
    )
    try:
        description = await async_import_provider(hass, entry.data[CONF_PROVIDER])
        provider = description.factory(
            Context(
                session=session,
                settings={**entry.data, **entry.options},
                memory=store.content,
            )
        )
        await provider.unsubscribe(address)
    except ChargingError as err:
        _LOGGER.debug("The subscription cannot be ended: %s", err.reason)
    finally:
        session.detach()


def _cloud(hass: HomeAssistant) -> Any:
    """Return Home Assistant's cloud component where it is in use, else None."""
    if _CLOUD not in hass.config.components:
        return None
    from homeassistant.components import cloud  # noqa: PLC0415  (heavy, seldom there)

    return cloud


async def _address(
    hass: HomeAssistant, entry: ConfigEntry, webhook_id: str
) -> str | None:
    """Return where the cloud can reach us, None where it cannot.

    Through Home Assistant Cloud with a subscription, else by the external address if
    it is encrypted; by the internal one, as it was configured, only where the cloud
    itself is in the house.
    """
    cloud = _cloud(hass)
    if cloud is not None and cloud.async_active_subscription(hass):
        try:
            return str(await cloud.async_get_or_create_cloudhook(hass, webhook_id))
        except cloud.CloudNotAvailable:
            # Once it is connected we are called again.
            return None
    local = bool(hass.config.internal_url) and is_local(
        entry.data.get(CONF_BASE_URL, "")
    )
    try:
        address = webhook.async_generate_url(
            hass, webhook_id, allow_internal=local, prefer_external=not local
        )
    except NoURLAvailableError:
        return None
    return address if local or address.startswith("https://") else None


async def _read_bounded(request: Request) -> bytes | None:
    """Read a body, None when it is too large.

    Home Assistant Cloud's requests have a stream but no `read`, and a new one each
    time it is asked for.
    """
    content = request.content
    body = bytearray()
    while chunk := await content.read(_CHUNK):
        body += chunk
        if len(body) > _LARGEST_BODY:
            return None
    return bytes(body)
