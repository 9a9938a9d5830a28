'use strict';

/* MODEL: what we have been told so far. Each answer has only what is new; `since` 0 in it says that it is the whole. */

const ocean = {};                  // filled by forget()
const clock = {ahead: 0, set: false};    // the server's clock minus ours, in seconds

function forget(width = 600, height = 400, sector = 10) {
  const columns = Math.round(width / sector), lines = Math.round(height / sector);
  Object.assign(ocean, {
    width, height, sector, columns, rows: lines, began: 0, since: 0, loaded: false,
    boats: new Map(),                                   // name -> boat, see meet()
    treasures: [], whales: [], blooms: [],              // treasures: one for each place where one was found
    treasure_places: 0, address: '',                    // so many places there are; where others reach the server
    course: null, round: null, frozen: false,           // the course of now: number, marks, times, until (its end)
    told: {},                                           // the parts as the server told them last: see remember()
  });
  unchart();
  for (const kept of [rows, sides, asked]) kept.clear();
}

/* Nothing is charted, nothing sounded, and there are no news. */
function unchart() {
  const cells = ocean.columns * ocean.rows, never = () => new Float64Array(cells).fill(Infinity);
  Object.assign(ocean, {
    entered: never(),                                   // when each sector was charted, seconds since 1970
    charter: new Array(cells),                          // and by whom
    sounded: never(), resounded: never(),               // when its depth was measured: first, and last
    depth: new Float32Array(cells),                     // the depth, metres
    news: new Map(),                                    // number -> time, text, kind, name, x, y
  });
}

function meet(name) {
  if (!ocean.boats.has(name)) {
    const boat = {name, fixes: [], past: [], here: false, score: 0, quests: 0, riding: '', last: 0, idle_s: 0,
                  met: -Infinity};
    wear(boat, 0);
    ocean.boats.set(name, boat);
  }
  return ocean.boats.get(name);
}

function remember(chart) {
  if (chart.since === 0) unchart();
  remember_rows(chart);
  remember_boats(chart);
  const told = ocean.told = {...ocean.told, ...chart}, to_true = moment => chart.now + moment - chart.sea_time;      // from sea time
  const whales = chart.since === 0 ? [] : ocean.whales, swims = new Set(chart.whales.map(whale => whale.name));
  ocean.whales = [...whales.filter(whale => !swims.has(whale.name)), ...chart.whales].map(whale => ({...whale, time: to_true(whale.at)}));
  ocean.blooms = told.blooms.map(bloom => ({...bloom, until: to_true(bloom.until)}));
  ocean.course = {...told.course, until: to_true(told.course.until)};
  ocean.round = told.round && remember_round(told.round, chart);
  const {treasures, treasure_places, address, frozen} = told;
  Object.assign(ocean, {treasures, treasure_places, address, frozen, since: chart.next, loaded: true});
}

function remember_rows(chart) {
  const index = (column, row) => row * ocean.columns + column;
  for (const [column, row, who, time] of chart.sectors) {
    ocean.entered[index(column, row)] = time;
    ocean.charter[index(column, row)] = who;
  }
  for (const [column, row, depth, first, latest] of chart.depths) {
    const at = index(column, row);
    ocean.depth[at] = depth;
    ocean.sounded[at] = first;
    ocean.resounded[at] = latest;
    soil(at);
  }
  for (const [number, time, text, kind, name, x, y] of chart.news) ocean.news.set(number, {time, text, kind, name, x, y});
}

function remember_round(round, chart) {
  const ends_in_s = round.state === 'prepared' ? round.seconds : Math.max(round.until - chart.sea_time, 0);
  return {...round, ends_in_s, until: chart.now + ends_in_s};
}

/* Who is not told of lies where it lay; who is not among the names is gone. */
function remember_boats(chart) {
  for (const told of chart.boats) remember_boat(told, chart.now);
  const moved = new Set(chart.boats.map(told => told.name)), names = chart.names && new Set(chart.names);
  for (const boat of ocean.boats.values()) {
    if (names) boat.here = names.has(boat.name);
    boat.idle_s = Math.max(chart.now - boat.last, 0);
    if (boat.here && !moved.has(boat.name)) fix_boat(boat, chart.now, boat.fixes.at(-1));
  }
}

function remember_boat(told, now) {
  const known = ocean.boats.has(told.name), boat = meet(told.name);
  const {score, quests, riding, last} = told;
  Object.assign(boat, {score, quests, riding, last, here: true});
  wear(boat, told.pennant);
  if (!known && ocean.loaded) boat.met = now;
  fix_boat(boat, now, told);
}

function fix_boat(boat, time, {x, y, z, heading}) {
  const [before, last] = boat.fixes.slice(-2);
  const still = fix => fix && fix.x === x && fix.y === y && fix.z === z && fix.heading === heading;
  if (still(before) && still(last)) last.time = time;    // lying still: two fixes say it all
  else add_fix(boat, {time, x, y, z, heading});
}
