'use strict';

/* BOARD: who leads. Names come before decoration: on this board they are the last to give way. */

const ALL_LARGE = 16;              // so many boats stand large, all of them; of more,
const LARGE = 10;                  // the ten best, and the others on pages,
const PAGE_LINES = 10;             // at most so many lines,
const TWO_COLUMNS = 25;            // of two names each where the board is so many letters wide,
const PAGE_S = 8;                  // which turn by themselves
const CHANGE_S = 20;               // how long ▲ or ▼ stands beside who went up or down
const LINE = 1.4, LEADER = 1.25;   // as in map.css: a line's height, the leader's letters
const wall = matchMedia('(min-width: 1001px) and (min-height: 561px)');      // else it scrolls

const rows = new Map();            // name -> its line on the scoreboard
const page = {number: 0, of: 1, since: 0};
let best = [];                     // names, the best first

/* The names of the best who have points: the crown and the gold rings are for the first three. */
function ranks(count = 3) { return best.slice(0, count); }

/* Live: the score. In a replay: the sectors that each had charted by then; more it cannot tell. */
function tell_board() {
  const points = time.live ? boat => boat.score : charted_by(time.at);
  const boats = [...ocean.boats.values()].filter(boat => time.live ? boat.here : points(boat));
  boats.sort((a, b) => points(b) - points(a) || place_of(a) - place_of(b)
                       || a.name.localeCompare(b.name));
  best = boats.filter(points).map(boat => boat.name);
  $('#board caption').textContent = time.live ? 'Score' : 'Sectors charted by then';
  let rank = 0;
  const lines = boats.map((boat, i) => {
    if (!i || points(boat) !== points(boats[i - 1])) rank = i + 1;
    if (time.live) note_rank(boat, rank, i);
    return board_line(boat, rank, points(boat));
  });
  document.body.classList.toggle('crowded', boats.length > LARGE + 2);
  lay_out(lines);
}

/* How many sectors each boat had charted by then, as a function. */
function charted_by(at) {
  const charted = new Map();
  ocean.charter.forEach((name, index) => {
    if (ocean.entered[index] <= at) charted.set(name, (charted.get(name) || 0) + 1);
  });
  charted.forEach((_, name) => meet(name));
  return boat => charted.get(boat.name) || 0;
}

/* Among equals the one who was there first stands first. */
const place_of = boat => boat.place ?? Infinity;

/* Whose rank has changed gets an arrow for a while. */
function note_rank(boat, rank, place) {
  const before = boat.rank;
  Object.assign(boat, {rank, place});
  if (before && before !== rank) boat.change = {up: rank < before, until: server_now() + CHANGE_S};
}

/* A LINE: rank, arrow, boat, name, quests, points */

function board_line(boat, rank, points) {
  if (!rows.has(boat.name)) rows.set(boat.name, new_line(boat));
  const line = rows.get(boat.name), fresh = time.live && server_now() - boat.met < NEW_S;
  const write = (part, text) => { line.querySelector(part).textContent = text; };
  write('.rank', rank);
  write('.score', points);
  tell_change(line, time.live && boat.change?.until > server_now() ? boat.change : null);
  tell_quests(line, time.live ? boat.quests : 0);
  line.querySelector('mark').hidden = !fresh;
  tell_badge(line, boat);
  line.querySelector('button').setAttribute('aria-pressed', boat.name === followed);
  line.classList.toggle('idle', time.live && boat.idle_s > IDLE_S);
  line.classList.toggle('leader', boat.name === best[0]);
  return line;
}

function tell_change(line, change) {
  const arrow = line.querySelector('.change');
  arrow.textContent = change ? (change.up ? '▲' : '▼') : '';
  arrow.classList.toggle('up', Boolean(change?.up));
  arrow.title = change ? (change.up ? 'has gone up' : 'has gone down') : '';
}

/* A star and the number of quests met; in words for who hears the page, and under the mouse. */
function tell_quests(line, quests) {
  const small = line.querySelector('small');
  const words = quests ? `${quests} ${quests === 1 ? 'quest' : 'quests'} met` : '';
  if (small.title === words) return;
  const star = element('span', quests ? `★${quests}` : ''), aloud = element('span', words);
  star.ariaHidden = true;
  aloud.className = 'aloud';
  small.title = words;
  small.replaceChildren(star, aloud);
}

