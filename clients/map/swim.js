'use strict';

/* SWIM: what swims, on either view */

let view = chart;
let followed = '';                 // the name of a boat, or nothing
const places = new Map();          // name -> where the boat is on the screen, for the mouse
const sides = new Map();           // key of a name -> on which side of its thing it stood last
let plates = [];                   // the names that found room, each with its box

const unit = () => clamp(Math.min(screen_size.width, screen_size.height) / 62, 8, 26);     // half a boat, in pixels

function draw(at) {
  pen.setTransform(screen_size.ratio, 0, 0, screen_size.ratio, 0, 0);
  pen.clearRect(0, 0, screen_size.width, screen_size.height);
  view.show();
  const seen = [...ocean.boats.values()].filter(boat => boat.here || !time.live).map(boat => ({boat, spot: where(boat, at)})).filter(({spot}) => spot);
  if (time.live) ocean.blooms.filter(bloom => bloom.until > at).forEach(draw_bloom);
  if (time.live && ocean.course) ocean.course.marks.forEach(draw_mark);
  for (const {boat, spot} of seen) draw_wake(boat, spot, at);
  const things = [...ocean.treasures.map(treasure => draw_treasure(treasure, at)), ...(time.live ? ocean.whales : []).map(whale => draw_whale(whale, at))];
  places.clear();
  for (const {boat, spot} of seen) draw_boat(boat, spot, at);
  draw_names([...boat_names(seen), ...things.filter(thing => thing)]);
}

/* The way a boat came, in short pieces from now backwards, fading. A piece that leaves at one edge and enters at the other is left out. */
function draw_wake(boat, spot, at) {
  const fixes = trail(boat, at);
  pen.strokeStyle = boat.hull;
  pen.lineCap = 'butt';
  const long = WAKE_S * (time.live ? 1 : Math.max(1, $('#speed').value / 20));        // in a fast replay they would be over at once
  let newer = spot;
  for (let i = after(fixes, at) - 1; i >= 0 && newer.time > at - long; i--) {
    const older = fixes[i];
    if (jumped(older, newer)) break;
    draw_piece(newer, older, at, long);
    newer = older;
  }
  pen.globalAlpha = 1;
}

function draw_piece(newer, older, at, long) {
  const dx = east(newer.x, older.x), dy = north(newer.y, older.y), parts = Math.ceil(Math.hypot(dx, dy) / 8);
  let from = view.place(newer.x, newer.y);
  for (let part = 1; part <= parts; part++) {
    const t = part / parts, to = view.place(newer.x + dx * t, newer.y + dy * t), age = (at - mix(newer.time, older.time, t)) / long;
    if (age > 1) return;
    if (from.seen && to.seen && Math.hypot(to.x - from.x, to.y - from.y) < 40 * chart.scale() + 40) {
      pen.globalAlpha = 0.75 * (1 - age) ** 1.5;
      pen.lineWidth = unit() * (0.22 + 0.3 * age);
      pen.beginPath();
      pen.moveTo(from.x, from.y);
      pen.lineTo(to.x, to.y);
      pen.stroke();
    }
    from = to;
  }
}

/* Stand at a place, turned towards a heading, with one unit as the measure. */
function at_place(x, y, heading, shape) {
  const here = view.place(x, y), ahead = view.place(x + Math.cos(heading), y + Math.sin(heading));
  if (!here.seen) return here;
  pen.save();
  pen.translate(here.x, here.y);
  pen.rotate(Math.atan2(ahead.y - here.y, ahead.x - here.x));
  pen.scale(unit(), unit());
  pen.lineWidth = 0.2;
  pen.lineJoin = 'round';
  pen.strokeStyle = DARK;
  shape();
  pen.restore();
  return here;
}

