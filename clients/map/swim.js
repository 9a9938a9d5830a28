'use strict';

/* SWIM: what swims, on either view */

let view = chart;
let followed = '';                 // the name of a boat, or nothing
let crowd = 1;                     // how many boats are drawn
const places = new Map();          // name -> where the boat is on the screen, for the mouse

/* Sizes are those of a wall of 1920 x 1080 pixels, and shrink with it; but a phone is nearer. */
const on_wall = pixels => pixels * Math.min(innerWidth / 1920, innerHeight / 1080);
const half_boat = () => crowd <= 12 ? 22 : crowd <= 30 ? 18 : crowd <= 100 ? 14 : 11;
const unit = () => Math.max(on_wall(half_boat()), crowd <= 40 ? 8 : 6);    // half a boat, in pixels

function draw(at) {
  pen.setTransform(screen_size.ratio, 0, 0, screen_size.ratio, 0, 0);
  pen.clearRect(0, 0, screen_size.width, screen_size.height);
  view.show();
  const seen = afloat(at), now = time.live ? ocean : {blooms: [], whales: []};
  crowd = seen.length;
  now.blooms.filter(bloom => bloom.until > at).forEach(draw_bloom);
  const marks = (now.course?.marks || []).map(draw_mark).filter(mark => mark);
  for (const {boat, spot} of seen) draw_wake(boat, spot, at);
  const treasures = ocean.treasures.map(treasure => draw_treasure(treasure, at));
  const whales = now.whales.map(whale => draw_whale(whale, at));
  draw_boats(seen, at);
  draw_pulses();
  const things = [...treasures, ...whales].filter(thing => thing);
  draw_names([...boat_names(seen, at), ...things], [...marks, ...covered]);
}

/* The boats of a moment, each with its spot. */
function afloat(at) {
  const boats = [...ocean.boats.values()].filter(boat => boat.here || !time.live);
  return boats.map(boat => ({boat, spot: where(boat, at)})).filter(({spot}) => spot);
}

/* The leader comes last, and is covered by nobody. */
function draw_boats(seen, at) {
  const best = ranks();
  const high = ({boat}) => best.includes(boat.name) ? best.length - best.indexOf(boat.name) : 0;
  places.clear();
  for (const {boat, spot} of [...seen].sort((a, b) => high(a) - high(b))) {
    const here = draw_boat(boat, spot);
    if (!here.seen) continue;
    places.set(boat.name, {x: here.x, y: here.y});
    draw_honours(boat, here, best.indexOf(boat.name), at);
  }
}

/* The way a boat came, in short pieces from now backwards, fading. A piece that leaves at one edge
   and enters at the other is left out. */
function draw_wake(boat, spot, at) {
  const fixes = trail(boat, at);
  const long = WAKE_S * (time.live ? 1 : Math.max(1, speed() / 20));   // or in a fast replay all
  let newer = spot;                                                    // would be over at once
  pen.strokeStyle = boat.hull;
  pen.lineCap = 'butt';
  for (let i = after(fixes, at) - 1; i >= 0 && newer.time > at - long; i--) {
    const older = fixes[i];
    if (jumped(older, newer)) break;
    draw_piece(newer, older, at, long);
    newer = older;
  }
  pen.globalAlpha = 1;
}

function draw_piece(newer, older, at, long) {
  const dx = east(newer.x, older.x), dy = north(newer.y, older.y);
  const parts = Math.ceil(Math.hypot(dx, dy) / 8), longest = 40 * chart.scale() + 40;
  let from = view.place(newer.x, newer.y);
  for (let part = 1; part <= parts; part++) {
    const t = part / parts, to = view.place(newer.x + dx * t, newer.y + dy * t);
    const age = (at - mix(newer.time, older.time, t)) / long;
    if (age > 1) return;
    if (from.seen && to.seen && Math.hypot(to.x - from.x, to.y - from.y) < longest) {
      pen.globalAlpha = 0.75 * (1 - age) ** 1.5;
      pen.lineWidth = unit() * (0.22 + 0.3 * age);
      draw_line_between(from, to);
    }
    from = to;
  }
}

function draw_line_between(from, to) {
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
}

/* BOATS */

function draw_boat(boat, spot) {
  const deep = spot.z > 0.5;
  if (deep && view === chart) draw_shadow(spot);
  const veil = deep ? DEEP : boat.idle_s > IDLE_S && time.live ? PALE : '';
  return at_place(spot.x, spot.y, spot.heading, () => paint_hull(pen, boat, veil));
}

