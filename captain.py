"""The captain's deck: what the teacher sees and orders. It rides along with mocean.py.

      the key, once        ACCESS    who may give orders: the key, or the cookie that it was
         |                           exchanged for
         v
      an order       --->  ORDERS    freeze, round, rename, ...: one function each, which says in
         |                           one sentence what it has done
         v
      the deck       <---  DECK      one line a player, who is stuck comes first
      cards, lists   <---  PAGES     cards to cut out, the roster, the talk, the saved oceans
                           RIDE      what mocean.py asks of a file that lies beside it

MOCEAN_CAPTAIN in the environment is the key, of 12 characters or more; without one there is no
captain. Open http://localhost:8080/captain?key=... in a browser, or send the same from a program:
/captain?key=...&order=freeze

To add an order: a function under ORDERS with @order, whose docstring says what it does.
"""
import collections
import hmac
import html
import json
import os
import pathlib
import re
import secrets
import time
import urllib.parse

import bottle

# --- SETTINGS ------------------------------------------------------------------------------------

KEY_LENGTH = 12                  # of the key, at least
TRIES, TRY_S = 10, 6             # wrong keys: so many at once, then one in so many seconds
COOKIE_S = 12 * 3600             # a day at school
ANSWERS_KEPT = 300               # of orders from pages, so that a reload repeats nothing
STUCK_ERRORS, STUCK_S = 3, 180   # the same error so often, or silence so long, is red
FLOOD_EARLY = 20                 # so many calls too early in a row are a loop without a pause
ERRORS_S = 300                   # the commonest errors of so many seconds
TALK_KEPT = 500                  # messages in the transcript
PLACES = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)         # points for the season
CARDS_PER_PAGE = 8