function draw_boat(boat, spot, at) {
  const here = at_place(spot.x, spot.y, spot.heading, () => {
    pen.globalAlpha = boat.idle_s > IDLE_S && time.live ? 0.55 : 1;
    pen.beginPath();                                    // the bow is on the right
    pen.moveTo(1.15, 0);
    pen.quadraticCurveTo(0.5, -0.62, -0.8, -0.5);
    pen.lineTo(-0.8, 0.5);
    pen.quadraticCurveTo(0.5, 0.62, 1.15, 0);
    pen.closePath();
    pen.lineWidth = 0.24;
    pen.fillStyle = spot.z > 0 ? '#ffffff44' : boat.hull;    // under water only the outline is left
    pen.strokeStyle = spot.z > 0 ? boat.hull : DARK;
    pen.fill();
    pen.stroke();
  });
  if (!here.seen) return;
  places.set(boat.name, {x: here.x, y: here.y});
  if (boat.name === followed) draw_ring(here, 2, 3, 1);
  const age = at - boat.met;
  if (time.live && age < 20 && !calm.matches) draw_ring(here, 1.5 + (age % 2) * 2, 3, 1 - (age % 2) / 2);
}

function draw_ring(here, radius, width, alpha) {
  pen.globalAlpha = alpha;
  pen.lineWidth = width;
  pen.strokeStyle = colours.accent;
  pen.beginPath();
  pen.arc(here.x, here.y, radius * unit(), 0, TAU);
  pen.stroke();
  pen.globalAlpha = 1;
}

function draw_whale(whale, at) {
  const late = at - whale.time, x = whale.x + whale.vx * late, y = whale.y + whale.vy * late;
  const here = at_place(x, y, Math.atan2(whale.vy, whale.vx), () => {
    pen.fillStyle = '#2f4454';
    pen.strokeStyle = '#ffffff';
    pen.beginPath();
    pen.ellipse(0.3, 0, 1.25, 0.62, 0, 0, TAU);
    pen.moveTo(-0.8, 0);
    pen.quadraticCurveTo(-1.3, 0.1, -1.8, 0.75);
    pen.quadraticCurveTo(-1.9, 0, -1.8, -0.75);
    pen.quadraticCurveTo(-1.3, -0.1, -0.8, 0);
    pen.stroke();
    pen.fill();
  });
  return here.seen && {key: `whale ${whale.name}`, text: whale.name, ...here, size: 0.8, reach: 1.5, alpha: 1};
}

function draw_treasure(treasure, at) {
  if (treasure.at > at) return null;                    // not yet found, at the moment shown
  const here = view.place(treasure.x, treasure.y), size = unit() * 0.62;
  if (!here.seen) return null;
  pen.strokeStyle = '#ffd95e';                          // it is taken: empty, with its owner's name
  pen.lineWidth = Math.max(size / 4, 2);
  pen.beginPath();
  pen.moveTo(here.x, here.y - size * 1.2);
  pen.lineTo(here.x + size, here.y);
  pen.lineTo(here.x, here.y + size * 1.2);
  pen.lineTo(here.x - size, here.y);
  pen.closePath();
  pen.stroke();
  return {key: `treasure ${treasure.name}`, text: `${treasure.name} (${treasure.owner})`, ...here, size: 0.8, reach: 0.8, alpha: 1};
}

