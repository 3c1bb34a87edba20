"""Repairs: the flows that lead the owner through what can be mended."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, override

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .account import AccountCoordinator
from .charger_issues import SESSION_LINGERS, START_CARD_MISSING, VEHICLE_ASLEEP
from .charging import (
    ChargingError,
    Command,
    Control,
    Device,
    Reset,
    SetControl,
    StopCharging,
)
from .config_flow import chargers_schema, known_candidates, wrong_choice
from .const import CONF_CHARGERS, CONF_ENTITIES, CONF_KEEP, DOMAIN, ENTITIES_ESSENTIAL
from .coordinator import EntityContext
from .energy_dashboard import (
    COUNTED_TWICE,
    NOT_IN_DASHBOARD,
    Countable,
    async_add,
    async_check,
    async_manager,
    async_remove,
    countables,
    missing,
    twice,
)
from .error_translation import general_translation_of, placeholders_of
from .issues import ENTITIES_LEFT_OUT

_CARD = "card"

# How long a stop may take to show before the start that follows it (s).
_STOP_SHOWS = 60


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Create the flow of an issue."""
    if issue_id.startswith(ENTITIES_LEFT_OUT):
        return EntitiesFlow(data or {})
    if issue_id.startswith(NOT_IN_DASHBOARD):
        return AddToDashboardFlow(data or {})
    if issue_id.startswith(COUNTED_TWICE):
        return CountedTwiceFlow(data or {})
    if issue_id.startswith(VEHICLE_ASLEEP):
        return WakeFlow(data or {})
    if issue_id.startswith(SESSION_LINGERS):
        return FreeFlow(data or {})
    if issue_id.startswith(START_CARD_MISSING):
        return CardFlow(data or {})
    return RelinkFlow(data or {})


class RelinkFlow(RepairsFlow):
    """Show the address where the maker's account is linked anew.

    The address opens doors: it is fetched when asked for, shown, and forgotten.
    """

    def __init__(self, issue: dict[str, str | int | float | None]) -> None:
        """Keep which device it is about."""
        self._entry_id = str(issue.get("entry_id"))
        self._device_id = str(issue.get("device_id"))

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Fetch the address."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        coordinator = entry.runtime_data
        device = coordinator.data.get(self._device_id)
        subject = entry.title if device is None else coordinator.name_of(device)
        try:
            url = await coordinator.provider.relink_url(self._device_id)
        except ChargingError as err:
            return self.async_abort(
                reason=general_translation_of(err),
                description_placeholders=placeholders_of(err, subject),
            )
        return self.async_show_form(
            step_id="confirm",
            description_placeholders={"url": url, "subject": subject},
        )

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Look again once the owner is back."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is not None and entry.state is ConfigEntryState.LOADED:
            await entry.runtime_data.async_request_refresh()
        return self.async_create_entry(data={})


class EntitiesFlow(RepairsFlow):
    """Offer the options that make an account small enough."""

    def __init__(self, issue: dict[str, str | int | float | None]) -> None:
        """Keep which account it is about, and what was counted."""
        self._entry_id = str(issue.get("entry_id"))
        self._counts = {key: str(issue.get(key)) for key in ("made", "left_out")}

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Explain what was left out, and offer what helps."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        fewer = [] if entry.runtime_data.essential_only else ["essential"]
        return self.async_show_menu(
            step_id="init",
            menu_options=[*fewer, "chargers"],
            description_placeholders={"account": entry.title, **self._counts},
        )

    async def async_step_essential(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Have the essential entities made alone."""
        return self._change({CONF_ENTITIES: ENTITIES_ESSENTIAL})

    async def async_step_chargers(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Have some of the chargers alone."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_abort(reason="not_loaded")
        errors = {}
        if user_input is not None:
            if (wrong := wrong_choice(user_input)) is None:
                return self._change(user_input)
            errors["base"] = wrong
        candidates, places = await known_candidates(self.hass, entry)
        known = {**entry.options, **(user_input or {})}
        return self.async_show_form(
            step_id="chargers",
            data_schema=vol.Schema(
                chargers_schema(self.hass, candidates, known, places)
            ),
            errors=errors,
        )

    def _change(self, options: Mapping[str, Any]) -> RepairsFlowResult:
        """Change the options and set the account up anew, which counts again."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_abort(reason="not_loaded")
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, **options}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})


