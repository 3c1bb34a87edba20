"""Config flow: which cloud, whose account, which chargers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from aiohttp import DummyCookieJar
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    DeviceKind,
    Name,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import (
    Account,
    Candidate,
    Field,
    FieldKind,
    InvalidSettingError,
)
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    Selector,
    SelectSelector,
    TextSelector,
)

from .devices import SetUp, charger
from .fake_provider import DESCRIPTION, FakeProvider

CREDENTIALS = {"base_url": "https://fake.example", "token": "s3cret-token"}
# What an entry holds beside what was typed in.
MADE = {"provider": "fake", "key": "fake_account-1", "account_id": "account-1"}
ONE = Candidate(id="c1", name="Garage")
TWO = Candidate(id="c2", name="carport")
HERE = Candidate(id="c3", name="Yard", group="p1", group_name="Office")
THERE = Candidate(id="c4", name="Gate", group="p2")

# Each error there is, and the text that tells of it.
ERRORS = [
    (AuthenticationError(), "authentication_failed"),
    (PermissionDeniedError(), "permission_denied"),
    (RateLimitedError(retry_after=7), "rate_limited"),
    (UnreachableError(), "unreachable"),
    (ServerFaultError(), "server_fault"),
    (UnusableAnswerError(), "unusable_answer"),
    (NotFoundError(), "not_found"),
    (NotSupportedError(), "not_supported"),
    (CommandRefusedError(), "command_refused"),
    (ChargingError(), "failed"),
]
each_error = pytest.mark.parametrize(
    ("error", "key"), ERRORS, ids=[key for _, key in ERRORS]
)


@pytest.fixture(autouse=True)
def reachable(home: HomeAssistant, fake: type[FakeProvider]) -> None:
    """Let the account reach one charger."""
    fake.reachable = (ONE,)


@pytest.fixture
async def loaded(fake: type[FakeProvider], set_up: SetUp) -> MockConfigEntry:
    """Return the fake account, set up, with one charger."""
    fake.fleet = {"c1": charger(name="Garage")}
    entry = await set_up()
    assert entry.state is ConfigEntryState.LOADED
    return entry


def field_of(result: ConfigFlowResult, key: str) -> Selector[Any]:
    """Return how a field of a form is filled in."""
    schema = result["data_schema"]
    assert schema is not None
    selector = schema.schema[key]
    assert isinstance(selector, Selector)
    return selector


def fields_of(result: ConfigFlowResult) -> list[str]:
    """Return the fields of a form."""
    assert result["data_schema"] is not None
    return [str(key) for key in result["data_schema"].schema]


def suggested(result: ConfigFlowResult, key: str) -> Any:
    """Return what a field of a form is filled with."""
    return get_schema_suggested_value(result["data_schema"].schema, key)


def default_of(result: ConfigFlowResult, key: str) -> Any:
    """Return what a field of a form holds when it is left alone."""
    assert result["data_schema"] is not None
    [marker] = [each for each in result["data_schema"].schema if each == key]
    return marker.default()


async def begin(home: HomeAssistant, provider: str = "fake") -> ConfigFlowResult:
    """Begin to add an account and choose the cloud."""
    result = await home.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    return await home.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": provider}
    )


async def go_on(
    home: HomeAssistant, result: ConfigFlowResult, user_input: Mapping[str, Any]
) -> ConfigFlowResult:
    """Fill in the form that is shown."""
    assert result["type"] is FlowResultType.FORM
    return await home.config_entries.flow.async_configure(
        result["flow_id"], dict(user_input)
    )


class TestCredentials:
    """The first step: which cloud, and what it asks for."""

    async def test_menu(self, home: HomeAssistant) -> None:
        """Every cloud there is can be chosen."""
        result = await home.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )
        assert result["type"] is FlowResultType.MENU
        assert result["step_id"] == "user"
        assert result["menu_options"] == list(PROVIDERS)
        assert "fake" in PROVIDERS

    async def test_account_with_one_charger(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Where there is nothing to choose, nothing is asked."""
        result = await begin(home)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "fake"
        assert result["errors"] == {}
        assert result["description_placeholders"] == {
            "provider": "Fake",
            "portal": "https://fake.example/tokens",
        }
        result = await go_on(home, result, CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["title"] == "Fake account"
        assert result["data"] == {**MADE, **CREDENTIALS}
        assert result["options"] == {"all_chargers": True}
        assert result["result"].unique_id == "fake_account-1"
        assert result["result"].state is ConfigEntryState.LOADED
        assert fake.contexts[0].settings == CREDENTIALS

    async def test_own_session(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """No account sends another's cookies, and no session is left open."""
        result = await go_on(
            home, await begin(home), {**CREDENTIALS, "token": "another"}
        )
        assert result["type"] is FlowResultType.ABORT
        first, *others = fake.contexts
        for context in others:
            assert isinstance(context.session.cookie_jar, DummyCookieJar)
            assert context.session.closed
            assert context.session is not first.session
        assert others
        assert not first.session.closed

    async def test_account_without_chargers(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Chargers may come later."""
        fake.reachable = ()
        result = await go_on(home, await begin(home), CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["options"] == {"all_chargers": True}

    async def test_typed_text_is_trimmed(self, home: HomeAssistant) -> None:
        """What is pasted often has a space around it."""
        result = await go_on(
            home, await begin(home), {**CREDENTIALS, "token": " s3cret-token\n"}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"]["token"] == "s3cret-token"

    @pytest.mark.parametrize("stage", ["identity", "failure"])
    @each_error
    async def test_errors(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        error: ChargingError,
        key: str,
        stage: str,
    ) -> None:
        """Whatever goes wrong is told; then one can try again."""
        good = getattr(fake, stage)
        setattr(fake, stage, error)
        result = await go_on(home, await begin(home), CREDENTIALS)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "fake"
        assert result["errors"] == {"base": key}
        # What was typed is still there.
        assert suggested(result, "base_url") == "https://fake.example"
        assert suggested(result, "token") == "s3cret-token"
        setattr(fake, stage, good)
        result = await go_on(home, result, CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY

    async def test_fault_of_ours(
        self, home: HomeAssistant, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What should not happen is told and logged; then one can try again."""
        form = await begin(home)
        with patch.object(FakeProvider, "account", side_effect=KeyError):
            result = await go_on(home, form, CREDENTIALS)
        assert result["errors"] == {"base": "failed"}
        assert "Unexpected error at Fake" in caplog.text
        result = await go_on(home, result, CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY

    async def test_invalid_setting(self, home: HomeAssistant) -> None:
        """A setting that cannot be right is told at its field."""
        result = await go_on(
            home, await begin(home), {**CREDENTIALS, "base_url": "nonsense"}
        )
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"base_url": "invalid_url"}
        assert suggested(result, "base_url") == "nonsense"
        result = await go_on(home, result, CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY

    @pytest.mark.parametrize(
        ("field", "selector", "config"),
        [
            (
                Field(key="word"),
                TextSelector,
                {"type": "text", "autocomplete": "off"},
            ),
            (
                Field(key="word", kind=FieldKind.URL),
                TextSelector,
                {"type": "url"},
            ),
            (
                Field(key="word", kind=FieldKind.SECRET),
                TextSelector,
                {"type": "password", "autocomplete": "off"},
            ),
            (Field(key="word", kind=FieldKind.BOOLEAN), BooleanSelector, {}),
            (
                Field(key="word", kind=FieldKind.NUMBER),
                NumberSelector,
                {"mode": "box", "step": 1},
            ),
            (
                Field(
                    key="word",
                    kind=FieldKind.NUMBER,
                    minimum=0,
                    maximum=9,
                    step=0.5,
                    unit="A",
                ),
                NumberSelector,
                {"min": 0, "max": 9, "step": 0.5, "unit_of_measurement": "A"},
            ),
        ],
    )
    async def test_kinds_of_fields(
        self,
        home: HomeAssistant,
        field: Field,
        selector: type[Selector[Any]],
        config: dict[str, Any],
    ) -> None:
        """Each kind of setting has its way to be typed in."""
        row = replace(DESCRIPTION, fields=(field,))
        with patch.dict(PROVIDERS, {"fake": row}):
            result = await begin(home)
        found = field_of(result, "word")
        assert isinstance(found, selector)
        assert found.config.items() >= config.items()

    @pytest.mark.parametrize(
        ("field", "user_input", "stored"),
        [
            (Field(key="word", required=False), {}, None),
            (Field(key="word", required=False), {"word": ""}, None),
            (Field(key="word", kind=FieldKind.BOOLEAN, default=True), {}, True),
            (Field(key="word", kind=FieldKind.BOOLEAN), {}, False),
            (Field(key="word", kind=FieldKind.NUMBER), {"word": 0}, 0),
        ],
    )
    async def test_what_is_left_empty_is_left_out(
        self,
        home: HomeAssistant,
        field: Field,
        user_input: dict[str, Any],
        stored: Any,
    ) -> None:
        """An empty text is no setting; off and zero are."""
        row = replace(DESCRIPTION, fields=(field,))
        with patch.dict(PROVIDERS, {"fake": row}):
            result = await go_on(home, await begin(home), user_input)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"].get("word") == stored
        assert ("word" in result["data"]) is (stored is not None)

    @pytest.mark.parametrize(
        ("address", "asked"),
        [
            ("http://cloud.example", True),
            ("http://8.8.8.8:8080", True),
            ("http://[2001:4860:4860::8888]", True),
            ("http://cloud.example.", True),
            ("https://cloud.example", False),
            ("http://localhost:8765", False),
            ("http://127.0.0.1:8765", False),
            ("http://192.168.1.7", False),
            ("http://[fe80::1]", False),
            ("http://chargers.local", False),
            ("http://server.home.arpa:81", False),
            ("http://simulator:8765", False),
        ],
    )
    async def test_unencrypted_address(
        self, home: HomeAssistant, address: str, asked: bool
    ) -> None:
        """Beyond the house nothing goes unencrypted unless the user says so."""
        result = await begin(home)
        assert "allow_http" not in fields_of(result)
        typed = {**CREDENTIALS, "base_url": address}
        result = await go_on(home, result, typed)
        if asked:
            for answer in ({"allow_http": False}, {}):
                assert result["type"] is FlowResultType.FORM
                assert result["errors"] == {"base_url": "not_encrypted"}
                assert suggested(result, "token") == "s3cret-token"
                assert "allow_http" in fields_of(result)
                result = await go_on(home, result, {**typed, **answer})
            result = await go_on(home, result, {**typed, "allow_http": True})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"] == {**MADE, **typed}

    async def test_required_field(self, home: HomeAssistant) -> None:
        """A required field cannot be left out."""
        result = await begin(home)
        with pytest.raises(InvalidData):
            await go_on(home, result, {"base_url": "https://fake.example"})

    async def test_default_is_suggested(self, home: HomeAssistant) -> None:
        """A default is filled in, and can be overwritten."""
        assert suggested(await begin(home), "base_url") == "https://fake.example"


class TestAccountStep:
    """The second step, where one set of credentials reaches several people's chargers."""

    PEOPLE = (Candidate(id="u2", name="Zoe"), Candidate(id="u1", name="adam"))

    @pytest.fixture
    def people(self, fake: type[FakeProvider]) -> None:
        """Let the credentials reach two people."""
        fake.persons = self.PEOPLE

    @pytest.mark.usefixtures("people")
    async def test_choice(self, home: HomeAssistant, fake: type[FakeProvider]) -> None:
        """People are offered by name, sorted; the one chosen is stored."""
        result = await begin(home, "personal")
        assert fields_of(result) == ["base_url", "token"]
        result = await go_on(home, result, CREDENTIALS)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "account"
        selector = field_of(result, "user_id")
        assert isinstance(selector, SelectSelector)
        assert selector.config["options"] == [
            {"value": "u1", "label": "adam"},
            {"value": "u2", "label": "Zoe"},
        ]
        assert selector.config["multiple"] is False
        assert selector.config["custom_value"] is True
        result = await go_on(home, result, {"user_id": "u1"})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"] == {
            "provider": "personal",
            "key": "personal_account-1",
            "account_id": "account-1",
            **CREDENTIALS,
            "user_id": "u1",
        }
        assert result["result"].unique_id == "personal_account-1"
        assert (
            result["result"].runtime_data.provider.context.settings["user_id"] == "u1"
        )

    @pytest.mark.usefixtures("people")
    async def test_typed_in(self, home: HomeAssistant) -> None:
        """Whom the list lacks can be typed in."""
        result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        result = await go_on(home, result, {"user_id": " u77 "})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"]["user_id"] == "u77"

    @pytest.mark.usefixtures("people")
    async def test_nothing_typed_in(self, home: HomeAssistant) -> None:
        """A blank is nobody: it is asked again."""
        result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        result = await go_on(home, result, {"user_id": "  "})
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "account"
        result = await go_on(home, result, {"user_id": "u1"})
        assert result["type"] is FlowResultType.CREATE_ENTRY

    async def test_account_in_the_address(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Where the settings already say whose chargers are meant, it is not asked."""
        fake.persons = NotSupportedError()
        row = replace(
            PROVIDERS["personal"],
            normalise=lambda settings: {**settings, "user_id": "u5"},
        )
        with patch.dict(PROVIDERS, {"personal": row}):
            result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"]["user_id"] == "u5"

    @each_error
    async def test_people_cannot_be_listed(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        error: ChargingError,
        key: str,
    ) -> None:
        """Whatever goes wrong is told with the credentials; one can try again."""
        fake.persons = error
        result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        assert result["step_id"] == "personal"
        assert result["errors"] == {"base": key}
        fake.persons = self.PEOPLE
        result = await go_on(home, result, CREDENTIALS)
        result = await go_on(home, result, {"user_id": "u1"})
        assert result["type"] is FlowResultType.CREATE_ENTRY

    @pytest.mark.usefixtures("people")
    @each_error
    async def test_errors(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        error: ChargingError,
        key: str,
    ) -> None:
        """Whatever goes wrong is told; the choice is still there."""
        result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        good, fake.identity = fake.identity, error
        result = await go_on(home, result, {"user_id": "u1"})
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "account"
        assert result["errors"] == {"base": key}
        selector = field_of(result, "user_id")
        assert isinstance(selector, SelectSelector)
        assert len(selector.config["options"]) == 2
        fake.identity = good
        result = await go_on(home, result, {"user_id": "u2"})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"]["user_id"] == "u2"


class TestChargersStep:
    """The last step: which chargers."""

    async def to_choice(self, home: HomeAssistant) -> ConfigFlowResult:
        """Go on to the choice."""
        result = await go_on(home, await begin(home), CREDENTIALS)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "chargers"
        return result

    async def test_form(self, home: HomeAssistant, fake: type[FakeProvider]) -> None:
        """Chargers are offered by name, sorted; all are taken if nothing is said."""
        fake.reachable = (ONE, TWO)
        result = await self.to_choice(home)
        assert fields_of(result) == ["all_chargers", "chargers"]
        assert result["description_placeholders"] == {
            "provider": "Fake",
            "portal": "https://fake.example/tokens",
            "count": "2",
        }
        selector = field_of(result, "chargers")
        assert isinstance(selector, SelectSelector)
        assert selector.config["options"] == [
            {"value": "c2", "label": "carport"},
            {"value": "c1", "label": "Garage"},
        ]
        assert selector.config["multiple"] is True
        assert selector.config["custom_value"] is False
        assert default_of(result, "all_chargers") is True

    async def test_names_of_ours(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """What a cloud gives no name has one of ours, before any account is set up."""
        nameless = Name(key="charger", placeholders={"id": "A7"})
        place = Name(key="site", placeholders={"id": "12"})
        fake.reachable = (
            ONE,
            Candidate(id="c5", name=nameless, group="p5", group_name=place),
        )
        result = await self.to_choice(home)
        for key, shown in (
            ("chargers", {"value": "c5", "label": "Charger A7"}),
            ("groups", {"value": "p5", "label": "Site 12"}),
        ):
            selector = field_of(result, key)
            assert isinstance(selector, SelectSelector)
            assert shown in selector.config["options"]

    async def test_places(self, home: HomeAssistant, fake: type[FakeProvider]) -> None:
        """Where chargers are sorted by place, whole places can be taken."""
        fake.reachable = (ONE, HERE, THERE)
        result = await self.to_choice(home)
        assert fields_of(result) == ["all_chargers", "groups", "chargers"]
        selector = field_of(result, "groups")
        assert isinstance(selector, SelectSelector)
        assert selector.config["options"] == [
            {"value": "p1", "label": "Office"},
            {"value": "p2", "label": "p2"},
        ]

    @pytest.mark.parametrize(
        "chosen",
        [
            {"all_chargers": True, "chargers": []},
            {"all_chargers": False, "chargers": ["c2"]},
            {"all_chargers": False, "chargers": [], "groups": ["p1"]},
            {"all_chargers": False, "chargers": ["c1"], "groups": ["p1", "p2"]},
        ],
    )
    async def test_choice(
        self, home: HomeAssistant, fake: type[FakeProvider], chosen: dict[str, Any]
    ) -> None:
        """What was chosen becomes the options."""
        fake.reachable = (ONE, TWO, HERE, THERE)
        result = await go_on(home, await self.to_choice(home), chosen)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["options"] == {"groups": [], **chosen}
        assert result["data"] == {**MADE, **CREDENTIALS}

    async def test_all_and_some_chosen(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """All and some is not clear; what was chosen is still there."""
        fake.reachable = (ONE, TWO)
        both = {"all_chargers": True, "chargers": ["c1"]}
        result = await go_on(home, await self.to_choice(home), both)
        assert result["errors"] == {"base": "all_and_chosen"}
        assert default_of(result, "chargers") == ["c1"]
        result = await go_on(home, result, {**both, "all_chargers": False})
        assert result["type"] is FlowResultType.CREATE_ENTRY

    async def test_left_halfway_and_begun_again(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """A window that was closed at the choice stands in nobody's way."""
        fake.reachable = (ONE, TWO)
        left = await self.to_choice(home)
        result = await self.to_choice(home)
        everything = {"all_chargers": True, "chargers": []}
        result = await go_on(home, result, everything)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        # Nor can it make the same entry a second time.
        assert left["flow_id"] not in {
            flow["flow_id"] for flow in home.config_entries.flow.async_progress()
        }
        assert len(home.config_entries.async_entries(DOMAIN)) == 1

    async def test_nothing_chosen(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Nothing is no choice; then one can choose again."""
        fake.reachable = (ONE, TWO)
        nothing = {"all_chargers": False, "chargers": []}
        result = await go_on(home, await self.to_choice(home), nothing)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "chargers"
        assert result["errors"] == {"base": "nothing_chosen"}
        assert default_of(result, "all_chargers") is False
        result = await go_on(home, result, {"all_chargers": False, "chargers": ["c1"]})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["options"]["chargers"] == ["c1"]


class TestReauth:
    """Credentials that are no longer accepted are renewed."""

    async def test_secret_only(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Only secrets are asked for; all else stays, and the account is reloaded."""
        result = await loaded.start_reauth_flow(home)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "reauth_confirm"
        assert fields_of(result) == ["token"]
        assert result["description_placeholders"] is not None
        assert (
            result["description_placeholders"].items()
            >= {
                "provider": "Fake",
                "portal": "https://fake.example/tokens",
                "account": "Fake account",
            }.items()
        )
        result = await go_on(home, result, {"token": "new-token"})
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "reauth_successful"
        await home.async_block_till_done()
        assert loaded.data == {**MADE, **CREDENTIALS, "token": "new-token"}
        assert loaded.options == {"all_chargers": True}
        assert loaded.unique_id == "fake_account-1"
        assert loaded.state is ConfigEntryState.LOADED
        assert fake.contexts[-1].settings["token"] == "new-token"

    async def test_secret_is_required(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """The old secret is of no use: a new one must be given."""
        result = await loaded.start_reauth_flow(home)
        with pytest.raises(InvalidData):
            await go_on(home, result, {})

    @each_error
    async def test_errors(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        error: ChargingError,
        key: str,
    ) -> None:
        """Whatever goes wrong is told; then one can try again."""
        result = await loaded.start_reauth_flow(home)
        good, fake.identity = fake.identity, error
        result = await go_on(home, result, {"token": "bad-token"})
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "reauth_confirm"
        assert result["errors"] == {"base": key}
        assert loaded.data["token"] == "s3cret-token"
        fake.identity = good
        result = await go_on(home, result, {"token": "new-token"})
        assert result["reason"] == "reauth_successful"
        assert loaded.data["token"] == "new-token"

    async def test_wrong_account(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Credentials of someone else change nothing."""
        fake.identity = Account(id="account-2", title="Second account")
        fake.reachable = (TWO,)
        result = await loaded.start_reauth_flow(home)
        result = await go_on(home, result, {"token": "new-token"})
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_account"
        assert result["description_placeholders"] is not None
        assert result["description_placeholders"]["provider"] == "Fake"
        assert loaded.data["token"] == "s3cret-token"


class TestReconfigure:
    """How an account is reached can change; the account stays the same."""

    async def test_form(self, home: HomeAssistant, loaded: MockConfigEntry) -> None:
        """All settings are there to change, but a secret is not shown again."""
        result = await loaded.start_reconfigure_flow(home)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "reconfigure"
        assert fields_of(result) == ["base_url", "token"]
        assert suggested(result, "base_url") == "https://fake.example"
        assert suggested(result, "token") is None

    @pytest.mark.parametrize(
        ("user_input", "token"),
        [
            ({}, "s3cret-token"),
            ({"token": ""}, "s3cret-token"),
            ({"token": "new-token"}, "new-token"),
        ],
    )
    async def test_change(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        user_input: dict[str, str],
        token: str,
    ) -> None:
        """A secret that is left empty is kept."""
        result = await loaded.start_reconfigure_flow(home)
        result = await go_on(
            home, result, {"base_url": "https://other.example", **user_input}
        )
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "reconfigure_successful"
        await home.async_block_till_done()
        assert loaded.data == {
            **MADE,
            "base_url": "https://other.example",
            "token": token,
        }
        assert loaded.state is ConfigEntryState.LOADED
        assert fake.contexts[-1].settings["base_url"] == "https://other.example"

    async def test_optional_setting_can_be_cleared(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """What is left empty is no longer set, but for a secret."""
        row = replace(
            DESCRIPTION, fields=(*DESCRIPTION.fields, Field(key="org", required=False))
        )
        home.config_entries.async_update_entry(
            loaded, data={**loaded.data, "org": "o1"}
        )
        with patch.dict(PROVIDERS, {"fake": row}):
            result = await loaded.start_reconfigure_flow(home)
            assert suggested(result, "org") == "o1"
            result = await go_on(home, result, {"base_url": "https://fake.example"})
            assert result["reason"] == "reconfigure_successful"
            await home.async_block_till_done()
        assert loaded.data == {**MADE, **CREDENTIALS}

    async def test_account_field_is_not_asked_for(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Whose chargers are meant is part of the account, which stays."""
        fake.persons = (Candidate(id="u1", name="Ann"),)
        result = await go_on(home, await begin(home, "personal"), CREDENTIALS)
        result = await go_on(home, result, {"user_id": "u1"})
        entry = result["result"]
        result = await home.config_entries.flow.async_init(
            DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
        )
        assert fields_of(result) == ["base_url", "token"]
        result = await go_on(home, result, {"base_url": "https://other.example"})
        assert result["reason"] == "reconfigure_successful"
        assert entry.data["user_id"] == "u1"
        assert entry.data["base_url"] == "https://other.example"

    @each_error
    async def test_errors(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        error: ChargingError,
        key: str,
    ) -> None:
        """Whatever goes wrong is told; then one can try again."""
        result = await loaded.start_reconfigure_flow(home)
        good, fake.identity = fake.identity, error
        result = await go_on(home, result, {"base_url": "https://other.example"})
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"base": key}
        assert suggested(result, "base_url") == "https://other.example"
        # What is stored is not shown, only what was typed just now.
        assert suggested(result, "token") is None
        fake.identity = good
        result = await go_on(home, result, {"base_url": "https://other.example"})
        assert result["reason"] == "reconfigure_successful"

    async def test_unencrypted_address(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """Another address is confirmed anew; the one in use was confirmed before."""
        home.config_entries.async_update_entry(
            loaded, data={**loaded.data, "base_url": "http://fake.example"}
        )
        result = await loaded.start_reconfigure_flow(home)
        assert "allow_http" not in fields_of(result)
        other = {"base_url": "http://other.example", "token": ""}
        result = await go_on(home, result, other)
        assert result["errors"] == {"base_url": "not_encrypted"}
        result = await go_on(home, result, {**other, "allow_http": True})
        assert result["reason"] == "reconfigure_successful"
        assert loaded.data["base_url"] == "http://other.example"
        assert "allow_http" not in loaded.data
        same = {"base_url": "http://other.example", "token": "new-token"}
        result = await go_on(home, await loaded.start_reconfigure_flow(home), same)
        assert result["reason"] == "reconfigure_successful"

    async def test_invalid_setting(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """A setting that cannot be right is told at its field."""
        result = await loaded.start_reconfigure_flow(home)
        result = await go_on(home, result, {"base_url": "nonsense"})
        assert result["errors"] == {"base_url": "invalid_url"}
        result = await go_on(home, result, CREDENTIALS)
        assert result["reason"] == "reconfigure_successful"

    async def test_wrong_account(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Another account would be another entry."""
        fake.identity = Account(id="account-2", title="Second account")
        fake.reachable = (TWO,)
        result = await loaded.start_reconfigure_flow(home)
        result = await go_on(home, result, {"base_url": "https://other.example"})
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_account"
        assert loaded.data["base_url"] == "https://fake.example"


class TestOptions:
    """Which chargers, how often, and what is assumed."""

    async def begin(
        self, home: HomeAssistant, entry: MockConfigEntry
    ) -> ConfigFlowResult:
        """Open the options."""
        result = await home.config_entries.options.async_init(entry.entry_id)
        assert result["type"] is FlowResultType.FORM
        assert result["step_id"] == "init"
        return result

    async def finish(
        self,
        home: HomeAssistant,
        result: ConfigFlowResult,
        user_input: Mapping[str, Any],
    ) -> ConfigFlowResult:
        """Fill in the options."""
        return await home.config_entries.options.async_configure(
            result["flow_id"], {"stack_level": 1, **user_input}
        )

    def choices(self, result: ConfigFlowResult, key: str) -> dict[str, str]:
        """Return what can be chosen, with its label."""
        selector = field_of(result, key)
        assert isinstance(selector, SelectSelector)
        return {each["value"]: each["label"] for each in selector.config["options"]}

    async def test_form(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Everything is asked at once, filled with what holds now."""
        fake.reachable = (ONE, HERE)
        home.config_entries.async_update_entry(
            loaded,
            options={
                "all_chargers": False,
                "chargers": ["c1", "gone"],
                "groups": ["p1", "gone"],
                "pace": "quick",
                "entities": "essential",
                "id_token": "A1",
            },
        )
        result = await self.begin(home, loaded)
        assert fields_of(result) == [
            "all_chargers",
            "groups",
            "chargers",
            "pace",
            "entities",
            "price",
            "price_sensor",
            "id_token",
            "stack_level",
            "allow_pause",
        ]
        assert result["description_placeholders"] == {"provider": "Fake", "push": ""}
        assert default_of(result, "all_chargers") is False
        assert default_of(result, "chargers") == ["c1"]
        assert default_of(result, "groups") == ["p1"]
        assert default_of(result, "pace") == "quick"
        assert default_of(result, "entities") == "essential"
        assert suggested(result, "id_token") == "A1"
        assert suggested(result, "stack_level") == 1
        assert default_of(result, "allow_pause") is False
        pace = field_of(result, "pace")
        assert isinstance(pace, SelectSelector)
        assert pace.config["translation_key"] == "pace"
        assert pace.config["options"] == ["relaxed", "normal", "quick"]
        entities = field_of(result, "entities")
        assert isinstance(entities, SelectSelector)
        assert entities.config["translation_key"] == "entities"
        assert entities.config["options"] == ["automatic", "all", "essential"]

    async def test_change(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """The options are stored and the account is reloaded with them."""
        fake.reachable = (ONE, TWO)
        chosen = {
            "all_chargers": False,
            "chargers": ["c1"],
            "pace": "relaxed",
            "entities": "all",
            "price": 0.31,
            "price_sensor": "sensor.price",
            "stack_level": 3,
            "allow_pause": True,
        }
        result = await self.finish(
            home, await self.begin(home, loaded), {**chosen, "id_token": " A1 "}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await home.async_block_till_done()
        assert loaded.options == {**chosen, "id_token": "A1"}
        assert loaded.state is ConfigEntryState.LOADED
        context = fake.contexts[-1]
        assert context.settings["stack_level"] == 3
        assert not context.selection.wants("c2")

    async def test_price_that_is_none(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """A sensor of something else is refused at its field."""
        home.states.async_set("sensor.oven", "3", {"unit_of_measurement": "kWh"})
        result = await self.finish(
            home,
            await self.begin(home, loaded),
            {"all_chargers": True, "price_sensor": "sensor.oven"},
        )
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"price_sensor": "not_a_price"}
        assert suggested(result, "price_sensor") == "sensor.oven"

    async def test_price_of_a_connector(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Of several connectors each may have its own, and is asked for it in turn."""
        home.states.async_set("sensor.oven", "3", {"unit_of_measurement": "kWh"})
        home.states.async_set("sensor.price", "0.3", {"unit_of_measurement": "EUR/kWh"})
        fake.fleet = {
            "c1": charger("c1"),
            "left": charger(
                "left", name="Left", parent="c1", kind=DeviceKind.CONNECTOR
            ),
            "right": charger(
                "right", name="Right", parent="c1", kind=DeviceKind.CONNECTOR
            ),
        }
        await home.config_entries.async_reload(loaded.entry_id)
        result = await self.begin(home, loaded)
        assert self.choices(result, "connector_prices") == {
            "left": "Charger c1 Left",
            "right": "Charger c1 Right",
        }
        chosen = {"all_chargers": True, "price": 0.4}
        result = await self.finish(
            home, result, {**chosen, "connector_prices": ["left", "right"]}
        )
        assert result["step_id"] == "connector_price"
        assert result["description_placeholders"] == {"connector": "Charger c1 Left"}
        assert fields_of(result) == ["price", "price_sensor"]
        assert suggested(result, "price") is None
        configure = home.config_entries.options.async_configure
        flow = result["flow_id"]
        result = await configure(flow, {"price_sensor": "sensor.oven"})
        assert result["errors"] == {"price_sensor": "not_a_price"}
        assert suggested(result, "price_sensor") == "sensor.oven"
        result = await configure(flow, {"price_sensor": "sensor.price"})
        assert result["description_placeholders"] == {"connector": "Charger c1 Right"}
        # Nothing stated leaves it to the cloud.
        result = await configure(flow, {})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await home.async_block_till_done()
        assert loaded.options["connector_prices"] == {
            "left": {"price_sensor": "sensor.price"},
            "right": {},
        }
        # What holds is offered again, and kept or given up.
        result = await self.begin(home, loaded)
        assert default_of(result, "connector_prices") == ["left", "right"]
        result = await self.finish(
            home, result, {**chosen, "connector_prices": ["left"]}
        )
        assert suggested(result, "price_sensor") == "sensor.price"
        result = await configure(result["flow_id"], {"price": 0.2})
        await home.async_block_till_done()
        assert loaded.options["connector_prices"] == {"left": {"price": 0.2}}
        # While the cloud is silent they are known by what was stated.
        await home.config_entries.async_unload(loaded.entry_id)
        result = await self.begin(home, loaded)
        assert self.choices(result, "connector_prices") == {"left": "left"}
        result = await self.finish(home, result, {**chosen, "connector_prices": []})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert "connector_prices" not in loaded.options

    async def test_invalid_option(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """An option that cannot be right is told at its field; what can be is tidied."""

        def normalise(settings: Mapping[str, Any]) -> dict[str, Any]:
            assert settings["token"] == "s3cret-token"
            if settings["id_token"] == "nonsense":
                raise InvalidSettingError("id_token", "invalid_id")
            return {
                key: value.upper() if key == "id_token" else value
                for key, value in settings.items()
                if key != "stack_level"
            }

        with patch.dict(PROVIDERS, {"fake": replace(DESCRIPTION, normalise=normalise)}):
            result = await self.begin(home, loaded)
            result = await self.finish(home, result, {"id_token": "nonsense"})
            assert result["type"] is FlowResultType.FORM
            assert result["errors"] == {"id_token": "invalid_id"}
            assert suggested(result, "id_token") == "nonsense"
            result = await self.finish(home, result, {"id_token": "a1"})
            assert result["type"] is FlowResultType.CREATE_ENTRY
            await home.async_block_till_done()
        assert loaded.options["id_token"] == "A1"
        assert "stack_level" not in loaded.options
        assert "token" not in loaded.options

    async def test_what_is_left_empty_is_cleared(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """An option that was taken away is not kept."""
        home.config_entries.async_update_entry(
            loaded, options={"all_chargers": True, "id_token": "A1"}
        )
        result = await self.finish(
            home, await self.begin(home, loaded), {"all_chargers": True, "id_token": ""}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert "id_token" not in loaded.options

    async def test_secret_that_is_left_empty_is_kept(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """A stored secret is not shown; who changes something else keeps it."""
        secret = Field(key="webhook_secret", kind=FieldKind.SECRET, required=False)
        with patch.dict(
            PROVIDERS, fake=replace(DESCRIPTION, options=(*DESCRIPTION.options, secret))
        ):
            home.config_entries.async_update_entry(
                loaded, options={"all_chargers": True, "webhook_secret": "whsec_1"}
            )
            result = await self.begin(home, loaded)
            assert suggested(result, "webhook_secret") is None
            await self.finish(home, result, {"all_chargers": True})
            assert loaded.options["webhook_secret"] == "whsec_1"
            result = await self.begin(home, loaded)
            await self.finish(
                home, result, {"all_chargers": True, "webhook_secret": "whsec_2"}
            )
        assert loaded.options["webhook_secret"] == "whsec_2"

    async def test_all_and_some_chosen(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """All and some is not clear."""
        result = await self.finish(
            home,
            await self.begin(home, loaded),
            {"all_chargers": True, "chargers": ["c1"]},
        )
        assert result["errors"] == {"base": "all_and_chosen"}

    async def test_nothing_chosen(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """Nothing is no choice; what else was typed is still there."""
        result = await self.finish(
            home,
            await self.begin(home, loaded),
            {"all_chargers": False, "chargers": [], "pace": "quick", "id_token": "A1"},
        )
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"base": "nothing_chosen"}
        assert default_of(result, "all_chargers") is False
        assert default_of(result, "pace") == "quick"
        assert suggested(result, "id_token") == "A1"
        result = await self.finish(
            home, result, {"all_chargers": False, "chargers": ["c1"]}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert loaded.options["chargers"] == ["c1"]

    @each_error
    async def test_cloud_is_silent(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        error: ChargingError,
        key: str,
    ) -> None:
        """Chargers that are known can be chosen all the same, and only chargers."""
        fake.fleet = {
            **fake.fleet,
            "c1-1": charger("c1-1", kind=DeviceKind.CONNECTOR, parent="c1"),
        }
        await loaded.runtime_data.async_refresh()
        home.config_entries.async_update_entry(
            loaded, options={"all_chargers": False, "chargers": ["c1", "c7"]}
        )
        fake.failure = error
        result = await self.begin(home, loaded)
        assert self.choices(result, "chargers") == {"c1": "Garage", "c7": "c7"}
        assert default_of(result, "chargers") == ["c1", "c7"]
        fake.failure = None
        result = await self.finish(
            home, result, {"all_chargers": False, "chargers": ["c7"]}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert loaded.options["chargers"] == ["c7"]

    async def test_cloud_is_silent_and_account_is_not_loaded(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
    ) -> None:
        """The chargers chosen before can be kept."""
        home.config_entries.async_update_entry(
            fake_entry,
            options={"all_chargers": False, "chargers": ["c7"], "groups": ["p1"]},
        )
        fake.failure = UnreachableError()
        assert fake_entry.state is ConfigEntryState.NOT_LOADED
        result = await self.begin(home, fake_entry)
        assert self.choices(result, "chargers") == {"c7": "c7"}
        assert default_of(result, "chargers") == ["c7"]

    async def test_places_are_kept_while_the_cloud_is_silent(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Changing the pace in a bad hour must not lose a choice made by place."""
        home.config_entries.async_update_entry(
            loaded, options={"all_chargers": False, "groups": ["p1"]}
        )
        fake.failure = UnreachableError()
        result = await self.begin(home, loaded)
        assert default_of(result, "groups") == ["p1"]
        result = await self.finish(
            home, result, {"all_chargers": False, "groups": ["p1"], "pace": "quick"}
        )
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert loaded.options["groups"] == ["p1"]
