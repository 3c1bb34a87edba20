"""The dashboard and its cards, as people see and use them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
import re

from playwright.async_api import Locator, expect
import pytest
import pytest_asyncio

from demo import accounts
from demo.chargers import Charger
from demo.dashboard import URL_PATH
from demo.hardware import Connector
from simulator.faults import Fault

from .conftest import DESKTOP, PATIENCE, PHONE, PICTURES, Looker, Scene, only

PATH = f"/{URL_PATH}"


def shown(scene: Scene) -> list[Charger]:
    """Return the chargers that have a status, without those that have connectors."""
    with_status = [
        each
        for each in scene.environment.chargers
        if any((e.domain, e.key) == ("sensor", "status") for e in each.entities)
    ]
    parents = {each.parent.device_id for each in with_status if each.parent}
    return [each for each in with_status if each.device_id not in parents]


@pytest.mark.parametrize("window", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_everything_is_there_at_the_first_visit(
    scene: Scene, looker: Looker, window: tuple[int, int]
) -> None:
    """All chargers and their sum, readable by everybody, within the window."""
    view = await looker.look(window, first=True)
    await view.see(PATH)

    await expect(view.page.locator("ev-charger-cloud-card")).to_have_count(
        len(shown(scene))
    )
    await expect(view.page.locator("ev-charger-cloud-summary")).to_contain_text("Now")
    assert await view.overflow() <= 0
    name = "phone" if window == PHONE else "desktop"
    await view.picture(f"{scene.size}-{name}-light")
    assert await view.hindrances() == []
    if scene.size == 10:
        if window == DESKTOP:  # of what is further down as well
            await view.page.set_viewport_size({"width": window[0], "height": 1660})
            await view.drawn()
        await view.picture("dashboard-phone" if window == PHONE else "dashboard")

    await view.darken(True)
    assert await view.hindrances() == []
    await view.picture(f"{scene.size}-{name}-dark")


async def test_the_history_is_there(scene: Scene, looker: Looker) -> None:
    view = await looker.look()
    await view.see(f"{PATH}/history")

    sessions = view.page.locator("ev-charger-cloud-sessions")
    await expect(sessions).to_contain_text("Last sessions")
    export = sessions.get_by_role("link", name="Export")
    await expect(export).to_have_attribute("href", re.compile("export_sessions"))
    if scene.size == 10:  # whose clouds remember some from before
        await expect(sessions.get_by_role("listitem").first).to_contain_text("kWh")
    if scene.size == 200:
        days = view.page.locator("ev-charger-cloud-energy").get_by_role("listitem")
        await expect(days.first).to_contain_text("kWh")
    await view.drawn()
    await view.picture(f"{scene.size}-history")
    assert await view.hindrances() == []


async def test_each_charger_has_a_page_that_the_keyboard_reaches(
    scene: Scene, looker: Looker
) -> None:
    view = await looker.look()
    await view.see(PATH)
    name = shown(scene)[0].title
    button = view.card(name).first.locator("button.head")
    await button.focus()
    await view.page.keyboard.press("Enter")

    await view.page.wait_for_url("**/charger-*")
    await view.page.get_by_text("Readings", exact=True).wait_for()
    await view.drawn()
    await view.picture(f"{scene.size}-charger")
    assert await view.hindrances() == []


async def test_it_mirrors_and_speaks_other_languages(
    scene: Scene, looker: Looker
) -> None:
    for language, window in (("he", PHONE), ("de", DESKTOP)):
        view = await looker.look(window, language=language)
        await view.see(PATH)

        assert await view.overflow() <= 0
        await view.picture(f"{scene.size}-{language}")
        summary = view.page.locator("ev-charger-cloud-summary")
        if language == "de":
            await expect(summary).to_contain_text("Jetzt")
        direction = await summary.evaluate("(card) => getComputedStyle(card).direction")
        assert direction == ("rtl" if language == "he" else "ltr")


# One charger: everything that a hand can do


type Only = tuple[Charger, Connector]


@pytest_asyncio.fixture(loop_scope="session")
async def alone(scene: Scene) -> AsyncGenerator[Only]:
    """Return the only charger and its hardware, which is left free."""
    (charger,) = shown(scene)
    connector = charger.connector(scene.environment.clouds["ampeco"]["stations"])
    assert connector
    yield charger, connector
    scene.simulator["ampeco"].faults.clear()
    await scene.environment.world.do(connector, "fault", code=None)
    if (await scene.environment.world.look(connector)).seen["plugged"]:
        await scene.environment.world.do(connector, "unplug")


async def until(
    scene: Scene, connector: Connector, look: Callable[[Connector], bool]
) -> None:
    """Wait until the hardware is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while not look(await scene.environment.world.look(connector)):
            await asyncio.sleep(0.2)