function new_line(boat) {
  const line = element('tr'), who = element('th'), button = element('button');
  const part = (kind, name, text) => Object.assign(element(kind, text), {className: name});
  who.scope = 'row';
  button.title = 'follow this boat';
  button.append(badge(boat), element('span', boat.name));
  button.addEventListener('click', () => follow(boat.name));
  who.append(button, element('mark', 'new'), element('small'));
  const rank = element('td');
  rank.append(part('span', 'rank'), part('span', 'change'));
  line.append(rank, who, part('td', 'score'));
  return line;
}

/* Should its colours be others now, it is drawn anew. */
function tell_badge(line, boat) {
  if (line.dataset.colours === `${boat.hull} ${boat.mark}`) return;
  line.dataset.colours = `${boat.hull} ${boat.mark}`;
  line.querySelector('canvas').replaceWith(badge(boat));
}

/* The boat as it looks on the sea: its colour, and the mark on its sail. */
function badge(boat) {
  const canvas = element('canvas'), ink = canvas.getContext('2d');
  Object.assign(canvas, {width: 96, height: 60, className: 'badge', ariaHidden: 'true'});
  ink.translate(44, 30);
  ink.scale(36, 36);
  paint_hull(ink, boat);
  return canvas;
}

/* PAGES: the best stay, the others take turns */

function lay_out(lines) {
  const large = how_many_large(lines.length), others = lines.slice(large);
  const columns = $('#board').clientWidth < TWO_COLUMNS * size_of('#rest') ? 1 : 2;
  page.of = Math.ceil(others.length / lines_of_a_page(large) / columns) || 1;
  page.number %= page.of;
  const tall = Math.ceil(others.length / page.of / columns), first = page.number * tall * columns;
  const shown = others.slice(first, first + tall * columns);
  lines.forEach(line => { line.hidden = false; });
  others.forEach(line => { line.hidden = !shown.includes(line); });
  $('#rest').style.setProperty('--lines', tall || 1);
  $('#page').hidden = page.of < 2;
  const from = large + first;
  $('#page').textContent = `${from + 1} to ${from + shown.length} of ${lines.length} ›`;
  put_in($('#best'), lines.slice(0, large));
  put_in($('#rest'), others);
}

/* As many large lines as there is room for, with two small ones below if others are left; where the
   page scrolls there is room for all. */
function how_many_large(count) {
  let large = count > ALL_LARGE ? LARGE : count;
  const below = () => Math.min(2, Math.ceil((count - large) / 2)) * LINE * size_of('#rest');
  while (wall.matches && large > 3 && room_below(large) < below()) large--;
  return large;
}

function lines_of_a_page(large) {
  if (!wall.matches) return PAGE_LINES;
  const room = room_below(large) - $('#page').offsetHeight;
  return clamp(Math.floor(room / (LINE * size_of('#rest'))), 1, PAGE_LINES);
}

/* So many pixels are left on the board below so many large lines. */
function room_below(large) {
  const box = getComputedStyle($('#board')), padding = parseFloat(box.paddingTop) * 2;
  const room = $('#board').clientHeight - padding - $('#board caption').offsetHeight;
  return room - (large - 1 + LEADER) * LINE * size_of('#best');
}

/* Would the board show more, or in larger letters, if it were taller? */
function wants_room() {
  const boats = [...ocean.boats.values()].filter(boat => boat.here).length, side = $('aside');
  if (!wall.matches) return boats > LARGE;
  if (side.scrollHeight > side.clientHeight) return true;
  const [large, small] = boats > ALL_LARGE ? [LARGE, LARGE / 2 + 1] : [boats, 0];
  return room_below(large) < small * LINE * size_of('#rest');
}

const size_of = selector => parseFloat(getComputedStyle($(selector)).fontSize);

/* Only what has changed is moved, and who stands on a name stays on it. */
function put_in(body, lines) {
  const there = body.children, focused = document.activeElement;
  if (lines.length === there.length && lines.every((line, i) => line === there[i])) return;
  body.replaceChildren(...lines);
  if (focused.isConnected) focused.focus({preventScroll: true});
}

function turn_page() {
  Object.assign(page, {number: (page.number + 1) % page.of, since: performance.now()});
  tell_board();
}

/* By itself, but not under the hand of somebody who is about to click on a name. */
function turn_pages() {
  const due = page.of > 1 && performance.now() - page.since > 1000 * PAGE_S;
  if (wall.matches && due && !$('#board').matches(':hover, :focus-within')) turn_page();
}

$('#page').addEventListener('click', turn_page);
setInterval(turn_pages, 250);