function draw_bloom(bloom) {
  pen.fillStyle = '#b9f27c';
  for (let i = 1; i < 40; i++) {                        // a sunflower of dots
    const turn = i * 2.39996, far = 4.7 * Math.sqrt(i), here = view.place(bloom.x + far * Math.cos(turn), bloom.y + far * Math.sin(turn));
    if (!here.seen) continue;
    pen.globalAlpha = 0.8 - i / 70;
    pen.beginPath();
    pen.arc(here.x, here.y, unit() * 0.16, 0, TAU);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

/* A mark of the course of now: a ring with its number; mark 0, start and finish, is filled. */
function draw_mark([x, y], number) {
  const here = view.place(x, y);
  if (!here.seen) return;
  pen.globalAlpha = 1;
  pen.beginPath();
  pen.arc(here.x, here.y, unit() * 0.85, 0, TAU);
  pen.fillStyle = number ? colours.chip : colours.accent;
  pen.strokeStyle = number ? colours.accent : DARK;
  pen.lineWidth = 2.5;
  pen.fill();
  pen.stroke();
  pen.font = chip_font(0.75);
  pen.fillStyle = number ? colours.ink : colours.on_accent;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(number, here.x, here.y + 1);
}

/* A word on a small plate, its middle at x, y. */
function draw_chip({text, x, y, left, top, width, height, size, alpha}) {
  pen.globalAlpha = alpha;
  pen.fillStyle = colours.chip;
  pen.beginPath();
  pen.roundRect(left, top, width, height, height / 3);
  pen.fill();
  pen.font = chip_font(size);
  pen.fillStyle = colours.ink;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, x, y + size);
  pen.globalAlpha = 1;
}

function chip_box(text, x, y, size) {
  const tall = unit() * 1.35 * size;
  pen.font = chip_font(size);
  return box_around(x, y, pen.measureText(text).width + tall * 0.7, tall * 1.35);
}

const chip_font = size => `650 ${unit() * 1.35 * size}px system-ui, sans-serif`;
const box_around = (x, y, width, height) => ({x, y, left: x - width / 2, top: y - height / 2, width, height});

/* Names: of boats first, then of treasures and whales, each at the nearest spot where nothing stands yet. In a crowd the
   name of a boat moves out and a line leads to it; what finds no room goes without. */
function draw_names(names) {
  const taken = names.map(({x, y, reach}) => box_around(x, y, unit() * reach * 2, unit() * reach * 1.6));
  plates = [];
  for (const name of names) {
    const plate = find_room(name, taken);
    if (!plate) continue;
    taken.push(plate);
    plates.push(plate);
  }
  for (const plate of plates) if (plate.far) draw_leader(plate);
  for (const plate of plates) draw_chip(plate);
}

const AROUND = [[1, 0], [-1, 0], [0, -1], [0, 1], ...[1, 0.5].flatMap(dy => [[1, -dy], [-1, -dy], [1, dy], [-1, dy]])];   // right, left, above, below, and between
const RINGS = 5;                   // so often a boat's name is tried further out; a thing's twice

function find_room(name, taken) {
  const {key, text, x, y, size, reach, must} = name, {width, height} = chip_box(text, 0, 0, size);
  for (const spot of spots(sides.get(key) ?? (size < 1 ? 3 : 0), size < 1 ? 2 : RINGS)) {      // at first beside a boat, below a thing
    const [dx, dy] = AROUND[spot % AROUND.length], ring = Math.floor(spot / AROUND.length), away = unit() * (reach + 1.6 * ring);
    const plate = {...name, x0: x, y0: y, ...box_around(x + dx * (width / 2 + away + unit() * 0.4), y + dy * (height / 2 + away), width, height), far: ring > 0};
    if (!must && (!inside(plate) || taken.some(other => overlap(other, plate)))) continue;
    sides.set(key, spot);
    return plate;
  }
  return null;
}

/* The spots around a thing, the nearest first; in its ring the one where the name stood last, so that names do not jump about. */
function* spots(last, rings) {
  for (let ring = 0; ring < rings; ring++) {
    const start = ring * AROUND.length;
    if (last >= start && last < start + AROUND.length) yield last;
    for (let side = 0; side < AROUND.length; side++) yield start + side;
  }
}

function draw_leader({x0, y0, x, y}) {
  pen.strokeStyle = colours.ink;
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x, y);
  pen.stroke();
  pen.globalAlpha = 1;
}

function boat_names(seen) {
  return seen.filter(({boat}) => places.has(boat.name)).map(({boat, spot}) => {
    const asleep = boat.idle_s > IDLE_S && time.live, must = boat.name === followed;
    return {key: `boat ${boat.name}`, text: boat_label(boat, spot), ...places.get(boat.name), size: 1, reach: 1, alpha: asleep ? 0.6 : 1, must};
  }).sort((a, b) => b.must - a.must);
}

function boat_label(boat, spot) {
  const depth = spot.z > 0.5 ? ` ▾${Math.round(spot.z)} m` : '', whale = boat.riding && time.live ? ` on ${boat.riding}` : '';
  return boat.name + whale + depth;
}

const inside = box => box.left > 4 && box.left + box.width < screen_size.width - 4 && box.top > 4 && box.top + box.height < screen_size.height - 4;
const overlap = (a, b) => a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
