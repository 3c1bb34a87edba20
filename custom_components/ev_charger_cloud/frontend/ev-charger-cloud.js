// Cards and a dashboard for chargers of EV Charger Cloud. Everything it needs is beside
// it; it asks nobody but Home Assistant.

import { ChargerCard } from "./card.js";
import { define } from "./dom.js";
import { EnergyCard } from "./energy.js";
import { FleetCard } from "./fleet.js";
import { chargerOfEntity } from "./model.js";
import { SessionsCard } from "./sessions.js";
import { ChargerStrategy, DashboardStrategy } from "./strategy.js";
import { SummaryCard } from "./summary.js";
import { word } from "./words.js";

define("ev-charger-cloud-card", ChargerCard);
define("ev-charger-cloud-energy", EnergyCard);
define("ev-charger-cloud-fleet", FleetCard);
define("ev-charger-cloud-sessions", SessionsCard);
define("ev-charger-cloud-summary", SummaryCard);
define("ll-strategy-dashboard-ev-charger-cloud", DashboardStrategy);
define("ll-strategy-view-ev-charger-cloud", ChargerStrategy);

// The card picker asks before it has told its language.
const told = { language: document.documentElement.lang || navigator.language };
const documentationURL =
  "https://github.com/ev-charger-cloud/ev-charger-cloud/blob/main/docs/dashboard.md";

const cards = [
  {
    type: "ev-charger-cloud-card",
    name: word(told, "card_name"),
    description: word(told, "card_description"),
    getEntitySuggestion(hass, entityId) {
      const charger = chargerOfEntity(hass, entityId);
      return charger
        ? { config: { type: "custom:ev-charger-cloud-card", device: charger.id } }
        : null;
    },
  },
  {
    type: "ev-charger-cloud-fleet",
    name: word(told, "strategy_name"),
    description: word(told, "fleet_description"),
  },
  {
    type: "ev-charger-cloud-summary",
    name: `${word(told, "strategy_name")}: ${word(told, "summary")}`,
    description: word(told, "summary_description"),
  },
  {
    type: "ev-charger-cloud-energy",
    name: `${word(told, "strategy_name")}: ${word(told, "energy_days")}`,
    description: word(told, "energy_description"),
  },
  {
    type: "ev-charger-cloud-sessions",
    name: `${word(told, "strategy_name")}: ${word(told, "last_sessions")}`,
    description: word(told, "sessions_description"),
  },
];

window.customCards ??= [];
for (const card of cards) {
  if (!window.customCards.some(({ type }) => type === card.type)) {
    window.customCards.push({ preview: true, documentationURL, ...card });
  }
}

window.customStrategies ??= [];
if (!window.customStrategies.some(({ type }) => type === "ev-charger-cloud")) {
  window.customStrategies.push({
    type: "ev-charger-cloud",
    strategyType: "dashboard",
    name: word(told, "strategy_name"),
    description: word(told, "strategy_description"),
    documentationURL,
  });
}