class Captain:
    """The teacher's side of one running game."""

    def __init__(self, game, sea):
        self.game, self.sea = game, sea
        self.key = sea.captain_key
        self.born = int(time.time())
        self.tries, self.tried_at = TRIES, time.monotonic()
        self.answers = collections.OrderedDict()     # n of an order from a page -> what it said
        self.said = ''                               # what the last order said, for the deck

    # --- ACCESS ----------------------------------------------------------------------------------

    def seal(self, text):
        """What only who knows the key can write."""
        return hmac.new(self.key.encode(), text.encode(), 'sha256').hexdigest()

    def cookie(self):
        return self.seal('deck')

    def knows_key(self, texts):
        """True for the right key. Wrong ones are logged, and rationed."""
        if 'key' not in texts:
            return False
        now = time.monotonic()
        self.tries = min(TRIES, self.tries + (now - self.tried_at) / TRY_S)
        self.tried_at = now
        if self.tries < 1:
            raise self.game.Refusal('too many wrong keys; wait a little', self.game.EARLY,
                                    wait_s=TRY_S)
        if hmac.compare_digest(texts['key'].encode(), self.key.encode()):
            return True
        self.tries -= 1
        self.sea.say('somebody tried a wrong key for the captain\'s deck')
        return False

    def has_cookie(self):
        """True for a browser that has shown the key. A page of another origin, or one that runs a
        student's program, gets no cookie along (SameSite), and is not believed anyway."""
        came_from = bottle.request.environ.get('HTTP_SEC_FETCH_SITE', 'same-origin')
        cookie = bottle.request.get_cookie('captain') or ''
        return came_from in ('same-origin', 'none') and \
            hmac.compare_digest(cookie.encode(), self.cookie().encode())

    def new_n(self):
        """A name for an order that a page may give: minted here, good until the next start."""
        text = f'{int(time.time())}-{secrets.token_hex(6)}'
        return f'{text}-{self.seal(text)[:16]}'

    def check_n(self, n):
        """Refuse an order from a page that this server has not written, or not since it started."""
        text, _, mark = n.rpartition('-')
        if not hmac.compare_digest(mark.encode(), self.seal(text)[:16].encode()):
            raise self.game.Refusal('an order from a page needs the n of the deck; load it anew',
                                    self.game.CONFLICT, 'captain')
        if int(text.split('-')[0]) < self.born:
            raise self.game.Refusal('that page is from before a restart; load the deck anew',
                                    self.game.CONFLICT, 'captain')

    # --- one request -----------------------------------------------------------------------------

    def serve(self):
        """What /captain answers."""
        game, environ = self.game, bottle.request.environ
        pairs = game.pairs_of(environ.get('QUERY_STRING', ''))
        texts = dict(pairs)
        form = game.wanted_form(environ, texts)
        try:
            if self.sea.process != os.getpid():
                self.sea.open()
            return self.obey(texts, form)
        except game.Refusal as refusal:
            works = game.call_of(game.base_of(environ), refusal.route or 'captain', refusal.fix)
            return game.error_form(refusal, works, form)
        except (Exception, SystemExit):
            self.sea.say('the captain met a bug:\n' + game.traceback.format_exc())
            works = game.call_of(game.base_of(environ), 'health', {})
            return game.error_form(game.Refusal(game.MISTAKE, game.BUG), works, form)

    def obey(self, texts, form):
        """An order, or a page to look at, for who may see it."""
        game = self.game
        by_key = self.knows_key(texts)
        if not by_key and not self.has_cookie():
            return self.ask_for_key(form)
        name = texts.get('order', 'deck')
        order = ORDERS.get(name.strip().casefold())
        if not order:
            close = game.difflib.get_close_matches(name, ORDERS, 1, 0.5)
            said = f'did you mean {close[0]}?' if close else f'orders are {", ".join(ORDERS)}'
            raise game.Refusal(f'order was {game.shown(name)}; {said}', fix={
                'order': close[0] if close else 'deck'})
        if by_key and form == 'html':
            return self.exchange(texts)
        values = read_order(game, order, texts)
        if not order.changes:
            return self.tell(order(self, **values), form)
        if not by_key:
            return self.from_page(order, values, texts.get('n', ''))
        return self.tell(self.give(order, values), form)

    def give(self, order, values):
        """Let an order happen, and say so in the log."""
        said = order(self, **values)
        self.sea.say(f'the captain ordered {order.__name__}: {said}')
        self.said = said
        return {'said': said}

    def from_page(self, order, values, n):
        """An order by a click: once, however often the page is loaded. Then back to a page."""
        self.check_n(n)
        if n not in self.answers:
            self.answers[n] = self.give(order, values)
            while len(self.answers) > ANSWERS_KEPT:
                self.answers.popitem(last=False)
        query = {}
        if order.__name__ in ('enlist', 'recover'):
            query = {'order': 'cards', 'names': values.get('names') or values.get('name')}
        where = self.game.call_of(self.game.base_of(bottle.request.environ), 'captain', query)
        return self.game.answer('', status=303, Location=where)

    def exchange(self, texts):
        """The key, taken once: a cookie for it, and an address bar without it."""
        game, base = self.game, self.game.base_of(bottle.request.environ)
        query = {key: text for key, text in texts.items() if key != 'key' and not
                 ORDERS[texts.get('order', 'deck')].changes}
        path = urllib.parse.urlsplit(game.call_of(base, 'captain', {})).path
        secure = '; Secure' if base.startswith('https') else ''
        return game.answer('', status=303, Location=game.call_of(base, 'captain', query),
                           Set_Cookie=f'captain={self.cookie()}; Path={path}; Max-Age={COOKIE_S}; '
                                      f'HttpOnly; SameSite=Strict{secure}')

    def ask_for_key(self, form):
        if form == 'html':
            return page('The captain\'s deck', '<p>The deck opens with the key.</p><form><input '
                        'type="password" name="key" aria-label="key" autofocus> '
                        '<button>Open</button></form>', status=403)
        raise self.game.Refusal('the captain\'s deck opens with the key: add key= and the key', 403,
                                'health')

    def tell(self, found, form):
        """Facts as JSON or text; a page as it is."""
        game = self.game
        if isinstance(found, bottle.HTTPResponse):
            return found
        if form == 'json':
            return game.answer(json.dumps(found, ensure_ascii=False), game.JSON)
        rows = next((rows for rows in found.values() if isinstance(rows, list)), [found])
        return game.answer('\n'.join(','.join(map(str, row.values())) for row in rows))

    def change(self, order, write):
        """Write a turn of the captain's into the journal, and let it happen."""
        game, sea = self.game, self.sea
        with sea.lock:
            turn = game.Turn(sea.ocean, sea.clock(), round(sea.calendar(), 3), sea.dice)
            said = write(turn)
            sea.journal.write(sea.ocean, game.patch_of(sea.ocean, turn.change),
                              f'the captain ordered {order}', turn.now)
            game.merge(sea.ocean, turn.change)
            return said

    def planet(self, order, **fields):
        """Change something of the whole ocean."""
        self.change(order, lambda turn: turn.put('planet', 'mocean', **fields))

    def boat(self, name, ashore=True):
        """The key of a player's boat, or a Refusal that names the nearest one."""
        game, ocean = self.game, self.sea.ocean
        key = game.key_of(name)
        known = {**ocean.boats, **(ocean.ashore if ashore else {})}
        if key in known:
            return key
        close = game.difflib.get_close_matches(key, known, 1, 0.5)
        meant = f'; did you mean {known[close[0]].name}?' if close else ''
        raise game.Refusal(f'nobody here is called {game.shown(name)}{meant}', game.UNKNOWN)


# --- ORDERS --------------------------------------------------------------------------------------
# An order gets the captain and its parameters as texts, and returns a sentence: what it has done.

ORDERS = {}


