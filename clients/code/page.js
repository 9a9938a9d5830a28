/*
  The page /code: it keeps everything that is to be kept, and shows everything that is to be seen.

      SETTINGS   PYTHON    fetch Pyodide, start the room, talk with it
                 EDITOR    a textarea with line numbers, a mark, and the keys that a program needs
                 PROGRAMS  the student's own, kept in this browser; the ladder to start from
                 BOAT      who we are in the game
                 OUTPUT    what the program says, what is typed to it, and what helps after an error
                 DRAWING   what a turtle draws
                 START     the page itself
*/
'use strict';

/* ================================================================ SETTINGS */

const HOME = new URL('.', location.href);      // the game's server, or our ocean's place on it
const PLACE = `mocean.code:${HOME.pathname}`;  // where this browser keeps our things
const PATIENCE_S = 60;                         // so long nothing may come, then we say so
const OUTPUT_LETTERS = 200_000;                // what is older is forgotten
const LEVELS = [[1, 'one move'], [2, 'a loop and a function'],
                [3, 'a robot that looks and decides']];
const LADDER = [
  ['first_client', 'join, then move once'], ['keyboard', 'drive by typing: a function, a loop'],
  ['turtle_window', 'arrow keys, and the way drawn: events'],
  ['look_and_move', 'find a treasure: read a reply, decide'],
  ['survey_robot', 'measure how deep it is: patience'], ['chat', 'talk with other boats'],
  ['scoreboard', 'who leads: JSON'], ['fleet', 'two boats at once: threads'],
];
const REGATTA = [['regatta_1', 'a race round twelve marks: a list'],
                 ['regatta_2', 'on to the nearest mark'],
                 ['regatta_3', 'better than the nearest: your idea']];
const STEPS = [['steps_1', 'the first message'], ['steps_2', 'a message of your own'],
               ['steps_3', 'a loop'], ['steps_4', 'a dialog']];

const $ = selector => document.querySelector(selector);
const wishes = new URLSearchParams(location.hash.slice(1));
const jspi = wishes.get('jspi') !== 'off';

function make(kind, words = '', fields = {}) {
  return Object.assign(document.createElement(kind), {textContent: words}, fields);
}

/* ================================================================ PYTHON */

const python = {
  room: null,                // the frame in which it runs
  ready: false, running: false,
  stands_still: false,       // it waits in such a way that it hears nothing: see worker.js
  source: '',                // the program that runs, or ran last
  files: {},                 // what programs have written: name -> bytes
  watchdog: 0,
};
const dice = crypto.getRandomValues(new Uint8Array(16));
const box = [...dice].map(byte => byte.toString(16).padStart(2, '0')).join('');

async function start_python() {
  watch();
  const kept = kept_snapshot(), told = await fetch('code/pyodide.json', {cache: 'no-cache'});
  const manifest = await told.json();
  await open_room();
  const files = await fetch_files(manifest, (name, bytes) => {
    if (name.endsWith('.wasm')) tell({do: 'compile', bytes}, [bytes]);
  });
  delete files['pyodide.asm.wasm'];                       // the room has it already
  const version = `${manifest.version} ${files['python_stdlib.zip'].byteLength}`;
  const snapshot = (await kept)?.version === version ? (await kept).picture : null;
  say('Python is starting');
  $('#progress').removeAttribute('value');
  python.keep = picture => keep_snapshot(version, picture);
  tell({do: 'load', files, snapshot, keep: !snapshot, jspi, home: {server: HOME.href, box}});
}

/* The four files of Pyodide: from our server if it has them, else from where it is published. */
async function fetch_files({version, cdn, files}, use) {
  const names = Object.keys(files), sizes = names.map(name => files[name].bytes);
  const got = sizes.map(() => 0);
  const whole = sizes.reduce((a, b) => a + b);
  const own = new URL(`pyodide/${version}/`, HOME), has_own = (await ask_for(own + names[0]))?.ok;
  const fetch_one = async (name, number) => {
    const reply = await (has_own ? ask_for(own + name)
      : ask_for(cdn + name, {integrity: `sha256-${base64(files[name].sha256)}`}));
    if (!reply?.ok) {
      throw new Error(has_own ? `The server lacks a part of Pyodide: ${name}` : NOWHERE);
    }
    const bytes = await read_all(reply, size => {
      got[number] = Math.min(size, sizes[number]);
      tell_progress(got.reduce((a, b) => a + b) / whole);
    });
    use(name, bytes);
    return [name, bytes];
  };
  return Object.fromEntries(await Promise.all(names.map(fetch_one)));
}

