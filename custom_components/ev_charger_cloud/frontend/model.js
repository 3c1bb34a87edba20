// Chargers as people think of them, put together from Home Assistant's registries and
// states: entities are found by their device and translation key, never by their id.

import { translated, word } from "./words.js";

export const PLATFORM = "ev_charger_cloud";

const VOLTAGE = 230;
const LOST = new Set(["unavailable", "unknown"]);

// What vehicles charge at has one of these at least; people disable what they want.
const MAIN = ["sensor.status", "binary_sensor.plug", "binary_sensor.charging"];

// What a charger with several connectors tells of all of them.
const SHARED = new Set([
  "binary_sensor.online",
  "binary_sensor.problem",
  "button.clear_limit",
  "button.restart",
  "number.charging_current",
  "number.maximum_power",
  "sensor.error_code",
  "sensor.error_detail",
  "sensor.last_heartbeat",
]);

let index = { chargers: [], byId: new Map() };

// All chargers, by name. They change with the registries alone, so all cards of a page
// share one look at them.
export function chargersOf(hass) {
  if (index.entities !== hass.entities || index.devices !== hass.devices) {
    const chargers = assembled(hass);
    const byId = new Map();
    // A charger whose connectors are devices of their own stands for the first.
    for (const charger of chargers) {
      if (!byId.has(charger.parentId)) byId.set(charger.parentId, charger);
    }
    for (const charger of chargers) byId.set(charger.id, charger);
    index = { entities: hass.entities, devices: hass.devices, chargers, byId };
  }
  return index.chargers;
}

export function chargerOf(hass, deviceId) {
  chargersOf(hass);
  return deviceId ? index.byId.get(deviceId) : undefined;
}

export function chargerOfEntity(hass, entityId) {
  const entry = hass.entities[entityId];
  return entry?.platform === PLATFORM ? chargerOf(hass, entry.device_id) : undefined;
}

function assembled(hass) {
  const ids = new Map();
  for (const entry of Object.values(hass.entities)) {
    if (entry.platform !== PLATFORM || !entry.device_id) continue;
    if (!ids.has(entry.device_id)) ids.set(entry.device_id, new Map());
    const domain = entry.entity_id.split(".", 1)[0];
    ids.get(entry.device_id).set(`${domain}.${entry.translation_key}`, entry.entity_id);
  }
  const found = [...ids.keys()].filter(
    (id) => MAIN.some((key) => ids.get(id).has(key)) && hass.devices[id],
  );
  const connectors = new Map();
  for (const id of found) {
    const parent = hass.devices[id].parent_device_id;
    connectors.set(parent, (connectors.get(parent) ?? 0) + 1);
  }
  return found
    .filter((id) => !connectors.has(id))
    .map((id) => {
      const device = hass.devices[id];
      const parentId = device.parent_device_id ?? undefined;
      const alone = parentId && connectors.get(parentId) === 1;
      const entities = new Map(ids.get(id));
      for (const [key, entityId] of ids.get(parentId) ?? []) {
        if (!entities.has(key) && (alone || SHARED.has(key))) {
          entities.set(key, entityId);
        }
      }
      return {
        id,
        parentId,
        // Whose sessions are this charger's, and by whom they are known.
        devices: alone ? [id, parentId] : [id],
        account: device.primary_config_entry,
        entities,
        name: nameOf(device, hass.devices[parentId]) || id,
        place: placeOf(hass, device),
      };
    })
    .sort((one, other) =>
      one.name.localeCompare(other.name, undefined, { numeric: true }),
    );
}

// A connector that the cloud calls "Left" is told with its charger.
function nameOf(device, parent) {
  const own = device.name_by_user || device.name || "";
  const whole = parent?.name_by_user || parent?.name || "";
  return device.name_by_user || own.includes(whole) ? own : `${whole} ${own}`.trim();
}

function placeOf(hass, device) {
  const parent = hass.devices[device.parent_device_id];
  const area = hass.areas?.[device.area_id ?? parent?.area_id];
  if (area) return area.name;
  const site = hass.devices[device.via_device_id ?? parent?.via_device_id];
  return site?.name_by_user || site?.name || "";
}

function prefixOf(unit = "") {
  return { k: 1e3, M: 1e6, m: 1e-3 }[/^([kMm])[WVA]/.exec(unit)?.[1]] ?? 1;
}

// What a charger tells now. Whatever nobody knows is undefined.
export class Look {
  constructor(hass, charger) {
    this.hass = hass;
    this.charger = charger;
  }

  id(key) {
    return this.charger.entities.get(key);
  }

  state(key) {
    return this.hass.states[this.id(key)];
  }

  known(key) {
    const state = this.state(key);
    return state && !LOST.has(state.state) ? state : undefined;
  }

  value(key) {
    return this.known(key)?.state;
  }

  shown(key) {
    const state = this.known(key);
    return state && this.hass.formatEntityState(state);
  }

  number(key) {
    const value = parseFloat(this.value(key));
    return Number.isNaN(value) ? undefined : value;
  }

