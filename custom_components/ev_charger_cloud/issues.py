"""Issues: what the owner can mend, in the cloud or in the options."""

from collections.abc import Iterable

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir

from .charging import Name, Notice, NoticeKind
from .const import DOMAIN
from .names import async_device_name, async_feature_name

# Home Assistant takes so many enabled entities an account.
MOST_ENTITIES = 10_000

ENTITIES_LEFT_OUT = "entities_left_out"


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


@callback
def async_update_entities_issue(
    hass: HomeAssistant, entry: ConfigEntry, made: int
) -> None:
    """Raise an issue when Home Assistant left some of the entities out, or end it."""
    issue_id = f"{ENTITIES_LEFT_OUT}_{entry.entry_id}"
    left_out = 0
    if made > MOST_ENTITIES:
        registry = er.async_get(hass)
        left_out = made - len(
            er.async_entries_for_config_entry(registry, entry.entry_id)
        )
    if left_out <= 0:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    counts = {"made": str(made), "left_out": str(left_out)}
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ENTITIES_LEFT_OUT,
        translation_placeholders={"account": entry.title},
        data={"entry_id": entry.entry_id, **counts},
    )
