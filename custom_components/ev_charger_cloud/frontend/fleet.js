// All chargers, in the order in which people look for them.

import { html, shadow, show } from "./dom.js";
import { anyChanged, chargersOf, GROUPS, groupOf, Look } from "./model.js";
import { PAGE } from "./style.js";
import { word } from "./words.js";

const MANY = 24; // chargers, above which there is a search, by place
const TOO_MANY = 200; // chargers, above which places are folded, if there are several
const LARGE = 2; // chargers that charge and are shown in full size

const SMALL = new Set(["idle", "away"]);

const TONE_OF_GROUP = {
  charging: "active",
  waiting: "waiting",
  attention: "fault",
  idle: "quiet",
  away: "away",
};

export class FleetCard extends HTMLElement {
  #hass;
  #config = {};
  #cards = new Map();
  #query = "";
  #chosen = "all";
  #order;

  static getStubConfig() {
    return {};
  }

  setConfig(config) {
    this.#config = config;
    this.#order = undefined;
    this.#arrange();
  }

  set hass(hass) {
    const before = this.#hass;
    this.#hass = hass;
    if (anyChanged(before, hass)) this.#arrange();
    for (const card of this.#cards.values()) card.hass = hass;
  }

  get hass() {
    return this.#hass;
  }

  getCardSize() {
    return 12;
  }

  getGridOptions() {
    return { columns: "full", rows: "auto" };
  }

  connectedCallback() {
    if (!this.shadowRoot) {
      [this._tools, this._groups] = shadow(this, PAGE, 2);
      const root = this.shadowRoot;
      root.addEventListener("input", ({ target }) => {
        this.#query = target.value;
        this.#arrange();
      });
      root.addEventListener("click", ({ target }) => {
        const chip = target.closest(".chip");
        if (!chip) return;
        this.#chosen = chip.dataset.key;
        this.#arrange();
      });
    }
    this.#arrange();
  }

  // Which chargers stand where. Only when that changes is anything moved.
  #arrange() {
    const hass = this.#hass;
    if (!hass || !this._groups) return;
    const chargers = chargersOf(hass);
    const many = chargers.length > MANY;
    const rows = chargers.map((charger) => {
      const look = new Look(hass, charger);
      return { charger, look, group: groupOf(look.kind) };
    });
    if (many) this.#tools(rows);
    else show(this._tools, "");
    const groups = many ? this.#byPlace(rows) : this.#byState(rows);
    const order = JSON.stringify([
      hass.language,
      this.#config,
      groups.map(({ key, title, charging, cards }) => [
        key,
        title,
        charging,
        cards.map(({ charger, size }) => [charger.id, size]),
      ]),
    ]);
    if (order === this.#order) return;
    this.#order = order;
    this.#place(groups, chargers.length);
  }

  #byState(rows) {
    const groups = GROUPS.map((key) => ({
      key,
      title: word(this.#hass, `group_${key}`),
      tone: TONE_OF_GROUP[key],
      rows: rows.filter((row) => row.group === key),
    })).filter((group) => group.rows.length);
    const alone = rows.length === 1;
    return groups.map((group) => ({
      ...group,
      title: alone ? "" : group.title,
      wide: alone || !SMALL.has(group.key),
      cards: group.rows.map(({ charger }) => ({ charger, size: this.#size(group, alone) })),
    }));
  }

  #size({ key, rows }, alone) {
    if (alone) return "large";
    if (SMALL.has(key)) return "compact";
    return key === "charging" && rows.length <= LARGE ? "large" : "normal";
  }

  #byPlace(rows) {
    const query = this.#query.trim().toLocaleLowerCase(this.#hass.language);
    const wanted = rows.filter(
      ({ charger, group }) =>
        (this.#chosen === "all" || group === this.#chosen) &&
        `${charger.name} ${charger.place}`
          .toLocaleLowerCase(this.#hass.language)
          .includes(query),
    );
    const attention = wanted.filter(({ group }) => group === "attention");
    const places = new Map();
    for (const row of wanted) {
      if (row.group === "attention") continue;
      const { place } = row.charger;
      if (!places.has(place)) places.set(place, []);
      places.get(place).push(row);
    }
    const rank = ({ group }) => GROUPS.indexOf(group);
    const compact = (each) => ({ charger: each.charger, size: "compact" });
    const named = [...places].sort(([one], [other]) =>
      // What has no place comes last.
      !one || !other ? (one ? -1 : 1) : one.localeCompare(other, undefined, { numeric: true }),
    );
    const folded =
      rows.length > TOO_MANY && places.size > 1 && !query && this.#chosen === "all";
    const groups = named.map(([place, all]) => ({
      key: `place ${place}`,
      title: place || word(this.#hass, places.size > 1 ? "no_place" : "chargers"),
      folded,
      charging: folded && all.filter(({ group }) => group === "charging").length,
      cards: all.sort((one, other) => rank(one) - rank(other)).map(compact),
    }));
    if (attention.length) {
      groups.unshift({
        key: "attention",
        title: word(this.#hass, "group_attention"),
        tone: "fault",
        cards: attention.map(compact),
      });
    }
    return groups;
  }

  #tools(rows) {
    const hass = this.#hass;
    const count = (key) => rows.filter(({ group }) => group === key).length;
    const chips = [
      { key: "all", text: word(hass, "all"), number: rows.length },
      ...GROUPS.map((key) => ({
        key,
        text: word(hass, `group_${key}`),
        number: count(key),
        tone: TONE_OF_GROUP[key],
      })).filter(({ key, number }) => number || key === this.#chosen),
    ];
    show(
      this._tools,
      html`<div class="tools">
        <input
          type="search"
          value=${this.#query}
          placeholder=${word(hass, "search")}
          aria-label=${word(hass, "search")}
        />
        <div class="chips" role="group" aria-label=${word(hass, "chargers")}>
          ${chips.map(
            ({ key, text, number, tone }) =>
              html`<button
                class="chip"
                data-key=${key}
                data-tone=${tone}
                aria-pressed=${String(this.#chosen === key)}
              >
                ${tone && html`<i></i>`}${text} ${number}
              </button>`,
          )}
        </div>
      </div>`,
    );
  }

  #place(groups, number) {
    const hass = this.#hass;
    const used = new Set();
    const focused = this.shadowRoot.activeElement;
    const sections = groups.map((group) => {
      const { key, title, tone, cards, wide, folded, charging } = group;
      const present = [...this._groups.children].find((each) => each.dataset.key === key);
      const section =
        present?.localName === (folded ? "details" : "section")
          ? present
          : document.createElement(folded ? "details" : "section");
      section.dataset.key = key;
      if (!section.firstElementChild) {
        section.append(
          document.createElement(folded ? "summary" : "h2"),
          document.createElement("div"),
        );
      }
      const [heading, grid] = section.children;
      heading.hidden = !title;
      heading.style.display = title ? "" : "none";
      if (tone) heading.dataset.tone = tone;
      // A folded place tells what goes on in it.
      show(
        heading,
        html`${tone && html`<i></i>`}<bdi>${title}</bdi> <span>${cards.length}</span>
          ${charging > 0 &&
          html`<span data-tone="active"
            ><i></i>${charging} ${word(hass, "group_charging")}</span
          >`}
          ${folded &&
          html`<ha-icon icon="mdi:chevron-down" aria-hidden="true"></ha-icon>`}`,
      );
      grid.className = wide ? "grid wide" : "grid";
      const elements = cards.map(({ charger, size }) => {
        used.add(charger.id);
        return this.#card(charger, size);
      });
      elements.forEach((element, position) => {
        if (grid.children[position] !== element) {
          move(grid, element, grid.children[position] ?? null);
        }
      });
      return section;
    });
    sections.forEach((section, position) => {
      if (this._groups.children[position] !== section) {
        move(this._groups, section, this._groups.children[position] ?? null);
      }
    });
    [...this._groups.children].slice(sections.length).forEach((each) => each.remove());
    for (const [id, card] of this.#cards) {
      if (!used.has(id)) {
        card.remove();
        this.#cards.delete(id);
      }
    }
    if (!sections.length) {
      const empty = document.createElement("div");
      empty.className = "empty";
      show(
        empty,
        number
          ? html`${word(hass, "none_found")}`
          : html`<strong>${word(hass, "no_chargers")}</strong>
              ${word(hass, "no_chargers_hint")}`,
      );
      this._groups.append(empty);
    }
    if (focused?.isConnected && this.shadowRoot.activeElement !== focused) focused.focus();
  }

  #card(charger, size) {
    let card = this.#cards.get(charger.id);
    if (!card) {
      card = document.createElement("ev-charger-cloud-card");
      this.#cards.set(charger.id, card);
    }
    if (card.dataset.size !== size) {
      card.dataset.size = size;
      const { detail } = this.#config;
      card.setConfig({
        device: charger.id,
        size,
        navigate: detail?.replace("{device}", charger.id),
      });
      card.hass = this.#hass;
    }
    return card;
  }
}

// An element that is moved keeps its focus and animations where the browser can.
function move(parent, element, before) {
  if (element.isConnected && parent.moveBefore && parent.isConnected) {
    parent.moveBefore(element, before);
  } else {
    parent.insertBefore(element, before);
  }
}

export { TONE_OF_GROUP };
