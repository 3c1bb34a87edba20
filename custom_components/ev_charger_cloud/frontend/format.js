// Numbers, times and spans the way the user has chosen in the profile.

import { word } from "./words.js";

const NUMBER_LOCALES = {
  comma_decimal: ["en-US", "en"],
  decimal_comma: ["de", "es", "it"],
  space_comma: ["fr", "sv", "cs"],
  quote_decimal: ["de-CH"],
  none: "en",
  system: undefined,
};

export function number(hass, value, digits = 1, least = 0) {
  const chosen = hass.locale?.number_format;
  const locale = chosen in NUMBER_LOCALES ? NUMBER_LOCALES[chosen] : hass.language;
  return new Intl.NumberFormat(locale, {
    maximumFractionDigits: digits,
    minimumFractionDigits: least,
    useGrouping: chosen !== "none",
  }).format(value);
}

// What is below a watt per kilowatt is shown in watts: a charger's own consumption.
export function power(hass, watts) {
  if (watts !== 0 && Math.abs(watts) < 100) {
    return { value: toldLeft(number(hass, watts, 0)), unit: "W" };
  }
  return { value: toldLeft(oneDigit(hass, watts / 1000)), unit: "kW" };
}

// A number that changes does not change its width, unless it becomes large.
function oneDigit(hass, value) {
  const digits = Math.abs(value) < 100 ? 1 : 0;
  return number(hass, value, digits, digits);
}

export function quantity(hass, value, unit) {
  return toldLeft(
    unit === "W" && value >= 1000
      ? `${number(hass, value / 1000)} kW`
      : `${number(hass, value)} ${unit}`,
  );
}

// In languages from right to left a number still comes before its unit.
export function toldLeft(text) {
  return document.dir === "rtl" ? `\u200e${text}` : text;
}

export function energy(hass, wattHours) {
  const kilowattHours = wattHours / 1000;
  return toldLeft(
    kilowattHours >= 10000
      ? `${oneDigit(hass, kilowattHours / 1000)} MWh`
      : `${oneDigit(hass, kilowattHours)} kWh`,
  );
}

export function money(hass, amount, currency) {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat(hass.language, {
      style: "currency",
      currency,
      ...digits,
    }).format(amount);
  } catch {
    const plain = new Intl.NumberFormat(hass.language, digits).format(amount);
    return `${plain} ${currency ?? ""}`.trim();
  }
}

function zoned(hass, options) {
  const server = hass.locale?.time_zone === "server";
  return server ? { ...options, timeZone: hass.config.time_zone } : options;
}

function clock(hass) {
  const chosen = hass.locale?.time_format;
  const options = { hour: "numeric", minute: "2-digit" };
  return chosen === "12" || chosen === "24"
    ? { ...options, hourCycle: chosen === "12" ? "h12" : "h23" }
    : options;
}

function dayOf(hass, date) {
  const options = { year: "numeric", month: "2-digit", day: "2-digit" };
  return new Intl.DateTimeFormat("en-CA", zoned(hass, options)).format(date);
}

export function time(hass, date) {
  return new Intl.DateTimeFormat(hass.language, zoned(hass, clock(hass))).format(date);
}

export function day(hass, date) {
  const ago = Math.round((Date.now() - date.getTime()) / 86_400_000);
  const today = dayOf(hass, new Date());
  const words = new Intl.RelativeTimeFormat(hass.language, { numeric: "auto" });
  if (dayOf(hass, date) === today) return words.format(0, "day");
  if (dayOf(hass, new Date(Date.now() - 86_400_000)) === dayOf(hass, date)) {
    return words.format(-1, "day");
  }
  const options =
    ago >= 0 && ago < 6 ? { weekday: "long" } : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(hass.language, zoned(hass, options)).format(date);
}

// A time of today is told by the clock, an earlier one by its day as well.
export function moment(hass, date) {
  const told = time(hass, date);
  return dayOf(hass, date) === dayOf(hass, new Date())
    ? told
    : `${day(hass, date)}, ${told}`;
}

export function span(hass, seconds) {
  const total = Math.max(0, Math.round(seconds / 60));
  const hours = Math.floor(total / 60);
  const minutes = total % 60;
  return toldLeft(
    hours
      ? word(hass, "hours", { hours, minutes: String(minutes).padStart(2, "0") })
      : word(hass, "minutes", { minutes }),
  );
}