const base64 = hex => btoa(hex.replace(/../g, pair => String.fromCharCode(parseInt(pair, 16))));

const NOWHERE = 'Python is not to be had: this server has no clients/pyodide '
  + '(docs/code.md says how to get it), and the internet, where it could come from, '
  + 'cannot be reached from here.';

/* The reply, or null where nobody answers. */
function ask_for(address, options = {}) {
  return fetch(address, {credentials: 'omit', ...options}).catch(() => null);
}

async function read_all(reply, tell_bytes) {
  const parts = [], reader = reply.body.getReader();
  let size = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return new Blob(parts).arrayBuffer();
    parts.push(value);
    tell_bytes(size += value.length);
  }
}

function tell_progress(part) {
  watch();
  $('#progress').value = part;
  const percent = `Python is on its way: ${Math.floor(part * 20) * 5} %`;   // read aloud: by fives
  if (!python.running && $('#status').textContent !== percent) say(percent);
}

/* If nothing happens for a long time, say so. */
function watch(on = true) {
  clearTimeout(python.watchdog);
  if (on) python.watchdog = setTimeout(fail, PATIENCE_S * 1000, SILENCE);
}

const SILENCE = `Nothing has come for ${PATIENCE_S} seconds. `
  + 'Is the network slow, or the server away? Reload the page to try again.';

function fail(words) {
  watch(false);
  show_map();
  $('#progress').hidden = true;
  say(words);
  tell_buttons();
}

function open_room() {
  return new Promise(opened => {
    const frame = make('iframe', '', {
      id: 'room', title: 'Python', src: 'code/room.html', ariaHidden: 'true', tabIndex: -1});
    frame.setAttribute('sandbox', 'allow-scripts');
    python.room = frame;
    python.opened = opened;
    document.body.append(frame);
  });
}

/* The room's origin has no name, so that '*' is the only way to write its address. */
function tell(message, hand_over = []) {
  python.room.contentWindow.postMessage(message, '*', hand_over);
}

const hear = {
  here: () => python.opened(),
  ready(_, {stands_still}) {
    Object.assign(python, {ready: true, stands_still});
    watch(false);
    $('#progress').hidden = true;
    if (!python.running) say('Python is ready');
    tell_buttons();
    show_map();
  },
  snapshot(picture) { if (!python.ready) python.keep(picture); },  // later a program might send one
  spoilt: () => keep_snapshot('', null),
  broken: why => fail(`Python could not start here (${why}). Reload the page to try again; `
    + 'an up-to-date Chrome, Edge or Firefox works.'),
  out: (text, {kind}) => print(text, kind),
  ask: ask_line,
  draw,
  done,
};

addEventListener('message', ({source, data}) => {
  if (source !== python.room?.contentWindow) return;
  for (const [word, value] of Object.entries(data)) hear[word]?.(value, data);
});

function run() {
  if (python.running) return;
  keep_program();
  clear_output();
  clear_drawing();
  mark_line(0);
  Object.assign(python, {running: true, source: $('#text').value});
  say(python.ready ? 'It runs' : 'Your program starts as soon as Python is there');
  tell_buttons();
  const program = {do: 'run', source: python.source, name: programs.open, files: python.files};
  if (python.room) tell(program);
  else python.later = program;
}

function stop() {
  say('Stopping');
  tell({do: 'stop'});
}

const ENDS = {
  finished: 'It has ended', failed: 'It ended with an error', stopped: 'Stopped', ended: 'Stopped'};

function done({how, line, cure, files = {}}) {
  python.running = false;
  ask_line(false);
  say(ENDS[how]);
  if (how === 'ended') print('Stopped.\n', 'error');
  show_words();
  if (how === 'failed' || how === 'stopped') mark_line(line);
  Object.assign(python.files, files);
  offer(line, how, cure, Object.keys(files));
  tell_buttons();
}

