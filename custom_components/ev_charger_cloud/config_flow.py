"""Config flow: which cloud, whose account, which chargers."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partialmethod
import logging
from types import MappingProxyType
from typing import Any, override

from aiohttp import DummyCookieJar
import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    Selector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .account import ChargerConfigEntry
from .addresses import is_readable_on_the_way
from .charging import ChargingError, DeviceKind, Name
from .const import (
    CONF_ACCOUNT_ID,
    CONF_ALL_CHARGERS,
    CONF_ALLOW_HTTP,
    CONF_BASE_URL,
    CONF_CHARGERS,
    CONF_CONNECTOR_PRICES,
    CONF_ENTITIES,
    CONF_GROUPS,
    CONF_KEY,
    CONF_PACE,
    CONF_PRICE,
    CONF_PRICE_SENSOR,
    CONF_PROVIDER,
    DEFAULT_PACE,
    DOMAIN,
    ENTITIES_ALL,
    ENTITIES_AUTOMATIC,
    ENTITIES_ESSENTIAL,
    PACES,
)
from .error_translation import general_translation_of
from .identity import entry_of, is_account_of, new_key
from .names import async_device_name, async_load_names, async_push_text
from .prices import currency_of
from .provider_import import async_import_provider
from .providers import PROVIDERS
from .providers.base import (
    Account,
    Candidate,
    Context,
    Field,
    FieldKind,
    InvalidSettingError,
    Provider,
    ProviderDescription,
)

_LOGGER = logging.getLogger(__name__)

_ALLOW_HTTP = Field(key=CONF_ALLOW_HTTP, kind=FieldKind.BOOLEAN, default=False)

_TEXT_TYPES = {
    FieldKind.TEXT: TextSelectorType.TEXT,
    FieldKind.SECRET: TextSelectorType.PASSWORD,
    FieldKind.URL: TextSelectorType.URL,
}


def _selector(field: Field) -> Selector[Any]:
    """Return how a setting is typed in."""
    if field.kind is FieldKind.BOOLEAN:
        return BooleanSelector()
    if field.kind is FieldKind.NUMBER:
        bounds = NumberSelectorConfig(step=field.step, mode=NumberSelectorMode.BOX)
        if field.minimum is not None:
            bounds["min"] = field.minimum
        if field.maximum is not None:
            bounds["max"] = field.maximum
        if field.unit is not None:
            bounds["unit_of_measurement"] = field.unit
        return NumberSelector(bounds)
    return TextSelector(
        TextSelectorConfig(type=_TEXT_TYPES[field.kind], autocomplete="off")
    )


def _schema(
    fields: Sequence[Field],
    typed: Mapping[str, Any] | None,
    stored: Mapping[str, Any] = MappingProxyType({}),
    *,
    keep_secrets: bool = False,
) -> vol.Schema:
    """Return the form of some settings, filled with what was typed or is stored.

    A secret that is stored is never shown; with `keep_secrets` it may be left empty.
    """
    schema: dict[vol.Marker, Selector[Any]] = {}
    for field in fields:
        secret = field.kind is FieldKind.SECRET
        if typed is not None:
            value = typed.get(field.key)
        else:
            value = field.default if secret else stored.get(field.key, field.default)
        required = field.required and not (secret and keep_secrets)
        if field.kind is FieldKind.BOOLEAN:
            marker: vol.Marker = vol.Required(field.key, default=bool(value))
        else:
            marker = (vol.Required if required else vol.Optional)(
                field.key,
                description=None if value is None else {"suggested_value": value},
            )
        schema[marker] = _selector(field)
    return vol.Schema(schema)


@contextmanager
def _provider(
    hass: HomeAssistant, description: ProviderDescription, settings: Mapping[str, Any]
) -> Iterator[Provider]:
    """Give a provider with some settings, for as long as it is needed."""
    # A session of its own: no account sends another's cookies.
    session = async_create_clientsession(
        hass, auto_cleanup=False, cookie_jar=DummyCookieJar()
    )
    try:
        yield description.factory(Context(session=session, settings=settings))
    finally:
        session.detach()


def _label(hass: HomeAssistant, name: str | Name) -> str:
    """Return a name as people see it."""
    return name if isinstance(name, str) else async_device_name(hass, name)


def _choice(
    hass: HomeAssistant, candidates: Iterable[Candidate], *, custom: bool = False
) -> Selector[Any]:
    """Return a choice among candidates; `custom` lets one be typed in instead."""
    options = [
        SelectOptionDict(value=candidate.id, label=_label(hass, candidate.name))
        for candidate in candidates
    ]
    options.sort(key=lambda option: option["label"].casefold())
    return SelectSelector(
        SelectSelectorConfig(
            options=options,
            multiple=not custom,
            custom_value=custom,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def chargers_schema(
    hass: HomeAssistant,
    candidates: Sequence[Candidate],
    known: Mapping[str, Any],
    places: Sequence[str] = (),
) -> dict[vol.Marker, Selector[Any]]:
    """Return the form fields that choose chargers, by place too where there are any.

    `places` are those that can be chosen though no candidate is there.
    """
    schema: dict[vol.Marker, Selector[Any]] = {
        vol.Required(CONF_ALL_CHARGERS, default=known.get(CONF_ALL_CHARGERS, True)): (
            BooleanSelector()
        )
    }
    groups = {place: Candidate(id=place, name=place) for place in places} | {
        candidate.group: Candidate(
            id=candidate.group, name=candidate.group_name or candidate.group
        )
        for candidate in candidates
        if candidate.group is not None
    }
    there = {candidate.id for candidate in candidates}
    if groups:
        chosen = [key for key in known.get(CONF_GROUPS, ()) if key in groups]
        schema[vol.Optional(CONF_GROUPS, default=chosen)] = _choice(
            hass, list(groups.values())
        )
    chosen = [key for key in known.get(CONF_CHARGERS, ()) if key in there]
    schema[vol.Optional(CONF_CHARGERS, default=chosen)] = _choice(hass, candidates)
    return schema


def wrong_choice(user_input: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a choice of chargers: none, or all and some."""
    some = bool(user_input.get(CONF_CHARGERS) or user_input.get(CONF_GROUPS))
    if user_input[CONF_ALL_CHARGERS]:
        return "all_and_chosen" if some else None
    return None if some else "nothing_chosen"


