"""The captain's deck: what the teacher sees and orders. It rides along with mocean.py.

      a request      --->  ACCESS    who may give orders: who has the key, or the cookie for it
                             |
                             v
                           ORDERS    freeze, round, rename, ...: one function each, which says in
                             |       one sentence what it has done
                             v
      the deck       <---  DECK      one line a player; who is stuck comes first
      lists, cards   <---  PAGES     the roster, all messages, saved oceans, cards to cut out

                           RIDE      what mocean.py is handed

MOCEAN_CAPTAIN in the environment is the key, of 12 characters or more; without one there is no
captain. Open http://localhost:8080/captain in a browser and give the key once, or order from a
program: /captain?key=...&order=freeze

To add an order: a function under ORDERS with @order, whose docstring says what it does, and where
a click shall do it, a button under DECK.
"""
import collections
import functools
import hmac
import html
import inspect
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import urllib.parse
from contextlib import suppress

import bottle

# --- SETTINGS ------------------------------------------------------------------------------------

KEY_LENGTH = 12                  # of the key, at least
TRIES, TRY_S = 10, 6             # wrong keys: so many at once, then one in so many seconds
COOKIE_S = 12 * 3600             # a day at school
ANSWERS_KEPT = 300               # of orders with n=, so that a reload repeats nothing
STUCK_ERRORS, STUCK_S = 3, 180   # the same error so often, or silence so long, is red
FLOOD_S = 1                      # all the calls that are remembered, within so many seconds
STUCK_CALLS = 5                  # an error is over when it is not among so many last calls
TWO_PROGRAMS = 2                 # so many collisions among the last calls are two programs
SEEN_S = 180                     # so long a trouble that the teacher has seen is not red
SAID_S = 60                      # so long the deck shows what the last order said
ERRORS_S = 300                   # the commonest errors of so many seconds
ROWS_SHOWN, NEWEST_SHOWN, SEASON_SHOWN = 100, 4, 10
PLACES = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)         # points for the season
CARDS_PER_PAGE, MOST_NAMES = 8, 300


class Captain:
    """The teacher's side of one running game."""

    def __init__(self, game, sea):
        self.game, self.sea = game, sea
        self.key = sea.captain_key
        self.born = time.time()
        self.tries, self.tried_at = TRIES, time.monotonic()
        self.lock = threading.Lock()                 # one order at a time
        self.answers = collections.OrderedDict()     # n and order -> what it said
        self.said, self.said_at = '', 0.0            # what the last order said, for the deck
        self.seen = {}                               # key -> (trouble, sea time): the teacher knows
        self.woke = None                             # sea time when this process began to look

    # --- ACCESS ----------------------------------------------------------------------------------

    def seal(self, text):
        """What only who knows the key can write."""
        return hmac.new(self.key.encode(), text.encode(), 'sha256').hexdigest()

    def mint(self, use):
        """A text that this server will know again as its own: when, anything, a seal."""
        text = f'{int(time.time())}-{secrets.token_hex(6)}'
        return f'{text}-{self.seal(use + text)[:32]}'

    def minted(self, use, text):
        """When a text was minted for this use; 0 where it was not."""
        text, _, seal = text.rpartition('-')
        right = hmac.compare_digest(seal.encode(), self.seal(use + text)[:32].encode())
        return int(text.split('-')[0]) if right else 0

    def knows_key(self, key):
        """True for the right key. Wrong ones are logged, and rationed."""
        with self.lock:
            now = time.monotonic()
            self.tries = min(TRIES, self.tries + (now - self.tried_at) / TRY_S)
            self.tried_at = now
            if self.tries < 1:
                raise self.game.Refusal('too many wrong keys; wait a little', self.game.EARLY,
                                        'health', wait_s=TRY_S)
            if hmac.compare_digest(self.seal(key), self.seal(self.key)):
                return True
            self.tries -= 1
        self.sea.say('somebody tried a wrong key for the captain\'s deck')
        return False

    def has_cookie(self):
        """True for a browser that has shown the key lately. A page of another origin, or one that
        runs a student's program, gets no cookie along (SameSite), and is not believed anyway."""
        came_from = bottle.request.environ.get('HTTP_SEC_FETCH_SITE', 'same-origin')
        cookie = bottle.request.get_cookie('captain') or ''
        return came_from in ('same-origin', 'none') and \
            time.time() - COOKIE_S < self.minted('cookie', cookie)

    def serve(self):
        """What /captain answers."""
        game, environ = self.game, bottle.request.environ
        texts = dict(game.pairs_of(environ.get('QUERY_STRING', '')))
        form = game.wanted_form(environ, texts)
        try:
            nobody = game.sent_by_nobody(environ)
            if nobody:
                raise game.Refusal(nobody, game.AWAY)
            if self.sea.process != os.getpid():
                self.sea.open()
            return self.admit(texts, form)
        except game.Refusal as refusal:
            works = game.call_of(game.base_of(environ), refusal.route or 'captain', refusal.fix)
            return game.error_form(refusal, works, form)
        except (Exception, SystemExit):
            self.sea.say('the captain met a bug:\n' + game.traceback.format_exc())
            works = game.call_of(game.base_of(environ), 'health', {})
            return game.error_form(game.Refusal(game.MISTAKE, game.BUG), works, form)

    def admit(self, texts, form):
        """An order, or a page to look at, for who may see it."""
        key = texts.pop('key', None)
        if self.has_cookie():
            return self.exchange(texts) if key is not None else self.obey_page(texts, form)
        if key is None or not self.knows_key(key):
            return self.ask_for_key(form, wrong=key is not None)
        if form != 'html':
            return self.obey_program(texts, form)
        try:
            order, values = self.read(texts)
            if order.changes:
                self.give(order, values)
        except self.game.Refusal as refusal:
            self.note(refusal.words)
            return self.exchange({})
        return self.exchange({} if order.changes else texts)

    def exchange(self, texts):
        """The key, taken once: a cookie for it, and an address bar without it."""
        base = self.game.base_of(bottle.request.environ)
        secure = '; Secure' if base.startswith('https') else ''
        cookie = f'captain={self.mint("cookie")}; Path={here(self.game)}; Max-Age={COOKIE_S}; ' \
                 f'HttpOnly; SameSite=Strict{secure}'
        return self.go_to(texts, Set_Cookie=cookie)

    def go_to(self, texts, **headers):
        """On to a page of the deck."""
        where = self.game.call_of(self.game.base_of(bottle.request.environ), 'captain', texts)
        return self.game.answer('', status=303, Location=where, **headers)

    def ask_for_key(self, form, wrong):
        if form == 'html':
            no = '<p>That was not the key. Mind each letter.</p>' if wrong else ''
            return page('The captain\'s deck', f'{no}<form action="{here(self.game)}"><p><label>'
                        'The deck opens with the key: <input type="password" name="key" autofocus '
                        'autocomplete="off"></label> <button>open</button></p></form>', status=403)
        said = 'that was not the key' if wrong else 'add key= and the key'
        raise self.game.Refusal(f'the captain\'s deck opens with the key: {said}', 403, 'health')

    # --- an order, read and given ----------------------------------------------------------------

    def read(self, texts):
        """The order that is meant, and its values; the deck, where none is. Or a Refusal."""
        game, name = self.game, texts.get('order', 'deck').strip().casefold()
        order = ORDERS.get(name)
        if order:
            return order, read_values(game, order, texts)
        close = game.difflib.get_close_matches(name, ORDERS, 1, 0.5)
        said = f'did you mean {close[0]}?' if close else f'orders are {", ".join(ORDERS)}'
        raise game.Refusal(f'order was {game.shown(name)}; {said}',
                           fix={'order': close[0] if close else 'deck'})

    def obey_program(self, texts, form):
        """What somebody with the key sends from a program."""
        order, values = self.read(texts)
        if not order.changes:
            return self.tell(order(self, **values), form)
        if bottle.request.method == 'HEAD':
            return self.game.answer('')
        return self.tell({'said': self.give(order, values, texts.get('n', ''))}, form)

    def obey_page(self, texts, form):
        """What a browser with the cookie sends: a view, or the click on an order. An order happens
        once, however often the page is loaded; then it goes on to a page that only shows."""
        try:
            order, values = self.read(texts)
        except self.game.Refusal as refusal:
            self.note(refusal.words)
            return self.go_to({})
        if not order.changes:
            return self.tell(order(self, **values), form)
        n = texts.get('n', '')
        is_of_now = self.minted('n', n) > self.born - 1         # it was minted in whole seconds
        if bottle.request.method == 'HEAD' or not is_of_now:
            raise self.game.Refusal('this order does not come from the deck as it is now: load the '
                                    'deck anew, and click there', self.game.CONFLICT)
        done = self.try_order(order, values, n)
        names = values.get('names') or values.get('name')
        to_cards = done and order.__name__ in ('enlist', 'recover')
        return self.go_to({'order': 'cards', 'names': names} if to_cards else {})

    def try_order(self, order, values, n):
        """Give an order; the deck says what came of it. True if it could be done."""
        try:
            self.give(order, values, n)
        except self.game.Refusal as refusal:
            self.note(refusal.words)
            return False
        return True

    def give(self, order, values, n=''):
        """Let an order happen, once for each n, and say so in the log."""
        call = (n, order.__name__, *sorted(values.items()))
        with self.lock:
            if n and call in self.answers:
                return self.answers[call]
            try:
                said = order(self, **values)
            except OSError as error:
                raise self.game.Refusal('the disk of the server is full or broken '
                                        f'({os.strerror(error.errno or 0)}); look what has '
                                        'happened, and try again', self.game.AWAY) from error
            self.answers[call] = said
            self.note(said)
            while len(self.answers) > ANSWERS_KEPT:
                self.answers.popitem(last=False)
        self.sea.say(f'the captain ordered {order.__name__}: {said}')
        return said

    def note(self, words):
        """What the deck shows for a while."""
        self.said, self.said_at = words, time.monotonic()

    def tell(self, found, form):
        """Facts as JSON or text; a page as it is."""
        game = self.game
        if isinstance(found, bottle.HTTPResponse):
            return found
        if form == 'json':
            return game.answer(json.dumps(found, ensure_ascii=False), game.JSON)
        name, rows = next(iter(found.items()))
        if form == 'html':
            return table_page(name, rows)
        rows = rows if isinstance(rows, list) else [found]
        return game.answer('\n'.join(','.join(map(str, row.values())) for row in rows))

    # --- what orders need ------------------------------------------------------------------------

    def change(self, order, write):
        """Write a turn of the captain's into the journal, and let it happen."""
        game, sea = self.game, self.sea
        with sea.lock:
            turn = new_turn(game, sea, sea.ocean, sea.clock())
            said = write(turn)
            sea.journal.write(sea.ocean, game.patch_of(sea.ocean, turn.change),
                              f'the captain ordered {order}', turn.now)
            game.merge(sea.ocean, turn.change)
            return said

    def set_planet(self, order, **fields):
        """Change something of the whole ocean; its clock goes on from there, or stands."""
        with self.sea.lock:
            self.change(order, lambda turn: turn.put('planet', 'mocean', **fields))
            self.sea.set_clock(self.sea.ocean.now)

    def find(self, name):
        """The key of a player, and the boat, aboard or ashore. Or a Refusal: the nearest name."""
        game, ocean = self.game, self.sea.ocean
        key, known = game.key_of(name), {**ocean.ashore, **ocean.boats}
        if key in known:
            return key, known[key]
        close = game.difflib.get_close_matches(key, known, 1, 0.5)
        meant = f'; did you mean {known[close[0]].name}?' if close else ''
        raise game.Refusal(f'nobody here is called {game.shown(name)}{meant}', game.UNKNOWN)

    def round(self):
        return self.sea.ocean.rounds.get('now')

    def set_season(self, rows):
        """The table of the season: first on the disk, then here."""
        self.sea.journal.save_season(rows)
        self.sea.ocean.season = rows


