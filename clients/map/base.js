'use strict';

/* SETTINGS */

const query = new URLSearchParams(`${location.search.slice(1)}&${location.hash.slice(1)}`);
const SERVER = server_address(query.get('server') || (location.protocol === 'file:' ? 'localhost:8080' : new URL('.', location).href));
const POLL_S = 1;                  // how often the server is asked,
const HIDDEN_S = 5;                // how often when nobody is looking,
const AWAY_S = 2;                  // and how often when it is away
const LAG_S = 1.3;                 // the map shows what was this long ago, so that boats glide between two known places
const WAKE_S = 20;                 // length of a wake
const NEW_S = 120;                 // how long somebody counts as new
const IDLE_S = 60;                 // after this long without a call a boat is drawn pale
const SILENCE_S = 900;             // when nothing happens for so long, a session is over
const TRACK_S = 300;               // how much of the past is fetched at once from the data service
const FASTEST = 100;               // cells a second; on a whale, with a sandwich, one makes 50; whoever was quicker was teleported, and leaves no wake
const PX = 2;                      // pixels of the picture for each cell of the ocean
const DEPTHS = [[5, '#fff6c9'], [13, '#c3e8b4'], [21, '#6cc5be'], [30, '#3397c0'], [40, '#2a62a8'], [50, '#1b2a70']];   // metres, colour
const HULLS = ['#ffffff', '#ffb000', '#ff7a45', '#ff9ecb', '#f4ea5a', '#8fe8cf', '#cdb8ff', '#ffd2a1'];   // safe for the colour-blind on blue
const DARK = '#0a131a';            // the outline of whatever swims
const calm = matchMedia('(prefers-reduced-motion: reduce)'), day = matchMedia('(prefers-color-scheme: light)');

function server_address(text) {
  const address = text.includes('://') ? text : `http://${text}`;
  return (/^https?:\/\/[^/]+/.test(address) && URL.canParse(address) ? address : location.origin).replace(/\/+$/, '');
}

const $ = selector => document.querySelector(selector);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const smooth = (low, high, value) => { const t = clamp((value - low) / (high - low), 0, 1); return t * t * (3 - 2 * t); };
const mix = (a, b, t) => a + (b - a) * t;
const fortune = seed => () => (seed = (seed * 16807) % 2147483647) / 2147483647;      // dice that fall the same way on every wall

/* TORUS: x grows east, y grows north, both come round again */

const wrap = (value, size) => ((value % size) + size) % size;
const shortest = (step, size) => wrap(step + size / 2, size) - size / 2;    // from -size/2 to size/2
const east = (from, to) => shortest(to - from, ocean.width);
const north = (from, to) => shortest(to - from, ocean.height);
