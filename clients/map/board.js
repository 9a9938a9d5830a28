'use strict';

/* BOARD: who leads */

const rows = new Map();            // name -> its line on the scoreboard

/* Live: the score. In a replay: the sectors that each had charted by then, which is all that the past can tell. */
function tell_board() {
  const charted = new Map();
  if (!time.live) ocean.charter.forEach((name, index) => { if (ocean.entered[index] <= time.at) charted.set(name, (charted.get(name) || 0) + 1); });
  charted.forEach((_, name) => meet(name));
  const points = boat => time.live ? boat.score : charted.get(boat.name);
  const boats = [...ocean.boats.values()].filter(boat => time.live ? boat.here : charted.has(boat.name));
  boats.sort((a, b) => points(b) - points(a) || a.name.localeCompare(b.name));
  $('#board caption').textContent = time.live ? 'Score' : 'Sectors charted by then';
  const many = boats.length > 16;                       // then two columns of names, and less news
  $('aside').classList.toggle('many', many);
  $('#board').style.setProperty('--lines', Math.ceil(boats.length / (many ? 2 : 1)));
  const lines = boats.map((boat, i) => board_line(boat, boats.findIndex(other => points(other) === points(boat)) + 1, points(boat)));
  const body = $('#board tbody');
  if (lines.length !== body.children.length || lines.some((line, i) => line !== body.children[i])) body.replaceChildren(...lines);
}

function board_line(boat, rank, points) {
  if (!rows.has(boat.name)) rows.set(boat.name, new_line(boat));
  const line = rows.get(boat.name), fresh = time.live && server_now() - boat.met < NEW_S;
  line.querySelector('.rank').textContent = rank;
  line.querySelector('.score').textContent = points;
  line.querySelector('mark').hidden = !fresh;
  tell_quests(line.querySelector('small'), time.live ? boat.quests : 0);
  line.querySelector('button').setAttribute('aria-pressed', boat.name === followed);
  line.classList.toggle('idle', time.live && boat.idle_s > IDLE_S);
  return line;
}

/* A star and the number of quests met, in words for who hears the page, and under the mouse. */
function tell_quests(small, quests) {
  const words = quests ? `${quests} ${quests === 1 ? 'quest' : 'quests'} met` : '';
  if (small.title === words) return;
  const stars = element('span', quests ? `★${quests}` : ''), aloud = element('span', words);
  stars.ariaHidden = true;
  aloud.className = 'aloud';
  small.title = words;
  small.replaceChildren(stars, aloud);
}

function new_line(boat) {
  const line = element('tr'), rank = element('td'), who = element('th'), button = element('button'), dot = element('i'), score = element('td');
  rank.className = 'rank';
  score.className = 'score';
  who.scope = 'row';
  dot.style.background = boat.hull;
  button.title = 'follow this boat';
  button.append(dot, element('span', boat.name), element('mark', 'new'));
  button.addEventListener('click', () => follow(boat.name));
  who.append(button, element('small'));
  line.append(rank, who, score);
  return line;
}