def new_turn(game, sea, ocean, now):
    """A sheet for what the captain writes."""
    return game.Turn(ocean, now, round(sea.calendar(), 3), sea.dice, '',
                     collections.defaultdict(game.Traffic))


def here(game):
    """The path of the deck, as the browser sees it."""
    return urllib.parse.urlsplit(game.call_of(game.base_of(bottle.request.environ), 'captain',
                                              {})).path


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


def read_values(game, order, texts):
    """The texts of an order's parameters, by name; a Refusal where one is missing or unknown."""
    _, *names = inspect.signature(order).parameters         # the first is the captain
    for name in names:
        must = inspect.signature(order).parameters[name].default is inspect.Parameter.empty
        if must and not texts.get(name, '').strip():
            raise game.Refusal(f'{name} is missing; {order.__name__} knows {", ".join(names)}')
    for name in texts:
        if name not in (*names, 'order', 'n', 'format'):
            raise game.Refusal(f'{order.__name__} has no parameter {game.bare(name)}; it '
                               f'knows {", ".join(names) or "none"}')
    return {name: texts[name].strip() for name in names if texts.get(name, '').strip()}


def read_line(game, name, text, longest):
    """A text in one line, or a Refusal."""
    try:
        return game.read_text(longest)(text)
    except game.Fault as fault:
        raise game.Refusal(f'{name} was {game.shown(text)}; {fault.works}') from None


# The sea.

@order
def freeze(captain):
    """Every boat stops; reading goes on."""
    captain.set_planet('freeze', frozen=True)
    return 'the sea is frozen'


@order
def thaw(captain):
    """All goes on as if no time had passed."""
    round = captain.round()
    if round and round.state == 'prepared':
        return start(captain)
    if round and round.state == 'over':                 # its podium has been seen
        captain.change('thaw', lambda turn: turn.drop('rounds', 'now'))
    captain.set_planet('thaw', frozen=False)
    return 'the sea goes on'


@order
def announce(captain, message):
    """A message from the captain to all, in the news and in every letter box."""
    message = read_line(captain.game, 'message', message, captain.game.LETTER_LENGTH)

    def write(turn):
        turn.news(f'the captain: {message}', 'captain')
        captain.game.post(turn, 'the captain', message)
    captain.change('announce', write)
    return f'told all: {message}'


@order
def chat(captain, to='off'):
    """off: nobody may send messages; on: all may."""
    if to not in ('on', 'off'):
        raise captain.game.Refusal(f'to was {captain.game.shown(to)}; it is on or off')
    captain.set_planet('chat', quiet=to == 'off')
    return 'all may send messages' if to == 'on' else 'no messages now'


# Rounds and the season.