def _present(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was left empty."""
    return {
        key: value.strip() if isinstance(value, str) else value
        for key, value in user_input.items()
        if value is not None and value != ""
    }


class ChargerConfigFlow(ConfigFlow, domain=DOMAIN):
    """Set up an account."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._description: ProviderDescription
        self._settings: dict[str, Any] = {}
        self._account: Account
        self._candidates: Sequence[Candidate] = ()
        self._new: dict[str, Any] = {}
        # An address that the user accepts although it is not encrypted.
        self._accepted_address = ""

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> ChargerOptionsFlow:
        """Return the options flow."""
        return ChargerOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which cloud."""
        return self.async_show_menu(step_id="user", menu_options=list(PROVIDERS))

    async def async_step_credentials(
        self, user_input: dict[str, Any] | None = None, *, provider: str
    ) -> ConfigFlowResult:
        """Ask for the credentials of one cloud; there is a step of each one's name."""
        self._description = await async_import_provider(self.hass, provider)
        errors: dict[str, str] = {}
        if user_input is not None:
            self._settings = _present(user_input)
            if await self._attempt(errors, self._settle_account):
                return await self._next()
        return self.async_show_form(
            step_id=provider,
            data_schema=_schema(self._asked_for(user_input, errors), user_input),
            errors=errors,
            description_placeholders=self._placeholders,
        )

    async def async_step_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whose chargers, where one set of credentials reaches several people's."""
        key = self._description.account_field or ""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._settings[key] = user_input[key].strip()
            if await self._attempt(errors, self._settle_account):
                return await self._next()
        return self.async_show_form(
            step_id="account",
            data_schema=vol.Schema(
                {vol.Required(key): _choice(self.hass, self._candidates, custom=True)}
            ),
            errors=errors,
            description_placeholders=self._placeholders,
        )

    async def async_step_chargers(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which chargers."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if (wrong := wrong_choice(user_input)) is None:
                return self._create(user_input)
            errors["base"] = wrong
        return self.async_show_form(
            step_id="chargers",
            data_schema=vol.Schema(
                chargers_schema(self.hass, self._candidates, user_input or {})
            ),
            errors=errors,
            description_placeholders={
                **self._placeholders,
                "count": str(len(self._candidates)),
            },
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin again with credentials that are no longer accepted."""
        self._description = await async_import_provider(
            self.hass, entry_data[CONF_PROVIDER]
        )
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the secrets alone."""
        entry = self._get_reauth_entry()
        secrets = [
            field
            for field in self._description.fields
            if field.kind is FieldKind.SECRET
        ]
        return await self._renew(entry, "reauth_confirm", secrets, user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change how the account is reached."""
        entry = self._get_reconfigure_entry()
        self._description = await async_import_provider(
            self.hass, entry.data[CONF_PROVIDER]
        )
        return await self._renew(
            entry, "reconfigure", self._asked_for(user_input), user_input
        )

    async def _renew(
        self,
        entry: ChargerConfigEntry,
        step_id: str,
        fields: Sequence[Field],
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Take new settings for an account that stays the same."""
        errors: dict[str, str] = {}
        self._accepted_address = entry.data.get(CONF_BASE_URL, "")
        if user_input is not None:
            # What is left empty is no longer set, but a secret is kept.
            shown = {
                field.key for field in fields if field.kind is not FieldKind.SECRET
            } | {CONF_PROVIDER, CONF_KEY, CONF_ACCOUNT_ID}
            kept = {key: entry.data[key] for key in entry.data if key not in shown}
            self._settings = {**kept, **_present(user_input)}
            if await self._attempt(errors, self._prove):
                if not is_account_of(self.hass, entry, self._account, self._candidates):
                    return self.async_abort(
                        reason="wrong_account",
                        description_placeholders=self._placeholders,
                    )
                return self.async_update_reload_and_abort(
                    entry,
                    data=self._data(
                        entry.data[CONF_KEY], entry.data.get(CONF_ACCOUNT_ID)
                    ),
                )
        if errors.get(CONF_BASE_URL) == "not_encrypted":
            fields = self._asked_for(user_input, errors)
        return self.async_show_form(
            step_id=step_id,
            data_schema=_schema(
                fields,
                user_input,
                entry.data,
                keep_secrets=self.source != SOURCE_REAUTH,
            ),
            errors=errors,
            description_placeholders={**self._placeholders, "account": entry.title},
        )

    def _asked_for(
        self,
        user_input: Mapping[str, Any] | None,
        errors: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Field]:
        """Return the settings of the account's form.

        Whether it may go unencrypted is asked only where it would.
        """
        fields = [
            field
            for field in self._description.fields
            if field.key != self._description.account_field
        ]
        if "not_encrypted" in errors.values() or CONF_ALLOW_HTTP in (user_input or {}):
            fields.append(_ALLOW_HTTP)
        return fields

    @property
    def _placeholders(self) -> dict[str, str]:
        """Return what the texts may name."""
        return {
            "provider": self._description.name,
            "portal": self._description.portal,
        }

    async def _attempt(
        self, errors: dict[str, str], step: Callable[[], Awaitable[None]]
    ) -> bool:
        """Tidy the settings and take a step with them; note what is wrong."""
        try:
            self._settings = self._description.normalise(self._settings)
            self._check_encryption()
            await step()
        except InvalidSettingError as err:
            errors[err.key] = err.reason
        except ChargingError as err:
            errors["base"] = general_translation_of(err)
        except Exception:
            _LOGGER.exception("Unexpected error at %s", self._description.name)
            errors["base"] = "failed"
        return not errors

    def _check_encryption(self) -> None:
        """Raise unless the way to the cloud is encrypted, or the user accepts it."""
        address = self._settings.get(CONF_BASE_URL, "")
        if self._settings.pop(CONF_ALLOW_HTTP, False):
            self._accepted_address = address
        if address != self._accepted_address and is_readable_on_the_way(address):
            raise InvalidSettingError(CONF_BASE_URL, "not_encrypted")

    async def _prove(self) -> None:
        """Prove the credentials."""
        with _provider(self.hass, self._description, self._settings) as provider:
            self._account = await provider.account()
            self._candidates = await provider.candidates()
        await async_load_names(self.hass)

    async def _settle_account(self) -> None:
        """Prove the credentials, or learn whose chargers they reach."""
        if not self._account_missing:
            await self._prove()
            return
        with _provider(self.hass, self._description, self._settings) as provider:
            self._candidates = await provider.subaccounts()
        await async_load_names(self.hass)

    @property
    def _account_missing(self) -> bool:
        """Return whether it is still to be chosen whose chargers are meant."""
        key = self._description.account_field
        return key is not None and not self._settings.get(key)

    async def _next(self) -> ConfigFlowResult:
        """Go on to what is still to be asked."""
        if self._account_missing:
            return await self.async_step_account()
        known = self._async_current_entries(include_ignore=False)
        key = new_key(self._description.key, self._account, self._candidates, known)
        self._new = self._data(key, None)
        if entry_of(self.hass, self._account, self._candidates, self._new, known):
            return self.async_abort(reason="already_configured")
        # A window that was closed at the choice is still in progress, and in nobody's
        # way: Home Assistant ends it once the entry is there.
        await self.async_set_unique_id(key, raise_on_progress=False)
        if len(self._candidates) > 1:
            return await self.async_step_chargers()
        return self._create({CONF_ALL_CHARGERS: True})

    def _data(self, key: str, account_id: str | None) -> dict[str, Any]:
        """Return the data of an entry: what it is called, and how it is reached.

        `account_id` is what the cloud called the account when it last told.
        """
        data = {
            CONF_PROVIDER: self._description.key,
            CONF_KEY: key,
            **self._settings,
        }
        if (known := self._account.id or account_id) is not None:
            data[CONF_ACCOUNT_ID] = known
        return data

    def _create(self, chosen: Mapping[str, Any]) -> ConfigFlowResult:
        """Create the entry."""
        return self.async_create_entry(
            title=self._account.title, data=self._new, options=dict(chosen)
        )


for _key in PROVIDERS:
    setattr(
        ChargerConfigFlow,
        f"async_step_{_key}",
        partialmethod(ChargerConfigFlow.async_step_credentials, provider=_key),
    )


class ChargerOptionsFlow(OptionsFlowWithReload):
    """Change which chargers, how often, and what is assumed."""

    config_entry: ChargerConfigEntry

    def __init__(self) -> None:
        """Begin with what holds now."""
        # What is to be stored, and whose own prices are still to be asked.
        self._options: dict[str, Any] = {}
        self._own_prices: list[str] = []

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for everything at once."""
        entry = self.config_entry
        description = await async_import_provider(self.hass, entry.data[CONF_PROVIDER])
        errors: dict[str, str] = {}
        if user_input is not None:
            # A secret that is left empty is kept: it is never shown.
            kept = {
                field.key: entry.options[field.key]
                for field in description.options
                if field.kind is FieldKind.SECRET and field.key in entry.options
            }
            options = kept | _present(user_input)
            own_prices: list[str] = options.pop(CONF_CONNECTOR_PRICES, [])
            tidy: Mapping[str, Any] = {}
            try:
                tidy = description.normalise({**entry.data, **options})
            except InvalidSettingError as err:
                errors[err.key if err.key in options else "base"] = err.reason
            else:
                errors |= _wrong_price(self.hass, options)
                if (wrong := wrong_choice(user_input)) is not None:
                    errors["base"] = wrong
            if not errors:
                self._options = {key: tidy[key] for key in options if key in tidy}
                stored = entry.options.get(CONF_CONNECTOR_PRICES, {})
                if self._connectors:
                    self._own_prices = own_prices
                    stored = {key: stored.get(key, {}) for key in own_prices}
                if stored:
                    self._options[CONF_CONNECTOR_PRICES] = stored
                return await self.async_step_connector_price()
        known = {**entry.options, **(user_input or {})}
        candidates, places = await known_candidates(self.hass, entry)
        schema = chargers_schema(self.hass, candidates, known, places)
        schema[vol.Required(CONF_PACE, default=known.get(CONF_PACE, DEFAULT_PACE))] = (
            SelectSelector(
                SelectSelectorConfig(options=list(PACES), translation_key=CONF_PACE)
            )
        )
        schema[
            vol.Required(
                CONF_ENTITIES, default=known.get(CONF_ENTITIES, ENTITIES_AUTOMATIC)
            )
        ] = SelectSelector(
            SelectSelectorConfig(
                options=[ENTITIES_AUTOMATIC, ENTITIES_ALL, ENTITIES_ESSENTIAL],
                translation_key=CONF_ENTITIES,
            )
        )
        schema |= _price_schema(self.hass, known)
        if connectors := self._connectors:
            own = [
                key for key in known.get(CONF_CONNECTOR_PRICES, ()) if key in connectors
            ]
            schema[vol.Optional(CONF_CONNECTOR_PRICES, default=own)] = _choice(
                self.hass, connectors.values()
            )
        schema |= _schema(
            description.options,
            user_input,
            {**_automatic(entry), **entry.options},
            keep_secrets=True,
        ).schema
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(schema),
            errors=errors,
            description_placeholders={
                "provider": description.name,
                "push": _push_text(self.hass, entry) if description.callbacks else "",
            },
        )

    async def async_step_connector_price(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the price at one connector after the other."""
        errors: dict[str, str] = {}
        if user_input is not None:
            stated = _present(user_input)
            if not (errors := _wrong_price(self.hass, stated)):
                self._options[CONF_CONNECTOR_PRICES][self._own_prices.pop(0)] = stated
        if not self._own_prices:
            return self.async_create_entry(data=self._options)
        key = self._own_prices[0]
        known = self._options[CONF_CONNECTOR_PRICES][key]
        if errors:
            known = user_input or {}
        return self.async_show_form(
            step_id="connector_price",
            data_schema=vol.Schema(_price_schema(self.hass, known)),
            errors=errors,
            description_placeholders={
                "connector": _label(self.hass, self._connectors[key].name)
            },
        )

    @property
    def _connectors(self) -> dict[str, Candidate]:
        """Return the connectors that may have a price of their own.

        One alone has the account's.
        """
        entry = self.config_entry
        own = entry.options.get(CONF_CONNECTOR_PRICES, {})
        found = {key: Candidate(id=key, name=key) for key in own}
        if entry.state is ConfigEntryState.LOADED:
            coordinator = entry.runtime_data
            parents = {device.parent for device in coordinator.data.values()}
            found |= {
                device.id: Candidate(id=device.id, name=coordinator.title_of(device))
                for device in coordinator.data.values()
                if device.kind in (DeviceKind.CHARGER, DeviceKind.CONNECTOR)
                and device.id not in parents
            }
        return found if len(found) > 1 or own else {}


def _price_schema(
    hass: HomeAssistant, known: Mapping[str, Any]
) -> dict[vol.Marker, Selector[Any]]:
    """Return the form fields that state a price, filled with what is known."""
    selectors: dict[str, Selector[Any]] = {
        CONF_PRICE: NumberSelector(
            NumberSelectorConfig(
                min=0,
                max=1000,
                step="any",
                unit_of_measurement=f"{hass.config.currency}/kWh",
                mode=NumberSelectorMode.BOX,
            )
        ),
        CONF_PRICE_SENSOR: EntitySelector(EntitySelectorConfig(domain="sensor")),
    }
    return {
        vol.Optional(
            key, description={"suggested_value": known[key]} if key in known else None
        ): selector
        for key, selector in selectors.items()
    }


def _wrong_price(hass: HomeAssistant, stated: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a price: a sensor that shows something else."""
    state = hass.states.get(stated.get(CONF_PRICE_SENSOR, ""))
    if state is None:
        return {}
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if currency_of(hass, unit) is None:
        return {CONF_PRICE_SENSOR: "not_a_price"}
    return {}


def _automatic(entry: ChargerConfigEntry) -> Mapping[str, Any]:
    """Return what options are that were never set, where that depends on the account."""
    if entry.state is not ConfigEntryState.LOADED:
        return {}
    return entry.runtime_data.provider.automatic_settings


def _push_text(hass: HomeAssistant, entry: ChargerConfigEntry) -> str:
    """Return whether the account's cloud calls back, and where, in words."""
    if entry.state is not ConfigEntryState.LOADED:
        return ""
    push = entry.runtime_data.push
    return async_push_text(hass, push.state, push.address)


async def known_candidates(
    hass: HomeAssistant, entry: ChargerConfigEntry
) -> tuple[Sequence[Candidate], Sequence[str]]:
    """List the chargers to choose from, and places that none of them tells of.

    When the cloud is silent these are the known ones, and the places chosen before.
    """
    description = await async_import_provider(hass, entry.data[CONF_PROVIDER])
    await async_load_names(hass)
    try:
        with _provider(hass, description, {**entry.data, **entry.options}) as provider:
            return await provider.candidates(), ()
    except ChargingError:
        chosen = [
            Candidate(id=key, name=key) for key in entry.options.get(CONF_CHARGERS, ())
        ]
        if entry.state is not ConfigEntryState.LOADED:
            return chosen, entry.options.get(CONF_GROUPS, ())
        known = [
            Candidate(id=device.id, name=entry.runtime_data.name_of(device))
            for device in entry.runtime_data.data.values()
            if device.kind is DeviceKind.CHARGER
        ]
        ids = {candidate.id for candidate in known}
        known += [each for each in chosen if each.id not in ids]
        return known, entry.options.get(CONF_GROUPS, ())
