'use strict';

/* POLL: the server is asked once a second */

const MOST_CELLS = 4e6;            // an ocean that has more is a mistake, and would take all memory
let away = '';                     // why there is no answer, or nothing

async function ask() {
  try {
    const how = {cache: 'no-store', signal: AbortSignal.timeout(8000)};
    const reply = await fetch(`${SERVER}/chart?since=${ocean.since}`, how);
    if (reply.ok) take(await reply.json());
    away = reply.ok ? ''
      : `The server answers with status ${reply.status} instead of a chart. Asking again.`;
  } catch (problem) {
    const since = hours(Date.now() / 1000);
    if (!away) away = `The server is away since ${since}. Asking again until it is back.`;
    console.info('no chart:', problem.message);
  }
  setTimeout(ask, 1000 * (away ? AWAY_S : document.hidden ? HIDDEN_S : POLL_S));
  tell();                                               // last: whatever comes, we ask again
}

function take(chart) {
  if (!Number.isFinite(chart.now)) throw new Error('this is no chart');
  const fresh = chart.began !== ocean.began;            // a new game, or the first answer
  if (fresh) check_size(chart);
  const ahead = chart.now - Date.now() / 1000;
  const off = Math.abs(ahead - clock.ahead) > 1 || !clock.set;
  Object.assign(clock, {ahead: off ? ahead : mix(clock.ahead, ahead, 0.1), set: true});
  if (fresh) {
    forget(chart.width, chart.height, chart.sector);
    ocean.began = chart.began;
    blank();
  }
  remember(chart);
}

function check_size({width, height, sector}) {
  const right = sector > 0 && Math.min(width, height) >= sector && width * height <= MOST_CELLS;
  if (!right) throw new Error('this is no chart of an ocean');
}

/* The past of boats comes from the data service, when there is one: five minutes at a time. */
const asked = new Set();
let no_tracks = false;             // true as soon as we know that there is no data service here

async function ask_tracks(time) {
  const part = Math.floor(time / TRACK_S);
  for (const wanted of [part, part - 1, part + 1]) {
    const [from, to] = [wanted, wanted + 1].map(part => part * TRACK_S);
    const ours = from <= server_now() && to >= ocean.began;
    if (!ours || no_tracks || away || asked.has(wanted)) continue;
    forget_tracks(time);
    asked.add(wanted);
    const what = `player,time,x,y,z&time>=${from}&time<=${to}`;
    const reply = await fetch(`${SERVER}/erddap/tabledap/tracks.csv?${what}`).catch(() => null);
    const text = await reply?.text().catch(() => null);
    if (text == null) asked.delete(wanted);             // the server is away: once more, later
    else if (reply.ok) remember_tracks(text);
    else if (reply.status === 404 && !text.includes('no matching results')) no_tracks = true;
  }
}

function remember_tracks(csv) {
  const touched = new Set();
  for (const line of csv.trim().split('\n').slice(2)) {       // two header lines: names and units
    const [name, time, x, y, z] = line.replaceAll('"', '').split(',');
    const boat = meet(name);
    boat.past.push({time: Date.parse(time) / 1000, x: +x, y: +y, z: +z, heading: 0});
    touched.add(boat);
  }
  for (const {past} of touched) {
    past.sort((a, b) => a.time - b.time);
    for (let i = 1; i < past.length; i++) {
      const dx = east(past[i - 1].x, past[i].x), dy = north(past[i - 1].y, past[i].y);
      past[i].heading = dx || dy ? Math.atan2(dy, dx) : past[i - 1].heading;
    }
  }
}
