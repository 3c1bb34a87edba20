// The dashboard that makes itself, and its page of one charger.

import { energySensor } from "./history.js";
import { chargerOf, chargersOf } from "./model.js";
import { word } from "./words.js";

const ICON = "mdi:ev-station";
const GRAPHED = 12; // chargers, above which a colour for each would be noise
const WHOLE = { columns: "full", rows: "auto" };

function members(hass) {
  return chargersOf(hass)
    .map((charger) => [charger.id, charger.name, ...charger.entities.values()].join(" "))
    .join("\n");
}

// Only what is made of the registries: states change in the cards by themselves.
const registries = {
  registryDependencies: ["entities", "devices", "areas"],
  shouldRegenerate(_config, before, now) {
    return (
      before.language !== now.language ||
      ((before.entities !== now.entities || before.devices !== now.devices) &&
        members(before) !== members(now))
    );
  },
};

export class DashboardStrategy extends HTMLElement {
  static registryDependencies = registries.registryDependencies;

  static shouldRegenerate = registries.shouldRegenerate;

  static getCreateSuggestions(hass) {
    return { title: word(hass, "strategy_name"), icon: ICON };
  }

  static async generate(config, hass) {
    const chargers = chargersOf(hass);
    const several = chargers.length > 0;
    return {
      title: config.title ?? word(hass, "strategy_name"),
      views: [
        {
          title: word(hass, "chargers"),
          path: "chargers",
          icon: ICON,
          type: "sections",
          max_columns: 4,
          sections: [
            {
              type: "grid",
              column_span: 4,
              cards: [
                several && {
                  type: "custom:ev-charger-cloud-summary",
                  grid_options: WHOLE,
                },
                {
                  type: "custom:ev-charger-cloud-fleet",
                  detail: "charger-{device}",
                  grid_options: WHOLE,
                },
              ].filter(Boolean),
            },
          ],
        },
        historyView(hass, chargers),
        ...chargers.map((charger) => ({
          title: charger.name,
          path: `charger-${charger.id}`,
          subview: true,
          strategy: { type: "custom:ev-charger-cloud", device: charger.id },
        })),
      ],
    };
  }
}

function historyView(hass, chargers) {
  const measured = chargers.filter(energySensor);
  const energyByDay =
    measured.length > GRAPHED
      ? { type: "custom:ev-charger-cloud-energy", grid_options: WHOLE }
      : {
          type: "statistics-graph",
          title: word(hass, "energy_days"),
          entities: measured.map((charger) => ({
            entity: energySensor(charger),
            name: charger.name,
          })),
          chart_type: measured.length > 1 ? "bar-stack" : "bar",
          days_to_show: 30,
          period: "day",
          stat_types: ["change"],
          hide_legend: measured.length === 1,
          grid_options: WHOLE,
        };
  const cards = [
    measured.length > 0 && energyByDay,
    { type: "custom:ev-charger-cloud-sessions", sessions: 10, grid_options: WHOLE },
  ].filter(Boolean);
  return {
    title: word(hass, "history"),
    path: "history",
    icon: "mdi:history",
    type: "sections",
    max_columns: 2,
    sections: cards.map((card) => ({ type: "grid", column_span: 2, cards: [card] })),
  };
}

const READ = new Set(["sensor", "binary_sensor"]);

export class ChargerStrategy extends HTMLElement {
  static registryDependencies = registries.registryDependencies;

  static shouldRegenerate = registries.shouldRegenerate;

  static async generate(config, hass) {
    const charger = chargerOf(hass, config.device);
    if (!charger) {
      return { cards: [{ type: "markdown", content: word(hass, "gone") }] };
    }
    const entries = [...charger.entities.values()].map((id) => hass.entities[id]);
    const of = (wanted) =>
      entries
        .filter((entry) => !entry.hidden && wanted(entry))
        .map((entry) => entry.entity_id)
        .sort();
    const domain = (entry) => entry.entity_id.split(".", 1)[0];
    const list = (key, ids, icon) =>
      ids.length && {
        type: "grid",
        cards: [
          { type: "heading", heading: word(hass, key), icon },
          {
            type: "entities",
            entities: ids.map((entity) => ({
              entity,
              name: hass.entities[entity]?.name ?? undefined,
            })),
          },
        ],
      };
    const controls = of((entry) => !READ.has(domain(entry)) && domain(entry) !== "event");
    const readings = of((entry) => READ.has(domain(entry)) && !entry.entity_category);
    const diagnostics = of(
      (entry) => READ.has(domain(entry)) && entry.entity_category === "diagnostic",
    );
    const events = of((entry) => domain(entry) === "event");
    const counted = energySensor(charger);
    const automations = await related(hass, charger);
    return {
      type: "sections",
      max_columns: 3,
      sections: [
        {
          type: "grid",
          cards: [
            { type: "custom:ev-charger-cloud-card", device: charger.id, size: "large" },
            counted && {
              type: "statistics-graph",
              title: word(hass, "energy_days"),
              entities: [counted],
              chart_type: "bar",
              days_to_show: 30,
              period: "day",
              stat_types: ["change"],
              hide_legend: true,
            },
          ].filter(Boolean),
        },
        list("controls", controls, "mdi:tune-variant"),
        list("readings", readings, "mdi:gauge"),
        list("diagnostics", diagnostics, "mdi:stethoscope"),
        {
          type: "grid",
          cards: [
            { type: "heading", heading: word(hass, "events"), icon: "mdi:timeline-text" },
            {
              type: "logbook",
              target: {
                entity_id: [
                  charger.entities.get("sensor.status"),
                  charger.entities.get("binary_sensor.online"),
                  ...events,
                ].filter(Boolean),
              },
              hours_to_show: 72,
              grid_options: { columns: 12, rows: 6 },
            },
          ],
        },
        list("automations", automations, "mdi:robot"),
      ].filter(Boolean),
    };
  }
}

async function related(hass, charger) {
  try {
    const found = await hass.callWS({
      type: "search/related",
      item_type: "device",
      item_id: charger.id,
    });
    return found.automation ?? [];
  } catch {
    // The component is not there, or the user may not ask it.
    return [];
  }
}