def order(function):
    """Something that the captain may order, which changes the game."""
    function.changes = True
    ORDERS[function.__name__] = function
    return function


def view(function):
    """Something that the captain may look at."""
    function.changes = False
    ORDERS[function.__name__] = function
    return function


def read_order(game, order, texts):
    """The texts of an order's parameters, by name; a Refusal where one is missing or unknown."""
    count = order.__code__.co_argcount
    names = order.__code__.co_varnames[1:count]
    optional = names[len(names) - len(order.__defaults__ or ()):]
    for name in names:
        if name not in optional and not texts.get(name, '').strip():
            raise game.Refusal(f'{name} is missing; {order.__name__} knows {", ".join(names)}')
    for name in texts:
        if name not in (*names, 'key', 'order', 'n', 'format'):
            raise game.Refusal(f'{order.__name__} has no parameter {game.shown(name)[1:-1]}; it '
                               f'knows {", ".join(names) or "none"}')
    return {name: texts[name].strip() for name in names if texts.get(name, '').strip()}


@order
def freeze(captain):
    """Every boat stops; reading goes on."""
    sea = captain.sea
    with sea.lock:
        now = sea.clock()
        sea.clock.set(now, frozen=True)
        captain.planet('freeze', frozen=True)
    return 'the sea is frozen'


@order
def thaw(captain):
    """All goes on as if no time had passed."""
    sea = captain.sea
    round = sea.ocean.rounds.get('now')
    if round and round.state == 'prepared':
        return start(captain)
    with sea.lock:
        captain.planet('thaw', frozen=False)
        sea.set_clock(sea.clock())
    return 'the sea goes on'


@order
def prepare(captain, minutes='20', name='Round'):
    """A fresh ocean with the same boats, names and ids, at their berths, frozen until `start`."""
    game, sea = captain.game, captain.sea
    if not re.fullmatch('[0-9]{1,3}', minutes) or not 1 <= int(minutes) <= 240:
        raise game.Refusal(f'minutes was {game.shown(minutes)}; it is a whole number from 1 to 240')
    with sea.tending, sea.lock:
        aside = renew_with_boats(captain)
        round = game.Round(name[:40], 60 * int(minutes), 'prepared')
        captain.change('prepare', lambda turn: turn.put('rounds', 'now', **vars(round)))
    return f'{name}: a fresh ocean for {minutes} minutes waits; the old one is {aside.name}'


ORDERS['round'] = ORDERS.pop('prepare')


def renew_with_boats(captain, keep_boats=True):
    """Another ocean, with the same boats in it. The old one is set aside. Returns its folder."""
    game, sea = captain.game, captain.sea
    ocean, old = game.Ocean(), sea.ocean
    game.merge(ocean, game.new_planet(sea.dice.getrandbits(64), round(sea.calendar(), 3)))
    ocean.now = 0.0
    turn = game.Turn(ocean, 0.0, round(sea.calendar(), 3), sea.dice, '',
                     collections.defaultdict(game.Traffic))
    for boat in sorted(old.boats.values(), key=lambda boat: boat.joined) if keep_boats else ():
        game.launch_boat(turn, boat.name, boat.id, enlisted=boat.enlisted, muted=boat.muted,
                         badges=boat.badges, quest=boat.quest)
        turn.steer(score=0)
    turn.put('planet', 'mocean', frozen=True, quiet=old.planet['mocean'].quiet)
    game.merge(ocean, turn.change)
    return game.renew(sea, ocean)


@order
def start(captain):
    """The prepared round begins."""
    game, sea = captain.game, captain.sea
    with sea.lock:
        round = sea.ocean.rounds.get('now')
        if not round or round.state != 'prepared':
            raise game.Refusal('no round is prepared; order round first', game.CONFLICT)
        until = sea.clock() + round.seconds

        def write(turn):
            turn.put('rounds', 'now', state='running', until=until)
            turn.put('planet', 'mocean', frozen=False)
            turn.news(f'{round.name} begins: {round.seconds // 60} minutes')
        captain.change('start', write)
        sea.set_clock(sea.clock())
    return f'{round.name} runs for {round.seconds // 60} minutes'


@order
def finish(captain):
    """The round ends now: the sea freezes, the first ten earn points for the season."""
    game, sea = captain.game, captain.sea
    with sea.lock:
        round = sea.ocean.rounds.get('now')
        if not round or round.state != 'running':
            raise game.Refusal('no round is running', game.CONFLICT)
        winners = podium(sea.ocean)
        now = sea.clock()

        def write(turn):
            turn.put('rounds', 'now', state='over', until=now)
            turn.put('planet', 'mocean', frozen=True)
            if winners:
                turn.news(f'{winners[0].name} wins {round.name} with {winners[0].score} points')
        captain.change('finish', write)
        sea.set_clock(now)
        count_season(captain, winners)
    return f'{round.name} is over: ' + ', '.join(boat.name for boat in winners[:3])