@order
def prepare(captain, minutes='20', name=''):
    """A fresh ocean with the same boats, names and ids, at their berths, frozen until `start`."""
    game, sea = captain.game, captain.sea
    if not re.fullmatch('[0-9]{1,3}', minutes) or not 1 <= int(minutes) <= 240:
        raise game.Refusal(f'minutes was {game.shown(minutes)}; it is a whole number from 1 to 240')
    number = 1 + max([row['rounds'] for row in sea.ocean.season.values()], default=0)
    name = read_line(game, 'name', name, 40) if name else f'Round {number}'
    round = game.Round(name, 60 * int(minutes), 'prepared')
    with sea.tending:
        with sea.lock:
            boats = [boat for boat in sea.ocean.ashore.values() if boat.enlisted]
            boats += sea.ocean.boats.values()
            aside = renew(captain, fresh_ocean(captain, boats, round))
        ask_riders(captain, 'renew', aside, None)
    return f'{name}: a fresh ocean waits for {told_minutes(round)}; the one before is {aside.name}'


prepare.__name__ = 'round'               # as the order is called: Python's own round stays round
ORDERS['round'] = ORDERS.pop('prepare')


def fresh_ocean(captain, boats=(), round=None):
    """Another ocean, with these boats at their berths, and frozen if a round is to come."""
    game, sea = captain.game, captain.sea
    ocean, quiet = game.Ocean(), sea.ocean.planet['mocean'].quiet
    game.merge(ocean, game.new_planet(sea.dice.getrandbits(64), sea.calendar()))
    ocean.now = 0.0
    turn = new_turn(game, sea, ocean, 0.0)
    for boat in sorted(boats, key=lambda boat: boat.joined):
        game.launch_boat(turn, boat.name, boat.id, boat.pennant, enlisted=boat.enlisted,
                         muted=boat.muted, badges=boat.badges, quest=boat.quest)
        turn.steer(score=0)
    turn.put('planet', 'mocean', frozen=bool(round), quiet=quiet)
    if round:
        turn.put('rounds', 'now', **vars(round))
        ocean.talk = dict(sea.ocean.talk)      # it is the same class
    game.merge(ocean, turn.change)
    return ocean


def renew(captain, ocean):
    """The ocean takes the place of the one there is. Returns the folder in which that is kept."""
    aside = captain.game.renew(captain.sea, ocean)
    captain.woke = captain.sea.clock()
    captain.seen.clear()
    return aside


@order
def start(captain):
    """The prepared round begins."""
    sea = captain.sea
    with sea.lock:
        round = captain.round()
        if not round or round.state != 'prepared':
            raise captain.game.Refusal('no round is prepared: order round first',
                                       captain.game.CONFLICT)

        def write(turn):
            turn.put('rounds', 'now', state='running', until=turn.now + round.seconds)
            turn.put('planet', 'mocean', frozen=False)
            turn.news(f'{round.name} begins: {told_minutes(round)}', 'round')
        captain.change('start', write)
        sea.set_clock(sea.ocean.now)
    return f'{round.name} runs for {told_minutes(round)}'


def told_minutes(round):
    return f'{round.seconds // 60} minute{"" if round.seconds == 60 else "s"}'


@order
def finish(captain):
    """The round ends now: the sea freezes, the first ten earn points for the season."""
    sea = captain.sea
    with sea.lock:
        round = captain.round()
        if not round or round.state != 'running':
            raise captain.game.Refusal('no round is running', captain.game.CONFLICT)
        podium = captain.game.tell_podium(sea.ocean)
        said = f'{round.name} is over' + (f': {winners(podium)}' if podium else '')

        def write(turn):
            turn.put('rounds', 'now', state='ending', until=turn.now)
            turn.put('planet', 'mocean', frozen=True)
            turn.news(said, 'round')
        captain.change('finish', write)
        sea.set_clock(sea.ocean.now)
        count(captain)
    return said


def winners(podium):
    """'ada wins with 12 points'. Who shares the first place is named, too, up to three."""
    first = [row['name'] for row in podium if row['rank'] == 1]
    points = f'with {podium[0]["score"]} points'
    if len(first) == 1:
        return f'{first[0]} wins {points}'
    if len(first) > 3:
        return f'{len(first)} players share the first place {points}'
    return f'{", ".join(first[:-1])} and {first[-1]} win {points}'


def count(captain):
    """The points of a round that ends, for the season: by id, since a name may change. It can be
    done again after a crash, and counts once: each row knows the round that came last."""
    game, ocean = captain.game, captain.sea.ocean
    mark = ocean.planet['mocean'].seed
    season = {id: dict(row) for id, row in ocean.season.items()}
    for place in game.tell_podium(ocean):
        boat = ocean.boats[game.key_of(place['name'])]
        row = season.setdefault(boat.id, {'name': boat.name, 'points': 0, 'rounds': 0, 'last': 0})
        if row['last'] != mark:
            row['points'] += PLACES[place['rank'] - 1]
            row.update(name=boat.name, rounds=row['rounds'] + 1, last=mark)
    captain.set_season(season)
    captain.change('finish', lambda turn: turn.put('rounds', 'now', state='over'))


@order
def season(captain):
    """A new season: everybody begins with 0."""
    path = captain.sea.folder / 'season.json'
    if path.exists():
        captain.game.set_aside(path)
    captain.sea.ocean.season = {}
    return 'a new season begins'


# The players.

@order
def enlist(captain, names):
    """Boats for these names (with commas between them); their cards can be printed."""
    wanted = tidy_names(captain.game, names)

    def write(turn):
        for name in wanted:
            enlist_one(captain.game, turn, name)
    captain.change('enlist', write)
    return f'enlisted: {", ".join(wanted)}'


def tidy_names(game, text):
    """The names in a list that a teacher wrote; a second Ada is called Ada2."""
    names = {}
    for part in re.split(r'[,;\n]+', text):
        name = game.tidy_name(part)
        if not name:
            continue
        number, other = 1, name
        while game.key_of(other) in names:
            number += 1
            other = f'{name[:17]}{number}'
        names[game.key_of(other)] = other
    if not 0 < len(names) <= MOST_NAMES:
        raise game.Refusal(f'names are 1 to {MOST_NAMES}, with commas between them, as ada,bob; '
                           f'each is {game.NAME_RULE}')
    return list(names.values())


def enlist_one(game, turn, name):
    """Who is there already is only noted; who is not gets a boat."""
    key = game.key_of(name)
    for table in ('boats', 'ashore'):
        if turn.row(table, key):
            turn.put(table, key, enlisted=True)
            return
    game.launch_boat(turn, name, game.new_id(turn.ocean), enlisted=True)


@order
def recover(captain, name):
    """A new id for a player who has lost the old one, or whose id somebody else knows."""
    game, ocean = captain.game, captain.sea.ocean
    key, boat = captain.find(name)
    id = game.new_id(ocean)
    captain.change('recover', lambda turn: turn.put(
        'boats' if key in ocean.boats else 'ashore', key, id=id))
    if boat.id in ocean.season:
        captain.set_season({id if old == boat.id else old: row
                            for old, row in ocean.season.items()})
    return f'{boat.name} has a new id: the card says it'


