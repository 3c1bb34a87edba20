// What Home Assistant remembers: statistics of energy and cost, states of sessions.

import { Look } from "./model.js";

const DAY = 86_400_000;

function monthStart(hass) {
  const now = new Date();
  if (hass.locale?.time_zone !== "server") {
    return new Date(now.getFullYear(), now.getMonth(), 1);
  }
  // Midnight in the zone of the house, found by how far its clock is from UTC's.
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: hass.config.time_zone,
    year: "numeric",
    month: "2-digit",
  }).format(now);
  const guess = new Date(`${parts}-01T00:00:00Z`);
  const told = new Date(
    guess.toLocaleString("en-US", { timeZone: hass.config.time_zone }),
  );
  const utc = new Date(guess.toLocaleString("en-US", { timeZone: "UTC" }));
  return new Date(guess.getTime() - (told - utc));
}

// The meter's register where there is one, and what the sessions counted.
function energySensors(charger) {
  return ["sensor.lifetime_energy", "sensor.session_energy"]
    .map((key) => charger.entities.get(key))
    .filter(Boolean);
}

export function energySensor(charger) {
  return energySensors(charger)[0];
}

async function changes(hass, ids, period, start, end) {
  if (!ids.length) return {};
  return hass.callWS({
    type: "recorder/statistics_during_period",
    start_time: start.toISOString(),
    end_time: end?.toISOString(),
    statistic_ids: ids,
    period,
    types: ["change"],
    units: { energy: "kWh" },
  });
}

function total(rows) {
  return rows?.reduce((sum, row) => sum + (row.change ?? 0), 0);
}

// Energy (Wh) and cost by currency since the month began. The long-term statistics end
// with the last full hour; what came since is in the short-term ones.
export async function thisMonth(hass, chargers) {
  const energies = chargers.flatMap(energySensors);
  const costs = chargers
    .map((charger) => charger.entities.get("sensor.session_cost"))
    .filter(Boolean);
  const ids = [...energies, ...costs];
  const start = monthStart(hass);
  const hour = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
  const [long, short] = await Promise.all([
    start < hour ? changes(hass, ids, "hour", start, hour) : {},
    changes(hass, ids, "5minute", new Date(Math.max(start, hour))),
  ]);
  const sum = (id) => {
    const parts = [total(long[id]), total(short[id])].filter((each) => each !== undefined);
    return parts.length ? parts.reduce((one, other) => one + other, 0) : undefined;
  };
  let energy;
  for (const charger of chargers) {
    // A register may have come later than the sessions, and sessions may be missed.
    const values = energySensors(charger)
      .map(sum)
      .filter((value) => value !== undefined);
    if (values.length) energy = (energy ?? 0) + Math.max(0, ...values) * 1000;
  }
  const cost = new Map();
  for (const id of costs) {
    const value = sum(id);
    const currency = hass.states[id]?.attributes.unit_of_measurement;
    if (value !== undefined && currency) {
      cost.set(currency, (cost.get(currency) ?? 0) + Math.max(0, value));
    }
  }
  return { energy, cost };
}

// The energy (Wh) of each of the last days, the oldest first.
export async function lastDays(hass, chargers, days = 30) {
  const ids = chargers.flatMap(energySensors);
  const now = new Date();
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days + 1);
  const found = await changes(hass, ids, "day", start);
  const sums = new Map();
  for (const charger of chargers) {
    const most = new Map();
    for (const { start: at, change } of energySensors(charger).flatMap(
      (id) => found[id] ?? [],
    )) {
      most.set(at, Math.max(0, change ?? 0, most.get(at) ?? 0));
    }
    for (const [at, value] of most) sums.set(at, (sums.get(at) ?? 0) + value * 1000);
  }
  return [...sums]
    .sort(([one], [other]) => one - other)
    .map(([at, wattHours]) => ({ date: new Date(at), energy: wattHours }));
}

async function statesOf(hass, ids, start) {
  const answer = await hass.callWS({
    type: "history/history_during_period",
    start_time: start.toISOString(),
    entity_ids: ids,
    minimal_response: true,
    no_attributes: true,
    significant_changes_only: false,
  });
  return (id) =>
    (answer[id] ?? []).map((each) => ({
      value: each.s,
      at: (each.lc ?? each.lu) * 1000,
    }));
}

// The power (W) since a moment, as points of time (ms) and value.
export async function powerSince(hass, charger, start) {
  const id = charger.entities.get("sensor.power");
  if (!id) return [];
  const states = (await statesOf(hass, [id], start))(id);
  const unit = hass.states[id]?.attributes.unit_of_measurement;
  return states
    .map(({ value, at }) => ({ at, watts: parseFloat(value) * (unit === "kW" ? 1000 : 1) }))
    .filter(({ watts }) => !Number.isNaN(watts));
}

// The last sessions that ended, the newest first: by the start that the sensors told
// for each, or else by each new energy of the last session.
export async function lastSessions(hass, chargers, days = 30) {
  const found = [];
  const keys = [
    "session_start",
    "session_end",
    "session_energy",
    "session_cost",
    "last_session_energy",
  ];
  const wanted = chargers.flatMap((charger) =>
    keys.map((key) => charger.entities.get(`sensor.${key}`)).filter(Boolean),
  );
  if (!wanted.length) return found;
  const states = await statesOf(hass, wanted, new Date(Date.now() - days * DAY));
  for (const charger of chargers) {
    const look = new Look(hass, charger);
    const told = (key) => {
      const id = charger.entities.get(`sensor.${key}`);
      return id ? states(id) : [];
    };
    const unit = (key) =>
      hass.states[charger.entities.get(`sensor.${key}`)]?.attributes
        .unit_of_measurement;
    const factor = (key) => (unit(key) === "kWh" ? 1000 : 1);
    const starts = told("session_start").filter(({ value }) => Date.parse(value));
    const running = look.session?.start?.getTime();
    if (starts.length) {
      const met = new Map();
      for (const { value, at } of starts) {
        const key = Date.parse(value);
        if (!met.has(key)) met.set(key, at);
      }
      const times = [...met];
      times.forEach(([start, at], number) => {
        if (start === running) return;
        const until = times[number + 1]?.[1] ?? Infinity;
        const within = (key) =>
          told(key).filter(
            (each) =>
              each.at >= at - 2000 &&
              each.at < until - 2000 &&
              !Number.isNaN(parseFloat(each.value)),
          );
        const ended = within("session_end")
          .map(({ value }) => Date.parse(value))
          .filter((end) => end >= start)
          .at(-1);
        const energies = within("session_energy");
        const last = energies.at(-1);
        const cost = within("session_cost").at(-1);
        if (!last || !(parseFloat(last.value) > 0)) return;
        // Where no end is told: when it was seen to stop growing.
        const grown = energies.find((each) => each.value === last.value);
        const end = ended ?? (grown === energies[0] ? undefined : grown.at);
        found.push({
          charger,
          start: new Date(start),
          seconds: end && (end - start) / 1000,
          energy: parseFloat(last.value) * factor("session_energy"),
          cost: cost && {
            amount: parseFloat(cost.value),
            currency: unit("session_cost"),
          },
        });
      });
    } else {
      let before;
      for (const { value, at } of told("last_session_energy")) {
        const energy = parseFloat(value) * factor("last_session_energy");
        // The first is from before the period.
        if (energy > 0 && before !== undefined && value !== before) {
          found.push({ charger, start: new Date(at), energy });
        }
        if (!Number.isNaN(energy)) before = value;
      }
    }
  }
  return found.sort((one, other) => other.start - one.start);
}
