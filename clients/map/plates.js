'use strict';

/* PLATES: the names of what swims */

const EVERYBODY = 40;              // with more boats than this, only some carry their names:
const BEST = 10;                   // the best ones,
const MOVERS = 15;                 // some of those who just moved, so long that one can read it,
const READ_S = 6;                  // and the one that is followed
const REACH = [1.9, 1.5, 1.5];     // how far the crown and the gold rings reach, in units
const carriers = new Map();        // name of a mover -> until when it carries its name
const sides = new Map();           // key of a name -> on which side of its thing it stood last
let plates = [];                   // the names that found room, each with its box
let covered = [];                  // the boxes of words over the sea: no name stands under them

const letters = size => Math.max(on_wall(size), 13);    // their height on this screen, in pixels
const font = size => `650 ${letters(size)}px system-ui, sans-serif`;

function boat_names(seen, at) {
  const best = ranks(BEST), words = name => places.get(name);
  const carry = seen.length > EVERYBODY ? who_carries(seen, best, at) : null;
  const named = seen.filter(({boat}) => words(boat.name) && (!carry || carry.has(boat.name)));
  const first = name => name === followed ? -1 : best.includes(name) ? best.indexOf(name) : BEST;
  const reach = name => REACH[best.indexOf(name)] || 1.1;
  return named.sort((a, b) => first(a.boat.name) - first(b.boat.name)).map(({boat, spot}) => ({
    key: `boat ${boat.name}`, text: boat_label(boat, spot), ...words(boat.name), size: 26,
    reach: reach(boat.name), alpha: boat.idle_s > IDLE_S && time.live ? 0.7 : 1, boat,
    must: boat.name === followed,
  }));
}

/* In a crowd: the best, the followed one, and some of those who just moved. */
function who_carries(seen, best, at) {
  for (const [name, until] of carriers) {
    if (until < at || until > at + READ_S) carriers.delete(name);
  }
  for (const {boat, spot} of seen) {
    if (carriers.size >= MOVERS) break;
    if (spot.moving && !best.includes(boat.name) && !carriers.has(boat.name)) {
      carriers.set(boat.name, at + READ_S);
    }
  }
  return new Set([...best, ...carriers.keys(), followed]);
}

function boat_label(boat, spot) {
  const depth = spot.z > 0.5 ? ` ▾${Math.round(spot.z)} m` : '';
  const whale = boat.riding && time.live ? ` on ${boat.riding}` : '';
  return boat.name + whale + depth;
}

/* Each name stands at the nearest spot where nothing is yet: boats first, the best before the
   others, then treasures and whales. In a crowd the name of a boat moves out and a line leads to
   it; what finds no room, or lies outside the view, goes without. */
function draw_names(names, boxes) {
  const own = ({x, y, reach}) => box_around(x, y, unit() * reach * 2, unit() * reach * 2);
  const taken = [...boxes, ...names.map(own)];
  plates = [];
  for (const name of names.filter(name => name.must || in_view(name))) {
    const plate = find_room(name, taken);
    if (!plate) continue;
    taken.push(plate);
    plates.push(plate);
  }
  for (const plate of plates) if (plate.far) draw_leader(plate);
  for (const plate of plates) draw_plate(plate);
}

const AROUND = [[1, 0], [-1, 0], [0, -1], [0, 1],       // right, left, above, below, and between
                ...[1, 0.5].flatMap(dy => [[1, -dy], [-1, -dy], [1, dy], [-1, dy]])];
const RINGS = 5;                   // so often a boat's name is tried further out; a thing's twice

function find_room(name, taken) {
  const {key, text, x, y, size, reach, must} = name, {width, height} = plate_box(text, 0, 0, size);
  const thing = !name.boat, start = sides.get(key) ?? (thing ? 3 : 0);  // below a thing
  for (const spot of spots(start, thing ? 2 : RINGS)) {
    const [dx, dy] = AROUND[spot % AROUND.length], ring = Math.floor(spot / AROUND.length);
    const away = unit() * (reach + 1.6 * ring);
    const left = x + dx * (width / 2 + away + unit() * 0.4), top = y + dy * (height / 2 + away);
    const plate = {...name, x0: x, y0: y, ...box_around(left, top, width, height), far: ring > 0};
    if (!must && (!inside(plate) || taken.some(other => overlap(other, plate)))) continue;
    sides.set(key, spot);
    return plate;
  }
  return null;
}

/* The spots around a thing, the nearest first; in its ring the one where the name stood last, so
   that names do not jump about. */
function* spots(last, rings) {
  for (let ring = 0; ring < rings; ring++) {
    const start = ring * AROUND.length;
    if (last >= start && last < start + AROUND.length) yield last;
    for (let side = 0; side < AROUND.length; side++) yield start + side;
  }
}

function note_covered() {
  const sea = $('#sea').getBoundingClientRect(), words = [$('#behind'), $('#round')];
  covered = words.filter(one => one.clientWidth).map(one => {
    const {left, top, width, height} = one.getBoundingClientRect();
    return {left: left - sea.left, top: top - sea.top, width, height};
  });
}

function plate_box(text, x, y, size) {
  pen.font = font(size);
  return box_around(x, y, pen.measureText(text).width + letters(size) * 0.7, letters(size) * 1.3);
}

const box_around = (x, y, width, height) =>
  ({x, y, left: x - width / 2, top: y - height / 2, width, height});

const in_view = ({x, y}) => x > -unit() && x < screen_size.width + unit() &&
                            y > -unit() && y < screen_size.height + unit();

const inside = ({left, top, width, height}) =>
  left > 4 && left + width < screen_size.width - 4 &&
  top > 4 && top + height < screen_size.height - 4;

const overlap = (a, b) => a.left < b.left + b.width && b.left < a.left + a.width &&
                          a.top < b.top + b.height && b.top < a.top + a.height;

function draw_plate({text, x, y, left, top, width, height, size, alpha}) {
  pen.globalAlpha = alpha;
  pen.fillStyle = colours.chip;
  pen.beginPath();
  pen.roundRect(left, top, width, height, height / 3);
  pen.fill();
  pen.font = font(size);
  pen.fillStyle = colours.ink;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, x, y + 1);
  pen.globalAlpha = 1;
}

function draw_leader({x0, y0, x, y}) {
  pen.strokeStyle = colours.ink;
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1.5;
  draw_line_between({x: x0, y: y0}, {x, y});
  pen.globalAlpha = 1;
}