@order
def rename(captain, name, new):
    """Another name for a boat; everything else is kept."""
    game, ocean = captain.game, captain.sea.ocean
    key, boat = captain.find(name)
    tidy = game.tidy_name(new)
    new_key = game.key_of(tidy)
    if not tidy:
        raise game.Refusal(f'a name is {game.NAME_RULE}')
    if new_key != key and (new_key in ocean.boats or new_key in ocean.ashore):
        raise game.Refusal(f'the name {tidy} is taken; {game.free_name(ocean, tidy)} is free',
                           game.CONFLICT)

    def write(turn):
        tell_anew(game, turn, key, boat.name, tidy)
        move_own(game, turn, key, new_key, tidy)
    captain.change('rename', write)
    forget_calls(captain, key, new_key)
    if boat.id in ocean.season:
        row = {**ocean.season[boat.id], 'name': tidy}
        captain.set_season({**ocean.season, boat.id: row})
    tell_riders(captain, 'rename', boat.name, tidy)
    return f'{boat.name} is called {tidy} now'


def move_own(game, turn, key, new_key, new):
    """What is kept under the key of a boat gets the new one."""
    own = [(table, key, new_key) for table in ('boats', 'ashore', 'mail', 'races')]
    own += [('replies', old, now) for old, now in zip(game.reply_keys(key),
                                                      game.reply_keys(new_key), strict=True)]
    own += [('laps', lap, f'{lap.split()[0]} {new_key}') for lap in laps_of(turn.ocean, key)]
    for table, old, now in own:
        row = turn.row(table, old)
        if row:
            turn.drop(table, old)
            turn.put(table, now, **vars(row) | ({'name': new} if hasattr(row, 'name') else {}))
    point_to(turn, key, new_key)


def laps_of(ocean, key):
    return [lap for lap in ocean.laps if lap.split()[1] == key]


def point_to(turn, key, new_key):
    """What belongs to a boat belongs to another key; '' is nobody's."""
    for table, field in (('whales', 'rider'), ('blooms', 'key'), ('news', 'key')):
        for number, row in getattr(turn.ocean, table).items():
            if getattr(row, field) == key:
                turn.put(table, number, **{field: new_key})


TEXTS = {                        # where a name may stand, in records and in words
    'sectors': ('name',), 'depths': ('name',), 'finds': ('name',), 'laps': ('name',),
    'whales': ('seen',), 'news': ('name', 'text'), 'board': ('name', 'text'), 'runs': ('how',),
    'talk': ('name', 'to', 'text'), 'mail': ('letters',)}


def tell_anew(game, turn, key, old, new):
    """Whatever is told of a name is told of the new one. What others were answered when they wrote
    it is not kept any more."""
    words = re.compile(rf'{re.escape(old)}(?!\w)|\w+')

    def anew(value):
        if isinstance(value, tuple):
            return tuple(map(anew, value))
        if not isinstance(value, str):
            return value
        return words.sub(lambda word: new if game.key_of(word[0]) == key else word[0], value)
    for table, fields in TEXTS.items():
        for row_key, row in getattr(turn.ocean, table).items():
            changed = {field: anew(getattr(row, field)) for field in fields}
            if any(changed[field] != getattr(row, field) for field in fields):
                turn.put(table, row_key, **changed)
    for slot, reply in turn.ocean.replies.items():
        if not slot.startswith(f'{key} ') and anew(reply.facts + reply.asked) != \
                reply.facts + reply.asked:
            turn.drop('replies', slot)
    for row in turn.ocean.soundings:
        row[1] = anew(row[1])


def forget_calls(captain, key, new_key=''):
    """What is remembered of the calls of one player goes, or goes on under another key; what others
    called with that name in it goes, and every wall is told everything anew."""
    game, calls = captain.game, captain.sea.calls
    captain.sea.feed.forget()
    traffic = calls.pop(key, None)
    if traffic and new_key:
        calls[new_key] = traffic
    for other in list(calls.values()):
        kept = [line for line in tuple(other.lines) if key not in map(
            game.key_of, re.findall(r'\w+', urllib.parse.unquote_plus(line)))]
        other.lines = collections.deque(kept, other.lines.maxlen)


def tell_riders(captain, what, *names):
    """A name is another one, or is forgotten: the riders keep names, too."""
    with captain.sea.tending:
        for _ in range(2):                # the state file, and the last good copy
            captain.game.save(captain.sea)
        ask_riders(captain, what, *names)


def ask_riders(captain, what, *values):
    """Let each rider do its part. Where one cannot, the others do, and the teacher is told."""
    failed = False
    for rider in captain.sea.riders:
        try:
            getattr(rider, what)(*values)
        except (Exception, SystemExit):    # whatever it is: a file of its own, a student's mistake
            failed = True
            captain.game.log(f'a rider could not {what}:\n{captain.game.traceback.format_exc()}')
    if failed:
        raise captain.game.Refusal('it is done in the ocean, but not in all that rides along: the '
                                   'log of the server says why', captain.game.AWAY)


@order
def mute(captain, name):
    """A player may send no messages; ordered once more, it may again."""
    key, boat = captain.find(name)
    captain.change('mute', lambda turn: turn.put(
        'boats' if key in turn.ocean.boats else 'ashore', key, muted=not boat.muted))
    return f'{boat.name} may {"" if boat.muted else "not "}send messages'


@order
def seen(captain, name):
    """The teacher is on the way: this trouble of a player is not red for a while."""
    key, boat = captain.find(name)
    trouble = trouble_of(captain, key, boat, calls_of(captain, key))
    captain.seen[key] = trouble.kind if trouble else '', captain.sea.clock()
    return f'{boat.name} is seen'


@order
def kick(captain, name):
    """A boat leaves the ocean for good; its id is worth nothing any more."""
    key, boat = captain.find(name)
    drop_boat(captain, key)
    forget_calls(captain, key)
    return f'{boat.name} is gone'


def drop_boat(captain, key):
    """Ashore, and from there away: its treasures lie on their seamounts again."""
    game, ocean = captain.game, captain.sea.ocean

    def go_ashore(turn):
        turn.key, turn.boat = key, ocean.boats[key]
        if turn.boat.riding:
            game.dismount(turn)
        game.go_ashore(turn, key)
    if key in ocean.boats:
        captain.change('kick', go_ashore)
    if key in ocean.ashore:
        captain.change('kick', lambda turn: game.forget(turn, key))


@order
def forget(captain, name):
    """A player is gone, and the name with it: from news, charts, letters, season, data, Steps."""
    game, sea = captain.game, captain.sea
    key, ocean = game.key_of(name), sea.ocean
    boat = ocean.boats.get(key) or ocean.ashore.get(key)
    drop_boat(captain, key)

    def write(turn):
        tell_anew(game, turn, key, boat.name if boat else name, 'somebody')
        point_to(turn, key, '')
        for lap in laps_of(ocean, key):
            turn.drop('laps', lap)
    captain.change('forget', write)
    forget_calls(captain, key)
    captain.set_season({id: row for id, row in ocean.season.items()
                        if game.key_of(row['name']) != key})
    tell_riders(captain, 'forget', boat.name if boat else name)
    return 'the player is forgotten here; older backups and saved oceans still have the name'


# Oceans, kept and brought back.

@order
def save(captain):
    """A copy of the ocean as it is now, beside it."""
    game, sea = captain.game, captain.sea
    folder = game.dated(sea.folder / 'saved')
    folder.mkdir()
    with sea.lock:
        document = game.document_of(sea.ocean)
        text = game.readable(document)
    game.write_new(folder / 'mocean.json', text)
    ask_riders(captain, 'save', folder)
    return f'saved as {folder.name}'


