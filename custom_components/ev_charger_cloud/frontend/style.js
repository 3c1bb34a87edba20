// Colours, radii and fonts come from the theme; logical directions mirror by themselves.

const css = String.raw;

export const TONE_COLORS = css`
  [data-tone="active"] {
    --tone: var(--ev-charger-active-color, var(--success-color, #43a047));
  }
  [data-tone="waiting"] {
    --tone: var(--ev-charger-waiting-color, var(--warning-color, #ffa600));
  }
  [data-tone="held"] {
    --tone: var(--ev-charger-held-color, var(--info-color, #039be5));
  }
  [data-tone="done"] {
    --tone: var(--ev-charger-done-color, var(--primary-color, #03a9f4));
  }
  [data-tone="fault"] {
    --tone: var(--error-color, #db4437);
  }
  [data-tone="quiet"],
  [data-tone="away"] {
    --tone: var(--state-inactive-color, #9e9e9e);
  }
`;

export const BASE = css`
  :host {
    display: block;
    --soft: color-mix(in srgb, var(--tone) 16%, transparent);
    --line: color-mix(in srgb, var(--primary-text-color) 10%, transparent);
    --text: var(--primary-text-color);
    --quiet-text: color-mix(in srgb, var(--primary-text-color) 68%, transparent);
  }
  * {
    box-sizing: border-box;
  }
  .hidden {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    margin: 0;
    padding: 0;
    cursor: pointer;
    text-align: start;
    -webkit-tap-highlight-color: transparent;
  }
  button:focus-visible,
  input:focus-visible,
  summary:focus-visible {
    outline: 2px solid var(--primary-color);
    outline-offset: 2px;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before {
      animation: none !important;
      transition: none !important;
    }
  }
`;