function tell_buttons() {
  $('#run').disabled = python.running;
  $('#stop').disabled = !python.running || !python.room;
}

const say = words => { $('#status').textContent = words; };

/* The snapshot of a started Python, 30 MB: next time it stands at once. The browser may refuse. */
const shelf = work => new Promise(keep => {
  const opening = indexedDB.open('mocean', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('things');
  opening.onerror = () => keep(null);
  opening.onsuccess = () => {
    const asking = work(opening.result.transaction('things', 'readwrite').objectStore('things'));
    asking.onsuccess = () => keep(asking.result);
    asking.onerror = () => keep(null);
  };
}).catch(() => null);

const kept_snapshot = () => shelf(things => things.get('snapshot'));
function keep_snapshot(version, picture) {
  return shelf(things => things.put({version, picture}, 'snapshot'));
}

/* ================================================================ EDITOR */

const editor = $('#text');
const ROW_PX = 22, TOP_PX = 8;
let lines_shown = 0, marked = 0, esc = false;

function tell_lines() {
  const lines = editor.value.split('\n').length;
  if (lines !== lines_shown) {
    lines_shown = lines;
    const numbers = Array.from({length: lines}, (_, index) => index + 1);
    $('#numbers').textContent = numbers.join('\n') + '\n\n';
  }
  scroll_along();
}

function scroll_along() {
  $('#numbers').scrollTop = editor.scrollTop;
  $('#mark').hidden = !marked;
  $('#mark').style.top = `${TOP_PX + (marked - 1) * ROW_PX - editor.scrollTop}px`;
}

function mark_line(line) {
  marked = line || 0;
  if (marked) {
    const top = (marked - 1) * ROW_PX, seen = editor.scrollTop;
    const hidden = top < seen || top > seen + editor.clientHeight - 3 * ROW_PX;
    if (hidden) editor.scrollTop = top - 3 * ROW_PX;
  }
  scroll_along();
}

function go_to_line(line) {
  const starts = editor.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1);
  editor.focus();
  editor.setSelectionRange(starts, starts);
  mark_line(line);
}

/* The only way to change a textarea that Ctrl-Z takes back. */
const put = text => document.execCommand(text ? 'insertText' : 'delete', false, text);

function replace_all(text) {
  editor.focus();
  editor.select();
  put(text);
  editor.setSelectionRange(0, 0);
  editor.scrollTop = 0;
}

/* Put the program into the editor, as a fresh page: what was there before is another program. */
function show_program(text) {
  editor.value = text;
  editor.scrollTop = editor.scrollLeft = 0;
  mark_line(0);
  lines_shown = 0;
  tell_lines();
}

const on_key = {
  Enter(event, line) {
    if (event.ctrlKey || event.metaKey) return run();
    if (event.shiftKey || event.altKey) return false;
    put(`\n${line.match(/^ */)[0]}${/:\s*(#.*)?$/.test(line) ? '    ' : ''}`);
  },
  Tab(event, line, start) {
    if (esc) return false;
    const {selectionStart: from, selectionEnd: to, value} = editor;
    if (from === to && !event.shiftKey) return put(' '.repeat(4 - line.length % 4));
    const end = value.indexOf('\n', to) < 0 ? value.length : value.indexOf('\n', to);
    const part = value.slice(start, end);
    const moved = event.shiftKey ? part.replace(/^ {1,4}/gm, '') : part.replace(/^(?=.)/gm, '    ');
    if (moved === part) return;
    editor.setSelectionRange(start, end);
    put(moved);
    editor.setSelectionRange(start, start + moved.length);
  },
  Backspace(event, line) {
    const {selectionStart: from, selectionEnd: to} = editor;
    if (from !== to || event.ctrlKey || !/^ +$/.test(line)) return false;
    editor.setSelectionRange(from - (line.length % 4 || 4), from);
    put('');
  },
};

function edit(event) {
  if (event.isComposing) return;
  const start = editor.value.lastIndexOf('\n', editor.selectionStart - 1) + 1;
  const line = editor.value.slice(start, editor.selectionStart);
  if (on_key[event.key] && on_key[event.key](event, line, start) !== false) event.preventDefault();
  if (event.key !== 'Shift') esc = event.key === 'Escape';
}