@order
def restore(captain, saved):
    """The ocean of a saved copy is back; the one of now is set aside."""
    game, sea = captain.game, captain.sea
    folder = sea.folder / saved
    if not KEPT.fullmatch(saved) or not (folder / 'mocean.json').is_file():
        raise game.Refusal(f'there is no saved ocean {game.shown(saved)}; the order saved lists '
                           'them', game.UNKNOWN, fix={'order': 'saved'})
    ocean = load_copy(game, folder)
    if not ocean:
        raise game.Refusal(f'{saved} cannot be read; nothing has changed', game.CONFLICT)
    with sea.tending:
        with sea.lock:
            aside = renew(captain, ocean)
        ask_riders(captain, 'renew', aside, folder)
    return f'the ocean of {saved} is back, with {len(ocean.boats)} boats; the other is {aside.name}'


KEPT = re.compile(r'(saved|before)-[0-9]{4}[0-9-]+\+*')     # as the orders and mocean_newgame say


def load_copy(game, folder):
    """The ocean in a folder, its journal included, or None. Nothing in the folder is changed."""
    with tempfile.TemporaryDirectory() as copy:
        for path in folder.glob('mocean*.j*'):
            shutil.copy(path, copy)
        journal = game.Journal(copy)
        try:
            ocean = journal.load()
        finally:
            journal.close()
    return ocean if ocean.planet else None


@order
def newgame(captain):
    """A new ocean without boats; the old one is set aside."""
    sea = captain.sea
    with sea.tending:
        with sea.lock:
            aside = renew(captain, fresh_ocean(captain))
        ask_riders(captain, 'renew', aside, None)
    return f'a new ocean without boats; the one before is {aside.name}'


# --- DECK ----------------------------------------------------------------------------------------

# What an error looks like, its name for the class, what it means. (One program alone is never too
# early by much: each answer takes as long as the boat does.)
MEANINGS = [
    (r'too early .*(another program|your boat goes)', 'two programs, one boat', 'the same id runs '
     'in two windows, or in threads: close one, or give a new id'),
    (r'too early', 'too early', 'a loop without a pause: time.sleep, or wait as long as wait_s'),
    (r'id is missing', 'id is missing', 'the call needs id=, from join or from the card'),
    (r'nobody aboard has the id|has # letters|is a name, and no', 'a wrong id',
     'look at the card; a new id makes a new card'),
    (r'heading was', 'heading was ...', 'misspelt: north, northeast, ... or n, ne, ...'),
    (r'steps was', 'steps was ...', 'not a number, or more than the boat makes in one call'),
    (r'\S+ was ', 'a value was ...', 'it cannot be read: see what it was, in quotes'),
    (r'& is missing', '& is missing', 'between two parameters there is an &'),
    (r'\S+ has no parameter', 'no such parameter', 'the name before the = is misspelt'),
    (r'there is no /', 'no such route', 'the word after the / is misspelt'),
    (r'the name .* is taken', 'the name is taken', 'come back with id=, or take another name'),
    (r'no treasure|no whale|nothing', 'nothing in reach', 'look tells how far it is'),
    (r'.*sailed home', 'the boat quit', 'join with the id brings it back')]
_, TWO_AT_ONCE, TWO_MEANS = MEANINGS[0]
_, _, EARLY_MEANS = MEANINGS[1]


@functools.lru_cache(1000)
def meaning_of(error):
    """A name for an error, so that it can be counted, and what it means."""
    for pattern, name, meaning in MEANINGS:
        if re.match(pattern, error):
            return name, meaning
    return error[:50], ''


class Call:
    """A call, as the game remembers it."""

    def __init__(self, line):
        at, status, self.route, self.query, self.said = line.split(' ', 4)
        self.at, self.status = int(at), int(status)
        self.is_wrong = self.status not in (200, 503)       # 503: the sea is frozen

    def plain(self):
        """What was said, but for numbers: waiting times differ."""
        return re.sub('[0-9.]*[0-9]', '#', self.said)


def calls_of(captain, key):
    """The last calls of a player, the latest first. '' stands for nobody aboard."""
    traffic = captain.sea.calls.get(key)
    return [Call(line) for line in reversed(tuple(traffic.lines))] if traffic else []


def error_of(captain, key, calls):
    """The latest error that still counts, and how often in a row that route met it."""
    wrong = next((call for call in calls[:STUCK_CALLS] if call.is_wrong), None)
    if not wrong:
        return None, 0
    times, plain = 0, wrong.plain()
    for call in calls:
        if call.route == wrong.route:
            if not call.is_wrong or call.plain() != plain:
                break
            times += 1
    traffic = captain.sea.calls.get(key)
    return (wrong, max(times, traffic.same_errors if traffic else 0)) if times else (None, 0)


def idle_of(captain, key, boat):
    """Seconds of sea time without a call, since the boat came or the game started."""
    now, traffic = captain.sea.clock(), captain.sea.calls.get(key)
    last = max(traffic.last if traffic else 0, boat.joined, captain.woke or 0)
    return max(int(now - last), 0)


Trouble = collections.namedtuple('Trouble', 'kind words meaning')


def trouble_of(captain, key, boat, calls):
    """What is wrong with a player, or None."""
    wrong, times = error_of(captain, key, calls)
    early = [call for call in calls if call.status == captain.game.EARLY]
    collisions = sum(meaning_of(call.plain())[0] == TWO_AT_ONCE for call in early)
    idle_s = idle_of(captain, key, boat)
    if len(early) > captain.game.LOG_KEPT / 2 and calls[0].at - calls[-1].at <= FLOOD_S:
        return Trouble('flood', 'a flood of calls', EARLY_MEANS)
    if collisions >= TWO_PROGRAMS:
        return Trouble('two', TWO_AT_ONCE, TWO_MEANS)
    if wrong and times >= STUCK_ERRORS:
        name, meaning = meaning_of(wrong.plain())
        if wrong in early:
            return Trouble('early', f'does not wait: {times} calls too early', meaning)
        return Trouble(f'error {name}', f'the same error {times} times', meaning)
    if idle_s >= STUCK_S:
        return Trouble('idle', f'silent for {idle_s // 60} minutes', '')
    return None


def is_seen(captain, key, trouble):
    """True where the teacher has said so, of this trouble, not long ago."""
    kind, at = captain.seen.get(key, ('', 0))
    return kind == trouble.kind and captain.sea.clock() < at + SEEN_S


def deck_rows(captain):
    """One row a player, who needs help first."""
    with captain.sea.lock:
        boats = list(captain.sea.ocean.boats.items())
    rows = [deck_row(captain, key, boat) for key, boat in boats]
    strangers = [row for row in rows if not row['enlisted']]
    for row in sorted(strangers, key=lambda row: -row['joined'])[:NEWEST_SHOWN]:
        row['new'] = 1
    rows.sort(key=lambda row: (not row['red'], not row['trouble'], -row['times'], -row['idle_s'],
                               row['name']))
    return rows


def deck_row(captain, key, boat):
    game, calls = captain.game, calls_of(captain, key)
    wrong, times = error_of(captain, key, calls)
    trouble = trouble_of(captain, key, boat, calls)
    last = told_call(game, calls[0]) if calls else ''
    return {'name': boat.name, 'red': int(bool(trouble and not is_seen(captain, key, trouble))),
            'trouble': trouble.words if trouble else '', 'times': times,
            'idle_s': idle_of(captain, key, boat), 'quest': boat.quest, 'score': boat.score,
            'last': last, 'error': game.brief(wrong.said, 100) if wrong else '',
            'meaning': trouble.meaning if trouble else '', 'muted': int(boat.muted),
            'enlisted': int(boat.enlisted), 'joined': boat.joined, 'new': 0}


