'use strict';

/* JOIN: the address that brings one into the game: over the whole sea while nobody is there, beside
   the first three boats, then in one line */

const FEW = 3;                     // boats
const QUIET = 4;                   // modules of white around a QR code, as its standard wants
const LOCAL = ['localhost', '127.0.0.1', '[::1]'];

let told_address = '';

function tell_how_to_join() {
  if (!ocean.loaded) return;
  const boats = [...ocean.boats.values()].filter(boat => boat.here).length;
  const crew = !boats ? 'none' : boats <= FEW ? 'few' : 'many';
  document.body.dataset.crew = time.live ? crew : 'many';
  const address = address_for_others();
  if (address === told_address) return;
  told_address = address;
  spell_address(address);
  draw_code(`${address}/join`);
  $('#join p span').textContent = is_local(address) ? '(Others need this computer’s own address.)'
    : 'Then send it from a program.';
}

const is_local = address => LOCAL.includes(new URL(address).hostname);

/* The server's own address, where the one in our address bar says nothing to others. */
function address_for_others() {
  return is_local(SERVER) && ocean.address ? ocean.address.replace(/\/+$/, '') : SERVER;
}

/* In pieces that stay whole: the server, each folder, and the call. */
function spell_address(address) {
  const {origin, pathname} = new URL(address);
  const folders = pathname.split('/').filter(Boolean).map(folder => `/${folder}`);
  const pieces = [origin, ...folders, '/join?name=you'], code = $('#join code');
  code.replaceChildren(...pieces.map(piece => element('span', piece)));
  code.style.setProperty('--letters', pieces.join('').length);
  code.style.setProperty('--longest', Math.max(...pieces.map(piece => piece.length)));
}

/* What a phone's camera reads: the page on which one joins. */
function draw_code(link) {
  const code = qrcode(0, 'M');
  code.addData(link);
  code.make();
  const count = code.getModuleCount(), size = count + 2 * QUIET, canvas = $('#join canvas');
  Object.assign(canvas, {width: size, height: size});
  const ink = canvas.getContext('2d');
  ink.fillStyle = '#ffffff';
  ink.fillRect(0, 0, size, size);
  ink.fillStyle = '#000000';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) ink.fillRect(column + QUIET, row + QUIET, 1, 1);
    }
  }
}
