"""What holds for a provider that offers the least."""

from collections.abc import Callable as Call, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    Command,
    CommandResult,
    Fleet,
    NotSupportedError,
    Outcome,
    ResourceRequest,
    Session,
    Verb,
)
from custom_components.ev_charger_cloud.providers.base import (
    Account,
    Callback,
    Candidate,
    Context,
    InvalidSettingError,
    Poll,
    Provider,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = ResourceRequest(kind="tariffs")


class LeastProvider(Provider):
    """A provider with what every one must have, and nothing else."""

    async def account(self) -> Account:
        """Return an account."""
        return Account(id=None, title="Least")

    async def candidates(self) -> Sequence[Candidate]:
        """Return no charger."""
        return []

    async def poll(self) -> Poll:
        """Find nothing."""
        return Poll(fleet={}, interval=timedelta(minutes=1))

    async def read(self, device_id: str) -> Fleet:
        """Find nothing."""
        return {}

    async def execute(self, command: Command) -> CommandResult:
        """Take every command."""
        return CommandResult()

    def diagnostics(self) -> Mapping[str, Any]:
        """Tell nothing."""
        return {}


@pytest.fixture
async def provider(session: ClientSession) -> LeastProvider:
    """Return a provider in a context without anything special."""
    return LeastProvider(Context(session=session, settings={}))


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.subaccounts(),
        lambda provider: provider.follow("c", "1"),
        lambda provider: provider.sessions("c", NOW, NOW, 1),
        lambda provider: provider.charging_profiles("c"),
        lambda provider: provider.relink_url("c"),
        lambda provider: provider.session("c", "s"),
        lambda provider: provider.list_resources(REQUEST),
        lambda provider: provider.get_resource(REQUEST),
        lambda provider: provider.change_resource(Verb.UPDATE, REQUEST),
    ],
)
async def test_what_need_not_be_offered(
    provider: LeastProvider, call: Call[[Provider], Coroutine[Any, Any, Any]]
) -> None:
    """A provider that says nothing of a feature does not support it."""
    with pytest.raises(NotSupportedError):
        await call(provider)


async def test_what_need_not_be_done(provider: LeastProvider) -> None:
    """Nothing is to be started, ended or followed."""
    await provider.start()
    assert not provider.follows(CommandResult(outcome=Outcome.ACCEPTED, id="1"))
    assert not await provider.subscribe("https://home.example/hook")
    await provider.unsubscribe("https://home.example/hook")
    assert provider.resource_kinds == {}
    session = Session(id="s", device_id="c", started_at=NOW)
    assert await provider.energy_curve(session) is None
    with pytest.raises(NotSupportedError):
        provider.receive(Callback(headers={}, body=b""))
    await provider.close()


async def test_time_is_given_by_the_system_unless_told(
    provider: LeastProvider,
) -> None:
    """The time of day has a zone; spans only grow; nothing is saved."""
    context = provider.context
    assert abs(context.now() - datetime.now(UTC)) < timedelta(minutes=1)
    began = context.monotonic()
    await context.sleep(0)
    assert context.monotonic() >= began
    context.save()
    assert context.memory == {}


def test_setting_that_cannot_be_right() -> None:
    """The error names the setting and what is wrong with it."""
    error = InvalidSettingError("base_url", "invalid_url")
    assert (error.key, error.reason) == ("base_url", "invalid_url")
    assert str(error) == "base_url: invalid_url"
