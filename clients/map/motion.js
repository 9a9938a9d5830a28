'use strict';

/* MOTION: the moment on the map, and where everybody was then */

const time = {live: true, playing: false, at: 0, film: null};     // film: seconds a second, or null

const server_now = () => Date.now() / 1000 + clock.ahead;
const newest = () => server_now() - LAG_S;
const shown = () => time.live ? newest() : time.at;               // the moment on the map
const speed = () => time.film || +$('#speed').value;              // of a replay, seconds a second
const two = number => String(number).padStart(2, '0');

function hours(at) {
  const day = new Date(at * 1000);
  return [day.getHours(), day.getMinutes(), day.getSeconds()].map(two).join(':');
}

/* A class plays an hour a week, so the time bar leaves out the silence between: it is made of
   sessions, end to end. */
let sessions = [{from: 0, to: 0, start: 0}];   // from and to: true time; start: where on the bar

function find_sessions() {
  const news = [...ocean.news.values()].map(item => item.time);
  const all = [ocean.began, ...ocean.entered, ...ocean.sounded, ...news, newest()];
  sessions = [];
  for (const at of Float64Array.from(all).filter(isFinite).sort()) {
    const last = sessions.at(-1);
    if (last && at - last.to < SILENCE_S) last.to = at;
    else sessions.push({from: at, to: at, start: last ? last.start + last.to - last.from : 0});
  }
}

const session_at = at => sessions.findLast(session => session.from <= at) || sessions[0];

function on_bar(at) {
  const session = session_at(at);
  return session.start + clamp(at - session.from, 0, session.to - session.from);
}

function from_bar(value) {
  const session = sessions.findLast(session => session.start <= value);
  return session.from + value - session.start;
}

function go_live() {
  Object.assign(time, {live: true, playing: false, film: null});
  tell();
}

function go_to(at, playing = time.playing) {
  Object.assign(time, {live: false, playing, film: null, at: clamp(at, ocean.began, newest())});
  tell();
}

function go_or_pause() {
  if (time.live) go_to(ocean.began, true);
  else time.playing = !time.playing;
  tell();
}

function tick_time(seconds) {
  if (time.live || !time.playing) return;
  const {to} = session_at(time.at), next = sessions.find(session => session.from > time.at);
  time.at += seconds * speed();
  if (time.at > to && next) time.at = next.from;
  if (time.at >= newest()) go_live();
}

/* Where a boat was at a time: between two fixes, the short way round. Nothing before the first. */
function where(boat, time) {
  const fixes = trail(boat, time), next = after(fixes, time);
  if (next === 0) return null;
  const a = fixes[next - 1], b = fixes[next];
  if (!b) return boat.here || time - a.time < IDLE_S ? a : null;  // who has quit is gone soon after
  const t = clamp((time - leaves(a, b)) / (b.time - leaves(a, b) || 1), 0, 1);
  const dx = east(a.x, b.x), dy = north(a.y, b.y);
  if (jumped(a, b)) return t < 1 ? a : b;
  const heading = Math.hypot(dx, dy) > 0.5 ? Math.atan2(dy, dx) : b.heading;
  return {time, x: wrap(a.x + dx * t, ocean.width), y: wrap(a.y + dy * t, ocean.height),
          z: mix(a.z, b.z, t), heading, moving: dx || dy};
}

const trail = (boat, time) => time >= boat.fixes[0]?.time ? boat.fixes : boat.past;

/* When a boat left the first of two places. The tracks tell of each call; a boat of which they
   told nothing for long lay still, and came here at the end. */
const leaves = (a, b) => b.time - a.time > GAP_S ? b.time - 3 * POLL_S : a.time;

/* Nobody saw the way: it leapt, or we were not told meanwhile. */
const jumped = (a, b) => b.gap || apart(a, b) > FASTEST * clamp(b.time - a.time, 0.5, 3 * POLL_S);

/* The index of the first fix later than a time, by halving. */
function after(fixes, time) {
  let low = 0, high = fixes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fixes[middle].time <= time) low = middle + 1; else high = middle;
  }
  return low;
}

/* MEMORY: what is kept of the past, so that a page may stay open for days */

const FINE_S = 300;                // so long each fix is kept,
const COARSE_S = 10;               // from then on one in so many seconds,
const KEPT_S = 7200;               // and in the end none: then the data service is asked
const SPARE = 100;                 // fixes of a boat that may be too many before we tidy
const PARTS = 12;                  // how many parts of the past are kept, TRACK_S each

function add_fix(boat, fix) {
  const last = boat.fixes.at(-1);
  fix.gap = Boolean(last) && fix.time - last.time > GAP_S;
  boat.fixes.push(fix);
  if (boat.fixes.length > (boat.tidied || 0) + SPARE) tidy(boat, fix.time);
}

function tidy(boat, now) {
  let last = -Infinity;
  boat.fixes = boat.fixes.filter((fix, i, fixes) => {
    if (fix.time < now - KEPT_S) return false;
    const gap = fix.gap || fixes[i + 1]?.gap;
    const keep = gap || fix.time > now - FINE_S || fix.time >= last + COARSE_S;
    if (keep) last = fix.time;
    return keep;
  });
  boat.tidied = boat.fixes.length;
}

/* Of the tracks fetched from the data service, keep those near the moment shown. */
function forget_tracks(at) {
  if (asked.size <= PARTS) return;
  const far = part => Math.abs(part + 0.5 - at / TRACK_S) > PARTS / 2;
  for (const part of asked) if (far(part)) asked.delete(part);
  for (const boat of ocean.boats.values()) {
    if (boat.past.length) boat.past = boat.past.filter(fix => !far(Math.floor(fix.time / TRACK_S)));
  }
}