/* ================================================================ PROGRAMS */

const programs = {texts: {}, open: '', handed: {}};        // handed: as they came from the server

function remember() {
  const {texts, open} = programs;
  try { localStorage.setItem(PLACE, JSON.stringify({texts, open, boat})); } catch {
    say('This browser keeps nothing: save your program before you go');
  }
}

function recall() {
  try { return JSON.parse(localStorage.getItem(PLACE)) ?? {}; } catch { return {}; }
}

function keep_program() {
  if (!programs.open) return;
  programs.texts[programs.open] = editor.value;
  remember();
}

function open_program(name, text = programs.texts[name]) {
  keep_program();
  programs.open = name;
  show_program(text);
  keep_program();
  list_programs();
}

function list_programs() {
  const option = name => make('option', name, {value: name, selected: name === programs.open});
  $('#programs').replaceChildren(...Object.keys(programs.texts).map(option));
  for (const button of document.querySelectorAll('#ladder button')) {
    button.ariaCurrent = String(button.value === programs.open);
  }
}

/* Names of files, as Python likes them. */
function plain(name) {
  const kept = name.trim().replace(/\.py$/i, '').replace(/[^\p{L}\p{N}_-]+/gu, '_');
  return kept.slice(0, 40) || 'mine';
}

function free_name(name) {
  for (let number = 1; ; number++) {
    const fresh = number === 1 ? name : `${name}_${number}`;
    if (!(fresh in programs.texts)) return fresh;
  }
}

async function from_ladder(name, address) {
  if (name in programs.texts) return open_program(name);
  const text = await handed_out(name, address);
  if (text) open_program(name, text);
}

async function handed_out(name, address) {
  const reply = await ask_for(address);
  if (!reply) return say('The server does not answer');
  if (!reply.ok) return say('The server does not have this program');
  return programs.handed[name] = fill_in(await reply.text());
}

function level_address(level) {
  const fields = boat.id ? {level, id: boat.id} : {level};
  return `client.py?${new URLSearchParams(fields)}`;
}
const open_level = level => from_ladder(`level_${level}`, level_address(level));

function hang_ladder() {
  const rung = (name, words, climb, label) => make('button', label, {
    value: name, title: words, ariaLabel: `${name}: ${words}`, onclick: climb});
  const open_client = name => from_ladder(name, `clients/${name}.py`);
  const clients = (some, label = name => name) => some.map(
    ([name, words]) => rung(name, words, () => open_client(name), label(name)));
  const number = name => name.split('_')[1];
  $('#ladder').append(
    make('span', 'Start: level'),
    ...LEVELS.map(([level, words]) => (
      rung(`level_${level}`, words, () => open_level(level), level))),
    ...clients(LADDER), make('span', 'regatta'), ...clients(REGATTA, number),
    make('span', 'Steps'), ...clients(STEPS, number));
}

function rename() {
  $('#new-name').value = programs.open;
  $('#naming').showModal();
  $('#new-name').select();
}

function renamed() {
  const name = plain($('#new-name').value);
  if ($('#naming').returnValue !== 'yes' || name === programs.open) return;
  const fresh = free_name(name);
  const entries = Object.entries(programs.texts);
  programs.texts = Object.fromEntries(
    entries.map(([old, text]) => [old === programs.open ? fresh : old, text]));
  programs.open = fresh;
  remember();
  list_programs();
}

function remove() {
  const gone = programs.open, text = editor.value;
  delete programs.texts[gone];
  programs.open = '';
  const next = Object.keys(programs.texts)[0];
  if (next) open_program(next); else open_program(free_name('mine'), '');
  offer_one(`Bring ${gone} back`, () => open_program(gone, text));
}

async function open_file() {
  const [file] = $('#file').files;
  $('#file').value = '';
  if (!file) return;
  const text = (await file.text()).replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  open_program(free_name(plain(file.name)), text);
}

