"""Steps: a ladder of ten puzzles, climbed with messages. Every message is a URL.

    a browser, or a program           this file, from top to bottom
    -----------------------           ----------------------------------------------------
                                      NUMBERS   what one may want to change
    /problem?message=5    ------->    READ      text becomes a word, a number, a place
                                      PUZZLES   cold, warm, hot: a hint. Else: the prize
                                      BOARD     who has solved what, in steps.json
    Cold: far too small   <-------    ROUTES    the answer: words, and the same as facts
                                      WIRE      what came, what was meant, what goes back
                                      START     a server, on this computer or in the cloud

Start it with `python steps.py` and open http://localhost:8080/steps in a browser.

To add a step, write one function between two others in PUZZLES. Where it stands is its place on
the ladder, its docstring is the question, and what it returns is the prize:

    @step('message=5')
    def week(message):
        '''How many days has a week?'''
        near(whole(message), 7)
        return 'Seven, and each as long as the others.'
"""
import contextlib
import datetime
import difflib
import functools
import hmac
import html
import inspect
import json
import math
import os
import pathlib
import random
import re
import secrets
import shutil
import socket
import socketserver
import sys
import threading
import time
import traceback
import unicodedata
from urllib.parse import parse_qsl, quote, urlencode
from wsgiref.simple_server import WSGIServer

from bottle import Bottle, request, response, run

# --- NUMBERS ---------------------------------------------------------------------------------------------------------

PORT = int(os.environ.get('PORT', '8080'))      # where `python steps.py` listens
BIGGEST_PRIME = 9_999_999                       # /begin: the server tries all divisors, and has other work to do
SUMS, SECONDS = 100, 30                         # /exchange: so many additions in so much time
POND_M = 50                                     # /duck: the radius of the pond
DUCK_M_S, WOLF_M_S = 1, 4                       # how fast the duck swims, and the wolf runs along the shore
BITE_M = 0.5                                    # how near the wolf must be when the duck lands
MOST_NAMES = 1000                               # on the class board


def log(words):
    """A line for whoever watches the server; if nobody can read it, the game goes on."""
    with contextlib.suppress(OSError, ValueError):
        print(words, flush=True)


# --- READ ------------------------------------------------------------------------------------------------------------

class Hint(Exception):
    """Not there yet: words that help, and the same facts by name for JSON."""

    def __init__(self, words, **facts):
        super().__init__(words)
        self.facts = facts


def thermometer(warmth):
    """A check that lets a good answer pass, and stops one that is wrong with words that help."""
    def check(wrong, words):
        if wrong:
            raise Hint(f'{warmth}: {words}')
    return check


cold, warm, hot = thermometer('Cold'), thermometer('Warm'), thermometer('Hot')


def word(message):
    """' A Leaf! ' becomes 'leaf': lower case, no article, no punctuation."""
    words = re.findall(r'[^\W_]+', message[:200].casefold())
    return ' '.join(each for each in words if each not in ('a', 'an', 'the'))


def alike(one, other):
    """A slip of the finger apart: 'pasport' and 'passport'."""
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.75


def whole(message):
    """'32', ' 32.0 ' and '50 005 000' are whole numbers; 'many', '1.5' and 400 nines get a hint."""
    text = re.sub(r'\s|(?<=\d),(?=\d{3}\b)', '', message)
    cold(not re.fullmatch(r'[+-]?\d+(\.\d*)?', text, re.ASCII), 'I need a number, in digits.')
    digits, _, fraction = text.partition('.')
    cold(fraction.strip('0'), 'a whole number, please: nothing after the point.')
    cold(len(digits) > 30, f'a number of {len(digits)} digits is longer than my patience.')
    return int(digits)


def near(number, goal):
    """A flat ladder for numbers: far away, near, very near; only the goal itself passes."""
    cold(number < 0, 'below zero? Count again.')
    cold(number < goal / 2, 'far too small.')
    cold(number > goal * 2, 'far too big.')
    hot(0 < goal - number <= goal / 20, 'a little too small.')
    hot(0 < number - goal <= goal / 20, 'a little too big.')
    warm(number < goal, 'too small.')
    warm(number > goal, 'too big.')


