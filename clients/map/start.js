'use strict';

/* START */

let last_frame = 0, last_tick = 0, last_tell = 0;

function frame(now) {
  requestAnimationFrame(frame);                         // first: should one go wrong, others follow
  const seconds = Math.min((now - last_frame) / 1000, 0.5);
  last_frame = now;
  tick_time(seconds);
  tick_film();
  tick_director(now, seconds);
  const at = shown();
  if (!director.on) move_view(at, seconds);
  if (now - last_tick > 100) { last_tick = now; tick(at); }
  if (now - last_tell > 1000) { last_tell = now; tell_often(); }
  draw(at);
}

/* After the boat that is followed; else the planet turns by itself. */
function move_view(at, seconds) {
  const boat = ocean.boats.get(followed), target = boat && where(boat, at);
  if (target) view.approach(target, calm.matches ? 1 : 1 - Math.exp(-4 * seconds));
  else view.turn(seconds);
}

function tick(at) {
  lift(at);
  paint();
  tell_caption();
  if (time.live) return;
  tell_time();
  ask_tracks(at);
}

function tell_often() {
  if (!ocean.loaded) return;
  if (!time.live) tell();
  tell_behind();
  note_covered();
  tell_card();
  tell_marks();
  tell_film();
}

function listen() {
  const sea = $('#sea'), on = (what, ...how) => what.addEventListener(...how);
  const other_theme = () => document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  on($('#chart-button'), 'click', () => choose_view(chart));
  on($('#planet-button'), 'click', () => choose_view(planet));
  on($('#theme-button'), 'click', () => choose_theme(other_theme()));
  on($('#keys-button'), 'click', () => $('#keys').showModal());
  on($('#play'), 'click', go_or_pause);
  on($('#film'), 'click', film_or_not);
  on($('#live'), 'click', go_live);
  on($('#follow'), 'click', () => follow(shown_card));
  on($('#close-card'), 'click', close_card);
  on($('#when input'), 'input', event => go_to(from_bar(+event.target.value), false));
  on(sea, 'pointerdown', on_down);
  on(sea, 'pointermove', on_move);
  on(sea, 'pointerup', on_up);
  on(sea, 'pointercancel', event => fingers.delete(event.pointerId));
  on(sea, 'pointerleave', () => { $('#readout').textContent = ''; });
  on(sea, 'touchstart', on_touch, {passive: false});
  on(sea, 'wheel', on_wheel, {passive: false});
  for (const kind of ['pointerdown', 'keydown', 'wheel']) {
    on(document, kind, touched, {capture: true, passive: true});
  }
  on(document, 'keydown', on_key);
  on(window, 'hashchange', obey_address);
  on($('#planet'), 'webglcontextlost', event => { event.preventDefault(); look(chart); });
  on($('#planet'), 'webglcontextrestored', () => { planet.gl = null; });
  on(day, 'change', () => { if (!theme_chosen) set_theme(day.matches ? 'light' : 'dark'); });
  new ResizeObserver(fit).observe(sea);
}

document.documentElement.classList.toggle('bare', query.has('bare'));
forget();
blank();
fit();
listen();
scatter_stars();
obey_address();
tell_how_to_join();
ask();
requestAnimationFrame(frame);

/* For the curious, in the browser's console. */
window.mocean = {ocean, time, chart, planet, director, places, plates: () => plates,
                 painted_all: () => ocean.loaded && !dirty.size};
