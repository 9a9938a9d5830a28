/*
  One worker is one Python. It runs the student's program and does nothing else.

      room.js  --load, run, stop, answer, event-->  worker.js  --ready, out, ask, draw, done-->
                                                        |
                LOAD   starts Pyodide, from the files that the page has fetched
                HOST   what Python may ask of the browser: time, a line, a call, a drawing
                HEAR   what comes from outside

  A program waits in one of two ways. Where the browser can set Python's stack aside (JSPI:
  Chromium, Firefox), a wait is a promise, the worker stays awake meanwhile, and Stop ends the
  wait. Where it cannot (Safari), the worker itself stands still: each function of HOST has a twin
  with _here in its name for that, and the room stops such a program by ending the worker.
*/

'use strict';

const tell = (message, hand_over = []) => postMessage(message, hand_over);

/* ================================================================ LOAD */

let python = null;                 // Pyodide, once it stands
let run = null;                    // the Python function that runs a program
let server = '', box = '';         // the game's address; the name of our box of typed lines there
const BEFOREHAND = 'import ast, csv, datetime, json, linecache, queue, random, threading, '
  + 'traceback, types, urllib.parse';          // part of the snapshot, and so at hand at once

/* files: name -> bytes; wasm: the compiled heart of Pyodide; modules: name -> text of our files. */
async function load({files, wasm, modules, snapshot, keep, jspi, home}) {
  ({server, box} = home);
  globalThis.importScripts = undefined;      // Pyodide takes it to mean that there is no import()
  if (!jspi) delete WebAssembly.Suspending;  // Pyodide then believes that this browser has none
  const address = bytes => URL.createObjectURL(new Blob([bytes], {type: 'text/javascript'}));
  const {loadPyodide, version} = await import(address(files['pyodide.mjs']));
  const {default: createPyodideModule} = await import(address(files['pyodide.asm.mjs']));
  const back = hand_out(files, wasm);
  const info = {abi_version: '2026_0', arch: 'wasm32', platform: 'emscripten',
                python: '3.14', version};
  python = await loadPyodide({
    createPyodideModule, indexURL: server + 'pyodide/', packageBaseUrl: server + 'pyodide/',
    lockFileContents: {info, packages: {}},
    env: {HOME: '/home/you', PYTHONINSPECT: ''}, convertNullToNone: true,
    ...(snapshot ? {_loadSnapshot: snapshot} : {_makeSnapshot: keep}),
  });
  back();
  if (!snapshot) python.runPython(BEFOREHAND);
  if (keep && !snapshot) {
    const picture = python.makeMemorySnapshot();
    tell({snapshot: picture.buffer}, [picture.buffer]);
  }
  for (const [name, text] of Object.entries(modules)) {
    python.FS.writeFile(`/lib/python3.14/site-packages/${name}`, text);
  }
  run = python.pyimport('browser').run;
  tell({ready: true, stands_still: !WebAssembly.Suspending});
}

/* While it loads, Pyodide gets its parts from our hands, and nothing is compiled a second time. */
function hand_out(files, wasm) {
  const {fetch} = globalThis, {instantiateStreaming} = WebAssembly;
  const name_of = address => new URL(address).pathname.split('/').pop();
  globalThis.fetch = async address => new Response(files[name_of(address)] ?? '');
  WebAssembly.instantiateStreaming = async (_, imports) => {
    return {module: wasm, instance: await WebAssembly.instantiate(wasm, imports)};
  };
  return () => {
    globalThis.fetch = fetch;
    WebAssembly.instantiateStreaming = instantiateStreaming;
  };
}

/* ================================================================ HOST: Python's js.host */

const STOPPED = '\0stopped';
const waits = new Set();           // how to stop each wait of the program
const typed = [], events = [];     // what came before somebody asked for it
let hear_line = null, hear_event = null;

/* A promise that Stop keeps, too, with the value STOPPED. `begin` gets `done`, the function to call
   with what was waited for, and returns what is to be done when nobody waits any more. */
function wait(begin) {
  return new Promise(keep => {
    let end = () => {};
    const done = value => { waits.delete(stop); end(); keep(value); };
    const stop = () => done(STOPPED);
    waits.add(stop);
    end = begin(done) ?? end;
  });
}