class DashboardFlow(RepairsFlow):
    """Change what the Energy dashboard counts, on the user's click only."""

    def __init__(self, issue: dict[str, str | int | float | None]) -> None:
        """Keep which account or device it is about."""
        self._entry_id = str(issue.get("entry_id"))
        self._device_id = issue.get("device_id")

    def _countables(self) -> list[Countable] | None:
        """Return the devices that have sessions, None while nobody knows."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return None
        return countables(entry.runtime_data, entry.runtime_data.ledger)

    async def _done(self) -> RepairsFlowResult:
        """Look again whether anything is left to mend."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is not None and entry.state is ConfigEntryState.LOADED:
            await async_check(self.hass, entry.runtime_data, entry.runtime_data.ledger)
        return self.async_create_entry(data={})


class AddToDashboardFlow(DashboardFlow):
    """Add chargers to the dashboard."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Let the user choose which."""
        there, manager = self._countables(), await async_manager(self.hass)
        if there is None or manager is None:
            return self.async_abort(reason="not_loaded")
        offered = {each.device_id: each for each in missing(manager, there)}
        if user_input is not None:
            chosen = user_input[CONF_CHARGERS]
            await async_add(
                self.hass, [offered[key] for key in chosen if key in offered]
            )
            return await self._done()
        options = [
            SelectOptionDict(value=key, label=each.name)
            for key, each in offered.items()
        ]
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_CHARGERS, default=list(offered)): SelectSelector(
                        SelectSelectorConfig(
                            options=options,
                            multiple=True,
                            mode=SelectSelectorMode.LIST,
                        )
                    )
                }
            ),
        )


class CountedTwiceFlow(DashboardFlow):
    """Leave one in the dashboard of several that count the same energy."""

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Let the user choose which."""
        there, manager = self._countables(), await async_manager(self.hass)
        if there is None or manager is None:
            return self.async_abort(reason="not_loaded")
        subject, counting = "", []
        for each in there:
            if each.device_id == self._device_id:
                subject, counting = each.name, twice(manager, each)
        if user_input is not None:
            kept = user_input[CONF_KEEP]
            if kept in counting:
                await async_remove(self.hass, [c for c in counting if c != kept])
            return await self._done()
        options = [
            SelectOptionDict(value=each, label=self._label(each)) for each in counting
        ]
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_KEEP): SelectSelector(
                        SelectSelectorConfig(
                            options=options, mode=SelectSelectorMode.LIST
                        )
                    )
                }
            ),
            description_placeholders={"subject": subject},
        )

    def _label(self, statistic_id: str) -> str:
        """Return what people know a sensor by, or a statistic."""
        state = self.hass.states.get(statistic_id)
        return statistic_id if state is None else f"{state.name} ({statistic_id})"


class ChargerFlow(RepairsFlow):
    """Mend something at a charger, with commands that the user has agreed to."""

    _coordinator: AccountCoordinator
    _device: Device

    def __init__(self, issue: dict[str, str | int | float | None]) -> None:
        """Keep which device it is about."""
        self._entry_id = str(issue.get("entry_id"))
        self._device_id = str(issue.get("device_id"))

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Find the device, and ask."""
        return self._over() or self._ask()

    def _over(self) -> RepairsFlowResult | None:
        """Look at the device, and return how this ends where nothing is left to mend.

        Much may have happened while somebody was reading, and others mend too.
        """
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        self._coordinator = entry.runtime_data
        device = self._coordinator.data.get(self._device_id)
        if device is None:
            return self.async_abort(reason="not_loaded")
        self._device = device
        if ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id) is None:
            return self.async_create_entry(data={})
        return None

    def _ask(self) -> RepairsFlowResult:
        """Explain what is to be done."""
        raise NotImplementedError

    @property
    def _subject(self) -> dict[str, str]:
        """Return what the device is called, for the texts."""
        return {"subject": self._coordinator.name_of(self._device)}

    async def _mend(
        self, command: Command, *, after: SetControl | None = None
    ) -> RepairsFlowResult:
        """Carry a command out, `after` another has shown its effect."""
        request = self._coordinator.commands.request
        try:
            if after is not None:
                await request(after)
                await self._shows(after)
            await request(command)
        except HomeAssistantError as err:
            return self.async_abort(
                reason="failed", description_placeholders={"message": str(err)}
            )
        return self.async_create_entry(data={})

    async def _shows(self, command: SetControl) -> None:
        """Wait until a control shows what was asked; not forever."""
        shown = asyncio.Event()

        @callback
        def look() -> None:
            device = self._coordinator.data.get(self._device_id)
            state = device and device.controls.get(command.control)
            if state and state.value == command.value:
                shown.set()

        look()
        stop_looking: Callable[[], None] = self._coordinator.async_add_listener(
            look, EntityContext(self._device_id, sampled=False)
        )
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(shown.wait(), _STOP_SHOWS)
        finally:
            stop_looking()