  // In the unit without a prefix, whatever the user has chosen to see.
  amount(key) {
    const value = this.number(key);
    const unit = this.known(key)?.attributes.unit_of_measurement;
    return value === undefined ? undefined : value * prefixOf(unit);
  }

  seconds(key) {
    const value = this.number(key);
    const unit = this.known(key)?.attributes.unit_of_measurement;
    return value === undefined
      ? undefined
      : value * ({ min: 60, h: 3600, d: 86400, ms: 1e-3 }[unit] ?? 1);
  }

  date(key) {
    const value = this.value(key);
    const date = value && new Date(value);
    return date && !Number.isNaN(date.getTime()) ? date : undefined;
  }

  is(key) {
    return this.value(key) === "on";
  }

  // The entity that says most about the charger.
  get main() {
    return MAIN.map((key) => this.id(key)).find(Boolean);
  }

  // Where the status is disabled, what the plug and the flow tell of it.
  get status() {
    if (this.id("sensor.status")) return this.value("sensor.status");
    if (this.is("binary_sensor.charging")) return "charging";
    return { on: "connected", off: "disconnected" }[this.value("binary_sensor.plug")];
  }

  get kind() {
    const { status } = this;
    if (this.value("binary_sensor.online") === "off") return "offline";
    if (!status) {
      return this.value("sensor.connection_status") === "error" ? "offline" : "unknown";
    }
    switch (status) {
      case "charging":
      case "discharging":
      case "starting":
      case "reserved":
        return status;
      case "faulted":
        return "fault";
      case "inoperative":
        return this.is("binary_sensor.problem") ? "fault" : "out_of_service";
      case "disconnected":
        return this.is("binary_sensor.problem") ? "fault" : "free";
    }
    if (this.is("binary_sensor.problem")) return "fault";
    if (this.is("binary_sensor.fully_charged")) return "full";
    if (status === "paused" || this.is("binary_sensor.paused")) return "paused";
    return (
      {
        connected: "plugged",
        suspended_ev: "waiting_car",
        suspended_evse: "waiting_charger",
        finishing: "complete",
        complete: "complete",
      }[status] ?? "unknown"
    );
  }

  // In a language of which the card has no words, the status is still translated.
  get words() {
    const { hass, kind } = this;
    if (!translated(hass.language, kind)) {
      const shown = this.shown("sensor.status");
      if (shown && kind !== "offline") return shown;
    }
    return word(hass, kind);
  }

  get power() {
    return this.amount("sensor.power");
  }

  get currents() {
    return [1, 2, 3]
      .map((number) => ({ number, key: `sensor.current_phase_${number}` }))
      .filter(({ key }) => this.id(key))
      .map(({ number, key }) => ({ number, key, amps: this.amount(key) }));
  }

  // The number that limits the charger, in A per phase or in kW.
  get limit() {
    const key = ["number.charging_current", "number.maximum_power"].find((each) => {
      const state = this.state(each);
      return state && state.state !== "unavailable";
    });
    if (!key) return undefined;
    const { min, max, step, unit_of_measurement: unit } = this.state(key).attributes;
    return { key, id: this.id(key), value: this.number(key), min, max, step, unit };
  }

  // What may flow at most (W), and whether that is an estimate: amperes become watts by
  // the phases that a car draws from.
  get ceiling() {
    const { limit, power } = this;
    const set = [
      ...["number.maximum_power", "sensor.power_offered", "sensor.maximum_power"]
        .map((key) => ({ watts: this.amount(key), estimated: false })),
      limit?.key === "number.charging_current" ? this.estimate(limit.value) : {},
      this.estimate(this.amount("sensor.current_offered")),
      this.estimate(this.amount("sensor.maximum_current")),
    ].filter(({ watts }) => watts > 0);
    const lowest = set.sort((one, other) => one.watts - other.watts)[0];
    // What flows now is the proof that an estimate is wrong, or a limit not followed yet.
    if (lowest && !(power > lowest.watts * 1.1)) return lowest;
    const most =
      limit?.key === "number.charging_current"
        ? this.estimate(limit.max)
        : { watts: limit && limit.max * prefixOf(limit.unit), estimated: false };
    return most.watts >= (power ?? 0) ? most : undefined;
  }

  estimate(amps) {
    return { watts: amps && amps * this.voltsOfAllPhases(amps), estimated: true };
  }

  voltsOfAllPhases(amps) {
    const volts = this.amount("sensor.voltage_phase_1") || VOLTAGE;
    const { currents, power } = this;
    const drawing = currents.filter((each) => each.amps > 0.5).length;
    if (drawing) return volts * drawing;
    if (currents.length) return volts * currents.length;
    return power > amps * volts * 1.1 || !power ? volts * 3 : volts;
  }

  // Something flows, or is about to.
  get live() {
    return (
      this.power > 0 ||
      ["charging", "discharging", "starting", "waiting_car", "waiting_charger"].includes(
        this.kind,
      )
    );
  }

  get plugged() {
    return !["free", "offline", "unknown", "out_of_service", "reserved"].includes(
      this.kind,
    );
  }

