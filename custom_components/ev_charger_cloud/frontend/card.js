// The card of one charger.

import { fire, html, navigate, shadow, show } from "./dom.js";
import { day, energy, moment, money, power, quantity, span, time } from "./format.js";
import { lastSessions, powerSince } from "./history.js";
import { changed, chargerOf, chargersOf, ICONS, Look, PLATFORM, TONES } from "./model.js";
import { CARD } from "./style.js";
import { word } from "./words.js";

const RADIUS = 44;
const AROUND = 2 * Math.PI * RADIUS;
const BOX = 100;

const PATIENCE = 30_000; // ms until a command that shows no effect is no longer awaited
const STILL = 700; // ms that a slider rests before its value is sent
const REMEMBER = 60_000; // ms between two looks into the history
const CURVE = 3_600_000; // ms that a curve reaches back where no session is told
const EXPORT = `/config/tools/action?service=${PLATFORM}.export_sessions`;
const TICK = 20_000; // ms between two looks at the clock

export class ChargerCard extends HTMLElement {
  #config;
  #hass;
  #charger;
  #pending;
  #error;
  #draft; // the limit under the finger, or proposed
  #timer;
  #clock;
  #history = { at: 0 };

  static getStubConfig(hass) {
    return { device: chargersOf(hass)[0]?.id ?? "" };
  }

  static getConfigForm() {
    // The form is made once, before a card has met Home Assistant.
    const hass = document.querySelector("home-assistant")?.hass;
    const option = (value) => ({ value, label: word(hass, value) });
    return {
      schema: [
        {
          name: "device",
          required: true,
          selector: {
            device: {
              filter: { integration: PLATFORM },
              entity: { integration: PLATFORM, domain: "sensor" },
            },
          },
        },
        { name: "name", selector: { text: {} } },
        {
          name: "size",
          selector: {
            select: { mode: "box", options: ["compact", "normal", "large"].map(option) },
          },
        },
        {
          name: "sessions",
          selector: { number: { min: 0, max: 10, mode: "box" } },
        },
      ],
      computeLabel: ({ name }) => word(hass, name === "device" ? "charger" : name),
    };
  }

  setConfig(config) {
    if (!config) throw new Error("No configuration");
    this.#config = config;
    this.#history.at = 0;
    this.#draw();
  }

  set hass(hass) {
    const before = this.#hass;
    this.#hass = hass;
    const charger = chargerOf(hass, this.#config?.device);
    if (charger !== this.#charger || !charger || changed(charger, before, hass)) {
      this.#charger = charger;
      this.#draw();
    }
  }

  get hass() {
    return this.#hass;
  }

  // How many of the last sessions the large card shows.
  get #listed() {
    return this.#config.sessions ?? 3;
  }