def place(text, what):
    """'12.5, 90, -180' for what='r,a,b': one finite number for each letter."""
    parts, letters = text.strip(' ()[]').split(','), what.split(',')
    cold(len(parts) != len(letters), f'I need {len(letters)} numbers with commas between them: {what}.')
    number = r'\s*[+-]?(\d{1,9}\.?\d*|\.\d+)([eE][+-]?\d\d?)?\s*'
    for part, letter in zip(parts, letters, strict=True):
        cold(not re.fullmatch(number, part, re.ASCII), f'{letter} is not a number that I can use.')
    radius, *angles = map(float, parts)
    cold(radius < 0, 'r is a distance from the middle of the pond; it cannot be less than 0.')
    cold(radius > 2 * POND_M, f'r is {radius:g} m? The shore is {POND_M} m from the middle of the pond.')
    cold(any(abs(angle) > 360 for angle in angles), 'angles go from -180 to 180 degrees; 0 is east, 90 is north.')
    return radius, *map(wrapped, angles)


def wrapped(angle):
    """The same direction in (-180, 180] degrees."""
    turn = round((180 - angle) % 360, 6)
    return 180.0 if turn == 360 else round(180 - turn, 6)


def plain(*numbers):
    """12.5,90,-0.25: six decimals at most, no exponent, no minus zero."""
    texts = [f'{number:.6f}'.rstrip('0').rstrip('.') for number in numbers]
    return ','.join('0' if text == '-0' else text for text in texts)


# --- PUZZLES ---------------------------------------------------------------------------------------------------------

LADDER = {}     # 'puzzle': the function puzzle, in the order in which they are climbed


def step(example):
    """Put a puzzle on the ladder; the example is a call that works, though it may not solve."""
    def put(puzzle):
        wants = inspect.getfullargspec(puzzle)
        puzzle.takes, puzzle.handed = wants.args, wants.kwonlyargs      # from the learner; by the server
        puzzle.question = inspect.getdoc(puzzle)
        puzzle.example = dict(pair.split('=') for pair in example.split('&'))
        LADDER[puzzle.__name__] = puzzle
        return puzzle
    return put


@step('message=hello wurlde')
def steps(message):
    """welcome to the rudimentary steps game
    Send me any message. The one that opens the next door is a single word:
    the little book that a traveller shows at every border."""
    log(f'          Server received message: {message[:500]}')
    answer = word(message)
    warm(answer in ('visa', 'ticket', 'identity card', 'id', 'papers'), 'a paper, but I mean the little book.')
    hot(answer != 'passport' and ('passport' in answer or alike(answer, 'passport')), 'mind the spelling; one word.')
    if answer == 'passport':
        return ('Stamped, and have a good journey! Ten steps lie ahead, and this was the first.\n'
                'With &name=ada behind a call (and your own name in it) the class board remembers you: /progress')
    raise Hint(f'welcome! You sent the steps game the message: {message}')


@step('message=run')
def puzzle(message):
    """You are lost among oaks and beeches. What is the simplest way out of a deciduous forest?
    One word. Saying it aloud may help, and so may a dictionary, at "deciduous"."""
    answer = word(message)
    hot(answer in ('leaves', 'leafs'), 'one is enough.')
    hot('leav' in answer, 'your ears are right! Now spell it as a tree would.')
    warm(answer in ('tree', 'branch', 'twig', 'oak', 'beech'), 'go on to the end of the twig. What is thin and green?')
    warm(answer in ('autumn', 'fall', 'falling'), 'that is when. But what is it that falls?')
    hot(answer != 'leaf' and alike(answer, 'leaf'), 'mind the spelling.')
    cold(answer != 'leaf', 'much too much work. What does a forest do that is deciduous?')
    return 'Leaf! It sounds like leaving, it is as light as a joke, and out you are.'


@step('message=5')
def problem(message):
    """Five friends wait at the door. You let in whom you like: all of them, some, one, or none.
    How many different parties are possible? (Mathematicians count the subsets of five things.)"""
    number = whole(message)
    hot(number == 31, 'you forgot the quiet party to which nobody comes.')
    warm(number in (10, 25), 'each friend comes or stays away: two ways. Five friends: do not add, multiply.')
    warm(number == 120, 'that is in how many orders they can come in. Who comes is what counts.')
    cold(0 <= number < 10, 'far too small. With one friend there are two parties; with two friends?')
    near(number, 32)
    return 'Thirty-two: each friend comes or stays, and 2 x 2 x 2 x 2 x 2 is 32.'