def podium(ocean):
    """The boats that take places, best first: where anybody is enlisted only those."""
    boats = list(ocean.boats.values())
    enlisted = [boat for boat in boats if boat.enlisted]
    return sorted(enlisted or boats, key=lambda boat: (-boat.score, boat.name))[:len(PLACES)]


def count_season(captain, winners):
    """The points of a round for the season: by id, since a name may change."""
    season = {id: dict(row) for id, row in captain.sea.ocean.season.items()}
    for boat, points in zip(winners, PLACES, strict=False):
        row = season.setdefault(boat.id, {'name': boat.name, 'points': 0, 'rounds': 0})
        row.update(name=boat.name, points=row['points'] + points, rounds=row['rounds'] + 1)
    captain.sea.journal.save_season(season)
    captain.sea.ocean.season = season


@order
def season(captain):
    """A new season: everybody begins with 0."""
    path = captain.sea.folder / 'season.json'
    if path.exists():
        captain.game.set_aside(path)
    captain.sea.ocean.season = {}
    return 'a new season begins'


@order
def announce(captain, message):
    """A message from the captain to all, in the news and in every letter box."""
    message = captain.game.read_text(200)(message)

    def write(turn):
        turn.news(f'captain: {message}')
        number = turn.next_number('board')
        turn.put('board', str(number), at=turn.now, name='captain', text=message)
    captain.change('announce', write)
    return f'told all: {message}'


@order
def enlist(captain, names):
    """Boats for these names (with commas between them); their cards can be printed."""
    game, sea = captain.game, captain.sea
    wanted = [game.tidy_name(name) for name in re.split(r'[,;\n]+', names)]
    wanted = [name for name in dict.fromkeys(wanted) if name and game.key_of(name) != 'all']
    if not wanted:
        raise game.Refusal('names are letters or digits, with commas between them: ada,bob')

    def write(turn):
        turn.calls = collections.defaultdict(game.Traffic)
        taken = set(sea.ocean.keys)
        for name in wanted:
            key = game.key_of(name)
            if key in sea.ocean.boats:
                turn.put('boats', key, enlisted=True)
            elif key not in sea.ocean.ashore:
                while (id := new_id(game)) in taken:
                    pass
                taken.add(id)
                game.launch_boat(turn, name, id, enlisted=True)
        return len(wanted)
    return f'{captain.change("enlist", write)} players are enlisted: ' + ', '.join(wanted)


def new_id(game):
    return ''.join(secrets.choice(game.ID_LETTERS) for _ in range(game.ID_LENGTH))


@order
def recover(captain, name):
    """A new id for a player who has lost the old one, or whose id somebody else knows."""
    game, ocean = captain.game, captain.sea.ocean
    key = captain.boat(name)
    table = 'boats' if key in ocean.boats else 'ashore'
    old = getattr(ocean, table)[key].id

    def write(turn):
        id = new_id(game)
        turn.put(table, key, id=id)
        return id
    id = captain.change('recover', write)
    if old in ocean.season:
        table = {**ocean.season, id: ocean.season[old]}
        del table[old]
        captain.sea.journal.save_season(table)
        ocean.season = table
    return f'{getattr(ocean, "boats" if key in ocean.boats else "ashore")[key].name} has a new id'


@order
def rename(captain, name, new):
    """Another name for a boat; everything else is kept."""
    game, ocean = captain.game, captain.sea.ocean
    key, new = captain.boat(name), game.tidy_name(new)
    new_key = game.key_of(new)
    if not new or new_key == 'all':
        raise game.Refusal('a name is 1 to 20 letters or digits of one script')
    if new_key != key and (new_key in ocean.boats or new_key in ocean.ashore):
        raise game.Refusal(f'the name {new} is taken', game.CONFLICT,
                           fix={'order': 'rename', 'name': name,
                                'new': game.free_name(ocean, new)})
    old_name = (ocean.boats.get(key) or ocean.ashore[key]).name
    captain.change('rename', lambda turn: move_rows(captain, turn, key, new_key, old_name, new))
    if key in captain.sea.calls:
        captain.sea.calls[new_key] = captain.sea.calls.pop(key)
    for row in ocean.season.values():
        if row['name'] == old_name:
            row['name'] = new
    return f'{old_name} is called {new} now'