export const CARD = css`
  ${BASE}
  ${TONE_COLORS}
  :host {
    container-type: inline-size;
  }
  ha-card {
    block-size: 100%;
    overflow: hidden;
    color: var(--text);
    transition: border-color 0.3s;
  }
  ha-card[data-tone="fault"] {
    border-color: var(--tone);
    background:
      linear-gradient(
        color-mix(in srgb, var(--tone) 9%, transparent),
        color-mix(in srgb, var(--tone) 9%, transparent)
      ),
      var(--ha-card-background, var(--card-background-color, #fff));
  }
  .body {
    display: flex;
    flex-direction: column;
    gap: 16px;
    padding: 12px;
  }

  .head {
    display: flex;
    align-items: center;
    gap: 10px;
    inline-size: 100%;
    min-block-size: 44px;
    border-radius: 12px;
  }
  .mark {
    flex: none;
    position: relative;
    display: grid;
    place-items: center;
    inline-size: 40px;
    block-size: 40px;
    border-radius: 50%;
    color: var(--tone);
    background: color-mix(in srgb, var(--tone) 18%, transparent);
    --mdc-icon-size: 22px;
  }
  .names {
    flex: 1;
    min-inline-size: 0;
    line-height: 20px;
  }
  .name {
    font-weight: var(--ha-font-weight-medium, 500);
    font-size: 15px;
    /* written in its own direction, on the side of everything else */
    text-align: -webkit-match-parent;
    text-align: match-parent;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .says {
    font-size: 13px;
    color: var(--quiet-text);
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .says b {
    color: var(--text);
    font-weight: var(--ha-font-weight-medium, 500);
  }
  .now {
    flex: none;
    font-size: 16px;
    font-weight: var(--ha-font-weight-medium, 500);
    font-variant-numeric: tabular-nums;
  }
  .now small,
  .ring small {
    font-size: 0.7em;
    font-weight: 400;
    color: var(--quiet-text);
  }
  .chevron {
    flex: none;
    color: var(--quiet-text);
    --mdc-icon-size: 20px;
  }
  .chevron:dir(rtl) {
    transform: scaleX(-1);
  }

  .live {
    display: flex;
    align-items: center;
    gap: 20px;
  }
  .ring {
    flex: none;
    position: relative;
    display: grid;
    place-items: center;
    inline-size: 116px;
    block-size: 116px;
  }
  .ring svg {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
    transform: rotate(-90deg);
  }
  .ring svg:dir(rtl) {
    transform: rotate(-90deg) scaleY(-1);
  }
  circle {
    fill: none;
    stroke-width: 8;
    stroke-linecap: round;
  }
  .track {
    stroke: var(--line);
  }
  .flow {
    stroke: var(--tone);
    transition: stroke-dasharray 0.8s ease-out;
  }
  .glow {
    stroke: color-mix(in srgb, #fff 55%, transparent);
    stroke-width: 4;
    animation: flow 3.2s linear infinite;
  }
  @keyframes flow {
    from {
      stroke-dashoffset: 8;
      opacity: 0;
    }
    15%,
    70% {
      opacity: 1;
    }
    to {
      stroke-dashoffset: var(--end);
      opacity: 0;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .glow {
      display: none;
    }
  }
  .ring p {
    margin: 0;
    text-align: center;
    line-height: 1.15;
    font-variant-numeric: tabular-nums;
  }
  .ring .value {
    display: block;
    font-size: 24px;
    font-weight: var(--ha-font-weight-medium, 500);
    letter-spacing: -0.01em;
  }
  .ring .limit {
    display: block;
    margin-block-start: 2px;
    font-size: 12px;
    color: var(--quiet-text);
  }

  .facts {
    flex: 1;
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(88px, 1fr));
    gap: 10px 16px;
    margin: 0;
    min-inline-size: 0;
  }
  .fact dt {
    font-size: 12px;
    line-height: 16px;
    color: var(--quiet-text);
  }
  .fact dd {
    margin: 0;
    font-size: 16px;
    line-height: 22px;
    font-weight: var(--ha-font-weight-medium, 500);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .fault {
    margin: 0;
    font-size: 14px;
    line-height: 20px;
  }
  .fault strong {
    display: block;
    font-weight: var(--ha-font-weight-medium, 500);
  }

  .controls {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
  }
  .do {
    flex: none;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-block-size: 44px;
    padding-inline: 16px 20px;
    border-radius: 22px;
    font-weight: var(--ha-font-weight-medium, 500);
    background: color-mix(in srgb, var(--act) 18%, transparent);
    transition: background 0.2s;
    --mdc-icon-size: 20px;
    --act: var(--primary-color);
  }
  .do ha-icon {
    color: var(--act);
  }
  .do:hover:not([aria-disabled="true"]) {
    background: color-mix(in srgb, var(--act) 28%, transparent);
  }
  .do[aria-disabled="true"] {
    cursor: default;
    opacity: 0.6;
  }
  .do.stop {
    --act: var(--error-color, #db4437);
    background: var(--line);
  }
  .do.stop:hover:not([aria-disabled="true"]) {
    background: color-mix(in srgb, var(--primary-text-color) 16%, transparent);
  }
  .limits {
    flex: 1 1 200px;
    display: flex;
    align-items: center;
    gap: 8px;
    min-block-size: 44px;
  }
  .limits .label {
    font-size: 13px;
    color: var(--quiet-text);
  }
  .limits output {
    min-inline-size: 52px;
    text-align: end;
    font-weight: var(--ha-font-weight-medium, 500);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .none {
    flex: 1;
    font-size: 14px;
    text-align: end;
  }
  .plain {
    display: inline-grid;
    place-items: center;
    min-block-size: 44px;
    min-inline-size: 44px;
    padding-inline: 12px;
    border-radius: 22px;
    font-size: 14px;
    font-weight: var(--ha-font-weight-medium, 500);
    --mdc-icon-size: 20px;
  }
  .plain.icon {
    padding: 0;
    color: var(--quiet-text);
  }
  .plain:hover {
    background: var(--line);
  }
  input[type="range"] {
    flex: 1;
    min-inline-size: 72px;
    block-size: 44px;
    margin: 0;
    appearance: none;
    background: none;
    cursor: pointer;
    border-radius: 22px;
    --to: right;
  }
  input[type="range"]:dir(rtl) {
    --to: left;
  }
  input[type="range"]::-webkit-slider-runnable-track {
    block-size: 8px;
    border-radius: 4px;
    background: linear-gradient(
      to var(--to),
      var(--primary-color) var(--fill),
      var(--line) var(--fill)
    );
  }
  input[type="range"]::-moz-range-track {
    block-size: 8px;
    border-radius: 4px;
    background: var(--line);
  }
  input[type="range"]::-moz-range-progress {
    block-size: 8px;
    border-radius: 4px;
    background: var(--primary-color);
  }
  input[type="range"]::-webkit-slider-thumb {
    appearance: none;
    inline-size: 24px;
    block-size: 24px;
    margin-block-start: -8px;
    border: 0;
    border-radius: 50%;
    background: var(--primary-color);
    box-shadow: 0 0 0 4px var(--ha-card-background, var(--card-background-color, #fff));
  }
  input[type="range"]::-moz-range-thumb {
    inline-size: 24px;
    block-size: 24px;
    border: 0;
    border-radius: 50%;
    background: var(--primary-color);
  }
  input[type="range"][aria-disabled="true"] {
    opacity: 0.5;
  }
  .note {
    flex-basis: 100%;
    margin: 0;
    font-size: 13px;
    line-height: 18px;
    color: var(--quiet-text);
  }
  .note.error {
    display: flex;
    gap: 8px;
    align-items: start;
    padding: 10px 12px;
    border-radius: 12px;
    color: var(--text);
    background: color-mix(in srgb, var(--error-color) 14%, transparent);
    --mdc-icon-size: 18px;
  }
  .note.error ha-icon {
    flex: none;
    color: var(--error-color);
  }

  .phases {
    display: grid;
    gap: 6px;
    grid-column: 1 / -1;
    margin: 0;
    padding: 0;
    list-style: none;
    font-size: 12px;
    color: var(--quiet-text);
    font-variant-numeric: tabular-nums;
  }
  .phases li {
    display: grid;
    grid-template-columns: 20px 1fr 48px;
    align-items: center;
    gap: 8px;
  }
  .phases .bar {
    block-size: 6px;
    border-radius: 3px;
    background: var(--line);
    overflow: hidden;
  }
  .phases .bar i {
    display: block;
    block-size: 100%;
    border-radius: 3px;
    background: var(--tone);
    transition: inline-size 0.8s ease-out;
  }
  .phases .amps {
    text-align: end;
    color: var(--text);
  }

  .curve {
    flex: 1;
    min-inline-size: 0;
    margin: 0;
  }
  .curve svg {
    display: block;
    inline-size: 100%;
    block-size: 56px;
    overflow: visible;
  }
  .curve svg:dir(rtl) {
    transform: scaleX(-1);
  }
  .curve path {
    vector-effect: non-scaling-stroke;
  }
  .curve .line {
    fill: none;
    stroke: var(--tone);
    stroke-width: 2;
    stroke-linejoin: round;
    stroke-linecap: round;
  }
  .curve .area {
    fill: color-mix(in srgb, var(--tone) 14%, transparent);
  }
  .curve figcaption {
    margin-block-start: 4px;
    font-size: 12px;
    color: var(--quiet-text);
  }

  .sessions h3,
  .title {
    margin: 0 0 4px;
    font-size: 13px;
    line-height: 20px;
    font-weight: var(--ha-font-weight-medium, 500);
    color: var(--quiet-text);
  }
  .sessions .title {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 12px;
  }
  .sessions a {
    display: flex;
    align-items: center;
    min-block-size: 44px;
    margin-block: -12px;
    color: var(--text);
  }
  .sessions ul {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .sessions li {
    display: grid;
    grid-template-columns: minmax(0, 2.4fr) minmax(0, 1.4fr) minmax(0, 1.2fr) minmax(0, 1fr);
    gap: 12px;
    align-items: baseline;
    min-block-size: 32px;
    padding-block: 6px;
    border-block-start: 1px solid var(--line);
    font-size: 14px;
    font-variant-numeric: tabular-nums;
  }
  .sessions li:first-child {
    border: 0;
  }
  .sessions .what {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .sessions .num {
    text-align: end;
    white-space: nowrap;
  }
  .sessions .dim {
    color: var(--quiet-text);
  }
  .empty {
    margin: 0;
    padding: 16px;
    color: var(--quiet-text);
  }

  /* compact */
  .row {
    padding: 8px 12px;
  }
  .mark svg {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
    transform: rotate(-90deg);
  }
  .mark svg:dir(rtl) {
    transform: rotate(-90deg) scaleY(-1);
  }
  .mark circle {
    stroke-width: 3;
  }
  .mark .track {
    stroke: none;
  }

  /* large, and wide */
  .large .ring {
    inline-size: 156px;
    block-size: 156px;
  }
  .large .ring .value {
    font-size: 32px;
  }
  .large .ring .limit {
    font-size: 13px;
  }
  .large .facts {
    gap: 14px 20px;
  }
  .large .fact dd {
    font-size: 18px;
    line-height: 26px;
  }
  @container (min-width: 420px) {
    .body {
      padding: 16px;
    }
    .live {
      gap: 28px;
    }
  }
  @container (max-width: 419px) {
    .limits .label {
      position: absolute;
      inline-size: 1px;
      block-size: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .large .ring {
      inline-size: 132px;
      block-size: 132px;
    }
    .large .ring .value {
      font-size: 27px;
    }
    .sessions li {
      grid-template-columns: minmax(0, 1fr) auto auto;
    }
    .sessions .span {
      display: none;
    }
  }
  @container (max-width: 299px) {
    .live {
      flex-direction: column;
      align-items: stretch;
    }
    .ring {
      align-self: center;
    }
  }
`;