@step('message=100')
def begin(message):
    """Begin the second flight of stairs with a prime number above 100. Any one will do."""
    number = whole(message)
    cold(number < 2, 'the smallest prime number is 2.')
    cold(number > BIGGEST_PRIME, f'a smaller one, please: up to {BIGGEST_PRIME} I can check by hand.')
    divisor = next((d for d in range(2, math.isqrt(number) + 1) if number % d == 0), number)
    cold(divisor < number and number <= 100, 'neither above 100 nor prime.')
    warm(number <= 100, f'{number} is prime, but not above 100.')
    warm(divisor < number, f'above 100, but {number} is {divisor} times {number // divisor}.')
    return f'{number} it is, and nothing divides it. When they begin the beguine, count the steps.'


@step('message=8')
def beguine(message):
    """In this dance each figure has as many steps as the two before it together:
    0, 1, 1, 2, 3, 5, 8, ... How many steps has the seventeenth figure? (The first has 0.)"""
    number = whole(message)
    hot(number == 1597, 'that is the eighteenth. The first figure has 0 steps.')
    hot(number == 610, 'that is the sixteenth. One figure more!')
    warm(number == 17, '17 is which figure it is. How many steps has it?')
    near(number, 987)
    return 'Nine hundred and eighty-seven steps, and Signor Fibonacci is out of breath. The band plays for Sir Duke.'


@step('message=doll')
def sirduke(message):
    """Sir Duke, Duke Ellington, wrote Satin Doll; Johnny Mercer added the words.
    What is the fourth word that is sung? (Listening and searching are both allowed.)"""
    answer = word(message)
    warm(answer in ('cigarette', 'holder', 'which'), 'that comes earlier. The fourth, please.')
    hot(answer == 'me', 'one word too far.')
    hot(answer != 'wigs' and alike(answer, 'wigs'), 'the sound is right; what does a hairdresser sell?')
    cold(answer in ('satin', 'doll'), 'that is from the title. What is sung first of all?')
    warm(answer != 'wigs' and answer.startswith('w'), 'a w it is. But one wears these on the head.')
    cold(answer != 'wigs', 'not that one. It begins with w, and some people wear them.')
    return 'Wigs! The Duke bows. Now let a program do the work: the next one is too long for fingers.'


@step('message=55')
def euler(message):
    """1 + 2 + 3 + 4 + ... + 10000 = ?
    Three lines of Python, or one good idea. (Up to 10 it would be 55.)"""
    number = whole(message)
    warm(number in (5050, 500500), 'right for another number of numbers. Up to 10000, please.')
    hot(number == 49995000, 'your loop stops at 9999: range() leaves out its end.')
    warm(number == 100010000, 'every pair was counted twice.')
    near(number, 50005000)
    return 'Right. A boy named Gauss needed no loop: 1 + 10000, 2 + 9999, ... are 5000 pairs, each 10001.'


@step('message=1,4,6,4,1')
def meruprastarah(message):
    """Meru-prastarah, the staircase of Mount Meru, was drawn in India long before Pascal drew his triangle:
    1
    1,1
    1,2,1
    1,3,3,1
    Each number is the sum of the two above it. Send the row that tells how many of the 32 parties
    of five friends have 0, 1, 2, 3, 4 and 5 guests."""
    row = [whole(part) for part in re.split(r'[\s,;]+', message.strip(' ()[],'))]
    hot(row in ([1, 4, 6, 4, 1], [1, 6, 15, 20, 15, 6, 1]), 'a row of the staircase, but the one next door.')
    cold(len(row) != 6, f'six numbers with commas between them, please; I counted {len(row)}.')
    warm(row != row[::-1], 'read it backwards: it must stay the same.')
    warm(sum(row) != 32, f'together they must be 32; yours are {sum(row)}.')
    hot(row != [1, 5, 10, 10, 5, 1], 'the sum is right. Add neighbours: 1+4, 4+6, ...')
    return 'You stand on Mount Meru, and the view is symmetrical.'


@step('message=begin')
def exchange(message, sign='', *, name, now, key):
    """The money-changers of the exchange are quick: a hundred additions in thirty seconds.
    Send message=begin. The answer is three values with commas between them: a,b,sign
    Send the sum of a and b as message=, and the sign as sign=, and you get the next three. Only a program can.
    Whoever plays with name= sends it each time."""
    if word(message) == 'begin':
        raise addition(1, int(now * 1000), name, key)
    cold(not sign, 'a sum needs its sign: message=begin gives you the first, and each right sum the next.')
    number, begun, seal = (sign.split('.') + ['', ''])[:3]
    cold(seal != sealed(key, 'exchange', name, number, begun), 'that sign is not mine, or was for another name. '
         'Send message=begin, then each sum with the sign that came with it.')
    spent = now - int(begun) / 1000
    cold(not 0 <= spent <= SECONDS, f'addition {number} came after {spent:.0f} seconds, the exchange closes after {SECONDS}. '
         'Let a loop do it, with message=begin first (requests.Session() is quicker than requests.get()).')
    a, b = addends(number, begun, name, key)
    warm(whole(message) != a + b, f'{a} + {b} is something else. The same sign again, please, with their sum.')
    if int(number) < SUMS:
        raise addition(int(number) + 1, begun, name, key)
    return f'A hundred sums in {spent:.1f} seconds! No human hand did that. Now walk down to the pond.'


