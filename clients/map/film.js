'use strict';

/* FILM: a session in a minute; and the marks on the time bar */

const MOST_MARKS = 40;             // on the time bar
const BAR_KINDS = ['find', 'round', 'voyage'];

function film_or_not() {
  if (time.film) return go_live();
  const {from, to} = session_at(shown());
  go_to(from, true);
  Object.assign(time, {film: Math.max((to - from) / FILM_S, 1), film_end: to});
  tell_film();
}

function tick_film() {
  if (!time.film || time.at < time.film_end) return;
  if (time.film_end > newest() - SILENCE_S) return go_live();
  go_to(time.film_end, false);
}

function tell_film() {
  const on = Boolean(time.film);
  $('#film').setAttribute('aria-pressed', on);
  $('#film').textContent = on ? 'Stop' : 'Film';
}

const film_caption = () => `The film of this session · ${hours(time.at).slice(0, 5)}`;

/* MARKS: finds and rounds, on the time bar, to click on */

function tell_marks() {
  const now = server_now(), length = on_bar(now) || 1;  // what is later: a clock was put back
  const marked = ([, item]) => BAR_KINDS.includes(item.kind) && item.time <= now;
  const items = [...ocean.news].filter(marked);
  const marks = items.sort((a, b) => b[1].time - a[1].time).slice(0, MOST_MARKS);
  const bar = $('#marks'), wanted = marks.map(([number, item]) => {
    const id = `mark-${number}`, mark = document.getElementById(id) || new_mark(id, item);
    mark.style.left = `calc(8px + (100% - 16px) * ${on_bar(item.time) / length})`;
    return mark;
  });
  if (wanted.length !== bar.children.length || wanted.some((mark, i) => mark !== bar.children[i])) {
    bar.replaceChildren(...wanted);
  }
}

function new_mark(id, item) {
  const mark = element('button');
  mark.id = id;
  mark.className = item.kind === 'round' ? 'round' : 'find';
  mark.title = mark.ariaLabel = `${hours(item.time).slice(0, 5)} ${item.text}`;
  mark.tabIndex = -1;                                   // by key one has the slider
  mark.addEventListener('click', () => show_event(item));
  return mark;
}

function show_event(item) {
  go_to(item.time + 1, false);
  if (item.name) pulse(item.x, item.y, 6);
}