def told_call(game, call):
    """A call in few words: without the id, and what is the same in all of them."""
    texts = dict(game.pairs_of(call.query))
    return game.brief(game.tell_call(call.route, {name: text for name, text in texts.items()
                                                  if name not in ('format', 'n')}), 60)


def common_errors(captain):
    """The three commonest errors of the class now, each with what it means."""
    now, counted, meanings = captain.sea.calendar(), collections.Counter(), {}
    for key in list(captain.sea.calls):
        for call in calls_of(captain, key):
            if call.is_wrong and now - call.at < ERRORS_S:
                name, meanings[name] = meaning_of(call.plain())
                counted[name] += 1
    return [{'error': name, 'times': times, 'meaning': meanings[name]}
            for name, times in counted.most_common(3)]


@view
def deck(captain):
    """Who is stuck, at a glance."""
    rows, environ = deck_rows(captain), bottle.request.environ
    texts = dict(captain.game.pairs_of(environ.get('QUERY_STRING', '')))
    if captain.game.wanted_form(environ, texts) == 'html':
        return page('The captain\'s deck', Deck(captain, rows).page(), script=REFRESH)
    return {'players': rows, 'errors': common_errors(captain), 'state': state_words(captain)[0]}


def state_words(captain):
    """What the sea does now, in words, and the seconds that are left of a round."""
    round, frozen = captain.round(), captain.sea.is_frozen()
    if round and round.state == 'prepared':
        return f'{round.name} waits: {told_minutes(round)}', None
    if round and round.state == 'running':
        left = max(round.until - captain.sea.clock(), 0)
        return f'{round.name}' + (', frozen' if frozen else ''), int(left)
    if round and frozen:
        return f'{round.name} is over', None
    return 'The sea is frozen' if frozen else 'The sea is open', None


def text_of(value):
    """Any text, inert in HTML."""
    return html.escape(str(value))


class Deck:
    """The page that the teacher looks at, written once: each part is a piece of HTML."""

    def __init__(self, captain, rows):
        self.captain, self.rows = captain, rows
        self.path, self.n = here(captain.game), captain.mint('n')

    def page(self):
        return (f'<div id="top">{self.state()}</div><div class="sides">'
                f'<div id="players">{self.players()}</div>'
                f'<aside><div id="now">{self.newest()}{self.errors()}{self.season()}</div>'
                f'</aside></div>{self.orders()}')

    def button(self, order, label, kind='', /, **values):
        """An order of one click."""
        return (f'<form action="{self.path}">{self.hidden(values)}<button name="order" '
                f'value="{order}" class="{kind}">{text_of(label)}</button></form>')

    def field(self, order, label, name, text='', /, **values):
        """An order with something to write."""
        return (f'<form action="{self.path}">{self.hidden(values)}<input name="{name}" required '
                f'value="{text_of(text)}" aria-label="{text_of(label)}: {name}" class="{name}">'
                f'<button name="order" value="{order}">{text_of(label)}</button></form>')

    def hidden(self, values):
        return ''.join(f'<input type="hidden" name="{name}" value="{text_of(text)}">'
                       for name, text in {**values, 'n': self.n}.items())

    def more(self, label, inside):
        """What takes a second click."""
        return f'<details><summary>{text_of(label)}</summary><div>{inside}</div></details>'

    def state(self):
        """The sea, the round, and the orders that fit now."""
        planet, round = self.captain.sea.ocean.planet['mocean'], self.captain.round()
        words, left = state_words(self.captain)
        parts = [f'<strong>{text_of(words)}</strong>']
        if left is not None:
            ticks = '' if planet.frozen else ' data-ticks="1"'
            parts.append(f' <strong id="left" data-left="{left}"{ticks}>{left // 60}:{left % 60:02}'
                         '</strong>')
        parts.append(self.state_buttons(planet, round.state if round else ''))
        is_news = time.monotonic() - self.captain.said_at < SAID_S
        said = self.captain.said if is_news else ''
        parts.append(f'<p id="said" role="status">{text_of(said)}</p>')
        if round and round.state == 'over':
            parts.append(self.podium())
        return ''.join(parts)

    def state_buttons(self, planet, state):
        if state == 'prepared':
            return self.button('start', 'start the round', 'main')
        freeze = self.button('thaw', 'thaw', 'main') if planet.frozen else \
            self.button('freeze', 'freeze', 'main')
        return freeze + (self.more('end the round ...', self.button('finish', 'end it now'))
                         if state == 'running' else '')

    def podium(self):
        places = ''.join(f'<li value="{place["rank"]}">{text_of(place["name"])} '
                         f'<b>{place["score"]}</b></li>'
                         for place in self.captain.game.tell_podium(self.captain.sea.ocean))
        return f'<ol class="podium">{places}</ol>'

    def players(self):
        """The table: one line a player."""
        red = sum(row['red'] for row in self.rows)
        lines = ''.join(map(self.player, self.rows[:ROWS_SHOWN]))
        more = len(self.rows) - ROWS_SHOWN
        empty = '<p>Nobody is aboard yet: enlist your class below.</p>' if not self.rows else ''
        return (f'<h2>{len(self.rows)} players, {red} need you</h2><table><thead><tr><th>player'
                '</th><th>trouble</th><th>last call</th><th>idle</th><th>quest</th>'
                f'<th>score</th><th></th></tr></thead><tbody>{lines}</tbody></table>{empty}'
                + (f'<p>and {more} more who are well</p>' if more > 0 else ''))

    def player(self, row):
        kind = 'red' if row['red'] else 'seen' if row['trouble'] else ''
        marks = ' <small>muted</small>' if row['muted'] else ''
        trouble = f'<b>{text_of(row["trouble"])}</b> {text_of(row["meaning"])}' \
            if row['trouble'] else ''
        error = f'<br><i>{text_of(row["error"])}</i>' if row['error'] else ''
        quick = self.button('seen', 'seen', name=row['name']) if row['red'] else ''
        return (f'<tr class="{kind}"><th>{"! " if row["red"] else ""}{text_of(row["name"])}{marks}'
                f'</th><td>{trouble}</td><td><code>{text_of(row["last"])}</code>{error}</td>'
                f'<td class="number">{told_idle(row["idle_s"])}</td>'
                f'<td class="number">{row["quest"]}</td><td class="number">{row["score"]}</td>'
                f'<td class="do">{quick}{self.button("recover", "new id", name=row["name"])}'
                f'{self.more("more", self.rest(row))}</td></tr>')

    def rest(self, row):
        """What one does to a player less often."""
        name = row['name']
        return (self.rename(name) + self.button('mute', 'unmute' if row['muted'] else 'mute',
                                                name=name)
                + self.button('kick', 'kick', 'grave', name=name))

    def rename(self, name):
        free = self.captain.game.free_name(self.captain.sea.ocean, 'sailor')
        return self.field('rename', 'rename', 'new', free, name=name)

    def newest(self):
        """The newest boats: a rude name is seen here."""
        new = sorted([row for row in self.rows if row['new']], key=lambda row: -row['joined'])
        lines = ''.join(f'<li><b>{text_of(row["name"])}</b> {self.rename(row["name"])}'
                        f'{self.button("kick", "kick", "grave", name=row["name"])}</li>'
                        for row in new)
        return f'<h2>Newest boats</h2><ul class="newest">{lines}</ul>' if new else ''

    def errors(self):
        lines = ''.join(f'<li><b>{row["times"]}× {text_of(row["error"])}</b> '
                        f'{text_of(row["meaning"])}</li>' for row in common_errors(self.captain))
        return f'<h2>Commonest errors now</h2><ul>{lines}</ul>' if lines else ''

    def season(self):
        rows = sorted(self.captain.sea.ocean.season.values(),
                      key=lambda row: (-row['points'], row['name']))
        places = [1 + sum(other['points'] > row['points'] for other in rows) for row in rows]
        lines = ''.join(f'<li value="{place}">{text_of(row["name"])} <b>{row["points"]}</b></li>'
                        for place, row in zip(places[:SEASON_SHOWN], rows, strict=False))
        return f'<h2>Season</h2><ol class="season">{lines}</ol>' if lines else ''

    def orders(self):
        quiet = self.captain.sea.ocean.planet['mocean'].quiet
        return ('<section class="orders"><h2>Orders</h2>'
                + self.field('announce', 'announce', 'message')
                + self.field('round', 'prepare a round (minutes)', 'minutes', '10')
                + self.field('enlist', 'enlist, print cards', 'names')
                + self.button('chat', f'chat {"on" if quiet else "off"}',
                              to='on' if quiet else 'off') + self.button('save', 'save')
                + self.more('forget a player ...', self.field('forget', 'forget for good', 'name'))
                + self.more('new ocean ...', 'All boats leave, and cards open nothing any more. '
                            + self.button('newgame', 'new ocean', 'grave'))
                + self.more('new season ...', self.button('season', 'new season', 'grave'))
                + ' '.join(f'<a href="{self.path}?order={name}">{words}</a>' for name, words in (
                    ('cards', 'cards for all'), ('roster', 'roster'),
                    ('transcript', 'all messages'), ('saved', 'saved oceans')))
                + '</section>')