def addition(number, begun, name, key):
    """The next question of the exchange."""
    a, b = addends(number, begun, name, key)
    sign = f'{number}.{begun}.{sealed(key, "exchange", name, number, begun)}'
    return Hint(f'{a},{b},{sign}', a=a, b=b, sign=sign, number=number)


def addends(number, begun, name, key):
    """Two numbers that nobody can foresee without the key."""
    dice = random.Random(sealed(key, 'addends', name, number, begun))
    return dice.randint(100, 999), dice.randint(100, 999)


def sealed(key, *facts):
    """A seal on these facts: who has not the key can neither make one nor change what it is on."""
    return hmac.new(key.encode(), ','.join(map(str, facts)).casefold().encode(), 'sha256').hexdigest()[:16]


@step('location=0,0,180&destination=50,0')
def duck(location, destination='', sign='', *, name, key):
    """A duck swims in the middle of a round pond, 50 m from the shore all around; a wolf runs along the shore.
    The duck swims 1 m a second, the wolf runs 4 m a second, always the shorter way to where the duck is nearest.
    The duck wants to get ashore where the wolf is not.
    location=r,a,b is where they are: the duck r metres from the middle, in direction a; the wolf in direction b.
    destination=r,a is where the duck wants to go. Directions are degrees: 0 east, 90 north, 180 west, -90 south.
    Each call is one second (without a destination the duck rests). The answer is four values: r,a,b,sign
    Send the first three back as location=, and the sign as sign=. Start in the middle, without a sign.
    (Put elsewhere without its sign, a duck only practises.) Whoever plays with name= sends it each time."""
    r, a, b = place(location, 'r,a,b')
    cold(r >= POND_M, f'that is ashore already. The pond is {POND_M} m from its middle to the shore.')
    seconds, fair = swum(plain(r, a, b), sign, name, key)
    here = point(r, a)
    there, spent = swim(here, point(*place(destination, 'r,a')) if destination else here)
    r, a = round(abs(there), 6), wrapped(math.degrees(math.atan2(there.imag, there.real)))
    b = chase(b, a, spent) if r else b
    if r >= POND_M:
        return landing(abs(wrapped(a - b)) * math.radians(POND_M), seconds + spent, fair)
    sign = f'{seconds + 1}.{sealed(key, "duck", name, seconds + 1, plain(r, a, b))}' if fair else 'practice'
    raise Hint(f'{plain(r, a, b)},{sign}', r=r, a=a, b=b, sign=sign)


def swum(location, sign, name, key):
    """Seconds swum so far, and whether the duck really swam to where it is."""
    if not sign and location.startswith('0,'):
        return 0, True
    if sign in ('', 'practice'):
        return 0, False
    seconds, _, seal = sign.partition('.')
    cold(seal != sealed(key, 'duck', name, seconds, location),
         'that sign belongs to another location, or to another name. Send back what came, or begin in the middle.')
    return int(seconds), True


def point(r, a):
    """A place in the pond as a complex number: x + y j, metres east and north of the middle."""
    return complex(r * math.cos(math.radians(a)), r * math.sin(math.radians(a)))


def swim(here, goal):
    """One second straight towards the goal: where the duck is then, and how long it swam if the shore came first."""
    way = abs(goal - here)
    if way == 0:
        return here, 1
    ahead = (goal - here) / way
    along = (here * ahead.conjugate()).real             # how far the duck has passed the middle, on this line
    shore = math.sqrt(along ** 2 + POND_M ** 2 - abs(here) ** 2) - along
    metres = min(way, DUCK_M_S)
    if shore <= metres + 1e-9:
        return here + ahead * shore, shore / DUCK_M_S
    return here + ahead * metres, 1


