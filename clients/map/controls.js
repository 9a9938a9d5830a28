'use strict';

/* CONTROLS: mouse, touch and keys */

function look(at) {
  view = at;
  $('#sea').classList.toggle('space', view === planet);
  $('#planet').style.visibility = view === planet ? 'visible' : 'hidden';
  $('#chart-button').setAttribute('aria-pressed', view === chart);
  $('#planet-button').setAttribute('aria-pressed', view === planet);
  $('#readout').textContent = '';
}

function choose_view(at) { look(at); write_address(); }

/* Follow a boat; the one that is followed already, no longer. */
function follow(name) {
  followed = name === followed ? '' : name;
  if (followed && view === chart && chart.zoom < 2) chart.zoom = 2.5;
  changed_followed();
}

function follow_next() {
  const here = [...ocean.boats.values()].filter(boat => boat.here);
  const names = here.map(boat => boat.name).sort();
  follow(names[(names.indexOf(followed) + 1) % names.length] || '');
}

function let_go() {
  if (!followed) return;
  followed = '';
  changed_followed();
}

function changed_followed() {
  $('#sea').classList.toggle('held', Boolean(followed));
  write_address();
  tell_board();
  tell_card();
}

function whole() { let_go(); view.whole(); }

/* FINGERS, and the mouse. One finger that moves up and down scrolls the page, unless a boat is
   followed (scene.css: touch-action); across, or with a second one, it moves the sea. */

const fingers = new Map();         // pointers that are down: id -> {x, y}
let travelled = 0;                 // how far they have moved since; a click has not moved

function on_sea(event) {
  const box = $('#sea').getBoundingClientRect();
  return {x: event.clientX - box.left, y: event.clientY - box.top};
}

function on_down(event) {
  if (event.target.closest('button, #card')) return;
  fingers.set(event.pointerId, on_sea(event));
  $('#sea').setPointerCapture(event.pointerId);
  travelled = 0;
}

function on_move(event) {
  const now = on_sea(event), before = fingers.get(event.pointerId);
  if (!before) return read_out(now);
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const gap = point => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    view.zoom_by(gap(now) / gap(before), now.x, now.y);
    travelled = Infinity;
  } else {
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (travelled > 4) { let_go(); view.drag(now.x - before.x, now.y - before.y); }
  }
  fingers.set(event.pointerId, now);
}

/* A tap on a boat opens its card; beside it, closes it. */
function on_up(event) {
  const here = fingers.get(event.pointerId);
  fingers.delete(event.pointerId);
  if (!here || travelled > 4) return;
  const far = ([, place]) => Math.hypot(place.x - here.x, place.y - here.y);
  const nearest = [...places].sort((a, b) => far(a) - far(b))[0];
  const reach = event.pointerType === 'touch' ? Math.max(2.5 * unit(), 22) : 2.5 * unit();
  if (nearest && far(nearest) < reach) open_card(nearest[0]); else close_card();
}

function on_touch(event) { if (event.touches.length > 1) event.preventDefault(); }

/* The wheel zooms, unless the page is longer than the window: then it scrolls, and Ctrl zooms. */
function on_wheel(event) {
  const page = document.documentElement;
  if (page.scrollHeight > innerHeight + 1 && !event.ctrlKey) return;
  event.preventDefault();
  const {x, y} = on_sea(event);
  view.zoom_by(Math.exp(-event.deltaY / 500), x, y);
}

/* What lies under the mouse. */
function read_out(pixel) {
  const cell = view.cell(pixel.x, pixel.y);
  if (!cell) { $('#readout').textContent = ''; return; }
  const column = Math.floor(cell.x / ocean.sector), row = Math.floor(cell.y / ocean.sector);
  const index = row * ocean.columns + column, known = ocean.entered[index] <= shown();
  const words = [`x ${Math.floor(cell.x)}, y ${Math.floor(cell.y)}`];
  words.push(known ? `charted by ${ocean.charter[index]}` : 'nobody has been here');
  if (ocean.sounded[index] <= shown()) words.push(`about ${ocean.depth[index].toFixed(1)} m deep`);
  $('#readout').textContent = words.join(' · ');
}

/* KEYS */

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
const KEYS = {
  '+': () => view.zoom_by(1.3), '=': () => view.zoom_by(1.3), '-': () => view.zoom_by(1 / 1.3),
  '0': whole, 'v': () => choose_view(view === chart ? planet : chart), 'f': follow_next,
  's': () => { planet.turning = !planet.turning; planet.rested = 99; },
  'd': direct_or_not, 'm': film_or_not, 'p': go_or_pause, 'l': go_live,
  '?': () => $('#keys').showModal(), 'Escape': close_card,
};

function on_key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('#keys').open) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const what = key in ARROWS ? arrow(event) : KEYS[key];
  if (!what) return;
  event.preventDefault();
  what();
}

/* Arrows move the sea only when it has the focus; elsewhere they scroll, as ever. */
function arrow(event) {
  if (event.target !== $('#sea')) return null;
  return () => { let_go(); view.step(...ARROWS[event.key]); };
}

/* THE PAGE */

/* The stars around the planet: as many shadows of a point. */
function scatter_stars() {
  const dice = fortune(7);
  const star = () => `${dice() * 100}cqw ${dice() * 100}cqh 0 ${dice() ** 4 * 1.3 - 0.2}px`;
  $('#sea').style.setProperty('--stars', Array.from({length: 160}, star).join());
}

function set_theme(theme) {
  if (document.documentElement.dataset.theme === theme) return;
  document.documentElement.dataset.theme = theme;
  $('#theme-button').textContent = theme === 'dark' ? 'Light' : 'Dark';
  dress();
}

function choose_theme(theme) {
  theme_chosen = true;
  set_theme(theme);
  write_address();
}

function fit() {
  const {clientWidth: width, clientHeight: height} = $('#sea');
  const ratio = Math.min(devicePixelRatio || 1, 2);
  Object.assign(screen_size, {width, height, ratio});
  for (const canvas of [$('#chart'), $('#planet')]) {
    Object.assign(canvas, {width: Math.round(width * ratio), height: Math.round(height * ratio)});
  }
}