class WakeFlow(ChargerFlow):
    """Wake a vehicle by taking its permission to charge and giving it again."""

    @override
    def _ask(self) -> RepairsFlowResult:
        """Explain that charging is stopped and started."""
        return self.async_show_form(
            step_id="confirm", description_placeholders=self._subject
        )

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Stop and start."""
        if (end := self._over()) is not None:
            return end
        stop, start = (
            SetControl(
                device_id=self._device_id, control=Control.CHARGING, value=allowed
            )
            for allowed in (False, True)
        )
        return await self._mend(start, after=stop)


class FreeFlow(ChargerFlow):
    """Free a charger from a session whose vehicle has gone."""

    @override
    def _ask(self) -> RepairsFlowResult:
        """Offer to end the session, or to restart the charger where that can be."""
        return self.async_show_menu(
            step_id="init",
            menu_options=["stop", *(["restart"] if self._restarting else [])],
            description_placeholders=self._subject,
        )

    @property
    def _restarting(self) -> str | None:
        """Return the id of what can be restarted: the device, or its charger."""
        data = self._coordinator.data
        charger_id = self._coordinator.charger_id(self._device)
        return next(
            (
                device_id
                for device_id in (self._device_id, charger_id)
                if Reset in data[device_id].commands
            ),
            None,
        )

    async def async_step_stop(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """End the session, by force where the cloud knows that."""
        if (end := self._over()) is not None:
            return end
        force = "force" in self._device.commands.get(StopCharging, ())
        return await self._mend(StopCharging(device_id=self._device_id, force=force))

    async def async_step_restart(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Restart the charger."""
        if (end := self._over()) is not None:
            return end
        return await self._mend(Reset(device_id=self._restarting or self._device_id))


class CardFlow(ChargerFlow):
    """Choose the card that starts from here are made with."""

    @override
    def _ask(self) -> RepairsFlowResult:
        """Offer the cards that the cloud knows."""
        cards = self._device.controls[Control.START_CARD].options
        return self.async_show_form(
            step_id="card",
            data_schema=vol.Schema(
                {
                    vol.Required(_CARD): SelectSelector(
                        SelectSelectorConfig(
                            options=list(cards), mode=SelectSelectorMode.LIST
                        )
                    )
                }
            ),
            description_placeholders=self._subject,
        )

    async def async_step_card(self, user_input: dict[str, Any]) -> RepairsFlowResult:
        """Keep the choice."""
        if (end := self._over()) is not None:
            return end
        return await self._mend(
            SetControl(
                device_id=self._device_id,
                control=Control.START_CARD,
                value=user_input[_CARD],
            )
        )