/* The hull of a boat around 0, 0, two units long, the bow on the right. Around it a light line and
   a dark one: whatever the sea's colour, one of them shows. A veil covers who sleeps or dives. */
function paint_hull(pen, boat, veil = '') {
  pen.save();
  pen.lineJoin = 'round';
  trace_hull(pen);
  for (const [width, colour] of [[0.44, DARK], [0.26, LIGHT]]) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
  pen.clip();
  pen.fillStyle = boat.hull;
  pen.fillRect(-1, -1, 2, 2);
  pen.fillStyle = pen.strokeStyle = boat.ink;
  paint_mark(pen, boat.mark);
  pen.fillStyle = veil || '#0000';
  pen.fillRect(-1, -1, 2, 2);
  pen.restore();
}

function trace_hull(pen) {
  pen.beginPath();
  pen.moveTo(0.78, 0);
  pen.quadraticCurveTo(0.35, -0.52, -0.78, -0.44);
  pen.lineTo(-0.78, 0.44);
  pen.quadraticCurveTo(0.35, 0.52, 0.78, 0);
  pen.closePath();
}

/* The mark on the sail; a plain one has none. */
function paint_mark(pen, mark) {
  pen.beginPath();
  if (mark === 'stripe') pen.fillRect(-0.32, -1, 0.34, 2);
  if (mark === 'dot') pen.arc(-0.2, 0, 0.25, 0, TAU);
  pen.fill();
  if (mark !== 'chevron') return;
  pen.lineWidth = 0.24;
  pen.moveTo(-0.5, -0.5);
  pen.lineTo(0.1, 0);
  pen.lineTo(-0.5, 0.5);
  pen.stroke();
}

/* On the sea floor, the nearer the deeper the boat is. */
function draw_shadow(spot) {
  const here = view.place(spot.x, spot.y), off = unit() * (0.9 - 0.5 * clamp(spot.z / 50, 0, 1));
  if (!here.seen) return;
  pen.fillStyle = '#00000066';
  pen.beginPath();
  pen.ellipse(here.x + off, here.y + off, unit() * 0.95, unit() * 0.7, 0, 0, TAU);
  pen.fill();
}

/* What a boat is honoured with: a crown in front, gold rings for the next two; a ring for who is
   followed, and a moving one for who has just come aboard. */
function draw_honours(boat, here, rank, at) {
  if (rank === 0) draw_crown(here);
  if (rank > 0) draw_ring(here, 1.35, 0.16, 1, GOLD);
  if (boat.name === followed) draw_ring(here, 1.8, 0.16, 1, colours.accent);
  const age = at - boat.met;
  if (!time.live || age > 20 || calm.matches) return;
  draw_ring(here, 1.5 + (age % 2) * 2, 0.14, 1 - (age % 2) / 2, colours.accent);
}

