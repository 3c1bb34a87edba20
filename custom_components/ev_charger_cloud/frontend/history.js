// What Home Assistant remembers: statistics of energy and cost, the power of a while, and
// the integration's own ledger of sessions.

import { PLATFORM } from "./model.js";

const DAY = 86_400_000;
const REACH = [3, 30, 366]; // days, until there are enough sessions

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

// The power (W) since a moment, as points of time (ms) and value.
export async function powerSince(hass, charger, start) {
  const id = charger.entities.get("sensor.power");
  if (!id) return [];
  const answer = await hass.callWS({
    type: "history/history_during_period",
    start_time: start.toISOString(),
    entity_ids: [id],
    minimal_response: true,
    no_attributes: true,
    significant_changes_only: false,
  });
  const unit = hass.states[id]?.attributes.unit_of_measurement;
  return (answer[id] ?? [])
    .map((each) => ({
      at: (each.lc ?? each.lu) * 1000,
      watts: parseFloat(each.s) * (unit === "kW" ? 1000 : 1),
    }))
    .filter(({ watts }) => !Number.isNaN(watts));
}

// The last sessions that ended, the newest first: of the ledger, which asks no cloud.
// Accounts are asked one by one, so that one in trouble hides none of another's.
export async function lastSessions(hass, chargers, number) {
  const accounts = new Set(chargers.map(({ account }) => account));
  const answers = await Promise.allSettled(
    [...accounts].map((account) =>
      sessionsOf(
        hass,
        chargers.filter((charger) => charger.account === account),
        number,
      ),
    ),
  );
  const told = answers.filter(({ status }) => status === "fulfilled");
  if (answers.length && !told.length) throw answers[0].reason;
  return told
    .flatMap(({ value }) => value)
    .sort((one, other) => other.start - one.start)
    .slice(0, number);
}

async function sessionsOf(hass, chargers, number) {
  let sessions = [];
  for (const days of REACH) {
    const { response } = await hass.callService(
      PLATFORM,
      "export_sessions",
      {
        device_id: chargers.flatMap(({ devices }) => devices),
        start: new Date(Date.now() - days * DAY).toISOString(),
      },
      undefined,
      false,
      true,
    );
    sessions = response.sessions.filter(({ counted }) => counted);
    if (sessions.length >= number) break;
  }
  return sessions.map((line) => ({
    name: line.charger,
    start: new Date(line.start),
    seconds: (new Date(line.end) - new Date(line.start)) / 1000,
    energy: (line.energy_kwh ?? 0) * 1000,
    estimated: line.estimated,
    cost: line.cost ?? undefined,
    currency: line.currency,
    card: line.card,
  }));
}
