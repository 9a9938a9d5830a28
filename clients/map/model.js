'use strict';

/* MODEL: what we have been told so far. Each answer has only what is new; `since` 0 in it says that
   it is the whole. */

const ocean = {};                  // filled by forget()
const clock = {ahead: 0, set: false};    // the server's clock minus ours, in seconds
const NEWS_KEPT = 1000;            // so many news are remembered, as in mocean.py,
const NEWS_OF_ONE_KEPT = 50;       // so many of them of one boat,
const GONE_KEPT = 100;             // and so many boats that have quit: a replay shows them

function forget(width = 600, height = 400, sector = 10) {
  const columns = Math.round(width / sector), lines = Math.round(height / sector);
  Object.assign(ocean, {
    width, height, sector, columns, rows: lines, began: 0, since: 0, loaded: false,
    boats: new Map(),                                   // name -> boat, see meet()
    treasures: [], treasure_places: 0,                  // the places found; how many there are
    whales: [], blooms: [],
    address: '',                                        // where others reach the server
    course: null,                                       // of now: number, marks, times, until
    round: null, frozen: false,
    told: {},                                           // the parts as they were told last
  });
  unchart();
  for (const kept of [rows, sides]) kept.clear();
}

/* Nothing is charted, nothing sounded; there are no news and no tracks. */
function unchart() {
  const cells = ocean.columns * ocean.rows, never = () => new Float64Array(cells).fill(Infinity);
  Object.assign(ocean, {
    entered: never(),                                   // when each sector was charted, true time
    charter: new Array(cells),                          // and by whom
    sounded: never(), resounded: never(),               // when it was sounded: first, and last
    depth: new Float32Array(cells),                     // the depth, metres
    news: new Map(),                                    // number -> time, text, kind, name, x, y
  });
  asked.clear();
  for (const boat of ocean.boats.values()) boat.past = [];
}

function meet(name) {
  if (!ocean.boats.has(name)) {
    const boat = {name, fixes: [], past: [], here: false, score: 0, quests: 0, riding: '',
                  last: 0, idle_s: 0, met: -Infinity};
    wear(boat, 0);
    ocean.boats.set(name, boat);
  }
  return ocean.boats.get(name);
}

function remember(chart) {
  if (chart.since === 0) unchart();
  remember_rows(chart);
  remember_boats(chart);
  remember_whales(chart);
  const told = ocean.told = {...ocean.told, ...chart}, to_true = true_time_of(chart);
  ocean.blooms = told.blooms.map(bloom => ({...bloom, until: to_true(bloom.until)}));
  ocean.course = {...told.course, until: to_true(told.course.until)};
  ocean.round = told.round && remember_round(told.round, chart);
  const {treasures, treasure_places, address, frozen} = told;
  Object.assign(ocean, {treasures, treasure_places, address, frozen});
  Object.assign(ocean, {since: chart.next, loaded: true});
}

/* The game's clock stands still while the sea is frozen; the true time does not. */
const true_time_of = chart => moment => chart.now + moment - chart.sea_time;

/* Who is not told of swims on as before. */
function remember_whales(chart) {
  const names = new Set(chart.whales.map(whale => whale.name)), to_true = true_time_of(chart);
  const others = chart.since === 0 ? [] : ocean.whales.filter(whale => !names.has(whale.name));
  const whales = [...others, ...chart.whales];
  ocean.whales = whales.map(whale => ({...whale, time: to_true(whale.at)}));
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
  chart.news.forEach(remember_news);
}

/* The oldest make room: those of this boat, if it has many. */
function remember_news([number, time, text, kind, name, x, y]) {
  ocean.news.set(number, {time, text, kind, name, x, y});
  const all = [...ocean.news.keys()], own = all.filter(one => ocean.news.get(one).name === name);
  if (name && own.length > NEWS_OF_ONE_KEPT) ocean.news.delete(own[0]);
  else if (all.length > NEWS_KEPT) ocean.news.delete(all[0]);
}

function remember_round(round, chart) {
  const left_s = Math.max(round.until - chart.sea_time, 0);
  return {...round, until: chart.now + left_s};
}

/* Who is not told of lies where it lay; who is not among the names is gone. */
function remember_boats(chart) {
  for (const told of chart.boats) remember_boat(told, chart.now);
  const moved = new Set(chart.boats.map(told => told.name));
  const names = chart.names && new Set(chart.names);
  for (const boat of ocean.boats.values()) {
    if (names) boat.here = names.has(boat.name);
    boat.idle_s = Math.max(chart.now - boat.last, 0);
    if (boat.here && !moved.has(boat.name)) fix_boat(boat, chart.now, boat.fixes.at(-1));
  }
  forget_gone(chart.since === 0 ? 0 : GONE_KEPT);       // all is told anew: a name may be forgotten
}

/* Of those who have quit, so many are remembered: those who were seen last. */
function forget_gone(kept) {
  const seen = boat => (boat.fixes.at(-1) || boat.past.at(-1))?.time || 0;
  const gone = [...ocean.boats.values()].filter(boat => !boat.here);
  for (const {name} of gone.sort((a, b) => seen(b) - seen(a)).slice(kept)) {
    ocean.boats.delete(name);
    rows.delete(name);
    sides.delete(`boat ${name}`);
  }
}

function remember_boat(told, now) {
  const known = ocean.boats.has(told.name), boat = meet(told.name);
  const {score, quests, riding, last} = told;
  Object.assign(boat, {score, quests, riding, last, here: true});
  wear(boat, Math.max(told.pennant, 0) || 0);            // an older server tells of none
  if (!known && ocean.loaded) boat.met = now;
  fix_boat(boat, now, told);
}

function fix_boat(boat, time, {x, y, z, heading}) {
  const [before, last] = boat.fixes.slice(-2);
  const still = fix => fix && fix.x === x && fix.y === y && fix.z === z && fix.heading === heading;
  if (still(before) && still(last)) last.time = time;    // lying still: two fixes say it all
  else add_fix(boat, {time, x, y, z, heading});
}