def move_rows(captain, turn, key, new_key, old_name, new):
    """Everything that is kept under a name gets the new one."""
    ocean = captain.sea.ocean
    own = {'boats': [key], 'ashore': [key], 'mail': [key], 'races': [key],
           'replies': [slot for slot in ocean.replies if slot.startswith(f'{key} ')],
           'laps': [lap for lap in ocean.laps if lap.endswith(f' {key}')]}
    for table, keys in own.items():
        for row_key in keys:
            row = getattr(ocean, table).get(row_key)
            if row:
                renamed = vars(row) | ({'name': new} if hasattr(row, 'name') else {})
                turn.drop(table, row_key)
                at = new_key if row_key == key else re.sub(
                    rf'(^| ){re.escape(key)}( |$)', rf'\g<1>{new_key}\g<2>', row_key)
                turn.put(table, at, **renamed)
    for table in ('sectors', 'depths', 'finds', 'board'):
        for row_key, row in getattr(ocean, table).items():
            if row.name == old_name:
                turn.put(table, row_key, name=new)
    for name, whale in ocean.whales.items():
        if whale.rider == key:
            turn.put('whales', name, rider=new_key)
    for number, news in ocean.news.items():
        if news.key == key:
            turn.put('news', number, key=new_key,
                     text=re.sub(rf'\b{re.escape(old_name)}\b', new, news.text))


@order
def kick(captain, name):
    """A boat leaves the ocean for good; its id is worth nothing any more."""
    game, ocean = captain.game, captain.sea.ocean
    key = captain.boat(name)
    old_name = (ocean.boats.get(key) or ocean.ashore[key]).name
    if key in ocean.boats:
        def write(turn):
            turn.key, turn.boat = key, ocean.boats[key]
            if turn.boat.riding:
                game.dismount(turn)
            game.go_ashore(turn, key)
        captain.change('kick', write)
    captain.change('kick', lambda turn: game.forget(turn, key))
    captain.sea.calls.pop(key, None)
    return f'{old_name} is gone'


@order
def mute(captain, name):
    """A player may send no messages; ordered once more, it may again."""
    key = captain.boat(name, ashore=False)
    muted = not captain.sea.ocean.boats[key].muted
    captain.change('mute', lambda turn: turn.put('boats', key, muted=muted))
    return f'{captain.sea.ocean.boats[key].name} may {"not " if muted else ""}send messages'


@order
def chat(captain, to='off'):
    """off: nobody may send messages; on: all may."""
    captain.planet('chat', quiet=to != 'on')
    return 'all may send messages' if to == 'on' else 'no messages now'


@order
def forget(captain, name):
    """A player is gone, and with it the name: from news, sectors, letters, season and data."""
    ocean = captain.sea.ocean
    key = captain.boat(name)
    old_name = (ocean.boats.get(key) or ocean.ashore[key]).name
    id = (ocean.boats.get(key) or ocean.ashore[key]).id
    kick(captain, old_name)

    def write(turn):
        for table in ('sectors', 'depths', 'finds', 'board', 'laps'):
            for row_key, row in getattr(ocean, table).items():
                if row.name == old_name:
                    turn.put(table, row_key, name='somebody')
        for number, news in ocean.news.items():
            if re.search(rf'\b{re.escape(old_name)}\b', news.text):
                turn.drop('news', number)
        for box, mail in ocean.mail.items():
            kept = tuple(letter for letter in mail.letters if letter[1] != old_name)
            if len(kept) < len(mail.letters):
                turn.put('mail', box, letters=kept)
        for whale_name, whale in ocean.whales.items():
            if whale.seen == old_name:
                turn.put('whales', whale_name, seen='somebody')
    captain.change('forget', write)
    if id in ocean.season:
        ocean.season = {other: row for other, row in ocean.season.items() if other != id}
        captain.sea.journal.save_season(ocean.season)
    for rider in captain.sea.riders:
        rider.forget(old_name)
    captain.game.save(captain.sea)
    captain.game.save(captain.sea)          # the last good copy, too
    return 'the player is forgotten here; old backups and saved oceans still have the name'


@order
def save(captain):
    """A copy of the ocean as it is now, beside it."""
    game, sea = captain.game, captain.sea
    with sea.lock:
        document = game.document_of(sea.ocean)
    folder = game.dated(sea.folder / 'saved')
    folder.mkdir()
    game.write_new(folder / 'mocean.json', game.readable(document))
    return f'saved as {folder.name}'


@order
def restore(captain, saved):
    """The ocean of a saved copy is back; the one of now is set aside."""
    game, sea = captain.game, captain.sea
    path = sea.folder / pathlib.PurePath(saved).name / 'mocean.json'
    if not re.match('(saved|before)-', saved) or not path.is_file():
        raise game.Refusal(f'there is no saved ocean {game.shown(saved)}; order saved lists them',
                           game.UNKNOWN, fix={'order': 'saved'})
    try:
        ocean = game.read_ocean(json.loads(path.read_bytes()))
    except game.UNREADABLE as error:
        raise game.Refusal(f'{saved} cannot be read ({error}); nothing has changed',
                           game.CONFLICT) from None
    with sea.tending, sea.lock:
        aside = game.renew(sea, ocean)
    return f'the ocean of {saved} is back, with {len(ocean.boats)} boats; the other is {aside.name}'


