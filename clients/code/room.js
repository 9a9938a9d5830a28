/*
  The room: between the page, which keeps things, and the worker, which is Python.

  It is a sandboxed frame, an origin of its own: what runs here sees neither page nor cookies,
  and its calls go out without them. It fetches our own files, compiles Pyodide once, and always has
  one worker: when a program does not hear Stop, the worker is ended and the next one begins.
*/
'use strict';

const MERCY_MS = 300;              // so long a stopped program may take for its own goodbye
const MODULES = ['browser.py', 'requests.py', 'threads.py', 'turtle.py'];
const here = new URL('.', location.href), page = here.origin;

const text_of = async name => (await fetch(new URL(name, here), {cache: 'no-cache'})).text();
const ours = {script: text_of('worker.js'), modules: MODULES.map(text_of)};
let compiled = null;               // Pyodide's machine code, or the promise of it
let things = null;                 // all that a new worker needs
let worker = null, ready = false;
let waiting = null;                // a program that came before Python was ready
let running = false;
let mercy = 0;                     // the timer that ends a program which does not hear Stop

const tell = (message, hand_over = []) => parent.postMessage(message, page, hand_over);

/* The largest part comes before the others, and is compiled while they are on their way. */
function compile({bytes}) { compiled = WebAssembly.compile(bytes); }

async function load({files, snapshot, keep, jspi, home}) {
  const [script, wasm, ...texts] = await Promise.all([ours.script, compiled, ...ours.modules]);
  const modules = Object.fromEntries(MODULES.map((name, number) => [name, texts[number]]));
  things = {script: URL.createObjectURL(new Blob([script], {type: 'text/javascript'})),
            load: {do: 'load', files, wasm, modules, snapshot, keep, jspi, home}};
  begin();
}

function begin() {
  worker?.terminate();
  ready = false;
  worker = new Worker(things.script);
  worker.onmessage = ({data}) => hear(data);
  worker.onerror = event => fail(event.message || 'the worker did not start');
  worker.postMessage(things.load);
}

/* What the worker says; most of it is for the page. */
function hear(message) {
  if (message.snapshot) {
    const picture = message.snapshot;
    things.load.snapshot = picture;
    return tell({snapshot: picture});
  }
  if (message.ready) {
    ready = true;
    if (waiting) run(waiting);
  }
  if (message.done) { running = false; clearTimeout(mercy); }
  if (message.broken) return fail(message.broken);
  tell(message);
  if (message.done?.fresh) begin();
}

/* A start from a snapshot may fail for reasons of its own: then once more, from the beginning. */
function fail(why) {
  if (!ready && things.load.snapshot) {
    things.load = {...things.load, snapshot: null, keep: false};
    tell({spoilt: why});
    return begin();
  }
  tell({broken: why});
}

function run(program) {
  waiting = ready ? null : program;
  running = ready;
  if (ready) worker.postMessage(program);
}

function stop() {
  if (waiting) end();
  if (!running) return;
  worker.postMessage({do: 'stop'});
  clearTimeout(mercy);
  mercy = setTimeout(() => { end(); begin(); }, MERCY_MS);
}

function end() {
  waiting = null;
  running = false;
  tell({done: {how: 'ended'}});
}

const asked = {
  compile, load, run, stop,
  answer: message => worker?.postMessage(message),
  event: message => worker?.postMessage(message),
};

addEventListener('message', async ({source, data}) => {
  if (source !== parent) return;
  try { await asked[data.do](data); } catch (error) { fail(String(error)); }
});
tell({here: true});
