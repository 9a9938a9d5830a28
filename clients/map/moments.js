'use strict';

/* MOMENTS: what just happened, large, over the lower third of the sea, and a ring where it was */

const MOMENT_S = 4;                // so long each stays,
const ORDER_S = 10;                // and what the captain says, which is longer
const WAITING = 3;                 // so many wait at most; the oldest go
const OLD_S = 15;                  // older news are no moment any more
const LEAD_S = 30;                 // so often at most there is a new leader
const MOMENTS = new Set(['find', 'ride', 'voyage', 'quest', 'course', 'round', 'captain']);

const moments = [];                // those that wait: {text, name, x, y, seconds}
const moment = {until: 0, told: null, began: 0, at: Infinity, leader: '', led: -Infinity};

/* Called with each answer: which news are new? Those of before the page was opened are not. */
function note_moments() {
  if (moment.began !== ocean.began) begin_moments();
  if (time.live) note_news(); else note_past();
  note_leader();
}

const latest_number = () => Math.max(-1, ...ocean.news.keys());

function begin_moments() {
  Object.assign(moment, {began: ocean.began, told: latest_number(), leader: ''});
  moments.length = 0;
}

function note_news() {
  moment.told = Math.min(moment.told, latest_number());        // an earlier state may be back
  const news = [...ocean.news].filter(([number]) => number > moment.told);
  for (const [number, item] of news.sort((a, b) => a[0] - b[0])) {
    moment.told = number;
    if (item.time > server_now() - OLD_S) queue_news(item);
  }
  moment.at = Infinity;
}

/* A replay tells what happened then: all between the last look and this one, if time goes on. */
function note_past() {
  for (const item of ocean.news.values()) {
    if (time.playing && item.time > moment.at && item.time <= time.at) queue_news(item);
  }
  moment.at = time.at;
}

function queue_news(item) {
  if (!MOMENTS.has(item.kind)) return;
  queue_moment({...item, seconds: item.kind === 'captain' ? ORDER_S : MOMENT_S});
}

function note_leader() {
  if (!time.live) return;
  const [leader = ''] = ranks(), before = moment.leader;
  moment.leader = leader;
  if (!before || !leader || leader === before || server_now() - moment.led < LEAD_S) return;
  moment.led = server_now();
  const here = where(ocean.boats.get(leader), shown()) || {};
  const text = `${leader} takes the lead`;
  queue_moment({text, name: leader, x: here.x, y: here.y, seconds: MOMENT_S});
}

/* The captain does not wait. Of too many the oldest goes, a quest before a find or a ride. */
function queue_moment(item) {
  if (item.kind === 'captain') moments.length = moment.until = 0;
  moments.push(item);
  const quest = moments.findIndex(one => one.kind === 'quest');
  if (moments.length > WAITING) moments.splice(Math.max(quest, 0), 1);
  show_moment();
}

/* The next one, as soon as the one before has had its time. */
function show_moment() {
  const now = performance.now() / 1000, banner = $('#moment');
  if (now < moment.until) return;
  const item = moments.shift();
  banner.hidden = !item;
  if (!item) return;
  const boat = ocean.boats.get(item.name), words = element('span', item.text);
  banner.style.setProperty('--letters', item.text.length + (boat ? 4 : 1));
  banner.replaceChildren(...(boat ? [badge(boat), words] : [words]));
  moment.until = now + item.seconds;
  banner.classList.toggle('high', is_low(item));
  if (has_place(item)) pulse(item.x, item.y, item.seconds);
}

const has_place = item => Boolean(item.name) && item.x !== undefined;

/* Is it in the part of the sea that the banner covers? Then the banner goes up. */
function is_low(item) {
  if (!has_place(item)) return false;
  const here = view.place(item.x, item.y);
  return here.seen && here.y > 0.6 * screen_size.height;
}

setInterval(show_moment, 100);