def told_idle(seconds):
    return f'{seconds} s' if seconds < 60 else f'{seconds // 60} min'


# --- PAGES ---------------------------------------------------------------------------------------

@view
def roster(captain):
    """All players, without their ids, and what they have of the season."""
    ocean, rows = captain.sea.ocean, []
    for boat in sorted(list(ocean.boats.values()), key=lambda boat: boat.name.casefold()):
        won = ocean.season.get(boat.id, {'points': 0, 'rounds': 0})
        rows.append({'name': boat.name, 'enlisted': int(boat.enlisted), 'muted': int(boat.muted),
                     'quest': boat.quest, 'score': boat.score, 'season': won['points'],
                     'rounds': won['rounds']})
    return {'players': rows}


@view
def transcript(captain):
    """What has been said, and to whom, the latest first."""
    with captain.sea.lock:
        rows = list(captain.sea.ocean.talk.values())
    return {'messages': [{'time': captain.game.tell_time(row.at), 'from': row.name, 'to': row.to,
                          'text': row.text} for row in reversed(rows)]}


@view
def saved(captain):
    """The saved oceans, the newest first: name, boats, points, when."""
    rows = [saved_row(path) for path in captain.sea.folder.glob('*/mocean.json')
            if KEPT.fullmatch(path.parent.name)]
    rows.sort(key=lambda row: row['when'], reverse=True)
    texts = dict(captain.game.pairs_of(bottle.request.environ.get('QUERY_STRING', '')))
    if captain.game.wanted_form(bottle.request.environ, texts) != 'html':
        return {'saved': rows}
    deck = Deck(captain, [])
    lines = ''.join(
        f'<tr><th>{row["name"]}</th><td>{row["boats"]} boats</td><td>{row["points"]} points</td>'
        f'<td>{row["when"]}</td><td>'
        + deck.more('bring it back ...', deck.button('restore', 'bring it back', 'grave',
                                                     saved=row['name'])) + '</td></tr>'
        for row in rows)
    return page('Saved oceans', f'<p><a href="{deck.path}">The deck</a></p><p>The ocean of now is '
                f'set aside when another one comes back.</p><table>{lines}</table>')


def saved_row(path):
    """What is in a saved ocean."""
    when = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(path.stat().st_mtime))
    row = {'name': path.parent.name, 'boats': 'unreadable', 'points': '', 'when': when}
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        boats = json.loads(path.read_bytes())['boats'].values()
        row.update(points=sum(boat['score'] for boat in boats if 'score' in boat))
        row.update(boats=len(boats))
    return row


@view
def cards(captain, names=''):
    """Cards to print and cut out: name, id, join link."""
    game, ocean = captain.game, captain.sea.ocean
    wanted = {game.key_of(name) for name in tidy_names(game, names)} if names else None
    boats = [boat for key, boat in {**ocean.ashore, **ocean.boats}.items()
             if (boat.enlisted if wanted is None else key in wanted)]
    boats.sort(key=lambda boat: boat.name.casefold())
    base = public_base(game)
    drawn = [card(game, base, boat) for boat in boats]
    sheets = ''.join(f'<div class="sheet">{"".join(drawn[start:start + CARDS_PER_PAGE])}</div>'
                     for start in range(0, len(drawn), CARDS_PER_PAGE))
    path = here(game)
    if not drawn:
        sheets = '<p>Nobody is enlisted yet.</p>'
    return page('Cards', f'<p class="screen"><a href="{path}">The deck</a> Print this page, and '
                f'cut along the lines.</p>{sheets}', css=CARDS, script=DRAW_CODES,
                library=path.removesuffix('captain') + 'qrcode.js')


def card(game, base, boat):
    link = text_of(game.call_of(base, 'join', {'name': boat.name, 'id': boat.id}))
    return (f'<section class="card"><div class="qr" data-link="{link}"></div>'
            f'<h2>{text_of(boat.name)}</h2><p class="id">{boat.id}</p>'
            '<p class="how">This is your boat, and its secret id. Open the link, or write the id '
            f'into your program.</p><p class="link">{link}</p></section>')


def public_base(game):
    """The address for others: a teacher who sits at the server has opened localhost."""
    base = game.base_of(bottle.request.environ)
    parts = urllib.parse.urlsplit(base)
    addresses = game.own_addresses()
    if parts.hostname in ('localhost', '127.0.0.1', '::1') and addresses:
        port = f':{parts.port}' if parts.port else ''
        return f'{parts.scheme}://{addresses[0]}{port}{parts.path}'
    return base


def table_page(title, rows):
    """A list of records as a page."""
    heads = ''.join(f'<th>{text_of(name)}</th>' for name in rows[0]) if rows else ''
    lines = ''.join('<tr>' + ''.join(f'<td>{text_of(value)}</td>' for value in row.values())
                    + '</tr>' for row in rows)
    return page(title.capitalize(), f'<p><a href="?order=deck">The deck</a></p><table><thead><tr>'
                f'{heads}</tr></thead><tbody>{lines}</tbody></table>')


