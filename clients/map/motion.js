'use strict';

/* MOTION: the moment on the map, and where everybody was then */

const time = {live: true, playing: false, at: 0};

const server_now = () => Date.now() / 1000 + clock.ahead;
const shown = () => time.live ? server_now() - LAG_S : time.at;      // the moment on the map
const two = number => String(number).padStart(2, '0');
const hours = t => { const d = new Date(t * 1000); return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`; };

/* A class plays an hour a week, so the time bar leaves out the silence between: it is made of sessions, end to end. */
let sessions = [{from: 0, to: 0, start: 0}];            // from and to in seconds since 1970; start: where it begins on the bar

function find_sessions() {
  const news = [...ocean.news.values()].map(item => item.time);
  const times = Float64Array.from([ocean.began, ...ocean.entered, ...ocean.sounded, ...news, server_now() - LAG_S]).filter(isFinite).sort();
  sessions = [];
  for (const at of times) {
    const last = sessions.at(-1);
    if (last && at - last.to < SILENCE_S) last.to = at;
    else sessions.push({from: at, to: at, start: last ? last.start + last.to - last.from : 0});
  }
}

const session_at = at => sessions.findLast(session => session.from <= at) || sessions[0];
const on_bar = at => { const session = session_at(at); return session.start + clamp(at - session.from, 0, session.to - session.from); };
const from_bar = value => { const session = sessions.findLast(session => session.start <= value); return session.from + value - session.start; };

function go_live() { Object.assign(time, {live: true, playing: false}); tell(); }

function go_to(at, playing = time.playing) {
  Object.assign(time, {live: false, playing, at: clamp(at, ocean.began, server_now() - LAG_S)});
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
  time.at += seconds * +$('#speed').value;
  if (time.at > to && next) time.at = next.from;
  if (time.at >= server_now() - LAG_S) go_live();
}

/* Where a boat was at a time: between two fixes, the short way round. Nothing before the first fix. */
function where(boat, time) {
  const fixes = trail(boat, time), next = after(fixes, time);
  if (next === 0) return null;
  const a = fixes[next - 1], b = fixes[next];
  if (!b) return boat.here || time - a.time < IDLE_S ? a : null;     // who has quit is gone soon after
  const start = Math.max(a.time, b.time - 3 * POLL_S), t = clamp((time - start) / (b.time - start || 1), 0, 1);
  const dx = east(a.x, b.x), dy = north(a.y, b.y);
  if (jumped(a, b)) return t < 1 ? a : b;
  const heading = Math.hypot(dx, dy) > 0.5 ? Math.atan2(dy, dx) : b.heading;
  return {time, x: wrap(a.x + dx * t, ocean.width), y: wrap(a.y + dy * t, ocean.height), z: mix(a.z, b.z, t), heading, moving: dx || dy};
}

const trail = (boat, time) => boat.fixes.length && time >= boat.fixes[0].time ? boat.fixes : boat.past;
const jumped = (a, b) => Math.hypot(east(a.x, b.x), north(a.y, b.y)) > FASTEST * clamp(b.time - a.time, 0.5, 3 * POLL_S);

/* The index of the first fix later than a time, by halving. */
function after(fixes, time) {
  let low = 0, high = fixes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fixes[middle].time <= time) low = middle + 1; else high = middle;
  }
  return low;
}