def chase(wolf, duck, seconds):
    """The wolf's direction after running so long, the shorter way, towards the duck's direction."""
    reach = math.degrees(WOLF_M_S * seconds / POND_M)
    return wrapped(wolf + max(-reach, min(reach, wrapped(duck - wolf))))


def landing(gap, seconds, fair):
    """The duck is ashore, and the wolf is `gap` metres away."""
    cold(gap < BITE_M, 'the wolf was there first! The duck flees back to the middle: location=0,0,180 without a sign.')
    hot(not fair, f'ashore, {gap:.1f} m from the wolf! But this duck was put into the pond, it did not swim there. '
        'The same from the middle, please, carrying each sign along.')
    return f'Ashore after {seconds:.1f} seconds, and the wolf {gap:.1f} m away! The duck shakes its feathers and flies.'


# --- BOARD -----------------------------------------------------------------------------------------------------------

class Refusal(Exception):
    """A request that cannot be answered: the HTTP status, the words, and a call that works."""

    def __init__(self, status, words, works=None):
        super().__init__(words)
        self.status, self.works = status, works


class Board:
    """The file {"key": "...", "solved": {"ada": ["steps", "puzzle"]}}, opened when first needed."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / 'steps.json'
        self.spare = self.path.with_name('steps.json.last')     # the file before the last change
        self.lock = threading.RLock()                           # one thread at a time
        self.held = self.content = None
        self.own_key = secrets.token_hex(16)

    def open(self):
        with self.lock, disk('the class board cannot be opened'):
            if self.content is None:
                self.held = self.held or hold(self.path.with_name('steps.lock'))
                content = self.load() or {'key': secrets.token_hex(16), 'solved': {}}
                if not self.path.exists():
                    self.write(content)
                self.content = content
        return self.content

    def key(self, name):
        """The secret for seals. Where the file cannot be used, whoever has no name plays on with a passing one."""
        try:
            return self.open()['key']
        except Refusal:
            if name:
                raise
            return self.own_key

    def steps(self, name):
        """The name as it stands on the board (Ada and ada are one), and what has been solved under it."""
        solved = self.open()['solved']
        name = next((known for known in solved if known.casefold() == name.casefold()), name)
        return name, [step for step in LADDER if step in solved.get(name, [])]

    def solve(self, name, step):
        """Write it down, then it is true."""
        with self.lock, disk('right! But it could not be written down'):
            name, steps = self.steps(name)
            solved = self.content['solved']
            if step in steps:
                return
            if name not in solved and len(solved) >= MOST_NAMES:
                raise Refusal(503, f'right! But the board is full, with {MOST_NAMES} names on it; play on without yours')
            content = {**self.content, 'solved': {**solved, name: [*solved.get(name, []), step]}}
            self.write(content)
            self.content = content
            log(f'{name} solved {step}')

    def write(self, content):
        """A whole new file beside the old one, safely on the disk, and only then in its place."""
        new = self.path.with_name('steps.json.new')
        with open(new, 'w', encoding='utf-8') as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if self.path.exists():
            shutil.copyfile(self.path, self.spare)
        os.replace(new, self.path)

    def load(self):
        """The content of the file. One that cannot be read is set aside, and the one before it takes its place."""
        while self.path.exists():
            try:
                return read_board(self.path.read_text('utf-8'))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                aside = self.path.with_name(f'steps.json-{datetime.datetime.now():%Y%m%d-%H%M%S-%f}')
                log(f'steps: steps.json cannot be read ({error!r}), it is kept as {aside.name}')
            shutil.copyfile(self.path, aside)
            if self.spare.exists():
                os.replace(self.spare, self.path)
            else:
                self.path.unlink()
        return None


def read_board(text):
    """The content, if it has the right form."""
    content = json.loads(text)
    return {'key': '' + content['key'], 'solved': {name: ['' + step for step in steps]
                                                   for name, steps in content['solved'].items()}}


@contextlib.contextmanager
def disk(trouble):
    """What the disk refuses becomes one sentence for the player and a line for the teacher."""
    try:
        yield
    except OSError as error:
        log(f'steps: {trouble}: {error}')
        raise Refusal(503, f'{trouble}: {error.strerror or "disk error"}; tell your teacher, or play on without a name') from None


def hold(path):
    """Hold a file as long as this process lives: two processes on one board would lose each other's names."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.name == 'nt':
            import msvcrt
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise Refusal(503, 'another program has the class board open (steps.json); stop one of the two, '
                      'or play on without a name') from None
    return file


