'use strict';

/* WORDS: the words beside the picture. Only ever textContent: a name stays a name. */

const NEWS_MOST = 4, NEWS_LEAST = 2;         // so many news are shown, whole;
const NEWS_PRINTED = 15;                     // and so many on paper

function element(kind, text = '') {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function list_item(...parts) {
  const made = element('li');
  made.append(...parts);
  return made;
}

function tell() {
  notice(away || (performance.now() < remark.until ? remark.text : ''));
  if (ocean.loaded) find_sessions();                    // the time bar is made of them
  tell_time();
  if (!ocean.loaded) return;
  tell_how_to_join();
  tell_summary();
  tell_course();
  tell_round();
  tell_news();
  tell_board();
  note_moments();
  tell_busy();
}

const remark = {text: '', until: 0};

/* Something that is worth a sentence, for some seconds. */
function say(text, seconds = 10) {
  Object.assign(remark, {text, until: performance.now() + 1000 * seconds});
  tell();
}

function notice(text) { if ($('#notice').textContent !== text) $('#notice').textContent = text; }

function tell_summary() {
  const at = shown(), boats = [...ocean.boats.values()];
  const here = boats.filter(boat => time.live ? boat.here : where(boat, at)).length;
  const found = ocean.treasures.filter(treasure => !(treasure.at > at)).length;
  const gem = Object.assign(element('i'), {className: 'gem'});       // as treasures look on the map
  const pieces = [
    piece(here, here === 1 ? 'boat' : 'boats'), piece(share(ocean.entered, at), 'charted'),
    piece(share(ocean.sounded, at), 'sounded'),
    piece(`${found} of ${ocean.treasure_places}`, 'places of treasure found', gem)];
  $('#summary').replaceChildren(...pieces.flatMap((one, i) => i ? [' · ', one] : [one]));
  $('#chart').setAttribute('aria-label', `The ocean: ${$('#summary').textContent}`);
}

function piece(number, what, ...before) {
  const made = element('span');
  made.append(...before, element('b', number), ` ${what}`);
  return made;
}

const share = (times, at) => {
  return `${Math.round(100 * times.filter(time => time <= at).length / times.length)} %`;
};

/* The latest news, each of them whole: as many as the names on the board leave room for. */
function tell_news() {
  const list = $('#news ol'), at = time.live ? Infinity : time.at;
  const latest = [...ocean.news].filter(([, item]) => item.time <= at);
  latest.sort((a, b) => b[0] - a[0]).splice(NEWS_PRINTED);
  const lines = latest.map(([number, item]) => list.querySelector(`[data-number="${number}"]`)
                                               || news_line(number, item));
  put_in(list, lines);
  lines.forEach((line, i) => { line.hidden = i >= NEWS_MOST; });
  for (let i = NEWS_MOST - 1; i >= NEWS_LEAST && wants_room(); i--) {
    if (lines[i]) lines[i].hidden = true;
  }
}

function news_line(number, {time, text}) {
  const line = list_item(element('time', hours(time).slice(0, 5)), element('span', text));
  line.dataset.number = number;
  return line;
}

function tell_time() {
  const at = shown(), slider = $('#when input'), then = new Date(at * 1000);
  const is_today = then.toDateString() === new Date().toDateString();
  const date = then.toLocaleDateString('en', {weekday: 'short', day: 'numeric', month: 'short'});
  const words = is_today ? hours(at) : `${date} ${hours(at)}`;
  slider.max = Math.ceil(on_bar(server_now()));
  slider.value = time.live ? slider.max : on_bar(at);
  slider.setAttribute('aria-valuetext', words);
  $('#clock').textContent = clock.set ? words : '';
  $('#play').textContent = time.live ? 'Replay' : time.playing ? 'Pause' : 'Play';
  $('#live').setAttribute('aria-pressed', time.live && !away);
  document.body.classList.toggle('away', Boolean(away));
}

/* How busy each moment was: sectors charted and sounded, in a hundred columns; a line where a new
   session begins. */
function tell_busy() {
  const canvas = $('#when canvas'), ink = canvas.getContext('2d');
  const length = on_bar(server_now()) || 1, counts = busy_columns(length);
  canvas.width = canvas.clientWidth;
  canvas.height = canvas.clientHeight;
  const most = Math.max(...counts), inset = 8;          // the slider's knob is 16 pixels wide
  const wide = canvas.width - 2 * inset;
  ink.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--line');
  counts.forEach((count, i) => {
    const tall = count ? 2 + (canvas.height - 2) * Math.sqrt(count / most) : 0;
    ink.fillRect(inset + i * wide / 100, canvas.height - tall, Math.max(wide / 100 - 1, 1), tall);
  });
  ink.fillStyle = colours.accent;
  for (const {start} of sessions.slice(1)) {
    ink.fillRect(inset + start / length * wide - 1, 0, 2, canvas.height);
  }
}

function busy_columns(length) {
  const counts = new Array(100).fill(0);
  for (const times of [ocean.entered, ocean.sounded]) {
    for (const at of times) {
      if (at < Infinity) counts[clamp(Math.floor(on_bar(at) / length * 100), 0, 99)]++;
    }
  }
  return counts;
}
