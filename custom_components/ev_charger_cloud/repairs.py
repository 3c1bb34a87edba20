"""Repairs: the flows that lead the owner through what can be mended."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .charging import ChargingError
from .config_flow import chargers_schema, known_candidates, wrong_choice
from .const import CONF_CHARGERS, CONF_ENTITIES, CONF_KEEP, ENTITIES_ESSENTIAL
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