export const PAGE = css`
  ${BASE}
  ${TONE_COLORS}
  :host {
    padding-block-start: 12px;
  }
  .tools {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    margin-block-end: 16px;
  }
  input[type="search"] {
    flex: 1 1 200px;
    min-block-size: 44px;
    padding-inline: 16px;
    border-radius: 22px;
    border: 1px solid var(--line);
    color: var(--text);
    background: var(--ha-card-background, var(--card-background-color, #fff));
    font: inherit;
    font-size: 15px;
  }
  input[type="search"]::placeholder {
    color: var(--quiet-text);
    opacity: 1;
  }
  .chips {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  @media (max-width: 600px) {
    .chips {
      flex-wrap: nowrap;
      flex: 1 1 100%;
      overflow-x: auto;
      scrollbar-width: none;
      /* Room for the outline of what is focused. */
      padding: 3px;
      margin: -3px;
    }
  }
  .chip {
    flex: none;
    display: inline-flex;
    align-items: center;
    gap: 8px;
    min-block-size: 44px;
    padding-inline: 16px;
    border-radius: 22px;
    border: 1px solid var(--line);
    font-size: 14px;
    background: var(--ha-card-background, var(--card-background-color, #fff));
  }
  .chip[aria-pressed="true"] {
    background: color-mix(in srgb, var(--primary-color) 20%, transparent);
    border-color: transparent;
    font-weight: var(--ha-font-weight-medium, 500);
  }
  .chip i,
  h2 i,
  summary i {
    inline-size: 8px;
    block-size: 8px;
    border-radius: 50%;
    background: var(--tone);
  }
  section + section {
    margin-block-start: 24px;
  }
  h2,
  summary {
    display: flex;
    align-items: center;
    gap: 8px;
    margin: 0 0 8px;
    padding-inline: 4px;
    font-size: 15px;
    line-height: 24px;
    font-weight: var(--ha-font-weight-medium, 500);
    color: var(--text);
  }
  h2 span,
  summary span {
    font-weight: 400;
    color: var(--quiet-text);
  }
  summary {
    min-block-size: 44px;
    margin: 0;
    cursor: pointer;
    border-radius: 12px;
  }
  summary [data-tone] {
    display: inline-flex;
    align-items: center;
    gap: 8px;
  }
  summary ha-icon {
    margin-inline-start: auto;
  }
  details[open] ha-icon {
    transform: rotate(180deg);
  }
  .grid {
    display: grid;
    gap: var(--ha-section-grid-column-gap, 8px);
    grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--cell, 280px)), 1fr));
    align-items: start;
  }
  .grid.wide {
    --cell: 380px;
    gap: 12px;
  }
  .grid.wide > :only-child {
    max-inline-size: 720px;
  }
  .empty {
    padding: 32px 16px;
    text-align: center;
    color: var(--quiet-text);
  }
  .empty strong {
    display: block;
    color: var(--text);
    font-weight: var(--ha-font-weight-medium, 500);
  }
`;