/* A ring, and a dark one around it. Its radius and width are in units. */
function draw_ring(here, radius, width, alpha, colour) {
  pen.globalAlpha = alpha;
  pen.beginPath();
  pen.arc(here.x, here.y, radius * unit(), 0, TAU);
  for (const [wide, ink] of [[width * 2, DARK], [width, colour]]) {
    pen.lineWidth = wide * unit();
    pen.strokeStyle = ink;
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

const CROWN = [[-0.6, 0], [-0.72, -0.72], [-0.3, -0.36], [0, -0.9],
               [0.3, -0.36], [0.72, -0.72], [0.6, 0]];

function draw_crown(here) {
  pen.save();
  pen.translate(here.x, here.y - unit() * 0.95);
  pen.scale(unit(), unit());
  pen.beginPath();
  for (const [x, y] of CROWN) pen.lineTo(x, y);
  pen.closePath();
  pen.lineJoin = 'round';
  pen.lineWidth = 0.22;
  pen.strokeStyle = DARK;
  pen.fillStyle = GOLD;
  pen.stroke();
  pen.fill();
  pen.restore();
}

/* PULSES: a ring that says, here it happened */

const pulses = [];                 // {x, y, begun, until}: a cell; milliseconds

function pulse(x, y, seconds = 4) {
  const begun = performance.now();
  pulses.push({x, y, begun, until: begun + 1000 * seconds});
}

function draw_pulses() {
  const now = performance.now();
  while (pulses.length && pulses[0].until < now) pulses.shift();
  for (const {x, y, begun} of pulses) {
    const here = view.place(x, y);
    if (!here.seen) continue;
    const beat = calm.matches ? [0.3] : [0, 0.5].map(late => ((now - begun) / 1600 + late) % 1);
    for (const t of beat) {
      draw_ring(here, 1.5 + 4 * t, 0.3 * (1 - t) + 0.05, 1 - t * t, colours.accent);
    }
  }
}

/* THINGS: whales, treasures, blooms, the marks of a course */

/* Stand at a place, turned towards a heading, with one unit as the measure. */
function at_place(x, y, heading, shape) {
  const here = view.place(x, y), ahead = view.place(x + Math.cos(heading), y + Math.sin(heading));
  if (!here.seen) return here;
  pen.save();
  pen.translate(here.x, here.y);
  pen.rotate(Math.atan2(ahead.y - here.y, ahead.x - here.x));
  pen.scale(unit(), unit());
  shape();
  pen.restore();
  return here;
}

function draw_whale(whale, at) {
  const late = at - whale.time, x = whale.x + whale.vx * late, y = whale.y + whale.vy * late;
  const here = at_place(x, y, Math.atan2(whale.vy, whale.vx), paint_whale);
  const word = {key: `whale ${whale.name}`, text: whale.name, size: 20, reach: 1.5, alpha: 1};
  return here.seen && {...word, ...here};
}

function paint_whale() {
  pen.beginPath();
  pen.ellipse(0.3, 0, 1.25, 0.62, 0, 0, TAU);
  pen.moveTo(-0.8, 0);
  pen.quadraticCurveTo(-1.3, 0.1, -1.8, 0.75);
  pen.quadraticCurveTo(-1.9, 0, -1.8, -0.75);
  pen.quadraticCurveTo(-1.3, -0.1, -0.8, 0);
  pen.lineJoin = 'round';
  for (const [width, colour] of [[0.44, DARK], [0.24, LIGHT]]) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
  pen.fillStyle = '#2f4454';
  pen.fill();
}

/* A treasure that was found is taken: empty, with its owner's name. */
function draw_treasure(treasure, at) {
  if (treasure.at > at) return null;                    // not yet, at the moment shown
  const here = view.place(treasure.x, treasure.y), size = unit() * 0.7;
  if (!here.seen) return null;
  pen.beginPath();
  for (const [x, y] of [[0, -1.2], [1, 0], [0, 1.2], [-1, 0]]) {
    pen.lineTo(here.x + x * size, here.y + y * size);
  }
  pen.closePath();
  for (const [width, colour] of [[0.75, DARK], [0.4, GOLD]]) {
    pen.lineWidth = width * size;
    pen.strokeStyle = colour;
    pen.stroke();
  }
  const text = `${treasure.name} (${treasure.owner})`;
  return {key: `treasure ${treasure.x} ${treasure.y}`, text, ...here, size: 20, reach: 1, alpha: 1};
}

function draw_bloom(bloom) {
  pen.fillStyle = '#b9f27c';
  for (let i = 1; i < 40; i++) {                        // a sunflower of dots
    const turn = i * 2.39996, far = 4.7 * Math.sqrt(i);
    const here = view.place(bloom.x + far * Math.cos(turn), bloom.y + far * Math.sin(turn));
    if (!here.seen) continue;
    pen.globalAlpha = 0.8 - i / 70;
    pen.beginPath();
    pen.arc(here.x, here.y, unit() * 0.16, 0, TAU);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

/* A mark of the course of now: a ring with its number; mark 0, start and finish, is filled.
   Answers the box that it fills. */
function draw_mark([x, y], number) {
  const here = view.place(x, y);
  if (!here.seen) return null;
  const radius = Math.max(on_wall(16), 8);
  pen.beginPath();
  pen.arc(here.x, here.y, radius, 0, TAU);
  pen.fillStyle = number ? colours.chip : colours.accent;
  pen.strokeStyle = number ? colours.accent : DARK;
  pen.lineWidth = 2.5;
  pen.fill();
  pen.stroke();
  pen.font = `650 ${radius * 1.25}px system-ui, sans-serif`;
  pen.fillStyle = number ? colours.ink : colours.on_accent;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(number, here.x, here.y + 1);
  return box_around(here.x, here.y, radius * 2, radius * 2);
}