  get #size() {
    return this.#config.size ?? "normal";
  }

  getCardSize() {
    return { compact: 1, normal: 4, large: 8 }[this.#size];
  }

  getGridOptions() {
    return this.#size === "compact"
      ? { columns: 6, min_columns: 6, rows: "auto" }
      : { columns: 12, min_columns: 6, rows: "auto" };
  }

  connectedCallback() {
    if (!this.shadowRoot) {
      [this._content] = shadow(this, CARD);
      this._content.style.blockSize = "100%";
      const root = this.shadowRoot;
      root.addEventListener("click", (event) => this.#clicked(event));
      root.addEventListener("input", (event) => this.#moved(event));
      root.addEventListener("focusout", (event) => this.#left(event));
    }
    this.#clock = setInterval(() => {
      if (!this.#charger) return;
      // What runs, and what may have ended meanwhile.
      const { session } = new Look(this.#hass, this.#charger);
      if (session || this.#size === "large") this.#draw();
    }, TICK);
    this.#draw();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
  }

  // What a person does

  #clicked(event) {
    const target = event.target.closest("[data-do]");
    if (!target || target.getAttribute("aria-disabled") === "true") return;
    const look = new Look(this.#hass, this.#charger);
    switch (target.dataset.do) {
      case "more":
        if (this.#config.navigate) navigate(this.#config.navigate);
        else fire(this, "hass-more-info", { entityId: look.main });
        break;
      case "action":
        this.#act(look);
        break;
      case "restart":
        this.#send("restart", ["button", "press", look.id("button.restart")]);
        break;
      case "propose":
        this.#draft = look.limit.max;
        this.#draw();
        this.shadowRoot.querySelector("input")?.focus();
        break;
      case "confirm":
        this.#sendLimit();
        break;
      case "clear":
        this.#send("limit", ["button", "press", look.id("button.clear_limit")]);
    }
  }

  #act(look) {
    const { action, kind } = look;
    if (action?.call) this.#send(action.name, action.call, undefined, kind);
  }

  #moved(event) {
    if (event.target.type !== "range") return;
    this.#draft = event.target.valueAsNumber;
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendLimit(), STILL);
  }

  #sendLimit() {
    clearTimeout(this.#timer);
    if (this.#draft === undefined) return;
    if (this.#pending) {
      this.#timer = setTimeout(() => this.#sendLimit(), STILL);
      return;
    }
    const { limit } = new Look(this.#hass, this.#charger);
    if (!limit) return;
    this.#send("limit", ["number", "set_value", limit.id], { value: this.#draft });
  }

  // A proposal that is left alone is none.
  #left(event) {
    const limits = event.target.closest(".limits");
    if (!limits || limits.contains(event.relatedTarget)) return;
    const { limit } = new Look(this.#hass, this.#charger);
    if (
      limit?.value === undefined &&
      this.#draft === limit?.max &&
      !this.#pending
    ) {
      this.#draft = undefined;
      this.#draw();
    }
  }

  async #send(what, [domain, service, entityId], data = {}, kind = undefined) {
    if (this.#pending) return;
    const pending = { what, kind };
    this.#pending = pending;
    this.#error = undefined;
    this.#draw();
    try {
      // The card tells by itself what went wrong.
      await this.#hass.callService(domain, service, data, { entity_id: entityId }, false);
      if (kind) {
        setTimeout(() => this.#settle(pending), PATIENCE);
        this.#draw();
        return;
      }
    } catch (error) {
      this.#error = error?.message || word(this.#hass, "refused");
    }
    // It may have been moved on meanwhile.
    if (what === "limit" && this.#draft === data.value) this.#draft = undefined;
    this.#settle(pending);
  }

  #settle(pending) {
    if (this.#pending !== pending) return;
    this.#pending = undefined;
    this.#draw();
  }

  // What is shown

  #draw() {
    if (!this._content || !this.#hass || !this.#config) return;
    if (!this.#charger) {
      const key = this.#config.device ? "gone" : "choose";
      show(
        this._content,
        html`<ha-card><p class="empty">${word(this.#hass, key)}</p></ha-card>`,
      );
      return;
    }
    const look = new Look(this.#hass, this.#charger);
    if (this.#pending?.kind && this.#pending.kind !== look.kind) {
      this.#pending = undefined;
    }
    if (this.#size === "large" || this.#bare(look)) this.#remember(look);
    show(this._content, this.#size === "compact" ? this.#compact(look) : this.#full(look));
  }

  get #name() {
    return this.#config.name || this.#charger.name;
  }

  #compact(look) {
    const { kind } = look;
    return html`<ha-card data-tone=${TONES[kind]}>
      <button class="head row" data-do="more">
        ${this.#mark(look)}
        <span class="names">
          <span class="name" dir="auto" style="display:block">${this.#name}</span>
          <span class="says" style="display:block">
            <b>${look.words}</b>${this.#aside(look)}
          </span>
        </span>
        ${look.power > 0 && this.#powerNow(look)}
        <ha-icon class="chevron" icon="mdi:chevron-right" aria-hidden="true"></ha-icon>
      </button>
    </ha-card>`;
  }

  #powerNow(look) {
    const { value, unit } = power(this.#hass, look.power);
    return html`<span class="now">${value} <small>${unit}</small></span>`;
  }

  #full(look) {
    const { kind } = look;
    const large = this.#size === "large";
    return html`<ha-card data-tone=${TONES[kind]}>
      <div class="body ${large ? "large" : ""}">
        <button class="head" data-do="more">
          ${this.#mark(look, false)}
          <span class="names">
            <span class="name" dir="auto" style="display:block">${this.#name}</span>
            <span class="says" style="display:block">
              <b>${look.words}</b>${this.#aside(look)}
            </span>
          </span>
          <ha-icon class="chevron" icon="mdi:chevron-right" aria-hidden="true"></ha-icon>
        </button>
        ${kind === "fault" && this.#fault(look)} ${this.#live(look, large)}
        ${large && this.#curve(look)} ${this.#controls(look)}
        ${large && this.#sessions()}
      </div>
      ${this.#announcement(look)}
    </ha-card>`;
  }

  #announcement(look) {
    return html`<span class="hidden" role="status">${this.#name}: ${look.words}</span>`;
  }

  // Beside the state: since when, why, or what was last.
  #aside(look) {
    const hass = this.#hass;
    const { kind, session, lastSession, seen } = look;
    let aside;
    if (kind === "fault") {
      aside = this.#size === "compact" && look.fault.reason;
    } else if (kind === "offline" || kind === "unknown") {
      aside = seen && word(hass, "last_seen", { time: moment(hass, seen) });
    } else if (session) {
      aside =
        this.#size === "compact"
          ? session.energy !== undefined && energy(hass, session.energy)
          : session.start && word(hass, "since", { time: moment(hass, session.start) });
    } else if (lastSession) {
      const told = energy(hass, lastSession.energy);
      aside = lastSession.end
        ? word(hass, "last_session", { energy: told, time: day(hass, lastSession.end) })
        : word(hass, "last_session", { energy: told, time: "" }).replace(/ · $/, "");
    }
    return aside ? html` · ${aside}` : "";
  }

  #mark(look, gauge = true) {
    const share = gauge && this.#share(look);
    return html`<span class="mark" aria-hidden="true">
      ${share !== false &&
      share !== undefined &&
      html`<svg viewBox="0 0 40 40">
        <circle
          class="flow"
          cx="20"
          cy="20"
          r="18.5"
          pathLength="100"
          stroke-dasharray="${(share * 100).toFixed(1)} 200"
        ></circle>
      </svg>`}
      <ha-icon icon=${ICONS[look.kind]}></ha-icon>
    </span>`;
  }

  // Energy flows, and the cloud tells nothing of the session.
  #bare(look) {
    return this.#size === "normal" && look.power > 0 && !look.session && !look.readyAt;
  }

  #share(look) {
    const { ceiling } = look;
    return look.power > 0 && ceiling
      ? Math.min(1, look.power / ceiling.watts)
      : undefined;
  }

  #live(look, large) {
    const { session, currents } = look;
    const ring = look.live && look.kind !== "fault" && this.#ring(look);
    const facts = look.plugged ? this.#facts(look, session) : [];
    const phases = large && look.power > 0 ? currents : [];
    if (!ring && !facts.length) return "";
    return html`<div class="live">
      ${ring} ${!facts.length && !large && this.#curve(look)}
      ${(facts.length > 0 || phases.length > 0) &&
      html`<dl class="facts">
        ${facts}
        ${phases.some(({ amps }) => amps !== undefined) &&
        html`<div style="grid-column: 1 / -1">
          <dt class="hidden">${word(this.#hass, "phases")}</dt>
          <dd style="margin:0">${this.#phases(look, phases)}</dd>
        </div>`}
      </dl>`}
    </div>`;
  }

  #ring(look) {
    const hass = this.#hass;
    if (look.power === undefined) return "";
    const { value, unit } = power(hass, look.power);
    const { ceiling } = look;
    // What flows without a measure goes all the way round.
    const share = this.#share(look) ?? (look.power > 0 ? 1 : 0);
    const most = ceiling && power(hass, ceiling.watts);
    const told =
      most &&
      word(hass, "of_limit", {
        power: `${ceiling.estimated ? "≈ " : ""}${most.value} ${most.unit}`,
      });
    const length = share * AROUND;
    return html`<div class="ring">
      <svg viewBox="0 0 ${BOX} ${BOX}" aria-hidden="true">
        <circle class="track" cx="50" cy="50" r=${RADIUS}></circle>
        ${share > 0 &&
        html`<circle
            class="flow"
            cx="50"
            cy="50"
            r=${RADIUS}
            stroke-dasharray="${length.toFixed(1)} ${(2 * AROUND).toFixed(1)}"
          ></circle
          >${share > 0.08 &&
          html`<circle
            class="glow"
            cx="50"
            cy="50"
            r=${RADIUS}
            stroke-dasharray="8 1000"
            style="--end:${(8 - length).toFixed(1)}"
          ></circle>`}`}
      </svg>
      <p>
        <span class="value">${value} <small>${unit}</small></span>
        ${told && html`<span class="limit">${told}</span>`}
      </p>
    </div>`;
  }

  #facts(look, session) {
    const hass = this.#hass;
    const facts = [];
    const add = (key, value) => {
      if (value === undefined) return;
      facts.push(
        html`<div class="fact" data-key=${key}>
          <dt>${word(hass, key)}</dt>
          <dd>${value}</dd>
        </div>`,
      );
    };
    if (session?.energy !== undefined) add("energy", energy(hass, session.energy));
    if (session?.seconds !== undefined) add("duration", span(hass, session.seconds));
    add("cost", session?.cost);
    const level = look.number("sensor.state_of_charge");
    if (level !== undefined) add("battery", look.shown("sensor.state_of_charge"));
    const { readyAt } = look;
    if (readyAt) add(readyAt.key, moment(hass, readyAt.date));
    return facts;
  }

  #phases(look, phases) {
    const { limit } = look;
    const most =
      (limit?.key === "number.charging_current" && (limit.value ?? limit.max)) ||
      look.amount("sensor.current_offered") ||
      Math.max(16, ...phases.map(({ amps }) => amps ?? 0));
    return html`<ul class="phases">
      ${phases.map(
        ({ number: phase, key, amps }) => html`<li data-key=${key}>
          <span aria-label=${word(this.#hass, "phase", { number: phase })}>L${phase}</span>
          <span class="bar"
            ><i style="inline-size:${Math.min(100, ((amps ?? 0) / most) * 100)}%"></i
          ></span>
          <span class="amps"
            >${amps === undefined ? "" : quantity(this.#hass, amps, "A")}</span
          >
        </li>`,
      )}
    </ul>`;
  }

  #fault(look) {
    const { reason, advice } = look.fault;
    const restart = look.state("button.restart");
    return html`<div class="fault" data-key="fault">
      ${reason && html`<strong>${reason}</strong>`} ${advice}
      ${restart &&
      html`<div class="controls" style="margin-block-start:12px">
        <button
          class="do stop"
          data-do="restart"
          aria-disabled=${String(
            Boolean(this.#pending) || restart.state === "unavailable",
          )}
        >
          <ha-icon icon="mdi:restart" aria-hidden="true"></ha-icon>
          ${word(this.#hass, "restart")}
        </button>
      </div>`}
    </div>`;
  }

  #controls(look) {
    const hass = this.#hass;
    const { action } = look;
    const limit = this.#limit(look);
    const reason = this.#pending
      ? {
          start: "starting_now",
          resume: "starting_now",
          stop: "stopping_now",
          restart: "restarting_now",
          limit: "limiting_now",
        }[this.#pending.what]
      : action?.reason;
    if (!action && !limit && !this.#error && !reason) return "";
    return html`<div class="controls" data-key="controls">
      ${action &&
      html`<button
        class="do ${action.name}"
        data-do="action"
        aria-disabled=${String(Boolean(this.#pending || action.reason))}
        aria-describedby=${reason && "reason"}
      >
        <ha-icon
          icon=${action.name === "stop" ? "mdi:stop" : "mdi:play"}
          aria-hidden="true"
        ></ha-icon>
        ${word(hass, action.name)}
      </button>`}
      ${limit}
      <p class="note" id="reason" data-key="reason" role="status" hidden=${!reason}>
        ${reason && word(hass, reason)}
      </p>
      ${this.#error &&
      html`<p class="note error" data-key="error" role="alert">
        <ha-icon icon="mdi:alert-circle-outline" aria-hidden="true"></ha-icon>
        <span>${this.#error}</span>
      </p>`}
    </div>`;
  }

  #limit(look) {
    const hass = this.#hass;
    const { limit, kind } = look;
    if (!limit || kind === "fault") return "";
    const value = this.#draft ?? limit.value;
    if (value === undefined) {
      return html`<div class="limits" data-key="no-limit">
        <span class="none">${word(hass, "no_limit")}</span>
        <button class="plain" data-do="propose">${word(hass, "set_limit")}</button>
      </div>`;
    }
    const told = quantity(hass, value, limit.unit);
    const filled = ((value - limit.min) / (limit.max - limit.min || 1)) * 100;
    const clear = look.state("button.clear_limit");
    return html`<div class="limits" data-key="limit">
      <label class="label" for="limit">${word(hass, "limit")}</label>
      <input
        id="limit"
        type="range"
        min=${limit.min}
        max=${limit.max}
        step=${limit.step}
        value=${value}
        aria-valuetext=${told}
        style="--fill:${filled.toFixed(1)}%"
      />
      <output for="limit">${told}</output>
      ${limit.value === undefined &&
      html`<button
        class="plain icon"
        data-key="confirm"
        data-do="confirm"
        title=${word(hass, "set_limit")}
        aria-label=${word(hass, "set_limit")}
        aria-disabled=${String(Boolean(this.#pending))}
      >
        <ha-icon icon="mdi:check" aria-hidden="true"></ha-icon>
      </button>`}
      ${clear &&
      clear.state !== "unavailable" &&
      limit.value !== undefined &&
      html`<button
        class="plain icon"
        data-key="clear"
        data-do="clear"
        title=${word(hass, "clear_limit")}
        aria-label=${word(hass, "clear_limit")}
        aria-disabled=${String(Boolean(this.#pending))}
      >
        <ha-icon icon="mdi:close" aria-hidden="true"></ha-icon>
      </button>`}
    </div>`;
  }

  // From the history

  async #remember(look) {
    const now = Date.now();
    if (now - this.#history.at < REMEMBER) return;
    this.#history.at = now;
    const charger = this.#charger;
    const { session } = look;
    const listed = this.#size === "large" && this.#listed;
    const [points, sessions] = await Promise.allSettled([
      look.power > 0
        ? powerSince(this.#hass, charger, session?.start ?? new Date(now - CURVE))
        : [],
      listed ? lastSessions(this.#hass, [charger], listed) : [],
    ]);
    // Without a recorder, or the right to ask, there is nothing to show.
    this.#history = { at: now, points: points.value, sessions: sessions.value };
    if (charger === this.#charger) this.#draw();
  }

  #curve(look) {
    const { points } = this.#history;
    if (!(look.power > 0) || !points || points.length < 2) return "";
    const start = Math.max(look.session?.start?.getTime() ?? 0, points[0].at);
    const end = Date.now();
    const most = Math.max(...points.map(({ watts }) => watts));
    if (!(most > 0)) return "";
    const x = (at) => (((Math.max(at, start) - start) / (end - start)) * 300).toFixed(1);
    const y = (watts) => (54 - (watts / most) * 50).toFixed(1);
    // A state holds until the next one.
    let line = `M0 ${y(points[0].watts)}`;
    for (const { at, watts } of points.slice(1)) line += `H${x(at)}V${y(watts)}`;
    line += "H300";
    const caption = word(this.#hass, "power_curve", {
      time: time(this.#hass, new Date(start)),
    });
    return html`<figure class="curve" data-key="curve">
      <svg viewBox="0 0 300 56" preserveAspectRatio="none" aria-hidden="true">
        <path class="area" d="${line}V56H0Z"></path>
        <path class="line" d=${line}></path>
      </svg>
      <figcaption>${caption}</figcaption>
    </figure>`;
  }

  #sessions() {
    const { sessions } = this.#history;
    if (!sessions?.length) return "";
    return html`<div class="sessions" data-key="sessions">
      ${sessionList(this.#hass, sessions)}
    </div>`;
  }
}

// The last sessions beneath their title, which leads administrators to the export.
export function sessionList(hass, sessions, named = false) {
  return html`<h3 class="title">
      <span>${word(hass, "last_sessions")}</span>
      ${hass.user?.is_admin && html`<a href=${EXPORT}>${word(hass, "export")}</a>`}
    </h3>
    <ul>
      ${sessions.map((each) => {
        const told = energy(hass, each.energy);
        return html`<li>
          <span class="what">
            ${named && html`<bdi>${each.name}</bdi><br />`}<span class=${named && "dim"}
              >${moment(hass, each.start)}${each.card && ` · ${each.card}`}</span
            >
          </span>
          <span class="num">${each.estimated ? `≈ ${told}` : told}</span>
          <span class="num dim span">${span(hass, each.seconds)}</span>
          <span class="num dim"
            >${each.cost !== undefined && money(hass, each.cost, each.currency)}</span
          >
        </li>`;
      })}
    </ul>`;
}
