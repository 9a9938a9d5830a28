'use strict';

/* SETTINGS */

const query = address_words();
const HOME = location.protocol === 'file:' ? 'localhost:8080' : new URL('.', location).href;
const SERVER = server_address(query.get('server') || HOME);
const POLL_S = 1;                  // how often the server is asked,
const HIDDEN_S = 5;                // how often when nobody is looking,
const AWAY_S = 2;                  // and how often when it is away
const LAG_S = 1.3;                 // the map shows what was this long ago, so that boats glide
const GAP_S = 12;                  // between two places further apart in time nobody knows the way
const WAKE_S = 20;                 // length of a wake
const NEW_S = 120;                 // how long somebody counts as new
const IDLE_S = 60;                 // after this long without a call a boat is drawn pale
const SILENCE_S = 900;             // when nothing happens for so long, a session is over
const TRACK_S = 300;               // how much of the past is fetched at once from the data service
const FILM_S = 60;                 // so long is the film of a session
const FASTEST = 100;               // cells a second; on a whale, with a sandwich, one makes 50;
                                   // whoever was quicker was teleported, and leaves no wake
const PX = 2;                      // pixels of the picture for each cell of the ocean
const DEPTHS = [[5, '#fff6c9'], [13, '#c3e8b4'], [21, '#6cc5be'],      // metres, colour
                [30, '#3397c0'], [40, '#2a62a8'], [50, '#1b2a70']];

/* A boat is known by its colour and by the mark on its sail: eight by four. They are apart for the
   colour-blind, too, and none is the yellow of a treasure. Beside each is the ink of its mark. */
const HULLS = [['#ffffff', '#101820'], ['#d8351c', '#ffffff'], ['#1f45e0', '#ffffff'],
               ['#34abfc', '#101820'], ['#00695f', '#ffffff'], ['#ff9e95', '#101820'],
               ['#5f2f8e', '#ffffff'], ['#101820', '#ffffff']];
const MARKS = ['plain', 'stripe', 'dot', 'chevron'];
const GOLD = '#ffd95e';            // treasures, and the crown
const DARK = '#0a131a', LIGHT = '#ffffff';     // two outlines: one of them shows on any sea
const DEEP = '#12406b60', PALE = '#8fa0ab80';  // what veils a boat under water, and one asleep
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const day = matchMedia('(prefers-color-scheme: light)');

/* What the address asks for: /map?view=planet or /map#view=planet; what follows # wins. */
function address_words() {
  const words = new URLSearchParams(location.search);
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) words.set(name, value);
  return words;
}

function server_address(text) {
  const address = text.includes('://') ? text : `http://${text}`;
  const good = /^https?:\/\/[^/]+/.test(address) && URL.canParse(address);
  return (good ? address : location.origin).replace(/\/+$/, '');
}

const $ = selector => document.querySelector(selector);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const mix = (a, b, t) => a + (b - a) * t;
const TAU = 2 * Math.PI;

function smooth(low, high, value) {
  const t = clamp((value - low) / (high - low), 0, 1);
  return t * t * (3 - 2 * t);
}

/* Dice that fall the same way on every wall. */
const fortune = seed => () => (seed = (seed * 16807) % 2147483647) / 2147483647;

/* TORUS: x grows east, y grows north, both come round again */

const wrap = (value, size) => ((value % size) + size) % size;
const shortest = (step, size) => wrap(step + size / 2, size) - size / 2;   // from -size/2 to size/2
const east = (from, to) => shortest(to - from, ocean.width);
const north = (from, to) => shortest(to - from, ocean.height);
const apart = (a, b) => Math.hypot(east(a.x, b.x), north(a.y, b.y));        // in cells

/* IDENTITY: a boat wears the same colours on every wall, by its pennant number; should two have the
   same one (an ocean from before there were any), the second takes the next that is free. */

function wear(boat, pennant) {
  if (boat.pennant === pennant) return;
  const others = [...ocean.boats.values()].filter(other => other !== boat && other.here);
  const worn = new Set(others.map(other => other.number));
  boat.pennant = boat.number = pennant;
  while (worn.has(boat.number)) boat.number++;
  dress_boat(boat);
}

function dress_boat(boat) {
  [boat.hull, boat.ink] = HULLS[boat.number % HULLS.length];
  boat.mark = MARKS[Math.floor(boat.number / HULLS.length) % MARKS.length];
}
