'use strict';

/* MODEL: what we have been told so far */

const ocean = {};                  // filled by forget()
const clock = {ahead: 0, set: false};    // the server's clock minus ours, in seconds

function forget(width = 600, height = 400, sector = 10) {
  const columns = Math.round(width / sector), lines = Math.round(height / sector), cells = columns * lines;
  Object.assign(ocean, {
    width, height, sector, columns, rows: lines, began: 0, since: 0, loaded: false,
    boats: new Map(),                                   // name -> boat, see meet()
    entered: new Float64Array(cells).fill(Infinity),    // when each sector was charted, seconds since 1970
    charter: new Array(cells),                          // and by whom
    sounded: new Float64Array(cells).fill(Infinity),    // when its depth was measured
    depth: new Float32Array(cells),                     // the depth, metres
    treasures: [], whales: [], blooms: [], news: new Map(),
    course: null,                                       // the course of now: number, marks, times, until (its end)
  });
  for (const kept of [rows, sides, asked]) kept.clear();
}

function meet(name) {
  if (!ocean.boats.has(name)) {
    ocean.boats.set(name, {name, hull: HULLS[ocean.boats.size % HULLS.length], fixes: [], past: [], here: false,
                           score: 0, badges: [], riding: '', idle_s: 0, met: -Infinity});
  }
  return ocean.boats.get(name);
}

function remember(chart) {
  const index = (column, row) => row * ocean.columns + column;
  for (const [column, row, who, time] of chart.sectors) {
    ocean.entered[index(column, row)] = time;
    ocean.charter[index(column, row)] = who;
  }
  for (const [column, row, depth, time] of chart.depths) {
    const at = index(column, row);
    ocean.depth[at] = depth;
    ocean.sounded[at] = Math.min(ocean.sounded[at], time);
    soil(at);
  }
  for (const boat of ocean.boats.values()) boat.here = false;
  for (const told of chart.boats) remember_boat(told, chart.now);
  for (const [number, time, text] of chart.news) ocean.news.set(number, {time, text});
  Object.assign(ocean, {treasures: chart.treasures, blooms: chart.blooms, since: chart.now - 1, loaded: true});
  ocean.whales = chart.whales.map(whale => ({...whale, time: chart.now}));
  ocean.course = {...chart.course, until: chart.now + chart.course.ends_in_s};
  ocean.round = chart.round && {...chart.round, until: chart.now + chart.round.ends_in_s};
  ocean.frozen = chart.frozen;
}

function remember_boat(told, now) {
  const known = ocean.boats.has(told.name), boat = meet(told.name);
  const {score, badges, riding, idle_s} = told;
  Object.assign(boat, {score, badges, riding, idle_s, here: true});
  if (!known && ocean.loaded) boat.met = now;
  const fix = {time: now, x: told.x, y: told.y, z: told.z, heading: told.heading};
  const [before, last] = boat.fixes.slice(-2);
  const still = fix => fix && fix.x === told.x && fix.y === told.y && fix.z === told.z && fix.heading === told.heading;
  if (still(before) && still(last)) last.time = now;    // lying still: two fixes say it all
  else boat.fixes.push(fix);
}
