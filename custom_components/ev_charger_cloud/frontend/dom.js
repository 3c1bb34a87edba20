// Markup that escapes what is put into it, and a way to show it that leaves alone what
// has not changed: focus, a slider under a finger and running animations survive.

class Markup {
  constructor(text) {
    this.text = text;
  }
}

const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function rendered(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(rendered).join("");
  if (value === null || value === undefined || value === false) return "";
  return String(value).replace(/[&<>"']/g, (sign) => SIGNS[sign]);
}

const ATTRIBUTE = /\s[\w-]+=$/;

// The value of an attribute is quoted; an attribute without one is left out.
export function html(strings, ...values) {
  let text = strings[0];
  values.forEach((value, number) => {
    if (!ATTRIBUTE.test(text)) text += rendered(value);
    else if (value === undefined || value === null || value === false) {
      text = text.replace(ATTRIBUTE, "");
    } else text += `"${rendered(value)}"`;
    text += strings[number + 1];
  });
  return new Markup(text);
}

// Give an element a shadow with its style, and so many parts to draw into.
export function shadow(element, css, parts = 1) {
  const root = element.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = css;
  const places = Array.from({ length: parts }, () => document.createElement("div"));
  root.append(style, ...places);
  return places;
}

export function show(root, markup) {
  const template = document.createElement("template");
  template.innerHTML = rendered(markup);
  adopt(root, template.content);
}

function adopt(old, wanted) {
  const kept = [...old.childNodes];
  const fresh = [...wanted.childNodes];
  fresh.forEach((node, number) => {
    const present = kept[number];
    if (!present) old.append(node);
    else if (alike(present, node)) change(present, node);
    else present.replaceWith(node);
  });
  kept.slice(fresh.length).forEach((node) => node.remove());
}

function alike(one, other) {
  return (
    one.nodeName === other.nodeName &&
    (one.nodeType !== Node.ELEMENT_NODE || one.dataset.key === other.dataset.key)
  );
}

function change(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...wanted.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What a person has moved no longer follows its attribute.
  if (old.nodeName === "INPUT" && old.value !== wanted.value) old.value = wanted.value;
  adopt(old, wanted);
}

export function define(tag, element) {
  if (!customElements.get(tag)) customElements.define(tag, element);
}

export function fire(element, type, detail) {
  element.dispatchEvent(
    new CustomEvent(type, { detail, bubbles: true, composed: true }),
  );
}

// A path without a slash is one of this dashboard's pages.
export function navigate(path) {
  if (!path.startsWith("/")) path = `/${location.pathname.split("/")[1]}/${path}`;
  history.pushState(null, "", path);
  fire(window, "location-changed", { replace: false });
}