# --- ROUTES ----------------------------------------------------------------------------------------------------------
# What a URL does: it returns the answer as words, as facts for JSON, and perhaps as a page.

def make_app(folder=None):
    """The Steps game as a fresh Bottle app; steps.json lies in `folder`."""
    app = Bottle()
    board = Board(folder or os.environ.get('STATE_DIRECTORY') or pathlib.Path(__file__).resolve().parent)
    app.install(Wire())
    app.get('/', callback=on_home, takes=('format',))
    app.get('/progress', callback=lambda: on_progress(board), takes=('format',))
    for name, puzzle in LADDER.items():
        app.get(f'/{name}', callback=functools.partial(on_step, board, puzzle), takes=(*puzzle.takes, 'name', 'format'))
    for status in (404, 405):
        app.error(status)(functools.partial(lost, app))
    return app


def on_home():
    """Where to begin."""
    words = f'A ladder of {len(LADDER)} puzzles, climbed with messages.'
    return (f'{words}\ntry: {url("/steps")}', {'reply': words, 'try': url('/steps')},
            f'<p>{words}<p><a href="/steps">Begin here</a>, or see <a href="/progress">who is where</a>.')


def on_progress(board):
    """The class board: name and how many steps, the furthest first. Steps are numbers here: no names are given away."""
    players = []
    for name, steps in board.open()['solved'].items():
        numbers = [number for number, step in enumerate(LADDER, 1) if step in steps]
        players.append({'name': name, 'solved': len(numbers), 'steps': numbers})
    players.sort(key=lambda one: (-one['solved'], one['name'].casefold()))
    words = '\n'.join(f'{one["name"]},{one["solved"]}' for one in players)
    rungs = range(1, len(LADDER) + 1)
    table = '<meta http-equiv="refresh" content="5"><table><tr><th>' + ''.join(f'<th>{rung}' for rung in rungs)
    for one in players:
        ticks = ''.join('<td>' + '&#10003;' * (rung in one['steps']) for rung in rungs)
        table += f'<tr><th>{html.escape(one["name"])}{ticks}'
    table += '</table>' if players else '</table><p>Nobody yet: solve a step with &amp;name= and your name in the call.'
    return words, {'players': players}, table


def on_step(board, puzzle, name='', **sent):
    """One message to one puzzle: its question, a hint, or its prize and the way to the next."""
    this = puzzle.__name__
    if not sent.get(puzzle.takes[0], '').strip():
        return tell_question(board, puzzle, name)
    supply = {'name': lambda: name, 'now': time.time, 'key': lambda: board.key(name)}
    try:
        prize = puzzle(**sent, **{what: supply[what]() for what in puzzle.handed})
    except Hint as hint:
        return str(hint), {'step': this, 'solved': False, 'reply': str(hint), **hint.facts}
    if name:
        board.solve(name, this)
    after = [*LADDER, None][list(LADDER).index(this) + 1]
    if not after:
        prize += '\nThat was the last step of the ladder. Beyond the pond lies an ocean ...'
    way = url(f'/{after}', name=name) if after else ocean()
    return prize + (f'\nnext: {way}' if way else ''), {'step': this, 'solved': True, 'reply': prize, 'next': way}


def tell_question(board, puzzle, name):
    """The question, a call that works, and where the player stands."""
    example = url(f'/{puzzle.__name__}', **puzzle.example, name=name)
    words, facts = f'{puzzle.question}\ntry: {example}', {'reply': puzzle.question, 'try': example}
    if name:
        name, steps = board.steps(name)
        way = next((url(f'/{step}', name=name) for step in LADDER if step not in steps), ocean())
        words += f'\n{name} has solved {len(steps)} of {len(LADDER)}: {", ".join(steps) or "none yet"}'
        words += f'\nnext: {way}' if way else ''
        facts.update(name=name, steps=steps, next=way)
    return words, {'step': puzzle.__name__, 'solved': False, **facts}


# --- WIRE ------------------------------------------------------------------------------------------------------------
# HTTP is spoken here and nowhere else: what came, what was meant, what goes back.

