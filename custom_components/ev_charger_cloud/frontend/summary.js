// The sum of all chargers: power now, how many do what, energy and cost this month.

import { html, shadow, show } from "./dom.js";
import { energy, money, power } from "./format.js";
import { thisMonth } from "./history.js";
import { anyChanged, chargersOf, GROUPS, groupOf, Look } from "./model.js";
import { TONE_OF_GROUP } from "./fleet.js";
import { SUMMARY } from "./style.js";
import { word } from "./words.js";

const REMEMBER = 300_000; // ms: short-term statistics are made that often

export class SummaryCard extends HTMLElement {
  #hass;
  #month;
  #asked = 0;
  #chargers;

  static getStubConfig() {
    return {};
  }

  setConfig() {}

  set hass(hass) {
    const before = this.#hass;
    this.#hass = hass;
    if (anyChanged(before, hass)) this.#draw();
    this.#remember();
  }

  getCardSize() {
    return 2;
  }

  getGridOptions() {
    return { columns: "full", rows: "auto" };
  }

  connectedCallback() {
    if (!this.shadowRoot) [this._content] = shadow(this, SUMMARY);
    this.#draw();
  }

  async #remember() {
    const chargers = chargersOf(this.#hass);
    const now = Date.now();
    if (chargers === this.#chargers && now - this.#asked < REMEMBER) return;
    this.#chargers = chargers;
    this.#asked = now;
    try {
      this.#month = await thisMonth(this.#hass, chargers);
    } catch {
      this.#month = undefined;
    }
    this.#draw();
  }

  #draw() {
    const hass = this.#hass;
    if (!hass || !this._content) return;
    const looks = chargersOf(hass).map((charger) => new Look(hass, charger));
    const powers = looks.map((look) => look.power).filter((watts) => watts !== undefined);
    const total = powers.length ? powers.reduce((one, other) => one + other, 0) : undefined;
    const counts = GROUPS.map((key) => ({
      key,
      number: looks.filter((look) => groupOf(look.kind) === key).length,
    })).filter(({ number }) => number);
    const told = total === undefined ? undefined : power(hass, total);
    const { energy: wattHours, cost } = this.#month ?? {};
    const costs = [...(cost ?? [])].map(([currency, amount]) =>
      money(hass, amount, currency),
    );
    show(
      this._content,
      html`<ha-card>
        <dl>
          ${told &&
          html`<div data-key="now">
            <dt>${word(hass, "now")}</dt>
            <dd>${told.value} <small>${told.unit}</small></dd>
          </div>`}
          ${looks.length > 1 &&
          html`<div class="wide" data-key="counts">
            <dt>${word(hass, "chargers")}</dt>
            <dd class="counts">
              ${counts.map(
                ({ key, number }) =>
                  html`<span data-tone=${TONE_OF_GROUP[key]}
                    ><i></i>${number} ${word(hass, `group_${key}`)}</span
                  >`,
              )}
            </dd>
          </div>`}
          ${wattHours !== undefined &&
          html`<div data-key="energy">
            <dt>${word(hass, "energy_month")}</dt>
            <dd>${energy(hass, wattHours)}</dd>
          </div>`}
          ${costs.length > 0 &&
          html`<div data-key="cost">
            <dt>${word(hass, "cost_month")}</dt>
            <dd>${costs.join(" + ")}</dd>
          </div>`}
        </dl>
      </ha-card>`,
    );
  }
}
