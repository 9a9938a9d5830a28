'use strict';

/* START */

let last_frame = 0, last_tick = 0, last_tell = 0;

function frame(now) {
  const seconds = Math.min((now - last_frame) / 1000, 0.5);
  last_frame = now;
  tick_time(seconds);
  const at = shown(), target = followed && ocean.boats.has(followed) && where(ocean.boats.get(followed), at);
  if (target) view.approach(target, calm.matches ? 1 : 1 - Math.exp(-4 * seconds));
  else view.turn(seconds);
  if (now - last_tick > 100) { last_tick = now; lift(at); paint(); if (!time.live) { tell_time(); ask_tracks(at); } }
  if (!time.live && now - last_tell > 1000) { last_tell = now; tell(); }
  draw(at);
  requestAnimationFrame(frame);
}

function listen() {
  $('#chart-button').addEventListener('click', () => look(chart));
  $('#planet-button').addEventListener('click', () => look(planet));
  $('#theme-button').addEventListener('click', () => set_theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
  $('#keys-button').addEventListener('click', () => $('#keys').showModal());
  $('#play').addEventListener('click', go_or_pause);
  $('#live').addEventListener('click', go_live);
  $('#when input').addEventListener('input', event => go_to(from_bar(+event.target.value), false));
  const sea = $('#sea');
  sea.addEventListener('pointerdown', on_down);
  sea.addEventListener('pointermove', on_move);
  sea.addEventListener('pointerup', on_up);
  sea.addEventListener('pointercancel', event => fingers.delete(event.pointerId));
  sea.addEventListener('pointerleave', () => { $('#readout').textContent = ''; });
  sea.addEventListener('wheel', event => { event.preventDefault(); view.zoom_by(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY); }, {passive: false});
  document.addEventListener('keydown', on_key);
  $('#planet').addEventListener('webglcontextlost', event => { event.preventDefault(); look(chart); });
  $('#planet').addEventListener('webglcontextrestored', () => { planet.gl = null; });
  day.addEventListener('change', () => set_theme(day.matches ? 'light' : 'dark'));
  new ResizeObserver(fit).observe(sea);
}

document.documentElement.classList.toggle('bare', query.has('bare'));
forget();
blank();
set_theme(['light', 'dark'].includes(query.get('theme')) ? query.get('theme') : day.matches ? 'light' : 'dark');
fit();
listen();
scatter_stars();
look(query.get('view') === 'planet' ? planet : chart);
if (query.get('follow')) follow(query.get('follow'));
tell_how_to_join();
ask();
requestAnimationFrame(frame);
window.mocean = {ocean, time, chart, planet, places, plates: () => plates, painted_all: () => ocean.loaded && !dirty.size};      // for the curious, in the browser's console
