'use strict';

/* WORDS: the words beside the picture. Only ever textContent: a name stays a name. */

function element(kind, text = '') {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function tell() {
  notice(away);
  if (!ocean.loaded) return;
  find_sessions();
  tell_summary();
  tell_board();
  tell_course();
  tell_round();
  tell_news();
  tell_time();
  tell_busy();
}

function notice(text) { if ($('#notice').textContent !== text) $('#notice').textContent = text; }

function tell_summary() {
  const at = shown(), share = times => Math.round(100 * times.filter(time => time <= at).length / times.length);
  const boats = [...ocean.boats.values()].filter(boat => time.live ? boat.here : where(boat, at)).length;
  const found = ocean.treasures.filter(treasure => !(treasure.at > at)).length;
  const words = [[boats, boats === 1 ? 'boat' : 'boats'], [`${share(ocean.entered)} %`, 'charted'],
                 [`${share(ocean.sounded)} %`, 'sounded'], [found, found === 1 ? 'treasure' : 'treasures']];
  const pieces = words.map(([number, what]) => { const piece = element('span'); piece.append(element('b', number), ` ${what}`); return piece; });
  const gem = element('i');                             // as treasures look on the map
  gem.className = 'gem';
  pieces.at(-1).prepend(gem);
  $('#summary').replaceChildren(...pieces.flatMap((piece, i) => i ? [' · ', piece] : [piece]));
  $('#chart').setAttribute('aria-label', `The ocean: ${$('#summary').textContent}`);
}

/* The course of now: how long it is still the newest, and its best times. */
function tell_course() {
  $('#course').hidden = !time.live || !ocean.course;
  if ($('#course').hidden) return;
  const {number, marks, times, until} = ocean.course, left = Math.max(Math.round(until - server_now()), 0);
  $('#course h2').textContent = `Course ${number} · ${Math.floor(left / 60)}:${two(left % 60)} left`;
  const lines = times.slice(0, 3).map(({rank, name, seconds, points}) => [`${rank} ${name}`, `${seconds.toFixed(2)} s`, `${points} points`]);
  if (!lines.length) lines.push([`Mark 0, the start, is at ${marks[0].join()}`]);
  $('#course ol').replaceChildren(...lines.map(words => {
    const line = element('li');
    line.append(...words.map(word => element('span', word)));
    return line;
  }));
}

/* The captain's round: ready, how long it still is, or who has won; and whether the sea is frozen. */
function tell_round() {
  const round = ocean.round, frozen = ocean.frozen && (!round || round.state === 'running');
  $('#round').hidden = !time.live || !(round || frozen);
  if ($('#round').hidden) return;
  const left = round ? Math.max(Math.round(round.state === 'running' && !frozen ? round.until - server_now() : round.ends_in_s), 0) : 0;
  const clock = `${Math.floor(left / 60)}:${two(left % 60)}`;
  const words = {prepared: () => `${round.name} · ${clock} · ready?`, running: () => `${round.name} · ${clock} left`, over: () => `${round.name} is over`};
  $('#round h2').textContent = frozen ? 'The sea is frozen: eyes on the teacher' : words[round.state]();
  $('#round').classList.toggle('small', !frozen && round?.state === 'running');
  const places = (round?.state === 'over' ? round.podium : []).slice(0, 3);
  $('#round ol').replaceChildren(...places.map(({name, score}, i) => element('li', `${i + 1}. ${name} · ${score} points`)));
}

function tell_news() {
  const list = $('#news ol'), at = time.live ? Infinity : time.at;
  const latest = [...ocean.news].filter(([, item]) => item.time <= at).sort((a, b) => b[0] - a[0]).slice(0, 5);
  const wanted = new Set(latest.map(([number]) => String(number)));
  for (const line of [...list.children]) if (!wanted.has(line.dataset.number)) line.remove();
  latest.forEach(([number, {time, text}], i) => {
    if (list.children[i]?.dataset.number === String(number)) return;
    const line = element('li');
    line.dataset.number = number;
    line.append(element('time', hours(time).slice(0, 5)), element('span', text));
    list.insertBefore(line, list.children[i] || null);
  });
  list.setAttribute('aria-live', time.live ? 'polite' : 'off');
}

function tell_time() {
  const at = shown(), slider = $('#when input'), day = new Date(at * 1000), today = day.toDateString() === new Date().toDateString();
  slider.max = Math.ceil(on_bar(server_now()));
  slider.value = time.live ? slider.max : on_bar(at);
  const words = `${today ? '' : day.toLocaleDateString('en', {weekday: 'short', day: 'numeric', month: 'short'}) + ' '}${hours(at)}`;
  slider.setAttribute('aria-valuetext', words);
  $('#clock').textContent = clock.set ? words : '';
  $('#play').textContent = time.live ? 'Replay' : time.playing ? 'Pause' : 'Play';
  $('#live').setAttribute('aria-pressed', time.live);
}

/* How busy each moment was: sectors charted and sounded, in a hundred columns; a line where a new session begins. */
function tell_busy() {
  const canvas = $('#when canvas'), ink = canvas.getContext('2d'), counts = new Array(100).fill(0), length = on_bar(server_now()) || 1;
  for (const times of [ocean.entered, ocean.sounded]) {
    for (const at of times) if (at < Infinity) counts[clamp(Math.floor(on_bar(at) / length * 100), 0, 99)]++;
  }
  canvas.width = canvas.clientWidth;
  canvas.height = canvas.clientHeight;
  const most = Math.max(...counts), inset = 8, wide = canvas.width - 2 * inset;        // the slider's knob is 16 pixels wide
  ink.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--line');
  counts.forEach((count, i) => {
    const tall = count ? 2 + (canvas.height - 2) * Math.sqrt(count / most) : 0;
    ink.fillRect(inset + i * wide / 100, canvas.height - tall, Math.max(wide / 100 - 1, 1), tall);
  });
  ink.fillStyle = colours.accent;
  for (const {start} of sessions.slice(1)) ink.fillRect(inset + start / length * wide - 1, 0, 2, canvas.height);
}

function tell_how_to_join() {
  const {hostname} = new URL(SERVER), code = $('#join code');
  for (const part of `${SERVER}/join?name=you`.split(/(?<=[/?])(?!\/)/)) code.append(part, element('wbr'));
  const alone = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  $('#join span').textContent = alone ? '(Others need this computer’s own address.)' : 'Then send it from a program.';
}
