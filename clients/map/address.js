'use strict';

/* ADDRESS: view, theme and follow live behind the # of the address. So a reload, a bookmark and a
   link to somebody else show the same. */

let theme_chosen = false;          // or else it is the computer's, by day and by night

function obey_address() {
  const words = address_words(), theme = words.get('theme');
  if (server_address(words.get('server') || HOME) !== SERVER) return location.reload();
  theme_chosen = theme === 'light' || theme === 'dark';
  set_theme(theme_chosen ? theme : day.matches ? 'light' : 'dark');
  look(words.get('view') === 'planet' ? planet : chart);
  const name = words.get('follow') || '';
  if (name !== followed) follow(name);
}

function write_address() {
  const words = new URLSearchParams(location.hash.slice(1));
  const asked = new URLSearchParams(location.search);
  const note = (name, value) => {
    if (value || asked.has(name)) words.set(name, value); else words.delete(name);
  };
  note('view', view === planet ? 'planet' : asked.has('view') ? 'chart' : '');
  note('follow', followed);
  note('theme', theme_chosen ? document.documentElement.dataset.theme : '');
  const text = words.toString();
  history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
}