class Wire:
    """The Bottle plugin through which every request comes in and every answer goes out."""
    name, api = 'wire', 2

    def apply(self, callback, route):
        return lambda: self.serve(callback, route.rule, route.config['takes'])

    def serve(self, callback, rule, takes):
        """One request. What a player can get wrong becomes a Refusal; anything else is a bug, and is logged as one."""
        if request.method == 'HEAD':        # changes nothing
            return ''
        try:
            return answer(*callback(**read_values(rule, takes)))
        except Refusal as refusal:
            log(f'steps: {rule} {refusal.status} {refusal}')
            return error_form(refusal.status, str(refusal), refusal.works or nameless(rule))
        except (Exception, SystemExit):     # the one place: uWSGI would leave whoever meets an exit() hanging
            log(f'steps: {rule} broke:\n{traceback.format_exc()}')
            return error_form(500, 'the server has a bug here; its log says where, tell your teacher', url('/steps'))


def lost(app, error):
    """No such route, or not by GET: the same form as every error."""
    routes = {route.rule: route.config['takes'] for route in app.routes}
    rule, words = request.path, f'{shown(request.method)} is not spoken here, only GET'
    if error.status_code == 404:
        near = difflib.get_close_matches(rule.lower(), routes, 1)
        words = f'there is no {shown(rule)} here; ' + (f'did you mean {near[0]}?' if near else 'begin at /steps')
        rule = near[0] if near else '/steps'
    return error_form(error.status_code, words, corrected(rule, routes[rule]))


def read_query():
    """The parameters as text. solution= is another name of message=; several of one name get commas between them."""
    values = {}
    raw = request.query_string.encode('latin-1', 'replace').decode('utf-8', 'replace')
    for key, value in parse_qsl(raw, keep_blank_values=True, errors='replace'):
        key = 'message' if key == 'solution' else key
        values[key] = f'{values[key]},{value}' if key in values else value
    if 'name' in values:
        values['name'] = unicodedata.normalize('NFKC', values['name'].strip())
    return {key: one_line(value) for key, value in values.items()}


def read_values(rule, takes):
    """{'message': 'leaf'} from the URL. What the route does not know is refused, with the call corrected."""
    def refuse(status, words):
        raise Refusal(status, words, corrected(rule, takes))

    if any('pre' in header(each) for each in ('Sec-Purpose', 'Purpose', 'X-Moz')):
        refuse(503, 'this was your browser guessing ahead; type the call yourself and it counts')
    values = read_query()
    for key in values:
        if key not in takes:
            other = meant(key, takes)
            advice = f'did you mean {other}?' if other else f'it knows {", ".join(takes)}'
            refuse(400, f'{rule[1:] or "the front page"} has no parameter {shown(key)}; {advice}')
    form, name = values.pop('format', 'text'), values.get('name', 'ada')
    if form not in ('text', 'json'):
        refuse(400, f"format was '{shown(form)}'; it is text or json")
    if name != tidy_name(name):
        refuse(400, f"name was '{shown(name)}'; a name is 1 to 20 letters or digits")
    return values


def meant(key, takes):
    """The parameter that an unknown one stands for: the nearest name, or else what the puzzle waits for, or nothing."""
    near = difflib.get_close_matches(key[:40].lower(), takes, 1, 0.7)
    waited = [takes[0]] if takes[0] not in (*read_query(), 'format') else []
    return next(iter(near + waited), None)


def corrected(rule, takes):
    """The asker's own call, as it should have been."""
    values = {}
    for key, value in read_query().items():
        known = key if key in takes else meant(key, takes)
        if known and known not in values:
            values[known] = value or ('' if known == key else key[:40])     # ?leaf is ?message=leaf
    if values.get('format', 'text') != 'text':
        values['format'] = 'json'
    if 'name' in values:
        values['name'] = tidy_name(values['name']) or 'ada'
    return url(rule, **values)


def nameless(rule):
    """The asker's own call without a name: when the board has a problem, the game goes on like this."""
    values = read_query()
    return url(rule, **values) if values.pop('name', '') else url('/steps')


def tidy_name(text):
    """The letters (with their marks) and digits in a text, 20 at most."""
    return ''.join(c for c in text if unicodedata.category(c)[0] in 'LM' or c.isdecimal())[:20]


def one_line(text):
    """Without line breaks and other control characters."""
    return re.sub(r'[\x00-\x1f\x7f-\x9f\u2028\u2029]', ' ', text)


def shown(text):
    """What somebody sent, short enough to be repeated."""
    return one_line(text if len(text) <= 40 else text[:40] + '...')


def header(name):
    """A header as it came: Bottle would stumble over bytes that are no text."""
    return request.environ.get('HTTP_' + name.upper().replace('-', '_'), '')


