'use strict';

/* STAKES: what is at stake: the course of now, the captain's round, its podium */

const BEST_TIMES = 3;              // of a course
const STEPS = 3;                   // of the podium
const SEASON = [25, 18, 15, 12, 10, 8, 6, 4, 2, 1];      // points for a round, as in captain.py
const PAPERS = 60;                 // of confetti
const LAST_S = 60;                 // the countdown's last minute is lit

const minutes = seconds => `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
const points_of = number => `${number} ${number === 1 ? 'point' : 'points'}`;

/* The course of now: how long it is still the newest, and its best times. */
function tell_course() {
  $('#course').hidden = !time.live || !ocean.course;
  if ($('#course').hidden) return;
  const {number, marks, times, until} = ocean.course;
  const left = Math.max(Math.round(until - server_now()), 0);
  $('#course h2').textContent = `Course ${number} · ${minutes(left)} left`;
  const lines = times.slice(0, BEST_TIMES).map(course_line);
  if (!lines.length) lines.push([element('span', `Mark 0, the start, is at ${marks[0].join()}`)]);
  $('#course ol').replaceChildren(...lines.map(words => list_item(...words)));
}

function course_line({rank, name, seconds, points}) {
  const boat = ocean.boats.get(name);
  return [element('b', rank), boat ? badge(boat) : '', element('span', name),
          element('b', `${seconds.toFixed(2)} s`), element('small', points_of(points))];
}

/* The captain's round: ready, how long it still is, who has won; or the sea is frozen. */
function tell_round() {
  const round = time.live ? ocean.round : null, state = round?.state;
  tell_countdown(state === 'running' ? round : null);
  const words = round_words(round), places = state === 'over' ? round.podium : [];
  $('#round').hidden = !words;
  $('#round').classList.toggle('over', places.length > 0);
  $('#round h2').textContent = words;
  tell_podium(places);
}

function round_words(round) {
  if (!time.live || !(round || ocean.frozen)) return '';
  if (round?.state === 'prepared') return `${round.name} · ${minutes(left_of(round))} · ready?`;
  if (round && round.state !== 'running') return `${round.name} is over`;
  return ocean.frozen ? 'The sea is frozen: eyes on the teacher' : '';
}

function left_of({state, seconds, until}) {
  return Math.max(Math.round(state === 'prepared' ? seconds : until - server_now()), 0);
}

function tell_countdown(round) {
  $('#countdown').hidden = !round;
  document.body.classList.toggle('in-round', Boolean(round));
  if (!round) return;
  const left = left_of(round);
  $('#countdown').classList.toggle('last', left <= LAST_S);
  $('#countdown span').textContent = round.name;
  $('#countdown b').textContent = minutes(left);
}

/* THE PODIUM: three steps, and the others who earned points for the season */

let podium = '';                   // what stands on it now

function tell_podium(places) {
  const now = JSON.stringify(places);
  if (now === podium) return;
  podium = now;
  $('#podium').replaceChildren(...places.slice(0, STEPS).map(step));
  $('#places').replaceChildren(...places.slice(STEPS, SEASON.length).map(lower_place));
  $('#places').hidden = places.length <= STEPS;
  $('#confetti').replaceChildren(...(places.length && !calm.matches ? confetti() : []));
}

/* In the colours of the boats. */
function confetti() {
  const dice = fortune(Date.now() % 1e6 + 1);
  return Array.from({length: PAPERS}, (_, i) => {
    const paper = element('i'), set = (name, value) => paper.style.setProperty(name, value);
    set('--left', `${100 * dice()}%`);
    set('--late', `${2 + 4 * dice()}s`);
    set('--turn', `${360 * dice()}deg`);
    set('--drift', `${20 * dice() - 10}cqw`);
    set('--colour', HULLS[i % HULLS.length][0]);
    return paper;
  });
}

function step({rank, name, score}) {
  const boat = ocean.boats.get(name), stone = element('p');
  stone.append(element('b', rank), element('small', `+${SEASON[rank - 1]} for the season`));
  const made = list_item(...(boat ? [badge(boat)] : []), element('strong', name),
                         element('span', points_of(score)), stone);
  made.className = `step${rank}`;
  made.style.setProperty('--letters', Math.max(name.length, 6));
  return made;
}

function lower_place({rank, name, score}) {
  const boat = ocean.boats.get(name);
  return list_item(element('b', rank), ...(boat ? [badge(boat)] : []), element('span', name),
                   element('b', score), element('small', `+${SEASON[rank - 1]}`));
}
