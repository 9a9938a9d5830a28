'use strict';

/* PAINT: sectors and depths become one picture of the ocean */

const picture = document.createElement('canvas');      // one sheet, PX pixels a cell, north up
let sheet, brush;                  // its pixels, its context
let lifted, known;                 // for each sector 0..1: how far the fog has lifted, how far its
                                   // depth shows
let colours;                       // of the present theme
let painted = 0;                   // grows with each change of the picture
const dirty = new Set();           // sectors that want painting

/* Mark a sector and those around it: each pixel is a mean over sixteen sectors. */
function soil(index) {
  const column = index % ocean.columns, row = Math.floor(index / ocean.columns);
  for (let dy = -2; dy <= 2; dy++) {
    for (let dx = -2; dx <= 2; dx++) dirty.add(sector_at(column + dx, row + dy));
  }
}

const sector_at = (column, row) =>
  wrap(row, ocean.rows) * ocean.columns + wrap(column, ocean.columns);

function blank() {
  const cells = ocean.columns * ocean.rows;
  picture.width = ocean.width * PX;
  picture.height = ocean.height * PX;
  brush = picture.getContext('2d');
  brush.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--fog');
  brush.fillRect(0, 0, picture.width, picture.height);
  sheet = brush.createImageData(picture.width, picture.height);
  lifted = new Float32Array(cells);
  known = new Float32Array(cells);
  gather_clouds();
  dress();
}

/* Read the colours of the theme and paint everything anew. */
function dress() {
  const style = getComputedStyle(document.documentElement);
  const named = name => style.getPropertyValue(name).trim();
  colours = {
    fog: rgb(named('--fog')), cloud: rgb(named('--cloud')), water: rgb(named('--water')),
    contour: rgb(named('--contour')), grid: named('--grid'), chip: named('--chip'),
    ink: named('--chip-ink'), accent: named('--accent'), on_accent: named('--on-accent'),
    ramp: ramp(),
  };
  for (let index = 0; index < lifted.length; index++) dirty.add(index);
  const stops = DEPTHS.map(([depth, colour]) => `${colour} ${(depth - 5) / 45 * 100}%`);
  $('#legend .ramp').style.background = `linear-gradient(90deg, ${stops})`;
}

const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));

/* The colour of each half metre. */
function ramp() {
  return Array.from({length: 121}, (_, half) => {
    const found = DEPTHS.findIndex(([depth]) => depth >= half / 2);
    const next = found < 0 ? DEPTHS.length - 1 : Math.max(found, 1);
    const [above, light] = DEPTHS[next - 1], [below, dark] = DEPTHS[next];
    const t = clamp((half / 2 - above) / (below - above), 0, 1);
    return rgb(light).map((value, i) => mix(value, rgb(dark)[i], t));
  });
}

/* CLOUDS that fit together at the seams: three layers of smooth noise, each finer and fainter.
   They are worked out where a sector is painted for the first time. */

const LAYERS = [[100, 0.55], [40, 0.3], [16, 0.15]];   // pixels between two knots, weight
let cloud, clouded, knots;         // of each pixel 0..1; of each sector: is it there; of each layer

function gather_clouds() {
  const dice = fortune(1), {width, height} = picture;
  knots = LAYERS.map(([size]) => Array.from({length: width * height / size / size}, dice));
  cloud = new Float32Array(width * height);
  clouded = new Uint8Array(ocean.columns * ocean.rows);
}

function cloud_sector(left, top, side) {
  for (let y = top; y < top + side; y++) {
    for (let x = left; x < left + side; x++) cloud[y * picture.width + x] = cloudy(x, y);
  }
}

function cloudy(x, y) {
  let sum = 0;
  for (let layer = 0; layer < LAYERS.length; layer++) {
    const [size, weight] = LAYERS[layer];
    const across = picture.width / size, down = picture.height / size;
    const column = Math.floor(x / size), row = Math.floor(y / size);
    const knot = (i, j) => knots[layer][((row + j) % down) * across + (column + i) % across];
    const tx = smooth(0, 1, x / size - column), ty = smooth(0, 1, y / size - row);
    sum += weight * mix(mix(knot(0, 0), knot(1, 0), tx), mix(knot(0, 1), knot(1, 1), tx), ty);
  }
  return sum;
}

/* Ten times a second: the fog moves towards what was known at the moment shown. */
function lift(at) {
  const step = calm.matches ? 1 : time.live ? 0.12 : 0.34;
  for (let index = 0; index < lifted.length; index++) {
    const open = +(ocean.entered[index] <= at), deep = +(ocean.sounded[index] <= at);
    if (lifted[index] === open && known[index] === deep) continue;
    lifted[index] += clamp(open - lifted[index], -step, step);
    known[index] += clamp(deep - known[index], -step, step);
    soil(index);
  }
}

/* Paint the sectors that want it; after some milliseconds leave the rest for the next time, so that
   the boats never stutter. */