@order
def newgame(captain):
    """A new ocean without boats; the old one is set aside."""
    sea = captain.sea
    with sea.tending, sea.lock:
        aside = renew_with_boats(captain, keep_boats=False)
        captain.planet('newgame', frozen=False)
        sea.set_clock(sea.clock())
    return f'a new ocean; the old one is {aside.name}'


# --- DECK ----------------------------------------------------------------------------------------

MEANINGS = (                     # how an error begins, in its plain form, and what it means
    ('too early', 'the program is faster than the boat: time.sleep, or read wait_s'),
    ('id is missing', 'the call has no id: params={"id": my_id, ...}'),
    ('nobody aboard has the id', 'a wrong id: order recover gives a new one'),
    ('heading was', 'a heading misspelt: north, ne, ...'),
    ('& is missing', 'between two parameters there is an &'),
    ('the name', 'somebody has this name already: join with the id, or another name'),
    ('no treasure within', 'not near enough: look tells how far it is'),
    ('steps was', 'more steps than the boat makes in one call'))


def deck_rows(captain):
    """One row a player, who needs help first."""
    game, sea = captain.game, captain.sea
    now, rows = sea.clock(), []
    for key, boat in sea.ocean.boats.items():
        traffic = sea.calls.get(key)
        idle_s = round(max(now - max(traffic.last if traffic else 0, boat.joined), 0))
        calls = list(traffic.calls)[-1:] if traffic else []
        last = calls[0].split(' ', 4) if calls else ['0', '0', '', '', '']
        error = traffic.error if traffic else ''
        times = int(traffic.same_errors) if traffic else 0
        rows.append({
            'name': boat.name, 'trouble': trouble_of(boat, traffic, idle_s),
            'last': game.told(last[2], dict(game.pairs_of(last[3]))) if last[2] else '',
            'error': game.brief(last[4], 90) if error else '', 'times': times, 'idle_s': idle_s,
            'quest': boat.quest, 'score': boat.score, 'muted': boat.muted, 'joined': boat.joined})
    rows.sort(key=lambda row: (not row['trouble'], -row['times'], -row['idle_s'], row['name']))
    return rows


def trouble_of(boat, traffic, idle_s):
    """What is wrong with a player, in few words; '' where all is well."""
    if traffic and traffic.early >= FLOOD_EARLY:
        return 'a loop without a pause'
    if traffic and traffic.same_errors >= STUCK_ERRORS:
        return f'the same error {int(traffic.same_errors)} times'
    if idle_s >= STUCK_S:
        return f'silent for {idle_s // 60} minutes'
    return ''


def common_errors(captain):
    """The three commonest errors of the class now, each with what it means."""
    now, counted = time.time(), collections.Counter()
    for traffic in list(captain.sea.calls.values()):
        for call in tuple(traffic.calls):
            at, status, _, _, said = call.split(' ', 4)
            if status != '200' and now - int(at) < ERRORS_S:
                counted[next((begin for begin, _ in MEANINGS if said.startswith(begin)),
                             said[:40])] += 1
    return [{'error': begin, 'times': times, 'meaning': dict(MEANINGS).get(begin, '')}
            for begin, times in counted.most_common(3)]


@view
def deck(captain):
    """Who is stuck, at a glance."""
    rows, form = deck_rows(captain), captain.game.wanted_form(
        bottle.request.environ, dict(captain.game.pairs_of(bottle.request.query_string)))
    if form != 'html':
        return {'players': rows, 'errors': common_errors(captain)}
    return page('The captain\'s deck', deck_html(captain, rows), script=REFRESH)


def deck_html(captain, rows):
    parts = [f'<p id="said" role="status">{html.escape(captain.said)}</p>', state_html(captain)]
    parts.append('<table><thead><tr><th>player</th><th>trouble</th><th>last call</th>'
                 '<th>last error</th><th>idle</th><th>quest</th><th>score</th><th>orders</th></tr>'
                 '</thead><tbody>')
    newest = {row['name'] for row in sorted(rows, key=lambda row: -row['joined'])[:3]}
    for row in rows:
        name = html.escape(row['name'])
        new = ' <small>new</small>' if row['name'] in newest else ''
        times = f' ({row["times"]}x)' if row['times'] > 1 else ''
        buttons = ''.join(button(captain, order, label, name=row['name']) for order, label in (
            ('recover', 'new id'), ('mute', 'unmute' if row['muted'] else 'mute'),
            ('kick', 'kick')))
        buttons += field(captain, 'rename', 'rename', 'new', name=row['name'])
        parts.append(
            f'<tr class="{"red" if row["trouble"] else ""}"><th>{name}{new}</th>'
            f'<td>{html.escape(row["trouble"])}</td>'
            f'<td><code>{html.escape(row["last"])}</code></td>'
            f'<td>{html.escape(row["error"])}{times}</td><td>{row["idle_s"]} s</td>'
            f'<td>{row["quest"]}</td><td>{row["score"]}</td><td>{buttons}</td></tr>')
    parts.append('</tbody></table>' if rows else '</tbody></table><p>Nobody is aboard yet.</p>')
    parts.append('<h2>Commonest errors now</h2><ul>')
    for row in common_errors(captain):
        parts.append(f'<li>{row["times"]}x <b>{html.escape(row["error"])}</b> '
                     f'{html.escape(row["meaning"])}</li>')
    parts.append('</ul>' + orders_html(captain))
    return '\n'.join(parts)


