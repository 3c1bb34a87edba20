"""Repairs: what the owner can mend in the cloud."""

from collections.abc import Iterable

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .charging import ChargingError, Name, Notice, NoticeKind
from .const import DOMAIN
from .error_translation import general_translation_of, placeholders_of
from .names import async_device_name, async_feature_name


def async_update_issues(
    hass: HomeAssistant, entry: ConfigEntry, notices: Iterable[Notice]
) -> None:
    """Raise an issue for each notice, and end those that no longer stand."""
    prefix = f"{entry.entry_id}_"
    standing = {f"{prefix}{_id_of(notice)}": notice for notice in notices}
    registry = ir.async_get(hass)
    for domain, issue_id in list(registry.issues):
        if (
            domain == DOMAIN
            and issue_id.startswith(prefix)
            and issue_id not in standing
        ):
            ir.async_delete_issue(hass, DOMAIN, issue_id)
    for issue_id, notice in standing.items():
        # One of an earlier run is remembered, but not shown.
        known = registry.async_get_issue(DOMAIN, issue_id)
        if known is not None and known.active:
            continue
        fixable = notice.kind is NoticeKind.RELINK_REQUIRED and notice.link
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=fixable,
            severity=ir.IssueSeverity.WARNING,
            translation_key=f"{notice.kind}_link" if fixable else str(notice.kind),
            translation_placeholders={
                "subject": _subject_of(hass, entry, notice),
                "account": entry.title,
            },
            data={"entry_id": entry.entry_id, "device_id": notice.device_id},
        )


def _id_of(notice: Notice) -> str:
    """Return what tells a notice from all others of its account."""
    subject = notice.subject
    named = subject.key if isinstance(subject, Name) else subject
    if notice.device_id is None:
        return f"{notice.kind}_{named}"
    # The name of a device may change, a feature of it is another matter.
    feature = f"_{named}" if isinstance(subject, Name) else ""
    return f"{notice.kind}_{notice.device_id}{feature}"


def _subject_of(hass: HomeAssistant, entry: ConfigEntry, notice: Notice) -> str:
    """Return the name of what a notice is about, as people know it."""
    subject = notice.subject
    if isinstance(subject, str):
        return subject
    if (feature := async_feature_name(hass, subject)) is not None:
        return feature
    return async_device_name(hass, subject, entry.title)


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