  // The session that runs.
  get session() {
    if (!this.plugged) return undefined;
    const start = this.date("sensor.session_start");
    const end = this.date("sensor.session_end");
    if (end && (!start || end >= start)) return undefined;
    const told = this.seconds("sensor.session_duration");
    const session = {
      start,
      seconds: start ? (Date.now() - start.getTime()) / 1000 : told,
      energy: this.amount("sensor.session_energy"),
      cost: this.shown("sensor.session_cost"),
    };
    const unknown = Object.values(session).every((each) => each === undefined);
    return unknown ? undefined : session;
  }

  // The last one that ended: its energy (Wh) and, where it is told, when.
  get lastSession() {
    const key = ["sensor.last_session_energy", "sensor.session_energy"].find(
      (each) => this.amount(each) !== undefined,
    );
    if (!key) return undefined;
    const energy = this.amount(key);
    return energy > 0 ? { energy, end: this.date("sensor.session_end") } : undefined;
  }

  get readyAt() {
    const remaining = this.seconds("sensor.time_remaining");
    if (this.kind === "charging" && remaining > 0) {
      return { key: "done_about", date: new Date(Date.now() + remaining * 1000) };
    }
    const deadline = this.date("datetime.deadline");
    return this.plugged && deadline > new Date()
      ? { key: "ready_by", date: deadline }
      : undefined;
  }

  get fault() {
    const { hass } = this;
    const code = this.value("sensor.error_code");
    const told = code && code !== "no_error";
    const reasons = [
      told ? this.shown("sensor.error_code") : undefined,
      this.shown("sensor.error_detail"),
    ].filter(Boolean);
    const own = told && translated("en", `advice_${code}`);
    return {
      reason: reasons.join(": "),
      advice: word(hass, own ? `advice_${code}` : "advice"),
    };
  }

  get seen() {
    const state = this.state("binary_sensor.online");
    return (
      this.date("sensor.last_heartbeat") ??
      (state?.state === "off" ? new Date(state.last_changed) : undefined)
    );
  }

  // What can be done about charging now: start it, or stop it.
  get action() {
    const { kind } = this;
    if (["free", "fault", "unknown", "out_of_service"].includes(kind)) return undefined;
    const running = ["charging", "discharging", "starting", "waiting_charger"];
    const allowed = this.known("switch.charging");
    const stops = allowed ? allowed.state === "on" : running.includes(kind);
    const name = stops ? "stop" : kind === "paused" ? "resume" : "start";
    const toggle = this.state("switch.charging");
    const press = {
      stop: ["button.stop_charging"],
      start: ["button.start_charging"],
      resume: ["button.resume", "button.start_charging"],
    }[name].find((key) => this.state(key));
    if (toggle && toggle.state !== "unavailable") {
      return { name, call: ["switch", stops ? "turn_off" : "turn_on", toggle.entity_id] };
    }
    if (press && this.state(press).state !== "unavailable") {
      return { name, call: ["button", "press", this.id(press)] };
    }
    return toggle || press ? { name, reason: "charger_is_offline" } : undefined;
  }
}

export const TONES = {
  charging: "active",
  discharging: "active",
  starting: "active",
  waiting_car: "waiting",
  waiting_charger: "waiting",
  plugged: "waiting",
  paused: "held",
  full: "done",
  complete: "done",
  reserved: "held",
  free: "quiet",
  offline: "away",
  fault: "fault",
  out_of_service: "away",
  unknown: "away",
};

export const ICONS = {
  charging: "mdi:lightning-bolt",
  discharging: "mdi:transmission-tower-import",
  starting: "mdi:progress-clock",
  waiting_car: "mdi:car-clock",
  waiting_charger: "mdi:timer-sand",
  plugged: "mdi:power-plug",
  paused: "mdi:pause",
  full: "mdi:battery-check",
  complete: "mdi:check",
  reserved: "mdi:calendar-clock",
  free: "mdi:ev-station",
  offline: "mdi:cloud-off-outline",
  fault: "mdi:alert-circle",
  out_of_service: "mdi:wrench",
  unknown: "mdi:help",
};

// The order in which chargers are shown.
export const GROUPS = ["charging", "waiting", "attention", "idle", "away"];

export function groupOf(kind) {
  return {
    active: "charging",
    waiting: "waiting",
    held: kind === "reserved" ? "idle" : "waiting",
    done: "waiting",
    fault: "attention",
    quiet: "idle",
    away: "away",
  }[TONES[kind]];
}

// Whether a look at a charger may tell something new.
export function changed(charger, before, now) {
  if (!before || before.language !== now.language || before.locale !== now.locale) {
    return true;
  }
  for (const id of charger.entities.values()) {
    if (before.states[id] !== now.states[id]) return true;
  }
  return false;
}

// The same of all chargers, among which one may be new.
export function anyChanged(before, now) {
  return (
    !before ||
    before.entities !== now.entities ||
    before.devices !== now.devices ||
    chargersOf(now).some((charger) => changed(charger, before, now))
  );
}