def state_html(captain):
    """What the sea does now, and the orders that fit."""
    sea = captain.sea
    planet, round = sea.ocean.planet['mocean'], sea.ocean.rounds.get('now')
    said = 'The sea is frozen.' if sea.is_frozen() else 'The sea is open.'
    buttons = button(captain, 'thaw', 'thaw') if planet.frozen else button(captain, 'freeze',
                                                                           'freeze')
    if round and round.state == 'prepared':
        said = f'{round.name}: {round.seconds // 60} minutes, ready.'
        buttons = button(captain, 'start', 'start the round')
    elif round and round.state == 'running':
        left = max(round.until - sea.clock(), 0)
        said = f'{round.name}: {int(left // 60)}:{int(left % 60):02} left. ' + said
        buttons += button(captain, 'finish', 'end the round now')
    elif round:
        said = f'{round.name} is over. ' + ' '.join(
            f'{place}. {boat.name} ({boat.score})' for place, boat in
            enumerate(podium(sea.ocean)[:3], 1))
    return f'<div class="state"><p>{html.escape(said)}</p>{buttons}</div>'


def orders_html(captain):
    quiet = captain.sea.ocean.planet['mocean'].quiet
    return ('<h2>Orders</h2><div class="orders">'
            + field(captain, 'round', 'prepare a round of so many minutes', 'minutes', value='10')
            + field(captain, 'announce', 'announce', 'message')
            + field(captain, 'enlist', 'enlist', 'names', value='', wide=True)
            + field(captain, 'forget', 'forget', 'name')
            + button(captain, 'chat', f'chat {"on" if quiet else "off"}',
                     to='on' if quiet else 'off')
            + button(captain, 'save', 'save') + button(captain, 'newgame', 'new ocean')
            + button(captain, 'season', 'new season')
            + ''.join(f'<a href="captain?order={name}">{words}</a> ' for name, words in (
                ('roster', 'roster'), ('cards', 'cards for all'), ('transcript', 'all messages'),
                ('saved', 'saved oceans'))) + '</div>')


def button(captain, order, label, **values):
    """An order of one click."""
    hidden = ''.join(f'<input type="hidden" name="{key}" value="{html.escape(str(value))}">'
                     for key, value in {'order': order, **values, 'n': captain.new_n()}.items())
    return f'<form action="captain">{hidden}<button>{html.escape(label)}</button></form>'


def field(captain, order, label, name, value='', wide=False, **values):
    """An order with something to write."""
    hidden = ''.join(f'<input type="hidden" name="{key}" value="{html.escape(str(text))}">'
                     for key, text in {'order': order, **values, 'n': captain.new_n()}.items())
    size = 40 if wide else 10
    return (f'<form action="captain">{hidden}<input name="{name}" size="{size}" required '
            f'value="{html.escape(value)}" aria-label="{html.escape(label)}: {name}">'
            f'<button>{html.escape(label)}</button></form>')


# --- PAGES ---------------------------------------------------------------------------------------

@view
def roster(captain):
    """All players, without their ids."""
    boats = sorted(captain.sea.ocean.boats.values(), key=lambda boat: boat.name.casefold())
    return {'players': [{'name': boat.name, 'enlisted': int(boat.enlisted), 'score': boat.score,
                         'quest': boat.quest} for boat in boats]}


@view
def saved(captain):
    """The saved oceans, the newest first: name, boats, points, when."""
    rows = []
    for path in sorted(captain.sea.folder.glob('*/mocean.json'), reverse=True):
        if re.match('(saved|before)-', path.parent.name):
            rows.append(saved_row(path))
    return {'saved': rows}


def saved_row(path):
    """What is in a saved ocean."""
    try:
        boats = json.loads(path.read_bytes())['boats'].values()
        points = sum(boat['score'] for boat in boats)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {'name': path.parent.name, 'boats': 'unreadable', 'points': '', 'when': ''}
    when = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(path.stat().st_mtime))
    return {'name': path.parent.name, 'boats': len(boats), 'points': points, 'when': when}