function paint(most_ms = 15) {
  if (!dirty.size) return;
  const side = ocean.sector * PX, weights = spline(side), start = performance.now();
  for (const index of dirty) {
    if (performance.now() - start > most_ms) break;
    dirty.delete(index);
    paint_sector(index, side, weights);
  }
  painted++;
}

/* For each pixel along a sector's side: how much each of four sectors counts (a cubic B-spline),
   and how that changes. */
function spline(side) {
  return Array.from({length: side}, (_, pixel) => {
    const place = (pixel + 0.5) / side - 0.5, first = Math.floor(place), t = place - first;
    const middle = t => 3 * t ** 3 - 6 * t * t + 4, steep = t => 3 * t * t - 4 * t;
    return {first: first - 1,
            share: [(1 - t) ** 3 / 6, middle(t) / 6, middle(1 - t) / 6, t ** 3 / 6],
            slope: [-((1 - t) ** 2) / 2, steep(t) / 2, -steep(1 - t) / 2, t * t / 2]};
  });
}

/* What is known of the five by five sectors around one, copied out once for its four hundred
   pixels. */
const near = {clear: new Float32Array(25), sure: new Float32Array(25), deep: new Float32Array(25)};

function gather(column, row) {
  for (let dy = -2, to = 0; dy <= 2; dy++) {
    for (let dx = -2; dx <= 2; dx++, to++) {
      const from = sector_at(column + dx, row + dy);
      near.clear[to] = lifted[from];
      near.sure[to] = known[from];
      near.deep[to] = known[from] * ocean.depth[from];
    }
  }
}

function paint_sector(index, side, weights) {
  const column = index % ocean.columns, row = Math.floor(index / ocean.columns);
  const left = column * side, top = (ocean.rows - 1 - row) * side;      // north is up
  if (!clouded[index]) { cloud_sector(left, top, side); clouded[index] = 1; }
  gather(column, row);
  const unseen = near.clear.every(clear => !clear);
  for (let py = 0; py < side; py++) {
    for (let px = 0; px < side; px++) {
      const at = (top + py) * picture.width + left + px;
      fog(cloud[at]);
      if (!unseen) { blend(weights[px], weights[side - 1 - py]); water(cloud[at]); }
      for (let i = 0; i < 3; i++) sheet.data[at * 4 + i] = colour[i];
      sheet.data[at * 4 + 3] = 255;
    }
  }
  brush.putImageData(sheet, 0, 0, left, top, side, side);
}

/* The mean over sixteen sectors: how clear, how well known, how deep, how steep (east, north).
   Written into `here`. */
const here = {clear: 0, sure: 0, depth: 0, east: 0, north: 0};

function blend(across, up) {
  let clear = 0, sure = 0, deep = 0, sureX = 0, deepX = 0, sureY = 0, deepY = 0;
  for (let j = 0; j < 4; j++) {
    for (let i = 0; i < 4; i++) {
      const from = (up.first + j + 2) * 5 + across.first + i + 2;
      const share = across.share[i] * up.share[j];
      clear += share * near.clear[from];
      if (!near.sure[from]) continue;
      const slopeX = across.slope[i] * up.share[j], slopeY = across.share[i] * up.slope[j];
      sure += share * near.sure[from];
      sureX += slopeX * near.sure[from];
      sureY += slopeY * near.sure[from];
      deep += share * near.deep[from];
      deepX += slopeX * near.deep[from];
      deepY += slopeY * near.deep[from];
    }
  }
  here.clear = clear;
  here.sure = sure;
  if (!sure) return;
  here.depth = deep / sure;
  here.east = (deepX - here.depth * sureX) / sure;
  here.north = (deepY - here.depth * sureY) / sure;
}

const colour = [0, 0, 0];          // of the pixel at hand: red, green, blue

function fog(noise) {
  const t = smooth(0.25, 0.75, noise);
  for (let i = 0; i < 3; i++) colour[i] = mix(colours.fog[i], colours.cloud[i], t);
}

/* Over the fog comes the sea: its depth, a light from the north-west on its slopes, a line every
   ten metres. */
function water(noise) {
  const clear = smooth(0.22, 0.55, here.clear + (noise - 0.5) * 0.3 * (1 - here.clear));
  const sure = smooth(0.12, 0.5, here.sure);
  const light = clamp(1 + (here.east - here.north) * 0.017, 0.78, 1.22), line = contour();
  const seabed = colours.ramp[clamp(Math.round(here.depth * 2), 0, 120)];
  for (let i = 0; i < 3; i++) {
    const deep = mix(Math.min(seabed[i] * light, 255), colours.contour[i], line);
    colour[i] = mix(colour[i], mix(colours.water[i], deep, sure), clear);
  }
}

/* How strong the line of the nearest ten metres is here, whatever the slope. */
function contour() {
  const from_line = (here.depth + 5) % 10;
  const steep = Math.hypot(here.east, here.north) / ocean.sector / PX;
  return 0.3 * smooth(1.3, 0.4, Math.min(from_line, 10 - from_line) / Math.max(steep, 0.02));
}