export const SUMMARY = css`
  ${BASE}
  ${TONE_COLORS}
  :host {
    container-type: inline-size;
  }
  dl {
    display: flex;
    flex-wrap: wrap;
    gap: 16px 32px;
    margin: 0;
    padding: 16px 20px;
  }
  dl > div {
    flex: 1 1 130px;
  }
  dl > .wide {
    flex: 3 1 320px;
  }
  dt {
    font-size: 13px;
    line-height: 18px;
    color: var(--quiet-text);
  }
  dd {
    margin: 0;
    font-size: 22px;
    line-height: 30px;
    font-weight: var(--ha-font-weight-medium, 500);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  dd small {
    font-size: 14px;
    font-weight: 400;
    color: var(--quiet-text);
  }
  .counts {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 16px;
    font-size: 15px;
    font-weight: 400;
    white-space: normal;
  }
  .counts span {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .counts i {
    inline-size: 8px;
    block-size: 8px;
    border-radius: 50%;
    background: var(--tone);
  }
  @container (max-width: 500px) {
    dl {
      gap: 12px 16px;
      padding: 12px 16px;
    }
    dl > .wide {
      flex-basis: 100%;
    }
  }
`;

export const ENERGY = css`
  ${BASE}
  .body {
    padding: 16px;
  }
  h3 {
    display: flex;
    justify-content: space-between;
    gap: 16px;
    margin: 0 0 16px;
    font-size: 15px;
    line-height: 24px;
    font-weight: var(--ha-font-weight-medium, 500);
    color: var(--text);
  }
  h3 span,
  .ends {
    font-weight: 400;
    color: var(--quiet-text);
  }
  ol {
    display: flex;
    align-items: flex-end;
    gap: 3px;
    block-size: 180px;
    margin: 0;
    padding: 0;
    list-style: none;
    border-block-end: 1px solid var(--line);
  }
  li {
    flex: 1;
    block-size: 100%;
    display: flex;
    align-items: flex-end;
  }
  li i {
    inline-size: 100%;
    min-block-size: 2px;
    border-radius: 3px 3px 0 0;
    background: color-mix(in srgb, var(--primary-color) 70%, transparent);
  }
  li:hover i {
    background: var(--primary-color);
  }
  .ends {
    display: flex;
    justify-content: space-between;
    margin-block-start: 8px;
    font-size: 12px;
  }
`;
