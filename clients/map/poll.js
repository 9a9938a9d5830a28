'use strict';

/* POLL: the server is asked once a second */

let away = '';                     // why there is no answer, or nothing

async function ask() {
  try {
    const reply = await fetch(`${SERVER}/chart?since=${ocean.since}`, {cache: 'no-store', signal: AbortSignal.timeout(8000)});
    if (reply.ok) take(await reply.json());
    away = reply.ok ? '' : `The server answers with status ${reply.status} instead of a chart. Asking again.`;
  } catch (problem) {
    if (!away) away = `The server is away since ${hours(Date.now() / 1000)}. Asking again until it is back.`;
    console.info('no chart:', problem.message);
  }
  tell();
  setTimeout(ask, 1000 * (away ? AWAY_S : document.hidden ? HIDDEN_S : POLL_S));
}

function take(chart) {
  const ahead = chart.now - Date.now() / 1000;
  const off = Math.abs(ahead - clock.ahead) > 1 || !clock.set;
  Object.assign(clock, {ahead: off ? ahead : mix(clock.ahead, ahead, 0.1), set: true});
  if (chart.began !== ocean.began) {                    // a new game, or the first answer: start from nothing
    forget(chart.width, chart.height, chart.sector);
    ocean.began = chart.began;
    blank();
  }
  remember(chart);
}

/* The past of boats comes from the data service, when there is one: five minutes at a time. */
const asked = new Set();
let no_tracks = false;             // true as soon as we know that there is no data service here

async function ask_tracks(time) {
  const part = Math.floor(time / TRACK_S);
  for (const wanted of [part, part - 1, part + 1]) {
    if (no_tracks || away || asked.has(wanted) || wanted * TRACK_S > server_now() || (wanted + 1) * TRACK_S < ocean.began) continue;
    forget_tracks(time);
    asked.add(wanted);
    const url = `${SERVER}/erddap/tabledap/tracks.csv?player,time,x,y,z&time>=${wanted * TRACK_S}&time<=${(wanted + 1) * TRACK_S}`;
    const reply = await fetch(url).catch(() => null), text = await reply?.text().catch(() => null);
    if (text == null) asked.delete(wanted);             // the server is away: once more when it is back
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
