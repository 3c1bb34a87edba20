"""Config flow: which cloud, whose account, which chargers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partialmethod
from hashlib import sha256
import logging
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
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

from .charging import ChargingError, DeviceKind
from .const import (
    CONF_ALL_CHARGERS,
    CONF_CHARGERS,
    CONF_ENTITIES,
    CONF_GROUPS,
    CONF_PACE,
    CONF_PROVIDER,
    DEFAULT_PACE,
    DOMAIN,
    ENTITIES_ALL,
    ENTITIES_AUTOMATIC,
    ENTITIES_ESSENTIAL,
    PACES,
)
from .coordinator import ChargerConfigEntry
from .exceptions import general_translation_of
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
    fields: Sequence[Field], known: Mapping[str, Any], *, keep_secrets: bool = False
) -> vol.Schema:
    """Return the form of some settings, filled with what is known.

    A secret is never shown again; with `keep_secrets` it may be left empty.
    """
    schema: dict[vol.Marker, Selector[Any]] = {}
    for field in fields:
        secret = field.kind is FieldKind.SECRET
        value = None if secret else known.get(field.key, field.default)
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


def _choice(candidates: Sequence[Candidate], *, custom: bool = False) -> Selector[Any]:
    """Return a choice among candidates; `custom` lets one be typed in instead."""
    options = [
        SelectOptionDict(value=candidate.id, label=candidate.name)
        for candidate in sorted(candidates, key=lambda each: each.name.casefold())
    ]
    return SelectSelector(
        SelectSelectorConfig(
            options=options,
            multiple=not custom,
            custom_value=custom,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def _chargers_schema(
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
            list(groups.values())
        )
    chosen = [key for key in known.get(CONF_CHARGERS, ()) if key in there]
    schema[vol.Optional(CONF_CHARGERS, default=chosen)] = _choice(candidates)
    return schema


def _nothing_chosen(user_input: Mapping[str, Any]) -> bool:
    """Tell whether a choice of chargers leaves none."""
    return not (
        user_input[CONF_ALL_CHARGERS]
        or user_input.get(CONF_CHARGERS)
        or user_input.get(CONF_GROUPS)
    )


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
        self._description = PROVIDERS[provider]
        errors: dict[str, str] = {}
        if user_input is not None:
            self._settings = _present(user_input)
            if await self._attempt(errors, self._settle_account):
                return await self._next()
        return self.async_show_form(
            step_id=provider,
            data_schema=_schema(
                [
                    field
                    for field in self._description.fields
                    if field.key != self._description.account_field
                ],
                user_input or {},
            ),
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
                {vol.Required(key): _choice(self._candidates, custom=True)}
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
            if not _nothing_chosen(user_input):
                return self._create(user_input)
            errors["base"] = "nothing_chosen"
        return self.async_show_form(
            step_id="chargers",
            data_schema=vol.Schema(
                _chargers_schema(self._candidates, user_input or {})
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
        self._description = PROVIDERS[entry_data[CONF_PROVIDER]]
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
        self._description = PROVIDERS[entry.data[CONF_PROVIDER]]
        fields = [
            field
            for field in self._description.fields
            if field.key != self._description.account_field
        ]
        return await self._renew(entry, "reconfigure", fields, user_input)

    async def _renew(
        self,
        entry: ChargerConfigEntry,
        step_id: str,
        fields: Sequence[Field],
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Take new settings for an account that stays the same."""
        errors: dict[str, str] = {}
        if user_input is not None:
            # What is left empty is no longer set, but a secret is kept.
            shown = {
                field.key for field in fields if field.kind is not FieldKind.SECRET
            }
            kept = {key: entry.data[key] for key in entry.data if key not in shown}
            self._settings = {**kept, **_present(user_input)}
            if await self._attempt(errors, self._prove):
                if not self._is_account_of(entry):
                    return self.async_abort(
                        reason="wrong_account",
                        description_placeholders=self._placeholders,
                    )
                return self.async_update_reload_and_abort(
                    entry,
                    data={CONF_PROVIDER: self._description.key, **self._settings},
                )
        return self.async_show_form(
            step_id=step_id,
            data_schema=_schema(
                fields,
                {**entry.data, **(user_input or {})},
                keep_secrets=self.source != SOURCE_REAUTH,
            ),
            errors=errors,
            description_placeholders={**self._placeholders, "account": entry.title},
        )

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
            await step()
        except InvalidSettingError as err:
            errors[err.key] = err.reason
        except ChargingError as err:
            errors["base"] = general_translation_of(err)
        except Exception:
            _LOGGER.exception("Unexpected error at %s", self._description.name)
            errors["base"] = "failed"
        return not errors

    def _provider(self) -> Provider:
        """Return a provider with the settings as typed in."""
        return self._description.factory(
            Context(session=async_get_clientsession(self.hass), settings=self._settings)
        )

    async def _prove(self) -> None:
        """Prove the credentials."""
        provider = self._provider()
        self._account = await provider.account()
        self._candidates = await provider.candidates()

    async def _settle_account(self) -> None:
        """Prove the credentials, or learn whose chargers they reach."""
        if self._account_missing:
            self._candidates = await self._provider().subaccounts()
        else:
            await self._prove()

    @property
    def _account_missing(self) -> bool:
        """Tell whether it is still to be chosen whose chargers are meant."""
        key = self._description.account_field
        return key is not None and not self._settings.get(key)

    async def _next(self) -> ConfigFlowResult:
        """Go on to what is still to be asked."""
        if self._account_missing:
            return await self.async_step_account()
        await self.async_set_unique_id(self._unique_id())
        self._abort_if_unique_id_configured()
        if self._account.id is None and any(
            self._shares_charger(entry)
            for entry in self._async_current_entries(include_ignore=False)
            if entry.data[CONF_PROVIDER] == self._description.key
        ):
            return self.async_abort(reason="already_configured")
        if len(self._candidates) > 1:
            return await self.async_step_chargers()
        return self._create({CONF_ALL_CHARGERS: True})

    def _unique_id(self) -> str:
        """Return what tells this account from all others.

        Where the cloud names no account, a one-way hash of the settings must do.
        """
        known = self._account.id
        if known is None:
            settings = sorted(f"{key}={value}" for key, value in self._settings.items())
            known = sha256("\n".join(settings).encode()).hexdigest()[:24]
        return f"{self._description.key}_{known}"

    def _shares_charger(self, entry: ChargerConfigEntry) -> bool | None:
        """Tell whether the account proved has a charger in common with an entry.

        None when the entry has no charger to tell by.
        """
        prefix = f"{entry.unique_id}_"
        known = {
            identifier.removeprefix(prefix)
            for device in dr.async_entries_for_config_entry(
                dr.async_get(self.hass), entry.entry_id
            )
            for domain, identifier in device.identifiers
            if domain == DOMAIN
        }
        found = {candidate.id for candidate in self._candidates}
        return bool(known & found) if known else None

    def _is_account_of(self, entry: ChargerConfigEntry) -> bool:
        """Tell whether the account proved is the one of an entry being renewed."""
        if self._account.id is not None:
            return entry.unique_id == self._unique_id()
        return self._shares_charger(entry) is not False

    def _create(self, chosen: Mapping[str, Any]) -> ConfigFlowResult:
        """Create the entry."""
        return self.async_create_entry(
            title=self._account.title,
            data={CONF_PROVIDER: self._description.key, **self._settings},
            options=dict(chosen),
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

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for everything at once."""
        entry = self.config_entry
        description = PROVIDERS[entry.data[CONF_PROVIDER]]
        errors: dict[str, str] = {}
        if user_input is not None:
            options = _present(user_input)
            try:
                tidy = description.normalise({**entry.data, **options})
            except InvalidSettingError as err:
                errors[err.key if err.key in options else "base"] = err.reason
            else:
                if not _nothing_chosen(user_input):
                    return self.async_create_entry(
                        data={key: tidy[key] for key in options if key in tidy}
                    )
                errors["base"] = "nothing_chosen"
        known = {**entry.options, **(user_input or {})}
        candidates, places = await _candidates(self.hass, entry)
        schema = _chargers_schema(candidates, known, places)
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
        schema |= _schema(description.options, known).schema
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(schema),
            errors=errors,
            description_placeholders={"provider": description.name},
        )


async def _candidates(
    hass: HomeAssistant, entry: ChargerConfigEntry
) -> tuple[Sequence[Candidate], Sequence[str]]:
    """List the chargers to choose from, and places that none of them tells of.

    When the cloud is silent these are the known ones, and the places chosen before.
    """
    description = PROVIDERS[entry.data[CONF_PROVIDER]]
    provider = description.factory(
        Context(
            session=async_get_clientsession(hass),
            settings={**entry.data, **entry.options},
        )
    )
    try:
        return await provider.candidates(), ()
    except ChargingError:
        chosen = [
            Candidate(id=key, name=key) for key in entry.options.get(CONF_CHARGERS, ())
        ]
        if entry.state is not ConfigEntryState.LOADED:
            return chosen, entry.options.get(CONF_GROUPS, ())
        known = [
            Candidate(id=device.id, name=device.name)
            for device in entry.runtime_data.data.values()
            if device.kind is DeviceKind.CHARGER
        ]
        ids = {candidate.id for candidate in known}
        known += [each for each in chosen if each.id not in ids]
        return known, entry.options.get(CONF_GROUPS, ())
