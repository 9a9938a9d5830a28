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

function follow(name) {
  followed = name === followed ? '' : name;
  if (followed && view === chart && chart.zoom < 2) chart.zoom = 2.5;
  tell_board();
}

function follow_next() {
  const names = [...ocean.boats.values()].filter(boat => boat.here).map(boat => boat.name).sort();
  follow(names[(names.indexOf(followed) + 1) % names.length] || '');
}

function whole() { followed = ''; view.whole(); tell_board(); }

const fingers = new Map();         // pointers that are down: id -> {x, y}
let travelled = 0;                 // how far they have moved since; a click has not moved

function on_down(event) {
  fingers.set(event.pointerId, {x: event.offsetX, y: event.offsetY});
  $('#sea').setPointerCapture(event.pointerId);
  travelled = 0;
}

function on_move(event) {
  const box = $('#sea').getBoundingClientRect(), now = {x: event.clientX - box.left, y: event.clientY - box.top};
  const before = fingers.get(event.pointerId);
  if (!before) return read_out(now);
  const other = [...fingers.entries()].find(([id]) => id !== event.pointerId);
  if (other) {
    const apart = point => Math.hypot(point.x - other[1].x, point.y - other[1].y) || 1;
    view.zoom_by(apart(now) / apart(before), now.x, now.y);
  } else {
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (travelled > 4) { followed = ''; view.drag(now.x - before.x, now.y - before.y); }
  }
  fingers.set(event.pointerId, now);
}

function on_up(event) {
  const here = fingers.get(event.pointerId);
  fingers.delete(event.pointerId);
  if (!here || travelled > 4) return;
  const far = ([, place]) => Math.hypot(place.x - here.x, place.y - here.y);
  const nearest = [...places].sort((a, b) => far(a) - far(b))[0];
  if (nearest && far(nearest) < 2.5 * unit()) follow(nearest[0]);
}

/* The stars around the planet: as many shadows of a point. */
function scatter_stars() {
  const dice = fortune(7), stars = Array.from({length: 160}, () => `${dice() * 100}cqw ${dice() * 100}cqh 0 ${dice() ** 4 * 1.3 - 0.2}px`);
  $('#sea').style.setProperty('--stars', stars.join());
}

/* What lies under the mouse. */
function read_out(pixel) {
  const cell = view.cell(pixel.x, pixel.y);
  if (!cell) { $('#readout').textContent = ''; return; }
  const index = Math.floor(cell.y / ocean.sector) * ocean.columns + Math.floor(cell.x / ocean.sector), at = shown();
  const words = [`x ${Math.floor(cell.x)}, y ${Math.floor(cell.y)}`];
  words.push(ocean.entered[index] <= at ? `charted by ${ocean.charter[index]}` : 'nobody has been here');
  if (ocean.sounded[index] <= at) words.push(`about ${ocean.depth[index].toFixed(1)} m deep`);
  $('#readout').textContent = words.join(' · ');
}

const KEYS = {
  'ArrowLeft': () => view.step(-1, 0), 'ArrowRight': () => view.step(1, 0), 'ArrowUp': () => view.step(0, 1), 'ArrowDown': () => view.step(0, -1),
  '+': () => view.zoom_by(1.3), '=': () => view.zoom_by(1.3), '-': () => view.zoom_by(1 / 1.3), '0': whole,
  'v': () => look(view === chart ? planet : chart), 'f': follow_next, 's': () => { planet.turning = !planet.turning; planet.rested = 99; },
  'p': go_or_pause, 'l': go_live, '?': () => $('#keys').showModal(),
};

function on_key(event) {
  const on_control = event.target.matches('input, select') || $('#keys').open;
  if (event.ctrlKey || event.metaKey || event.altKey || (on_control && event.key.startsWith('Arrow')) || $('#keys').open) return;
  const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!what) return;
  if (event.key.startsWith('Arrow')) followed = '';
  event.preventDefault();
  what();
}

function set_theme(theme) {
  document.documentElement.dataset.theme = theme;
  $('#theme-button').textContent = theme === 'dark' ? 'Light' : 'Dark';
  dress();
}

function fit() {
  const {clientWidth: width, clientHeight: height} = $('#sea'), ratio = Math.min(devicePixelRatio || 1, 2);
  Object.assign(screen_size, {width, height, ratio});
  for (const canvas of [$('#chart'), $('#planet')]) Object.assign(canvas, {width: Math.round(width * ratio), height: Math.round(height * ratio)});
}
