// The last sessions, of one charger or of all.

import { sessionList } from "./card.js";
import { html, shadow, show } from "./dom.js";
import { lastSessions } from "./history.js";
import { chargerOf, chargersOf } from "./model.js";
import { CARD } from "./style.js";
import { word } from "./words.js";

const REMEMBER = 60_000; // ms

export class SessionsCard extends HTMLElement {
  #hass;
  #config = {};
  #asked = 0;
  #sessions;
  #failed = false;

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
    return { columns: 12, rows: "auto" };
  }

  connectedCallback() {
    if (!this.shadowRoot) [this._content] = shadow(this, CARD);
    this.#draw();
  }

  async #remember() {
    if (Date.now() - this.#asked < REMEMBER) return;
    this.#asked = Date.now();
    const { device } = this.#config;
    const hass = this.#hass;
    // Of fleets so large that they have the essential entities alone, none is asked.
    const chargers = device
      ? [chargerOf(hass, device)].filter(Boolean)
      : chargersOf(hass).filter(({ entities }) => entities.has("event.session"));
    try {
      this.#sessions = await lastSessions(hass, chargers, this.#config.sessions ?? 10);
      this.#failed = false;
    } catch {
      this.#failed = true;
    }
    this.#draw();
  }

  #draw() {
    const hass = this.#hass;
    if (!hass || !this._content || (!this.#sessions && !this.#failed)) return;
    const sessions = this.#sessions ?? [];
    show(
      this._content,
      html`<ha-card>
        <div class="body sessions" style="gap:4px">
          ${sessionList(hass, sessions, !this.#config.device)}
          ${!sessions.length &&
          html`<p class="empty" style="padding:0">
            ${word(hass, this.#failed ? "history_missing" : "no_sessions")}
          </p>`}
        </div>
      </ha-card>`,
    );
  }
}