function hand_out(name, content) {
  const link = make('a', '', {download: name, href: URL.createObjectURL(new Blob([content]))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* ================================================================ BOAT */

let boat = {id: '', name: ''};

/* The boat's name and id in the first lines of a program, where nobody has written one yet. */
function fill_in(text) {
  if (!boat.id || !/^ID = '(your-id)?'/m.test(text)) return text;
  return put_value(put_value(text, 'ID', boat.id), 'NAME', boat.name);
}

/* NAME = 'ada', with another value; a comment behind it stays where it is. */
function put_value(text, name, value) {
  return text.replace(new RegExp(`^(${name} = )'[^'\\n]*'( *)`, 'm'), (line, start, room) => {
    const filled = `${start}'${value}'`;
    return room ? `${filled} `.padEnd(line.length) : filled;
  });
}

async function game(route, fields) {
  const reply = await ask_for(`${route}?${new URLSearchParams({...fields, format: 'json'})}`);
  if (!reply) return {error: 'the server does not answer', away: true};
  return reply.json().catch(() => ({error: 'it is not the game that answers', away: true}));
}

async function join() {
  const answer = await game('join', {name: $('#boat-name').value.trim()});
  if (answer.error) {
    $('#boat-said').textContent = answer.error;
    const free = /[?&]name=([^&]+)/.exec(answer.try ?? '');
    if (free) $('#boat-name').value = decodeURIComponent(free[1]);
    return $('#boat-name').select();
  }
  board(answer);
  const name = programs.open, level = /^level_(\d)$/.exec(name)?.[1];
  const anew = level && editor.value === programs.handed[name];       // it has a task for this boat
  const text = anew && await handed_out(name, level_address(level)) || fill_in(editor.value);
  if (text !== editor.value) replace_all(text);
  editor.focus();
}

function board({id, name}) {
  boat = {id, name};
  remember();
  show_boat();
}

function show_boat() {
  const aboard = Boolean(boat.id);
  for (const part of document.querySelectorAll('#boat > :is(label, input, button)')) {
    part.hidden = aboard;
  }
  $('#aboard').hidden = $('#another').hidden = !aboard;
  $('#own-name').textContent = boat.name;
  $('#own-id').textContent = boat.id;
  if (aboard) $('#boat-said').textContent = '';
  $('#wall').href = `map${boat.name ? `#follow=${encodeURIComponent(boat.name)}` : ''}`;
  if ($('#map iframe')) show_map();
}

/* The map comes when Python stands, so that a slow computer has its hands free for one of them. */
function show_map() {
  const address = `map#bare=1${boat.name ? `&follow=${encodeURIComponent(boat.name)}` : ''}`;
  if ($('#map iframe')?.getAttribute('src') === address) return;
  $('#map').replaceChildren(make('iframe', '', {title: 'The live map', src: address}));
}

function leave_boat() {
  board({id: '', name: ''});
  $('#boat-name').focus();
}

/* The boat that came along in the address, or the one of last time, if the ocean still knows it. */
async function find_boat(kept) {
  const id = wishes.get('id') || kept?.id || '';
  const rest = jspi ? '' : '#jspi=off';
  if (wishes.has('id')) history.replaceState(null, '', location.pathname + rest);
  if (!id) return;
  const answer = await game('name', {id});
  if (answer.away) boat = kept ?? boat;
  else if (answer.error) $('#boat-said').textContent = 'Your boat is not in this ocean: join again';
  else boat = {id, name: answer.name};
}

/* ================================================================ OUTPUT */

const output = $('#output'), roll = $('#paper-roll');
const heard_words = [];                    // [kind, text], not shown yet
let letters = 0, showing = 0;

/* What comes within a moment is shown together: to lay out the page for each word takes longer. */
function print(text, kind = 'out') {
  const last = heard_words.at(-1);
  if (last?.[0] === kind) last[1] += text;
  else heard_words.push([kind, text]);
  showing ||= setTimeout(show_words, 30);
}

function show_words() {
  clearTimeout(showing);
  showing = 0;
  const below = roll.scrollHeight - roll.scrollTop - roll.clientHeight < 40;
  for (const [kind, text] of heard_words.splice(0)) {
    const last = output.lastElementChild;
    const node = last?.className === kind && last.firstChild;
    if (node && node.length < 4000) node.data = returned(node.data + text);
    else output.append(make('span', returned(text.slice(-OUTPUT_LETTERS)), {className: kind}));
    letters += text.length;
  }
  while (letters > OUTPUT_LETTERS && output.children.length > 1) {
    letters -= output.firstElementChild.textContent.length;
    output.firstElementChild.remove();
  }
  if (below) roll.scrollTop = roll.scrollHeight;
}

/* A carriage return begins the line anew: that is how programs draw a progress bar. */
function returned(text) {
  if (!text.includes('\r')) return text;
  return text.replace(/\r\n/g, '\n').replace(/[^\n]*\r(?=[^\n])/g, '');
}

function clear_output() {
  show_words();
  output.replaceChildren();
  $('#after').replaceChildren();
  letters = 0;
}

function ask_line(on) {
  $('#ask').hidden = !on;
  $('#line').value = '';
  if (!on) return python.running && say('It runs');
  show_words();
  say('The program waits for you: type a line');
  roll.scrollTop = roll.scrollHeight;
  $('#line').focus({preventScroll: innerWidth > 800});
}

function answer(line) {
  print(line === null ? '^D\n' : `${line}\n`, 'typed');
  ask_line(false);
  if (python.stands_still) leave_on_server('line', line);
  else tell({do: 'answer', line});
}

/* A Python that stands still hears nothing: the line lies on the server until Python looks. */
function leave_on_server(kind, value) {
  const fields = new URLSearchParams({box: `${box}-${kind}`, put: JSON.stringify(value)});
  return ask_for(`code/typed?${fields}`);
}

/* What helps after the end of a program: the line, the call that works, the files that it wrote. */
function offer(line, how, cure, files) {
  if (line && how === 'failed') offer_one(`Go to line ${line}`, () => go_to_line(line));
  if (cure) offer_cure(cure);
  for (const name of files) offer_one(`Save ${name}`, () => hand_out(name, python.files[name]));
}

function offer_one(words, click, kind = '') {
  const button = make('button', words, {
    className: kind, onclick: () => { button.remove(); click(); }});
  if (words.startsWith('Save ') || words.startsWith('Go ')) button.onclick = click;
  $('#after').append(button);
}

/* The server refused a call and said which one would work. If one word makes the difference, change
   that word; else the call goes into the program, below the line that made the refused one. */
function offer_cure({asked, works, after, column}) {
  if (editor.value !== python.source) return;
  const word = changed_word(new URL(asked), new URL(works));
  const insert = () => insert_call(works, after, column);
  if (word) offer_one(`Change '${word.from}' into '${word.to}'`, () => change(word), 'cure');
  else offer_one(`Put this into the program: ${works}`, insert, 'cure');
}

function changed_word(asked, works) {
  const words = call => [['', call.pathname.split('/').pop()], ...call.searchParams];
  const before = words(asked), now = words(works);
  const alike = before.length === now.length && before.every(([name], at) => name === now[at][0]);
  const different = alike ? before.filter(([, value], at) => value !== now[at][1]) : [];
  if (different.length !== 1) return null;
  const [[, from]] = different, [, to] = now[before.indexOf(different[0])];
  const quoted = new RegExp(`(?<=["'/])${from.replace(/[^\w]/gu, '\\$&')}(?=["'])`, 'g');
  const places = [...editor.value.matchAll(quoted)];
  return from && places.length === 1 ? {from, to, at: places[0].index} : null;
}

function change({at, from, to}) {
  editor.focus();
  editor.setSelectionRange(at, at + from.length);
  put(to);
  editor.setSelectionRange(at, at + to.length);
}

function insert_call(call, after, column) {
  const before = editor.value.split('\n').slice(0, after).join('\n').length;
  const room = ' '.repeat(column), address = call.replaceAll("'", '%27');
  editor.focus();
  editor.setSelectionRange(before, before);
  put(`\n${room}reply = requests.get('${address}', timeout=10)\n${room}print(reply.text)`);
  mark_line(0);
}

/* ================================================================ DRAWING */

const drawing = {due: false};        // filled by clear_drawing()
const SHAPES = {                                            // pointing east, in pixels
  classic: [[0, 0], [-9, 5], [-7, 0], [-9, -5]], arrow: [[10, 0], [-10, 10], [-10, -10]],
  triangle: [[11, 0], [-6, 10], [-6, -10]], square: [[10, 10], [-10, 10], [-10, -10], [10, -10]],
  circle: Array.from({length: 20}, (_, part) => {
    const angle = part * Math.PI / 10;
    return [10 * Math.cos(angle), 10 * Math.sin(angle)];
  }),
  turtle: [[16, 0], [14, 2], [10, 1], [7, 4], [9, 7], [8, 9], [5, 6], [1, 7],
           [-3, 5], [-6, 8], [-8, 6], [-5, 4], [-7, 0], [-5, -4], [-8, -6], [-6, -8], [-3, -5],
           [1, -7], [5, -6], [8, -9], [9, -7], [7, -4], [10, -1], [14, -2]],
};
const KEYS = {ArrowUp: 'Up', ArrowDown: 'Down', ArrowLeft: 'Left', ArrowRight: 'Right',
              ' ': 'space', Enter: 'Return', Backspace: 'BackSpace'};      // as turtle calls them

function clear_drawing() {
  const world = [-300, -200, 300, 200];                     // left, low, right, high
  Object.assign(drawing, {strokes: [], turtles: new Map(), world, ground: '#ffffff', title: ''});
  $('#drawn').textContent = '';
  look_at('map');
}

const strokes = {
  world: (...world) => { drawing.world = world; },
  ground: colour => { drawing.ground = colour; },
  title: text => { $('#drawn').textContent = drawing.title = text; },
  clear: what => { drawing.strokes = []; if (what === 'all') drawing.turtles.clear(); },
  turtle: (number, ...state) => drawing.turtles.set(number, state),
  listen: () => $('#drawing').focus({preventScroll: true}),
  gone: () => {},
};

function draw(sent) {
  if ($('#drawing').hidden) look_at('drawing');
  for (const [kind, ...stroke] of sent) {
    if (strokes[kind]) strokes[kind](...stroke);
    else drawing.strokes.push([kind, ...stroke]);
  }
  if (drawing.strokes.length > 50_000) drawing.strokes.splice(0, 10_000);
  if (!drawing.due) requestAnimationFrame(paint);
  drawing.due = true;
}

/* From the turtle's measures to pixels, the same in both directions. */
function scale() {
  const {clientWidth: width, clientHeight: height} = $('#drawing');
  const [left, low, right, high] = drawing.world;
  const unit = Math.min(width / (right - left), height / (high - low)) || 1;
  const middle = [(left + right) / 2, (low + high) / 2];
  const place = (x, y) => [width / 2 + (x - middle[0]) * unit, height / 2 - (y - middle[1]) * unit];
  const back = (x, y) => [(x - width / 2) / unit + middle[0], (height / 2 - y) / unit + middle[1]];
  return {width, height, unit, place, back};
}

function paint() {
  drawing.due = false;
  const canvas = $('#drawing canvas'), pen = canvas.getContext('2d'), sheet = scale();
  const ratio = Math.min(devicePixelRatio || 1, 2);
  Object.assign(canvas, {width: sheet.width * ratio, height: sheet.height * ratio});
  pen.scale(ratio, ratio);
  Object.assign(pen, {lineCap: 'round', lineJoin: 'round', fillStyle: drawing.ground});
  pen.fillRect(0, 0, sheet.width, sheet.height);
  for (const [kind, ...stroke] of drawing.strokes) painters[kind]?.(pen, sheet, ...stroke);
  for (const [x, y, angle, visible, ...look] of drawing.turtles.values()) {
    if (visible) painters.stamp(pen, sheet, x, y, angle, ...look);
  }
}

const painters = {
  line(pen, {place}, x, y, to_x, to_y, colour, width) {
    Object.assign(pen, {strokeStyle: colour, lineWidth: width});
    pen.beginPath();
    pen.moveTo(...place(x, y));
    pen.lineTo(...place(to_x, to_y));
    pen.stroke();
  },
  fill(pen, {place}, corners, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [x, y] of corners) pen.lineTo(...place(x, y));
    pen.fill();
  },
  dot(pen, {place}, x, y, size, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(...place(x, y), size / 2, 0, 7);
    pen.fill();
  },
  text(pen, {place}, x, y, words, align, size, colour) {
    const font = `${Math.round(size * 1.33)}px system-ui, sans-serif`;
    Object.assign(pen, {fillStyle: colour, textAlign: align, font});
    pen.fillText(words, ...place(x, y));
  },
  stamp(pen, {place}, x, y, angle, ink, paint, form, size) {
    pen.save();
    pen.translate(...place(x, y));
    pen.rotate(-angle * Math.PI / 180);
    pen.scale(size, size);
    Object.assign(pen, {strokeStyle: ink, fillStyle: paint, lineWidth: 1});
    pen.beginPath();
    for (const [dx, dy] of SHAPES[form] ?? SHAPES.classic) pen.lineTo(dx, -dy);
    pen.closePath();
    pen.fill();
    pen.stroke();
    pen.restore();
  },
};

/* A key or a click for the program's turtle. */
function send_event(event) {
  if (!python.running) return;
  if (python.stands_still) leave_on_server('event', event);
  else tell({do: 'event', event});
}

function on_drawing_key(event) {
  const browsers = event.ctrlKey || event.metaKey || event.altKey;
  if (browsers || event.key === 'Tab' || event.key === 'Shift') return;
  event.preventDefault();
  send_event(['key', KEYS[event.key] ?? event.key]);
}

/* Ctrl-C stops the program, as it does in a terminal, unless there is something to copy. */
function on_ctrl_c(event) {
  const {selectionStart: from, selectionEnd: to} = document.activeElement;
  if (!python.running || from !== to || !getSelection().isCollapsed) return;
  event.preventDefault();
  stop();
}

function look_at(what) {
  $('#map').hidden = what !== 'map';
  $('#drawing').hidden = what === 'map';
  $('#show-map').ariaPressed = String(what === 'map');
  $('#show-drawing').ariaPressed = String(what !== 'map');
  if (what === 'drawing') paint();
}

/* ================================================================ START */

function listen() {
  editor.addEventListener('keydown', edit);
  editor.addEventListener('input', () => {
    tell_lines();
    mark_line(0);
    keep_program();
  });
  editor.addEventListener('scroll', scroll_along);
  const click = {
    '#run': run, '#stop': stop, '#rename': rename, '#delete': remove, '#clear': clear_output,
    '#new': () => { open_program(free_name('mine'), ''); editor.focus(); },
    '#open': () => $('#file').click(), '#save': () => hand_out(`${programs.open}.py`, editor.value),
    '#show-map': () => look_at('map'), '#show-drawing': () => look_at('drawing'),
    '#another': leave_boat};
  for (const [button, act] of Object.entries(click)) $(button).addEventListener('click', act);
  $('#programs').addEventListener('change', event => open_program(event.target.value));
  $('#file').addEventListener('change', open_file);
  $('#naming').addEventListener('close', renamed);
  const on_submit = (form, act) => $(form).addEventListener('submit', event => {
    event.preventDefault();
    act();
  });
  on_submit('#boat', join);
  on_submit('#ask', () => answer($('#line').value));
  $('#line').addEventListener('keydown', event => {
    if (!event.ctrlKey || event.key !== 'd') return;
    event.preventDefault();
    answer(null);
  });
  $('#drawing').addEventListener('keydown', on_drawing_key);
  $('#drawing').addEventListener('click', event => {
    send_event(['click', ...scale().back(event.offsetX, event.offsetY)]);
  });
  addEventListener('keydown', event => {
    if (event.ctrlKey && event.key === 'c') on_ctrl_c(event);
  });
  new ResizeObserver(() => { if (!$('#drawing').hidden) paint(); }).observe($('#drawing'));
}

async function start() {
  listen();
  clear_drawing();
  hang_ladder();
  const kept = recall();
  Object.assign(programs, {texts: kept.texts ?? {}, open: ''});
  const known = programs.texts[kept.open] !== undefined;
  if (known) open_program(kept.open);
  const fetched = start_python().catch(error => fail(String(error.message ?? error)));
  await find_boat(kept.boat);
  show_boat();
  remember();
  if (wishes.has('level')) await open_level(wishes.get('level'));
  else if (!known) await open_level(1);
  await fetched;
  if (python.later && python.room) tell(python.later);
}

start();

/* For the curious, in the browser's console: mocean.programs */
window.mocean = {python, programs, drawing, run, stop, open_program};