def url(rule, /, **values):
    """A whole URL on this server, as the asker reached it. A Host header that is not one is not repeated."""
    host = header('Host')
    if not re.fullmatch(r'([a-zA-Z0-9._-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?', host, re.ASCII):
        host = f'localhost:{PORT}'
    scheme = 'https' if request.urlparts.scheme == 'https' else 'http'
    values = urlencode({key: value for key, value in values.items() if value}, quote_via=quote, safe=',')
    return f'{scheme}://{host}{rule}' + ('?' if values else '') + values


def ocean():
    """Where the ocean is, when mocean.py serves these routes."""
    return url('/mocean') if any(route.rule == '/mocean' for route in request.app.routes) else ''


def wanted_form():
    """What the asker likes best: text, html or json. What format= says goes before the header."""
    asked = read_query().get('format')
    if asked in ('text', 'json'):
        return asked
    forms = {'text/plain': 'text', 'text/html': 'html', 'application/json': 'json'}
    accept = re.findall(r'([a-z]+/[a-z+*.-]+)\s*(?:;\s*q=([01](?:\.\d+)?))?', header('Accept').lower())
    liking = {kind: float(weight or 1) for kind, weight in accept}
    return forms[max(forms, key=lambda kind: liking.get(kind, 0))]


def answer(words, facts, markup=None):
    """The same facts as text, as JSON, or (some) as a page."""
    form = wanted_form()
    if form == 'json':
        response.content_type = 'application/json; charset=utf-8'
        return json.dumps(facts, ensure_ascii=False)
    if form == 'html' and markup:
        response.content_type = 'text/html; charset=utf-8'
        return PAGE + markup
    response.content_type = 'text/plain; charset=utf-8'
    return words


def error_form(status, words, works):
    """The one form of every error: what came, what works, and a call that does."""
    response.status = status
    return answer(f'{words}\ntry: {works}', {'error': words, 'try': works, 'status': status})


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Steps</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark; --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --link: #00607f; }
@media (prefers-color-scheme: dark) { :root { --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; } }
body { font: 18px/1.5 system-ui, sans-serif; margin: 2em; color: var(--ink); background: var(--sea); }
a { color: var(--link); } table { border-collapse: collapse; font-size: 1.2em; }
th, td { padding: .2em .7em; border-bottom: 1px solid var(--line); }</style><h1>Steps</h1>
"""


def ride(game, sea):
    """Serve these routes beside those of the ocean."""
    return game.Rider(make_app(sea.folder).routes)


# --- START -----------------------------------------------------------------------------------------------------------

def wsgi(app):
    """The app as servers call it: three headers on every answer, and a body also when something broke."""
    def answer(environ, start_response):
        def start(status, headers, exc_info=None):      # exc_info would make uWSGI send an empty body
            return start_response(status, [*headers, *ALWAYS])
        return app(environ, start)
    return answer


ALWAYS = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff'), ('Access-Control-Allow-Origin', '*')]


class Threads(socketserver.ThreadingMixIn, WSGIServer):
    """Python's own little server, with a thread for each visitor."""
    daemon_threads = True
    allow_reuse_address = os.name != 'nt'       # on Windows it would let two servers share a port
    request_queue_size = 100

    def __init__(self, address, handler):
        if socket.has_dualstack_ipv6():         # on Windows localhost means IPv6 first, and giving it up takes a while
            self.address_family, address = socket.AF_INET6, ('::', address[1])
        super().__init__(address, handler)

    def server_bind(self):
        self.server_name, self.server_port = 'localhost', self.server_address[1]
        try:
            with socket.socket() as probe:      # macOS lets one server have IPv4, and another one IPv6 on the same port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, self.allow_reuse_address)
                probe.bind(('0.0.0.0', self.server_port))
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
            socketserver.TCPServer.server_bind(self)        # HTTPServer's would look up a name in the network first
        except (OSError, OverflowError) as error:
            sys.exit(f'Port {self.server_port} cannot be used ({error}): is a game running already? Stop it, '
                     'or choose another port with the environment variable PORT')
        self.setup_environ()
        log(f'Steps: open http://localhost:{self.server_port}/steps in a browser. Ctrl-C stops the game.')


def end_with_parent():
    """Bottle's reloader runs the server in a child process; it must not outlive its parent and keep the port."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


application = wsgi(make_app())

if __name__ == '__main__':
    if os.environ.get('BOTTLE_CHILD'):
        threading.Thread(target=end_with_parent, daemon=True).start()
    run(app=application, host='0.0.0.0', port=PORT, reloader=True, quiet=True, server_class=Threads)
