'use strict';

/* DIRECTOR: when nobody touches the wall, it shows by itself what is worth seeing: the whole ocean,
   the latest event, the leader, the closest chase, the planet. A caption says which. */

const UNTOUCHED_S = 60;            // after this long it begins by itself
const CLOSE_S = 8;                 // so long a close look,
const WIDE_S = 12;                 // and a look at everything
const RECENT_S = 90;               // what happened before is no event any more
const CLOSE = 3;                   // how near a close look is: 1 is the whole ocean
const EVENTS = ['find', 'ride', 'voyage', 'quest', 'course', 'bloom', 'whale'];

const director = {
  on: false,                       // it shows
  off: query.get('director') === 'off',    // it does not begin by itself
  touched: 0,                      // when somebody did last, milliseconds since the page began
  scene: null, until: 0, next: 0,  // what it shows, until when, and the number of the next one
};

function direct_or_not() {
  director.off = director.on;
  if (director.on) stop_directing(); else direct();
}

function direct() {
  let_go();
  close_card();
  Object.assign(director, {on: true, next: 0, until: 0, before: view});
}

function stop_directing() {
  Object.assign(director, {on: false, scene: null});
  look(director.before);
  view.whole();
}

/* Whoever touches anything has the wall in hand. */
function touched(event) {
  director.touched = performance.now();
  if (director.on && event?.key !== 'd') stop_directing();
}

/* Not on a phone, not in a frame, not where motion disturbs, not while somebody looks at
   something. */
function may_direct() {
  const small = innerWidth < 900 || matchMedia('(pointer: coarse)').matches;
  const busy = followed || shown_card || $('#keys').open || !time.live || !ocean.loaded;
  return !director.off && !small && !busy && !calm.matches && !query.has('bare');
}

function tick_director(now, seconds) {
  if (!director.on && now - director.touched > 1000 * UNTOUCHED_S && may_direct()) direct();
  if (director.on && !time.live) stop_directing();
  if (!director.on) return;
  if (now > director.until) next_scene(now);
  const {place, zoom} = director.scene, spot = place?.();
  if (view === planet) return planet.turn(seconds);
  const ease = calm.matches ? 1 : 1 - Math.exp(-2.5 * seconds);
  chart.approach(spot || {x: ocean.width / 2, y: ocean.height / 2}, ease);
  chart.zoom *= ((spot ? zoom : 1) / chart.zoom) ** ease;
}

/* The next scene for which there is something to show; the whole ocean always is. */
function next_scene(now) {
  let scene = null;
  while (!scene) scene = SCENES[director.next++ % SCENES.length]();
  Object.assign(director, {scene, until: now + 1000 * scene.seconds});
  const other = scene.planet ? planet : chart;
  if (view !== other) { view.whole(); look(other); view.whole(); }
}

const SCENES = [
  function whole_ocean() { return {caption: 'The whole ocean', seconds: WIDE_S}; },

  function latest_event() {
    const recent = [...ocean.news.values()].filter(item =>
      EVENTS.includes(item.kind) && item.name && item.time > server_now() - RECENT_S);
    const event = recent.sort((a, b) => b.time - a.time)[0];
    if (!event) return null;
    pulse(event.x, event.y, CLOSE_S);
    return {caption: event.text, seconds: CLOSE_S, zoom: CLOSE, place: () => event};
  },

  function leader() {
    const [boat] = best_boats();
    if (!boat?.score) return null;
    const caption = `${boat.name} leads with ${boat.score} points`;
    return {caption, seconds: CLOSE_S, zoom: CLOSE, place: () => where(boat, shown())};
  },

  /* Of the best ten, the two neighbours with the fewest points between them. */
  function closest_chase() {
    const pairs = best_boats().slice(0, 10).map((boat, i, all) => [boat, all[i + 1]]);
    const chases = pairs.filter(([first, second]) => second?.score);
    const points = ([first, second]) => first.score - second.score;
    const [first, second] = chases.sort((a, b) => points(a) - points(b))[0] || [];
    return first ? chase(first, second) : null;
  },

  function the_planet() {
    if (planet.missing) return null;
    return {caption: 'The planet: a ring, all of it sea', seconds: WIDE_S, planet: true};
  },
];

const best_boats = () => best_names(ocean.boats.size).map(name => ocean.boats.get(name));

function chase(first, second) {
  const points = first.score - second.score;
  const spots = () => [first, second].map(boat => where(boat, shown()));
  const [a, b] = spots();
  if (!a || !b) return null;
  const caption = !points ? `${first.name} and ${second.name} are level`
    : `${second.name} is ${points} ${points === 1 ? 'point' : 'points'} behind ${first.name}`;
  const dx = Math.abs(east(a.x, b.x)) / ocean.width, dy = Math.abs(north(a.y, b.y)) / ocean.height;
  const zoom = clamp(0.6 / Math.max(dx, dy), 1, CLOSE);       // so that both are on the screen
  return {caption, seconds: CLOSE_S, zoom, place: () => middle(...spots())};
}

function middle(a, b) {
  if (!a || !b) return a || b;
  const dx = east(a.x, b.x) / 2, dy = north(a.y, b.y) / 2;
  return {x: wrap(a.x + dx, ocean.width), y: wrap(a.y + dy, ocean.height)};
}

/* CAPTION: of the director, or of the film */

function tell_caption() {
  const words = director.on ? director.scene?.caption : time.film ? film_caption() : '';
  if ($('#caption').textContent !== (words || '')) $('#caption').textContent = words || '';
}