@view
def transcript(captain):
    """What has been said: messages to all, and letters that wait to be read."""
    ocean = captain.sea.ocean
    rows = [(notice.at, notice.name, 'all', notice.text) for notice in ocean.board.values()]
    for key, mail in ocean.mail.items():
        rows += [(at, name, ocean.boats[key].name if key in ocean.boats else key, text)
                 for at, name, text in mail.letters]
    return {'messages': [{'at': round(at), 'from': sender, 'to': to, 'text': text}
                         for at, sender, to, text in sorted(rows)[-TALK_KEPT:]]}


@view
def cards(captain, names=''):
    """Cards to print and cut out: name, id, join link."""
    game, ocean = captain.game, captain.sea.ocean
    wanted = {game.key_of(game.tidy_name(name)) for name in re.split(r'[,;\n]+', names) if name}
    boats = [boat for key, boat in {**ocean.ashore, **ocean.boats}.items()
             if not wanted or key in wanted]
    base, parts = game.base_of(bottle.request.environ), []
    for boat in sorted(boats, key=lambda boat: boat.name.casefold()):
        link = html.escape(game.call_of(base, 'join', {'name': boat.name, 'id': boat.id}))
        parts.append(f'<section class="card"><h2>{html.escape(boat.name)}</h2>'
                     f'<p class="id">{boat.id}</p><p class="qr" data-link="{link}"></p>'
                     f'<p class="link">{link}</p></section>')
    return page('Cards', '<div class="cards">' + '\n'.join(parts) + '</div>', css=CARDS)


STYLE = """
:root { color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --red: #a3162b;
        --pale: #fde3e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #dcecf2; --sea: #08202b; --line: #21485a;
        --red: #ff9aa8; --pale: #3d1218; } }
body { font: 16px/1.4 system-ui, sans-serif; margin: 1em; color: var(--ink);
       background: var(--sea); }
h1 { font-size: 1.3em; margin: 0 0 .4em; } h2 { font-size: 1.1em; margin: 1em 0 .3em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25em .5em; border-bottom: 1px solid var(--line);
         vertical-align: top; overflow-wrap: anywhere; }
tr.red th, tr.red td { background: var(--pale); } tr.red th { color: var(--red); }
form { display: inline-block; margin: 0 .3em .3em 0; }
button, input { font: inherit; min-height: 2.2em; } .state p { font-size: 1.5em; margin: .2em 0; }
#said:empty { display: none; } #said { font-weight: bold; }
@media (max-width: 600px) { thead { display: none; } tr, td, th { display: block; border: 0; }
  tr { border-bottom: 2px solid var(--line); padding: .4em 0; }
  td:empty { display: none; } button { min-height: 44px; } }
"""
CARDS = """
.cards { display: grid; grid-template-columns: 1fr 1fr; }
.card { border: 1px dashed #888; padding: 4mm; height: 60mm; box-sizing: border-box;
        break-inside: avoid; } .card h2 { margin: 0; font-size: 16pt; }
.id { font: bold 28pt ui-monospace, monospace; letter-spacing: .1em; margin: 2mm 0; }
.link { font-size: 8pt; overflow-wrap: anywhere; }
@media print { h1 { display: none; } body { margin: 0; background: white; color: black; } }
"""
REFRESH = """
setInterval(async () => {
  if (document.activeElement && document.activeElement.matches('input')) return;
  const reply = await fetch('captain', {headers: {Accept: 'text/html'}});
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
  document.querySelector('main').replaceWith(fresh.querySelector('main'));
}, 5000);
"""


def page(title, body, status=200, script='', css=''):
    """A page of the captain's: nothing in it comes from elsewhere, and nobody may frame it."""
    nonce = secrets.token_urlsafe(12)
    policy = (f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
              "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
              "frame-ancestors 'none'")
    text = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width"><meta name="referrer" '
            f'content="no-referrer"><style nonce="{nonce}">{STYLE}{css}</style></head><body>'
            f'<main><h1>{title}</h1>{body}</main>'
            + (f'<script nonce="{nonce}">{script}</script>' if script else '') + '</body></html>')
    return bottle.HTTPResponse(text, status, {'Content-Type': 'text/html; charset=utf-8',
                                              'Content-Security-Policy': policy})


# --- RIDE ----------------------------------------------------------------------------------------

def ride(game, sea):
    """The deck, where there is a key; a round that is over ends by itself."""
    app = bottle.Bottle()
    if not sea.captain_key:
        return game.Rider()
    if len(sea.captain_key) < KEY_LENGTH:
        game.log(f'MOCEAN_CAPTAIN is too short: a key has {KEY_LENGTH} characters or more, so '
                 'there is no captain\'s deck')
        return game.Rider()
    captain = Captain(game, sea)
    app.get('/captain', callback=captain.serve)

    def tend():
        round = sea.ocean.rounds.get('now')
        if round and round.state == 'running' and sea.clock() >= round.until:
            captain.give(finish, {})
    return game.Rider(app.routes, tend)