async def read(scene: Scene, charger: Charger) -> None:
    """Have Home Assistant read the charger now."""
    status = charger.entity("sensor", "status")
    assert status
    await scene.environment.home.act("homeassistant.update_entity", status.id)


async def add(scene: Scene, provider: str) -> None:
    """Add an account with one charger."""
    cloud = scene.simulator[provider]
    cloud.populate(1)
    await accounts.add(
        scene.environment.home,
        provider,
        {"base_url": cloud.base_url, **cloud.credentials},
    )


async def says(card: Locator, words: str) -> None:
    """Wait until a card says something."""
    await expect(card).to_contain_text(words)


@only(1)
async def test_start_limit_and_stop_reach_the_hardware(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    charger, connector = alone
    view = await looker.look(PHONE)
    await view.see(PATH)
    card = view.card(charger.title)
    await says(card, "Not connected")
    await says(card, "No limit")

    await scene.environment.world.do(connector, "plug_in", soc=0.4)
    await read(scene, charger)
    await says(card, "Plugged in")
    await view.picture("card-plugged")

    await card.get_by_role("button", name="Start").click()
    await until(scene, connector, lambda seen: seen.power > 0)
    await read(scene, charger)
    await says(card, "Charging")
    await expect(card.locator(".ring")).to_contain_text("kW")
    await expect(card.get_by_role("button", name="Stop")).to_be_enabled()
    assert await view.hindrances() == []

    # A limit that is not set is a text; the keyboard sets one.
    await card.get_by_role("button", name="Set a limit").click()
    slider = card.get_by_role("slider", name="Limit")
    await expect(slider).to_be_focused()
    await slider.press("Home")
    for _ in range(4):
        await slider.press("ArrowRight")
    await expect(slider).to_have_attribute("aria-valuetext", "10 A")
    await until(scene, connector, lambda seen: 9.5 < seen.current < 10.5)
    await says(card, "10 A")
    await view.drawn()
    await view.picture("card-limited")

    await card.get_by_role("button", name="Remove the limit").click()
    await until(scene, connector, lambda seen: seen.current > 12)
    await says(card, "No limit")

    await card.get_by_role("button", name="Stop").click()
    await until(scene, connector, lambda seen: seen.power == 0)
    # What was stopped from here is paused.
    again = card.get_by_role("button", name=re.compile("Start|Resume"))
    await expect(again).to_be_visible()


@only(1)
async def test_what_the_cloud_refuses_is_said_in_its_words(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    charger, connector = alone
    view = await looker.look(PHONE)
    await view.see(PATH)
    card = view.card(charger.title)
    await scene.environment.world.do(connector, "plug_in")
    await read(scene, charger)
    await says(card, "Plugged in")
    faults = scene.simulator["ampeco"].faults
    faults.add(
        Fault(
            status=422,
            method="POST",
            path=".*",
            times=None,
            body={"message": "The driver owes money."},
        )
    )

    await card.get_by_role("button", name="Start").click()

    alert = card.get_by_role("alert")
    await expect(alert).to_contain_text("The driver owes money.")
    await expect(card.get_by_role("button", name="Start")).to_be_enabled()
    await view.picture("card-refused")
    assert await view.hindrances() == []


@only(1)
async def test_a_fault_is_red_with_its_reason(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    charger, connector = alone
    await scene.environment.world.do(connector, "plug_in")
    await scene.environment.world.do(connector, "fault", code="GroundFailure")
    await read(scene, charger)
    view = await looker.look(PHONE)
    await view.see(PATH)
    card = view.card(charger.title)

    await says(card, "Fault")
    await says(card, "Ground failure")
    await says(card, "Unplug the car.")
    await expect(card.get_by_role("button", name="Start")).to_have_count(0)
    for dark in (False, True):
        await view.darken(dark)
        await view.picture(f"card-fault-{'dark' if dark else 'light'}")
        assert await view.hindrances() == []


@only(1)
async def test_an_account_that_is_added_appears_by_itself(
    scene: Scene, looker: Looker
) -> None:
    view = await looker.look()
    await view.see(PATH)
    cards = view.page.locator("ev-charger-cloud-card")
    await expect(cards).to_have_count(1)

    await add(scene, "plugchoice")

    await expect(cards).not_to_have_count(1)


@only(1)
async def test_the_card_picker_offers_the_card_for_what_is_ours(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    charger, _ = alone
    status = charger.entity("sensor", "status")
    assert status
    view = await looker.look()
    await view.see(PATH)

    suggestions = await view.page.evaluate(
        """(ids) => {
          const { hass } = document.querySelector("home-assistant");
          const card = window.customCards.find(
            ({ type }) => type === "ev-charger-cloud-card");
          return ids.map((id) => card.getEntitySuggestion(hass, id));
        }""",
        [status.id, "sun.sun", "sensor.nobody"],
    )

    config = {"type": "custom:ev-charger-cloud-card", "device": charger.device_id}
    assert suggestions == [{"config": config}, None, None]
    form = await view.page.evaluate(
        """() => customElements.get("ev-charger-cloud-card").getConfigForm()
          .schema.map(({ name }) => name)"""
    )
    assert form[0] == "device"


@asynccontextmanager
async def renamed(scene: Scene, charger: Charger, name: str) -> AsyncIterator[None]:
    """Have a charger go by another name for a while."""
    home = scene.environment.home
    kind = "config/device_registry/update"
    await home.command(kind, device_id=charger.device_id, name_by_user=name)
    try:
        yield
    finally:
        await home.command(kind, device_id=charger.device_id, name_by_user=None)


@only(1)
async def test_names_are_text_however_long_they_are(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    charger, _ = alone
    name = '<img src=x onerror="document.title=1"> & "it" ' + "Ladestation" * 30
    async with renamed(scene, charger, name):
        for language in ("en", "he"):
            view = await looker.look(PHONE, language=language)
            await view.see(PATH)
            await expect(view.card("<img src=x").first).to_be_visible()
            assert await view.overflow() <= 0
            assert await view.hindrances() == []
            # It is cut at its own end, whichever way the page is read.
            shown = view.page.locator("ev-charger-cloud-card .name").first
            direction = await shown.evaluate("(it) => getComputedStyle(it).direction")
            assert direction == "ltr"
            await view.picture(f"card-long-name-{language}")
            await view.card("<img src=x").first.locator("button.head").click()
            await view.page.wait_for_url("**/charger-*")
            await view.drawn()
            assert await view.overflow() <= 0
            await view.see(f"{PATH}/history")
            assert await view.overflow() <= 0
            await expect(view.page.locator("img[src=x]")).to_have_count(0)


@only(1)
async def test_what_is_disabled_is_not_missed(
    scene: Scene, looker: Looker, alone: Only
) -> None:
    """Without its status the charger is told by its plug, without all it is gone."""
    charger, connector = alone
    home = scene.environment.home
    await read(scene, charger)
    view = await looker.look(PHONE)
    await view.see(PATH)
    card = view.card(charger.title)
    await says(card, "Not connected")

    async def disable(by: str | None, *keys: tuple[str, str]) -> None:
        for key in keys:
            entity = charger.entity(*key)
            assert entity
            await home.command(
                "config/entity_registry/update", entity_id=entity.id, disabled_by=by
            )

    status = ("sensor", "status")
    others = (("binary_sensor", "plug"), ("binary_sensor", "charging"))
    try:
        await disable("user", status)
        await scene.environment.world.do(connector, "plug_in")
        await says(card, "Plugged in")
        await disable("user", *others)
        await expect(card).to_have_count(0)
    finally:
        await disable(None, status, *others)
    await says(card, "Plugged in")


@only(1)
async def test_odd_configurations(scene: Scene, looker: Looker, alone: Only) -> None:
    """A charger that is gone, none at all, and a limit of which there is one value."""
    charger, _ = alone
    limit = charger.entity("number", "charging_current")
    assert limit
    await read(scene, charger)
    view = await looker.look(PHONE)
    await view.see(PATH)

    said = await view.page.evaluate(
        r"""([device, limit]) => {
          const { hass } = document.querySelector("home-assistant");
          const state = { ...hass.states[limit], state: "16" };
          state.attributes = { ...state.attributes, min: 16, max: 16 };
          const fixed = { ...hass, states: { ...hass.states, [limit]: state } };
          const shown = (config, hass) => {
            const card = document.createElement("ev-charger-cloud-card");
            card.setConfig(config);
            card.hass = hass;
            document.body.append(card);
            const { innerHTML, textContent } = card._content;
            card.remove();
            return [textContent.replace(/\s+/g, " ").trim(), innerHTML.includes("NaN")];
          };
          return [
            shown({ device: "nobody" }, hass),
            shown({}, hass),
            shown({ device }, fixed),
          ];
        }""",
        [charger.device_id, limit.id],
    )

    assert said[0] == ["This charger is no longer there.", False]
    assert said[1] == ["Choose a charger.", False]
    assert "16 A" in said[2][0]
    assert not said[2][1]


# Ten: what comes first


@only(10)
async def test_what_charges_comes_first(scene: Scene, looker: Looker) -> None:
    view = await looker.look()
    await view.see(PATH)
    sections = view.page.locator("ev-charger-cloud-fleet section")

    await expect(sections.first).to_have_attribute("data-key", "charging")
    keys = await sections.evaluate_all("(all) => all.map((one) => one.dataset.key)")
    order = ["charging", "waiting", "attention", "idle", "away"]
    assert keys == [key for key in order if key in keys]
    idle = sections.and_(view.page.locator("[data-key=idle]"))
    await expect(idle.locator("ev-charger-cloud-card").first).to_have_attribute(
        "data-size", "compact"
    )
    card = view.card("Garage North 1 Left")
    await card.screenshot(path=PICTURES / "card.png")


@only(10)
async def test_nothing_moves_for_those_who_asked_for_stillness(
    scene: Scene, looker: Looker
) -> None:
    view = await looker.look(moving=True)
    await view.see(PATH)
    glow = view.page.locator("ev-charger-cloud-card .glow").first

    await expect(glow).to_be_visible()
    await view.page.emulate_media(reduced_motion="reduce")
    await expect(glow).to_be_hidden()


# Two hundred: found by name


@only(200)
async def test_many_are_searched_and_filtered(scene: Scene, looker: Looker) -> None:
    view = await looker.look(PHONE)
    await view.see(PATH)
    cards = view.page.locator("ev-charger-cloud-card")

    await view.page.get_by_role("searchbox").fill("00123")
    await expect(cards).to_have_count(1)
    await expect(cards).to_contain_text("Charger 00123")
    await view.page.get_by_role("searchbox").fill("nothing like it")
    await expect(view.page.get_by_text("No charger matches.")).to_be_visible()

    await view.page.get_by_role("searchbox").fill("")
    await view.page.get_by_role("button", name="Need attention").click()
    await expect(cards).to_have_count(4)
    await expect(cards.first).to_contain_text("Ground failure")


@only(200)
async def test_more_are_folded_by_place(scene: Scene, looker: Looker) -> None:
    """One more than two hundred; a place tells what goes on in it, and opens."""
    view = await looker.look()
    await view.see(PATH)
    await add(scene, "plugchoice")
    place = view.page.locator("ev-charger-cloud-fleet details").first
    heading = place.locator("summary")
    await expect(heading).to_contain_text("Charging")
    await expect(place.locator("ev-charger-cloud-card").first).to_be_hidden()
    await view.drawn()
    await view.picture("201-folded")
    assert await view.hindrances() == []

    await heading.focus()
    await view.page.keyboard.press("Enter")
    await expect(place.locator("ev-charger-cloud-card").first).to_be_visible()