globalThis.host = {
  STOPPED,
  out: (text, kind) => tell({out: text, kind}),
  draw: strokes => tell({draw: JSON.parse(strokes)}),
  spawn: begin => setTimeout(() => begin.callPromising().finally(() => begin.destroy()), 0),

  nap: ms => wait(done => {
    const timer = setTimeout(done, ms);
    return () => clearTimeout(timer);
  }),
  nap_here: stand_still,

  line() {
    if (typed.length) return Promise.resolve(typed.shift());
    tell({ask: true});
    return wait(done => {
      hear_line = done;
      return () => { hear_line = null; tell({ask: false}); };
    });
  },
  line_here() {
    tell({ask: true, box: true});
    const line = from_box('line', Infinity);
    tell({ask: false});
    return line;
  },

  event: ms => events.length ? Promise.resolve(events.shift()) : wait(done => {
    const timer = setTimeout(done, ms, '');
    hear_event = done;
    return () => { clearTimeout(timer); hear_event = null; };
  }),
  event_here: ms => from_box('event', ms) ?? '',

  call: (method, address, headers, body, ms) => wait(done => {
    const gone = new AbortController(), timer = ms && setTimeout(() => gone.abort('late'), ms);
    const why = () => gone.signal.reason === 'late' ? 'late' : '';
    const nobody = () => [0, why(), address, '[]', new Uint8Array(), false];
    call(method, address, JSON.parse(headers), body, gone.signal).then(done, () => done(nobody()));
    return () => { clearTimeout(timer); gone.abort(); };
  }),
  call_here,
};

async function call(method, address, headers, body, signal) {
  const reply = await fetch(address, {method, headers, body, signal, credentials: 'omit'});
  const bytes = new Uint8Array(await reply.arrayBuffer());
  const lines = JSON.stringify([...reply.headers]);
  return [reply.status, reply.statusText, reply.url, lines, bytes, reply.redirected];
}

function call_here(method, address, headers, body, ms) {
  const ask = new XMLHttpRequest(), began = performance.now();
  try {
    ask.open(method, address, false);
    ask.responseType = 'arraybuffer';
    ask.timeout = ms;
    for (const header of Object.entries(JSON.parse(headers))) ask.setRequestHeader(...header);
    ask.send(body);
  } catch { /* said by the status, which is 0 */ }
  const late = !ask.status && ms && performance.now() - began >= ms;
  const lines = (ask.getAllResponseHeaders() || '').trim().split(/[\r\n]+/).filter(Boolean);
  const moved = Boolean(ask.responseURL) && ask.responseURL !== new URL(address).href;
  return [ask.status, late ? 'late' : ask.statusText, ask.responseURL || address,
          JSON.stringify(lines.map(line => line.split(/: *(.*)/s).slice(0, 2))),
          new Uint8Array(ask.response || 0), moved];
}

/* Atomics.wait wants shared memory. Over plain http there is none, except as WebAssembly's. */
const bed = (() => {
  try {
    return new Int32Array(new WebAssembly.Memory({initial: 1, maximum: 1, shared: true}).buffer);
  } catch { return null; }
})();
function stand_still(ms) {
  const end = performance.now() + ms;
  if (bed) Atomics.wait(bed, 0, 0, ms);
  while (performance.now() < end) { /* only where there is no bed */ }
}

/* A worker that stands still hears nothing from the page. The page leaves its lines on the server,
   and we look there: often at first, then less often; never does a call wait on the server. */
function from_box(kind, ms) {
  const end = performance.now() + ms;
  for (let pause = 50; ; pause = Math.min(pause * 1.2, 500)) {
    const address = `${server}code/typed?box=${box}-${kind}`;
    const [status, , , , bytes] = call_here('GET', address, '{}', null, 5000);
    const text = status === 200 ? new TextDecoder().decode(bytes) : '';
    if (text) return JSON.parse(text);
    if (performance.now() + pause > end) return null;
    stand_still(pause);
  }
}

/* ================================================================ HEAR */

const heard = {
  load,
  async run({source, name, files}) {
    const begin = WebAssembly.Suspending ? run.callPromising.bind(run) : run;
    const done = await begin(source, name, server, python.toPy(files));
    const told = done.toJs({dict_converter: Object.fromEntries});
    done.destroy();
    typed.length = events.length = 0;
    tell({done: told});
  },
  answer({line}) { if (hear_line) hear_line(line); else typed.push(line); },
  event({event}) {
    const told = JSON.stringify(event);
    if (hear_event) hear_event(told); else events.push(told);
  },
  stop() { for (const stop of [...waits]) stop(); },
};

onmessage = async ({data}) => {
  try {
    await heard[data.do](data);
  } catch (error) {
    tell({broken: String(error?.message ?? error)});
  }
};
