'use strict';

/* CARD: what is known of one boat */

let shown_card = '';               // the name of its boat, or nothing

function open_card(name) {
  shown_card = name;
  tell_card();
  $('#card button').focus({preventScroll: true});
}

function close_card() {
  if ($('#card').contains(document.activeElement)) $('#sea').focus({preventScroll: true});
  shown_card = '';
  tell_card();
}

function tell_card() {
  const boat = ocean.boats.get(shown_card), card = $('#card');
  card.hidden = !boat;
  if (!boat) return;
  $('#card h2').textContent = boat.name;
  $('#card div').replaceChildren(badge(boat));
  const lines = card_facts(boat).map(([what, how]) => [element('dt', what), element('dd', how)]);
  $('#card dl').replaceChildren(...lines.flat());
  const follows = followed === boat.name, button = $('#follow');
  button.textContent = follows ? 'Do not follow' : 'Follow';
  button.setAttribute('aria-pressed', follows);
}

function card_facts(boat) {
  const aboard = [...ocean.boats.values()].filter(other => other.here);
  const rank = 1 + aboard.filter(other => other.score > boat.score).length;
  const spot = where(boat, shown());
  const facts = [['Rank', `${rank} of ${aboard.length}`], ['Points', boat.score],
                 ['Quests', boat.quests]];
  if (spot) facts.push(['Depth', spot.z > 0.5 ? `${Math.round(spot.z)} m` : 'on top']);
  if (spot) facts.push(['Place', [spot.x, spot.y].map(Math.floor).join()]);
  if (boat.riding) facts.push(['Rides on', boat.riding]);
  return boat.here ? facts : [['', 'has sailed home']];
}
