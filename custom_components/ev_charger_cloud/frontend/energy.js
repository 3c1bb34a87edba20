// The energy of all chargers by day: one bar for all, where a colour for each is noise.

import { html, shadow, show } from "./dom.js";
import { day, energy } from "./format.js";
import { lastDays } from "./history.js";
import { chargersOf } from "./model.js";
import { ENERGY } from "./style.js";
import { word } from "./words.js";

const REMEMBER = 600_000; // ms

export class EnergyCard extends HTMLElement {
  #hass;
  #config = {};
  #days;
  #asked = 0;

  static getStubConfig() {
    return {};
  }

  setConfig(config) {
    this.#config = config;
    this.#asked = 0;
  }

  set hass(hass) {
    this.#hass = hass;
    this.#remember();
  }

  getCardSize() {
    return 5;
  }

  getGridOptions() {
    return { columns: "full", rows: "auto" };
  }

  connectedCallback() {
    if (!this.shadowRoot) [this._content] = shadow(this, ENERGY);
    this.#draw();
  }

  async #remember() {
    if (Date.now() - this.#asked < REMEMBER) return;
    this.#asked = Date.now();
    try {
      this.#days = await lastDays(this.#hass, chargersOf(this.#hass), this.#config.days);
    } catch {
      // Without a recorder there is nothing to show.
      this.#days = [];
    }
    this.#draw();
  }

  #draw() {
    const hass = this.#hass;
    const days = this.#days;
    if (!hass || !this._content || !days) return;
    const most = Math.max(1, ...days.map((each) => each.energy));
    const total = days.reduce((sum, each) => sum + each.energy, 0);
    const told = (each) => `${day(hass, each.date)}: ${energy(hass, each.energy)}`;
    show(
      this._content,
      html`<ha-card>
        <div class="body">
          <h3>${word(hass, "energy_days")} <span>${energy(hass, total)}</span></h3>
          <ol>
            ${days.map(
              (each) => html`<li title=${told(each)}>
                <i style="block-size:${((each.energy / most) * 100).toFixed(1)}%"></i>
                <span class="hidden">${told(each)}</span>
              </li>`,
            )}
          </ol>
          ${days.length > 1 &&
          html`<div class="ends" aria-hidden="true">
            <span>${day(hass, days[0].date)}</span>
            <span>${day(hass, days.at(-1).date)}</span>
          </div>`}
        </div>
      </ha-card>`,
    );
  }
}