STYLE = """
:root { color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --red: #a3162b;
        --pale: #fde3e6; --deep: #0b5a7a; --soft: #e3f1f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #dcecf2; --sea: #08202b; --line: #21485a;
        --red: #ff9aa8; --pale: #3d1218; --deep: #7fd0ee; --soft: #0f3040; } }
* { box-sizing: border-box; }
body { font: 15px/1.35 system-ui, sans-serif; margin: .6em 1em; color: var(--ink);
       background: var(--sea); }
h1 { font-size: 1.2em; margin: 0 0 .3em; } h2 { font-size: 1em; margin: .7em 0 .2em; }
a { color: var(--deep); margin-right: .7em; }
#top { position: sticky; top: 0; z-index: 1; background: var(--sea); padding: .3em 0;
       border-bottom: 2px solid var(--line); }
#top strong { font-size: 1.7em; margin-right: .5em; vertical-align: middle;
       font-variant-numeric: tabular-nums; }
#said { margin: .2em 0 0; font-weight: bold; white-space: nowrap; overflow: hidden;
       text-overflow: ellipsis; } #said:empty { display: none; }
.podium { columns: 5; margin: .3em 0; font-size: 1.15em; }
.sides { display: grid; grid-template-columns: 1fr 20em; gap: 1.2em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .12em .5em; border-bottom: 1px solid var(--line);
         overflow-wrap: anywhere; }
thead th { font-weight: normal; font-size: .85em; white-space: nowrap; }
thead th:nth-child(2) { width: 32%; }
tbody th { min-width: 7em; } td.number { white-space: nowrap; text-align: right; }
code { font-size: .9em; } i { font-size: .9em; }
tr.red { background: var(--pale); } tr.red th, tr.red td { border-color: var(--red); }
tr.red th, tr.red b { color: var(--red); } tr.seen { opacity: .75; }
form { display: inline-block; margin: 0 .2em 0 0; }
button, input, summary { font: inherit; color: inherit; border: 1px solid var(--line);
         border-radius: .3em; background: var(--soft); padding: .15em .6em; min-height: 1.9em; }
input { background: var(--sea); } button, summary { cursor: pointer; }
.main { font-size: 1.3em; background: var(--deep); color: var(--sea); }
.grave { color: var(--red); }
details { display: inline-block; vertical-align: top; } summary { list-style: none; }
details[open] > div { padding: .3em; }
td.do { white-space: nowrap; } td.do details[open] { display: block; white-space: normal; }
ul, ol { margin: .2em 0; padding-left: 1.4em; } .newest { list-style: none; padding: 0; }
.newest li { margin-bottom: .25em; } .newest b { display: block; overflow-wrap: anywhere; }
.new { width: 7em; } .minutes { width: 4em; } .message { width: 24em; } .names { width: 24em; }
.orders { border-top: 2px solid var(--line); margin-top: .8em; }
.orders form { margin: 0 .8em .4em 0; }
@media (max-width: 800px) { body { margin: .4em; font-size: 16px; } .sides { display: block; }
  thead { display: none; } tbody th, tbody td { border: 0; } tr { display: flex; flex-wrap: wrap;
  align-items: center; border-bottom: 2px solid var(--line); } tbody th { flex: 1 1 40%; }
  td:empty { display: none; } td:nth-child(2), td:nth-child(3), td.do { flex: 1 1 100%; order: 1; }
  td:nth-child(5), td:nth-child(6) { display: none; } .podium { columns: 2; }
  button, input, summary { min-height: 44px; } summary { line-height: 34px; }
  .message, .names { width: 100%; }
  .orders form { display: block; } #top strong { font-size: 1.3em; } }
"""
CARDS = """
.sheet { display: grid; grid-template-columns: 1fr 1fr; max-width: 190mm; break-after: page; }
.card { border: 1px dashed #888; padding: 4mm; height: 64mm; position: relative; overflow: hidden;
        background: white; color: black; }
.card h2 { margin: 0; font-size: 17pt; line-height: 1.1; overflow-wrap: anywhere; }
.card p { margin: 1.5mm 0; font-size: 8.5pt; overflow-wrap: anywhere; }
.card .id { font: bold 28pt/1.1 ui-monospace, monospace; letter-spacing: .04em; margin: 3mm 0; }
.qr { position: absolute; right: 3mm; bottom: 3mm; width: 34mm; } .qr svg { display: block; }
.card p.link, .card p.how { margin-right: 38mm; }
@page { margin: 10mm; }
@media print { h1, .screen { display: none; } body { margin: 0; background: white; } }
"""
DRAW_CODES = """
for (const place of document.querySelectorAll('.qr')) {
  const code = qrcode(0, 'M');
  code.addData(place.dataset.link);
  code.make();
  place.innerHTML = code.createSvgTag({cellSize: 4, margin: 16, scalable: true});
}
"""
REFRESH = """
let moved = 0;
const parts = ['top', 'players', 'now'];
document.addEventListener('pointermove', () => moved = Date.now());
function isBusy(part) {       // nothing moves under a hand that is about to click or to type
  return part.querySelector('details[open]') || part.querySelector('input:focus')
    || part.matches(':hover') && Date.now() - moved < 2000;
}
async function refresh() {
  const reply = await fetch(location.pathname, {headers: {Accept: 'text/html'}});
  if (reply.status === 403) return location.reload();
  const text = (await reply.text()).replace(/<style[^]*<\\/style>/, '');
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  for (const id of parts) {
    const old = document.getElementById(id), now = fresh.getElementById(id);
    if (now && !isBusy(old) && old.innerHTML !== now.innerHTML) old.replaceWith(now);
  }
}
setInterval(() => refresh().then(() => document.title = 'The captain\\'s deck',
                                 () => document.title = '(no answer) The captain\\'s deck'), 3000);
setInterval(() => {
  const left = document.getElementById('left');
  if (!left || !left.dataset.ticks || left.dataset.left < 1) return;
  const seconds = left.dataset.left -= 1;
  left.textContent = Math.floor(seconds / 60) + ':' + String(seconds % 60).padStart(2, '0');
}, 1000);
"""


def page(title, body, status=200, script='', css='', library=''):
    """A page of the captain's: nothing in it comes from elsewhere, and nobody may frame it."""
    nonce = secrets.token_urlsafe(12)
    policy = (f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
              "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    scripts = f'<script nonce="{nonce}" src="{library}"></script>' if library else ''
    scripts += f'<script nonce="{nonce}">{script}</script>' if script else ''
    text = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="referrer" content="same-origin">'
            f'<style nonce="{nonce}">{STYLE}{css}</style></head><body><main><h1>{title}</h1>{body}'
            f'</main>{scripts}</body></html>')
    return bottle.HTTPResponse(text, status, {'Content-Type': 'text/html; charset=utf-8',
                                              'Content-Security-Policy': policy})


# --- RIDE ----------------------------------------------------------------------------------------

def ride(game, sea):
    """The deck, where there is a key; a round that is over ends by itself."""
    if not sea.captain_key:
        return game.Rider()
    if len(sea.captain_key) < KEY_LENGTH:
        game.log(f'MOCEAN_CAPTAIN is too short: a key has {KEY_LENGTH} characters or more, so '
                 'there is no captain\'s deck')
        return game.Rider()
    captain, app = Captain(game, sea), bottle.Bottle()
    app.get('/captain', callback=captain.serve)
    return game.Rider(app.routes, lambda: tend(captain))


def tend(captain):
    """Once a second: has a round come to its end?"""
    sea = captain.sea
    if captain.woke is None:
        captain.woke = sea.clock()
    with sea.lock, suppress(captain.game.Refusal):      # a full disk: in a second once more
        round = captain.round()
        if round and round.state == 'running' and sea.clock() >= round.until:
            captain.note(finish(captain))
            sea.say(captain.said)
        elif round and round.state == 'ending':         # the power failed just then
            count(captain)
