"""Repairs: what the owner can mend in the cloud."""

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .charging import ChargingError
from .exceptions import placeholders_of, translation_of


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Create the flow that leads the owner to the cloud's own page."""
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
        device = entry.runtime_data.data.get(self._device_id)
        subject = entry.title if device is None else device.name
        try:
            url = await entry.runtime_data.provider.relink_url(self._device_id)
        except ChargingError as err:
            return self.async_abort(
                reason=translation_of(err),
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
