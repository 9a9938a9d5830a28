"""Steps: a ladder of puzzles, climbed with messages. Every message is a URL.

    a browser, or a program           this file, from top to bottom
    -----------------------           ----------------------------------------------------
                                      NUMBERS   what one may want to change
    /problem?message=5    ------->    READ      text becomes a word, a number, a point
                                      PUZZLES   cold, warm, hot: a hint. Else: the prize
                                      COMMON    what every server needs: mocean.py, too
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
import builtins
import contextlib
import datetime
import difflib
import faulthandler
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
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
import urllib.parse
import wsgiref.simple_server

if sys.version_info < (3, 10):  # noqa: UP036 (this line is for those who have an older one)
    sys.exit(f'Steps needs Python 3.10 or newer, and this is Python {sys.version.split()[0]}')

import bottle

# --- NUMBERS --------------------------------------------------------------------------------------

HERE = pathlib.Path(__file__).resolve().parent      # the folder of this file, and of steps.json
BIGGEST_PRIME = 9_999_999       # /begin: the server tries all divisors, and has other work to do
SUMS, SECONDS = 100, 30         # /exchange: so many additions in so much time
POND_M = 50                     # /duck: the radius of the pond
DUCK_M_S, WOLF_M_S = 1, 4       # how fast the duck swims, and the wolf runs along the shore
BITE_M = 0.5                    # how near the wolf must be when the duck lands
MOST_NAMES = 1000               # on the class board
LOG_LINES_PER_S = 50            # of what players send: journald drops what comes too fast


# --- READ -----------------------------------------------------------------------------------------

class Hint(Exception):
    """Not there yet: words that help, and the same facts by name for JSON."""

    def __init__(self, words, **facts):
        super().__init__(words)
        self.facts = facts


def cold(wrong, words):
    """cold(number < 0, 'Count again.'): an answer that is wrong in this way stops here, with these
    words. The others go on to the next line. So do warm and hot, nearer to the goal."""
    if wrong:
        raise Hint(f'Cold: {words}')


def warm(wrong, words):
    if wrong:
        raise Hint(f'Warm: {words}')


def hot(wrong, words):
    if wrong:
        raise Hint(f'Hot: {words}')


def word(message):
    """' A Leaf! ' becomes 'leaf': lower case, no article, no punctuation."""
    words = re.findall(r'[^\W_]+', message[:200].casefold())
    return ' '.join(each for each in words if each not in ('a', 'an', 'the'))


def alike(one, other):
    """A slip of the finger apart: 'pasport' and 'passport'."""
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.75


def whole(message):
    """'32', ' 32.0 ' and '50 005 000' are whole numbers; 'many', '1.5' and 400 nines get a hint."""
    text = re.sub(r'\s|(?<=\d),(?=\d{3}\b)', '', message).strip('\'"')       # 50,005,000
    cold('{' in text, 'the braces came through: in Python, write an f before the quote.')
    cold(not re.fullmatch(r'[+-]?\d+(\.\d*)?', text, re.ASCII), 'I need a number, in digits.')
    digits, _, fraction = text.partition('.')
    cold(fraction.strip('0'), 'a whole number, please: nothing after the point.')
    cold(len(digits) > 30, f'a number of {len(digits)} digits is longer than my patience.')
    return int(digits)


def near(number, goal):
    """Hints for a number, from far below the goal to far above it; only the goal itself passes."""
    little = goal / 20
    cold(number < 0, 'below zero? Count again.')
    cold(0 <= number < goal / 2, 'far too small.')
    warm(goal / 2 <= number < goal - little, 'too small.')
    hot(goal - little <= number < goal, 'a little too small.')
    hot(goal < number <= goal + little, 'a little too big.')
    warm(goal + little < number <= goal * 2, 'too big.')
    cold(goal * 2 < number, 'far too big.')


NUMBER = r'\s*[+-]?(\d{1,9}\.?\d*|\.\d+)([eE][+-]?\d\d?)?\s*'       # 12.5 -.5 1e-05


def polar(text, what):
    """'12.5,90' is a point in the pond: metres from the middle, and in which direction. With
    what='r,a,b' a second direction follows."""
    parts, letters = text.strip(' ()[]').split(','), what.split(',')
    cold(len(parts) != len(letters),
         f'I need {len(letters)} numbers with commas between them: {what}.')
    for part, letter in zip(parts, letters, strict=True):
        cold(not re.fullmatch(NUMBER, part, re.ASCII), f'{letter} is not a number that I can use.')
    r, *angles = map(float, parts)
    cold(r < 0, 'r is a distance from the middle of the pond; it cannot be less than 0.')
    cold(r > 2 * POND_M, f'r is {r:g} m? The shore is {POND_M} m from the middle of the pond.')
    cold(max(map(abs, angles)) > 360,
         'angles go from -180 to 180 degrees; 0 is east, 90 is north.')
    return r, *map(wrapped, angles)


def wrapped(angle):
    """The same direction in (-180, 180] degrees, to six decimals."""
    turn = round(math.remainder(angle, 360), 6)
    if turn == -180:
        return 180.0
    return turn or 0.0          # not minus zero


def plain(*numbers):
    """12.5,90,-0.25: six decimals at most, no exponent, no minus zero."""
    texts = [f'{number:.6f}'.rstrip('0').rstrip('.') for number in numbers]
    return ','.join('0' if text == '-0' else text for text in texts)


# --- PUZZLES --------------------------------------------------------------------------------------

LADDER = {}     # 'puzzle': the function puzzle, in the order in which they are climbed


def step(example):
    """Put a puzzle on the ladder; the example is a call that works, though it may not solve."""
    def put(puzzle):
        name, wants = puzzle.__name__, inspect.getfullargspec(puzzle)
        if name in globals() or hasattr(builtins, name):
            raise NameError(f'{name} means something else in Python or in this file: a puzzle '
                            'needs a name of its own')
        optional = len(wants.defaults or ())
        puzzle.takes = wants.args               # what the learner sends
        puzzle.needs = wants.args[:len(wants.args) - optional]      # and cannot leave out
        puzzle.handed = wants.kwonlyargs        # what the server hands in
        puzzle.question = inspect.getdoc(puzzle)
        puzzle.example = dict(pair.split('=', 1) for pair in example.split('&'))
        LADDER[name] = puzzle
        return puzzle
    return put


@step('message=hello wurlde')
def steps(message):
    """welcome to the rudimentary steps game
    Send me any message. The one that opens the next door is a single word:
    the little book that a traveller shows at every border."""
    say(f'          Server received message: {message[:500]}')
    answer = word(message)
    if answer == 'passport':
        return (f'Stamped, and have a good journey! Of {len(LADDER)} steps this was the first.\n'
                'With &name=ada behind a call (and your own name in it) the class board '
                'remembers you: /progress')
    warm(answer in ('visa', 'ticket', 'identity card', 'id', 'papers'),
         'a paper, but I mean the little book.')
    hot('passport' in answer, 'mind the spelling; one word.')
    hot(alike(answer, 'passport'), 'mind the spelling; one word.')
    raise Hint(f'welcome! You sent the steps game the message: {message}')


@step('message=run')
def puzzle(message):
    """You are lost among oaks and beeches. What is the simplest way out of a deciduous forest?
    One word. Saying it aloud may help, and so may a dictionary, at "deciduous"."""
    answer = word(message)
    hot(answer in ('leaves', 'leafs'), 'one is enough.')
    hot('leav' in answer, 'your ears are right! Now spell it as a tree would.')
    warm(answer in ('tree', 'branch', 'twig', 'oak', 'beech'),
         'go on to the end of the twig. What is thin and green?')
    warm(answer in ('autumn', 'fall', 'falling'), 'that is when. But what is it that falls?')
    if answer == 'leaf':
        return 'Leaf! It sounds like leaving, it is as light as a joke, and out you are.'
    hot(alike(answer, 'leaf'), 'mind the spelling.')
    raise Hint('Cold: much too much work. What does a forest do that is deciduous?')


@step('message=5')
def problem(message):
    """Five friends wait at the door. You let in whom you like: all of them, some, one, or none.
    How many different parties are possible? (Mathematicians count the subsets of five things.)"""
    number = whole(message)
    hot(number == 31, 'you forgot the quiet party to which nobody comes.')
    warm(number in (10, 25),
         'each friend comes or stays away: two ways. Five friends: do not add, multiply.')
    warm(number == 120, 'that is in how many orders they can come in. Who comes is what counts.')
    cold(0 <= number < 10,
         'far too small. With one friend there are two parties; with two friends?')
    near(number, 32)
    return 'Thirty-two: each friend comes or stays, and 2 x 2 x 2 x 2 x 2 is 32.'


@step('message=100')
def begin(message):
    """Begin the second flight of stairs with a prime number above 100. Any one will do."""
    number = whole(message)
    cold(number < 2, 'the smallest prime number is 2.')
    cold(number > BIGGEST_PRIME,
         f'a smaller one, please: up to {BIGGEST_PRIME} I can check by hand.')
    divisor = smallest_divisor(number)
    prime, above = divisor == number, number > 100
    cold(not prime and not above, 'neither above 100 nor prime.')
    warm(not above, f'{number} is prime, but not above 100.')
    warm(not prime, f'above 100, but {number} is {divisor} times {number // divisor}.')
    return f'{number} it is, and nothing divides it. When they begin the beguine, count the steps.'


def smallest_divisor(number):
    """Of 121 it is 11; of a prime number, the number itself."""
    for divisor in range(2, math.isqrt(number) + 1):
        if number % divisor == 0:
            return divisor
    return number


@step('message=8')
def beguine(message):
    """In this dance each figure has as many steps as the two before it together:
    0, 1, 1, 2, 3, 5, 8, ... How many steps has the seventeenth figure? (The first has 0.)"""
    number = whole(message)
    hot(number == 1597, 'that is the eighteenth. The first figure has 0 steps.')
    hot(number == 610, 'that is the sixteenth. One figure more!')
    warm(number == 17, '17 is which figure it is. How many steps has it?')
    near(number, 987)
    return ('Nine hundred and eighty-seven steps, and Signor Fibonacci is out of breath. '
            'The band plays for Sir Duke.')


@step('message=doll')
def sirduke(message):
    """Sir Duke, Duke Ellington, wrote Satin Doll; Johnny Mercer added the words.
    What is the fourth word that is sung? (Listening and searching are both allowed.)"""
    answer = word(message)
    warm(answer in ('cigarette', 'holder', 'which'), 'that comes earlier. The fourth, please.')
    hot(answer == 'me', 'one word too far.')
    cold(answer in ('satin', 'doll'), 'that is from the title. What is sung first of all?')
    if answer == 'wigs':
        return ('Wigs! The Duke bows. Now let a program do the work: '
                'the next one is too long for fingers.')
    hot(alike(answer, 'wigs'), 'the sound is right; what does a hairdresser sell?')
    warm(answer.startswith('w'), 'a w it is. But one wears these on the head.')
    raise Hint('Cold: not that one. It begins with w, and some people wear them.')


@step('message=55')
def euler(message):
    """1 + 2 + 3 + 4 + ... + 10000 = ?
    Three lines of Python, or one good idea. (Up to 10 it would be 55.)"""
    number = whole(message)
    warm(number in (5050, 500500), 'right for another number of numbers. Up to 10000, please.')
    hot(number == 49995000, 'your loop stops at 9999: range() leaves out its end.')
    warm(number == 100010000, 'every pair was counted twice.')
    near(number, 50005000)
    return ('Right. A boy named Gauss needed no loop: 1 + 10000, 2 + 9999, ... are 5000 pairs, '
            'each 10001.')


@step('message=1,4,6,4,1')
def meruprastarah(message):
    """Meru-prastarah, the staircase of Mount Meru, was drawn in India long before Pascal drew his
    triangle:
    1
    1,1
    1,2,1
    1,3,3,1
    Each number is the sum of the two above it. Send the row that tells how many of the 32 parties
    of five friends have 0, 1, 2, 3, 4 and 5 guests."""
    row = [whole(part) for part in re.split(r'[\s,;]+', message.strip(' ()[],'))]
    hot(row in ([1, 4, 6, 4, 1], [1, 6, 15, 20, 15, 6, 1]),
        'a row of the staircase, but the one next door.')
    cold(len(row) != 6, f'six numbers with commas between them, please; I counted {len(row)}.')
    warm(row != row[::-1], 'read it backwards: it must stay the same.')
    warm(sum(row) != 32, f'together they must be 32; yours are {sum(row)}.')
    hot(row != [1, 5, 10, 10, 5, 1], 'the sum is right. Add neighbours: 1+4, 4+6, ...')
    return 'You stand on Mount Meru, and the view is symmetrical.'


@step('message=begin')
def exchange(message, sign='', *, name, now, key):
    """The money-changers of the exchange are quick: a hundred additions in thirty seconds.
    Send message=begin. The answer is three values with commas between them: a,b,sign
    Send the sum of a and b as message=, and the sign as sign=, and you get the next three.
    Only a program can. Whoever plays with name= sends it each time."""
    if word(message) == 'begin':
        raise addition(1, int(now * 1000), name, key)
    cold(not sign, 'a sum needs its sign: message=begin gives you the first, '
         'and each right sum the next.')
    number, begun = counted(sign, name, key)
    spent = now - begun / 1000
    cold(not 0 <= spent <= SECONDS,
         f'addition {number} came after {spent:.0f} seconds, the exchange closes after {SECONDS}. '
         'Let a loop do it, with message=begin first '
         '(requests.Session() is quicker than requests.get()).')
    a, b = addends(number, begun, name, key)
    warm(whole(message) != a + b,
         f'{a} + {b} is something else. The same sign again, please, with their sum.')
    if number < SUMS:
        raise addition(number + 1, begun, name, key)
    return (f'A hundred sums in {spent:.1f} seconds! No human hand did that. '
            'Now walk down to the pond.')


def counted(sign, name, key):
    """Which addition a sign was for, and when the first one was asked, in milliseconds."""
    facts, _, seal = sign.rpartition('.')
    number, _, begun = facts.partition('.')
    cold(seal != sealed(key, 'exchange', name, number, begun),
         'that sign is not mine, or was for another name. '
         'Send message=begin, then each sum with the sign that came with it.')
    return int(number), int(begun)


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
    text = ','.join(map(str, facts)).casefold()
    return hmac.new(key.encode(), text.encode(), 'sha256').hexdigest()[:16]


@step('location=0,0,180&destination=50,0')
def duck(location, destination='', sign='', *, name, key):
    """A duck swims in the middle of a round pond, 50 m from the shore all around; a wolf runs along
    the shore. The duck wants to get ashore where the wolf is not. It swims 1 m a second; the wolf
    runs 4 m a second, always the shorter way to where the duck is nearest.
    location=r,a,b is where they are: the duck r metres from the middle, in direction a; the wolf in
    direction b. destination=r,a is where the duck wants to go.
    Directions are degrees: 0 east, 90 north, 180 west, -90 south.
    Each call is one second (without a destination the duck rests).
    The answer is four values: r,a,b,sign
    Send the first three back as location=, and the sign as sign=. Start in the middle, without a
    sign. (Put elsewhere without its sign, a duck only practises.)
    Whoever plays with name= sends it each time."""
    r, a, b = polar(location, 'r,a,b')
    cold(r >= POND_M,
         f'that is ashore already. The pond is {POND_M} m from its middle to the shore.')
    seconds, fair = swum((r, a, b), sign, name, key)
    here = point(r, a)
    goal = point(*polar(destination, 'r,a')) if destination else here
    there, spent = swim(here, goal)
    r, a = round(abs(there), 6), wrapped(math.degrees(math.atan2(there.imag, there.real)))
    if r > 0:                   # in the very middle no shore is nearest: the wolf rests
        b = chase(b, a, spent)
    if r >= POND_M:
        return landing(abs(wrapped(a - b)) * math.radians(POND_M), seconds + spent, fair)
    sign = 'practice'
    if fair:
        seconds += 1
        sign = f'{seconds}.{sealed(key, "duck", name, seconds, plain(r, a, b))}'
    raise Hint(f'{plain(r, a, b)},{sign}', r=r, a=a, b=b, sign=sign)


def swum(location, sign, name, key):
    """Seconds swum so far, and whether the duck really swam to where it is."""
    if not sign:
        return 0, location[0] == 0              # everybody may begin in the middle
    if sign == 'practice':
        return 0, False
    seconds, _, seal = sign.partition('.')
    cold(seal != sealed(key, 'duck', name, seconds, plain(*location)),
         'that sign belongs to another location, or to another name. '
         'Send back what came, or begin in the middle.')
    return int(seconds), True


def point(r, a):
    """A place in the pond as a complex number: x + y j, metres east and north of the middle."""
    return complex(r * math.cos(math.radians(a)), r * math.sin(math.radians(a)))


def swim(here, goal):
    """One second straight towards the goal: where the duck is then, and how long it swam (less than
    a second if the shore came first)."""
    way = abs(goal - here)
    if way == 0:
        return here, 1
    ahead = (goal - here) / way
    along = (here * ahead.conjugate()).real     # metres since this line was nearest to the middle
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
    cold(gap < BITE_M, 'the wolf was there first! The duck flees back to the middle: '
         'location=0,0,180 without a sign.')
    hot(not fair, f'ashore, {gap:.1f} m from the wolf! But this duck was put into the pond, it did '
        'not swim there. The same from the middle, please, carrying each sign along.')
    return (f'Ashore after {seconds:.1f} seconds, and the wolf {gap:.1f} m away! '
            'The duck shakes its feathers and flies.')


# --- COMMON --------------------------------------------------------------------------------------
# What mocean.py, steps.py and data.py all need. Each of them runs alone, so each has this section,
# word for word the same: change it in one and copy it into the others; a test compares them.

WRONG, UNKNOWN, NOT_GET, CONFLICT, EARLY, BUG, AWAY = 400, 404, 405, 409, 429, 500, 503
TEXT, JSON = 'text/plain; charset=utf-8', 'application/json; charset=utf-8'
HTML = 'text/html; charset=utf-8'
ALWAYS = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff'),
          ('Access-Control-Allow-Origin', '*'), ('Access-Control-Expose-Headers', '*')]
METHODS = 'GET, HEAD, OPTIONS'
MAY = [('Access-Control-Allow-Methods', METHODS),
       ('Access-Control-Allow-Headers', '*'), ('Access-Control-Max-Age', '86400')]
MISTAKE = 'the server has a bug here; its log says where, tell your teacher'


class Refusal(Exception):
    """What came cannot be done: a sentence that teaches, and what a better call is like.

    words    what came, what is wrong with it, what works
    status   the number that HTTP has for this kind: WRONG, UNKNOWN, CONFLICT, ...
    route    the name of the better call; '' for the same one
    fix      the parameters that it has other than this one; None leaves one out
    numbers  the same facts for programs: wait_s, ...
    """

    def __init__(self, words, status=WRONG, route='', fix=None, **numbers):
        super().__init__(words)
        self.words, self.status, self.route = words, status, route
        self.fix, self.numbers = fix or {}, numbers


def log(text):
    """Say something to whoever watches the server. Where nobody can read it, the game goes on."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def shown(text):
    """What somebody sent, safe to print: short, no control characters, in quotes."""
    return repr(text if len(text) <= 40 else text[:40] + '...')


def bare(text):
    """The same without the quotes."""
    return shown(text)[1:-1]


# Files: nothing is ever overwritten but by its whole successor.

def hold(path, words, fix=None):
    """Hold a file as long as this process lives; a second process is refused, in these words."""
    file = open(path, 'ab')                                # noqa: SIM115 (it stays open)
    try:
        if os.name == 'nt':
            import msvcrt
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise Refusal(words, AWAY, fix=fix) from None
    return file


def set_aside(path):
    """Give a file a name with the date. Returns the new path."""
    return path.rename(dated(path))


def dated(path):
    """The path with the date (UTC) behind it: a name that is still free."""
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime('-%Y%m%d-%H%M%S')
    aside = path.with_name(path.name + stamp)
    while aside.exists():
        aside = aside.with_name(aside.name + '+')
    return aside


def write_new(path, text):
    """Write a file and see it on the disk; where there is no room, no half of it stays."""
    content = text.encode()
    try:
        with open(path, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def sync_folder(folder):
    """See on the disk which names the files of a folder have. (Windows does so by itself.)"""
    if os.name != 'nt':
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# What came: the address, the query, the wanted form, a name.

HOST = re.compile(r'(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?')
PREFIX = re.compile(r'(?:/[a-z0-9-]{1,63})*')
FORMS = {'application/json': 'json', 'text/html': 'html', 'text/plain': 'text', '*/*': 'text'}
ROBOTS = re.compile(r'(?i)facebookexternalhit|whatsapp|skypeuripreview|googlebot|bingbot|slackbot'
                    r'|discordbot|telegrambot|twitterbot|linkedinbot|applebot|link.?preview')


def base_of(environ):
    """http://host:port as the asker reached this server, and the prefix that a front has for it.
    A header that is not what it should be is not repeated."""
    host = environ.get('HTTP_HOST', '')
    if not HOST.fullmatch(host):
        host = f'{environ.get("SERVER_NAME", "localhost")}:{environ.get("SERVER_PORT", "8080")}'
    prefix = environ.get('HTTP_X_FORWARDED_PREFIX', '').rstrip('/')
    if not PREFIX.fullmatch(prefix):
        prefix = ''
    schemes = environ.get('HTTP_X_FORWARDED_PROTO'), environ.get('wsgi.url_scheme')
    return f'{"https" if "https" in schemes else "http"}://{host}{prefix}'


def call_of(base, name, texts):
    """A call as a whole URL, with these parameters."""
    pairs = [f'{urllib.parse.quote(key)}={urllib.parse.quote(str(text), safe=",:")}'
             for key, text in texts.items()]
    return f'{base}/{name}' + ('?' if pairs else '') + '&'.join(pairs)


def pairs_of(query):
    """The text of a query string -> [(name, text), ...]. What is no UTF-8 becomes \ufffd."""
    if query.isascii() and '%' not in query and '+' not in query:      # nearly every call
        return [pair.partition('=')[::2] for pair in query.split('&') if pair]
    query = query.encode('latin-1', 'replace').decode('utf-8', 'replace')
    return urllib.parse.parse_qsl(query, keep_blank_values=True, errors='replace')


def wanted_form(environ, texts):
    """'text', 'json' or 'html': what format= says, else what the Accept header likes best."""
    asked = texts.get('format', '').strip().casefold()
    if asked in ('text', 'json'):
        return asked
    accept = environ.get('HTTP_ACCEPT', '*/*')
    if accept == '*/*':                                    # nearly every program
        return 'text'
    form, liked = 'text', (0, True)                        # a weight of 0 means: never
    for part in accept.casefold().split(','):
        kind, *more = part.replace(' ', '').split(';')
        weight = next((word[2:] for word in more if word.startswith('q=')), '1')
        if kind in FORMS and re.fullmatch(r'[01](\.[0-9]{0,3})?', weight):
            liking = float(weight), kind != '*/*'
            if liking > liked:
                form, liked = FORMS[kind], liking
    return form


def sent_by_nobody(environ):
    """Words, where a browser or a robot sent this without being asked to; else ''."""
    for header in ('HTTP_SEC_PURPOSE', 'HTTP_PURPOSE', 'HTTP_X_PURPOSE', 'HTTP_X_MOZ'):
        if header in environ and 'pre' in environ[header].casefold():
            return 'this was your browser guessing ahead; type the call yourself and it counts'
    if ROBOTS.search(environ.get('HTTP_USER_AGENT', '')):
        return 'this was a robot that previews links; type the call yourself and it counts'
    return ''


NAME_RULE = '1 to 20 letters or digits of one script, and not "all"'
NAME_KINDS = ('Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Nd', 'Mn', 'Mc', 'Me')      # letters, digits, marks
CJK = ('CJK', 'IDEOGRAPHIC', 'HIRAGANA', 'KATAKANA', 'HANGUL', 'BOPOMOFO')
INVISIBLE = re.compile('[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0'
                       '\U000e0100-\U000e01ef]')
LOOK_ALIKES = str.maketrans('аеорсухіјѕһкмтвнԁοανρτικυχεıɑɡ', 'aeopcyxijshkmtbhdoavptikuxeiag')


def tidy_name(text):
    """The name that a text can be: 1 to 20 letters or digits of one script; '' if it can be none.
    A letter may have marks, three at the most; none may be invisible. "all" means everybody."""
    text = INVISIBLE.sub('', unicodedata.normalize('NFKC', text[:200].strip()))
    kept = [letter for letter in text if unicodedata.category(letter) in NAME_KINDS]
    first = next(filter(None, map(script_of, kept)), '')
    name = ''.join(letter for letter in kept if script_of(letter) in ('', first))
    name = unicodedata.normalize('NFKC', name)             # a mark may now join another letter
    name = re.sub(r'^\W+|(?<=\W\W\W)\W+', '', name)[:20]    # of what is kept, only marks are \W
    return '' if key_of(name) == 'all' else name


def script_of(letter):
    """'LATIN', 'CYRILLIC', 'GREEK', ...; Chinese, Japanese and Korean are one; '' for a digit."""
    if not letter.isalpha():
        return ''
    script = re.split('[ -]', unicodedata.name(letter, 'NONE'))[0]
    return 'CJK' if script in CJK else script


def key_of(name):
    """One key for all names that a reader could take for each other: ADA, ada, a Cyrillic Ada."""
    plain = unicodedata.normalize('NFKC', name.casefold()).translate(LOOK_ALIKES)
    dotted_once = re.sub('(?<=[ij])\u0307+', '', plain)
    return unicodedata.normalize('NFKC', dotted_once)


# What goes back.

def answer(body, kind=TEXT, status=200, **headers):
    """A whole answer. Headers are written with _ for -."""
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    return bottle.HTTPResponse(body, status, {'Content-Type': kind, **headers})


def error_form(refusal, works, form):
    """The one form of every error: what came, what works, and a call that does."""
    wait = refusal.numbers.get('wait_s')
    headers = {} if wait is None else {'Retry_After': str(math.ceil(wait))}
    if refusal.status == NOT_GET:
        headers['Allow'] = METHODS
    if form == 'json':
        facts = {'error': refusal.words, 'try': works, 'status': refusal.status, **refusal.numbers}
        return answer(json.dumps(facts, ensure_ascii=False), JSON, refusal.status, **headers)
    text = f'{refusal.words}\ntry: {works}'
    return (large_type if form == 'html' else answer)(text, status=refusal.status, **headers)


LARGE_TYPE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The server answers</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; }}
pre {{ font: 20px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style></head><body><main><pre>{}</pre></main></body></html>"""
PLAIN_PAGE = "default-src 'none'; style-src 'unsafe-inline'"


def large_type(text, status=200, **headers):
    """A text in a browser: a phone shows it small, if nobody tells it otherwise."""
    return answer(LARGE_TYPE.format(html.escape(text)), HTML, status,
                  Content_Security_Policy=PLAIN_PAGE, **headers)


def wsgi(app):
    """The WSGI application: the same headers on every answer; OPTIONS; /health/ is /health."""
    def application(environ, start_response):
        def start(status, headers, exc_info=None):     # uWSGI throws away what comes with exc_info
            said = dict(headers)
            kept = [pair for pair in ALWAYS if pair[0] not in said]
            return start_response(status, headers + kept)
        if environ['REQUEST_METHOD'] == 'OPTIONS':
            start('204 No Content', MAY)
            return []
        environ['asked.path'] = environ.get('PATH_INFO', '')
        environ['PATH_INFO'] = '/' + environ['asked.path'].strip('/')
        return app(environ, start)
    return application


# `python mocean.py`: Python's own server, and two processes, as Bottle's reloader has it.

class ThreadedServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """Bottle's own server, with a thread for each call: a whole class can wait at once."""
    daemon_threads = True
    allow_reuse_address = os.name != 'nt'       # on Windows it would let two servers share a port
    request_queue_size = 128

    def __init__(self, address, handler):
        if socket.has_dualstack_ipv6():         # on Windows localhost means IPv6 first
            self.address_family, address = socket.AF_INET6, ('::', address[1])
        if handler:                             # try_port has none
            handler.log_error = no_http
            handler.timeout = 60                # seconds: who is silent so long keeps no thread
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        """Who hangs up in the middle, or is silent, is no bug of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
        socketserver.TCPServer.server_bind(self)       # HTTPServer's would look up a name first
        self.server_name, self.server_port = 'localhost', self.server_address[1]
        self.setup_environ()


def no_http(handler, *_):
    """One line about a request that is none: what came may be long, and not for a terminal."""
    log(f'{handler.client_address[0]} sent something that is not HTTP: https:// for http://?')


def port():
    """Where `python mocean.py` listens: PORT in the environment, or 8080."""
    text = os.environ.get('PORT', '8080')
    if re.fullmatch('[0-9]{1,5}', text) and 0 < int(text) < 65_536:
        return int(text)
    sys.exit(f'PORT was {text!r}; it is a number from 1 to 65535, such as PORT=8081')


def launch(title, page='/'):
    """The first process says where the game is and then only keeps the second one running, which
    comes back from here and plays."""
    if sys.stderr is None:                    # pythonw: nobody reads along
        sys.stderr = open(os.devnull, 'w')    # noqa: SIM115 (it stays open)
    with contextlib.suppress(OSError, ValueError, AttributeError):     # IDLE: not a real file
        faulthandler.enable()
    if os.environ.get('BOTTLE_CHILD'):
        hear_signals()
        return
    try_port(title)
    others = ''.join(f', on other computers here http://{address}:{port()}{page}'
                     for address in own_addresses()[:1])
    log(f'{title}: open http://localhost:{port()}{page} in a browser{others}. '
        'Ctrl-C stops the game, and it is kept.')
    sys.exit(keep_playing())


def hear_signals():
    """The second process ends with the first, and Bottle's reloader can always interrupt it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:          # nohup python mocean.py &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()


def try_port(title):
    """End with one sentence where the port cannot be had."""
    try:
        with socket.socket() as probe:          # macOS would share a port: one has IPv4, one IPv6
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name != 'nt')
            probe.bind(('0.0.0.0', port()))
        ThreadedServer(('0.0.0.0', port()), None).server_close()
    except PermissionError:
        sys.exit(f'Port {port()} is not for everybody on this computer; choose another: PORT=8081')
    except OSError:
        sys.exit(f'Port {port()} is taken: is {title} running already? '
                 'Stop it, or choose another: PORT=8081')


def keep_playing():
    """Start the program again and again: after a change of a file at once, after a mistake in one
    when it is mended. (Bottle's own parent ends for good at a mistake, and when the computer
    sleeps: its child looks at how old a file is. This file is from the future.)"""
    handle, lock = tempfile.mkstemp(prefix='bottle.', suffix='.lock')
    os.close(handle)
    os.utime(lock, (2**31 - 1, 2**31 - 1))    # 2038, the last date that every computer knows
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            saved = file_times()
            code = play_until_changed(lock)
            if code in (1, 2):                # Python's words for: a mistake, or no such file
                log('The lines above say what is wrong. '
                    'Mend the file and save it; then it goes on.')
                while file_times() == saved:
                    time.sleep(0.2)
            elif code != 3:                   # Bottle's word for: a file has changed
                return code
    except KeyboardInterrupt:
        return 0
    finally:
        os.unlink(lock)


def play_until_changed(lock):
    """Run this program as the second process. Returns the number with which it ends."""
    alone = signal.getsignal(signal.SIGINT) is signal.SIG_IGN         # nohup python mocean.py &
    child = subprocess.Popen(
        [sys.executable, *sys.argv], start_new_session=alone,
        env={**os.environ, 'BOTTLE_CHILD': 'true', 'BOTTLE_LOCKFILE': lock})
    try:
        while child.poll() is None:
            time.sleep(0.1)
    except KeyboardInterrupt:                 # a terminal tells both processes, IDLE only this one
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(3)
        raise
    finally:
        child.terminate()
        child.wait()
    return child.returncode


def file_times():
    """When the programs in this folder were last saved."""
    times = {}
    for path in HERE.glob('*.py'):
        with contextlib.suppress(OSError):    # some editors take a file away before they write it
            times[path] = path.stat().st_mtime
    return times


def end_with_parent(parent):
    """The child must not hold the port and the files when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def own_addresses():
    """This computer's addresses in its networks, the likeliest first. Nothing is sent."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(('192.0.2.1', 9))            # which way would it take to another place?
            found.append(probe.getsockname()[0])
        with contextlib.suppress(OSError, ImportError):
            import fcntl
            ask_address = 0x8915                       # SIOCGIFADDR
            for _, name in socket.if_nameindex():      # a network without a way out: ask Linux
                with contextlib.suppress(OSError):
                    reply = fcntl.ioctl(probe, ask_address, struct.pack('256s', name.encode()))
                    found.append(socket.inet_ntoa(reply[20:24]))
    if not found:
        with contextlib.suppress(OSError):
            found += socket.gethostbyname_ex(socket.gethostname())[2]      # not Linux
    return [address for address in dict.fromkeys(found) if not address.startswith('127.')]


# --- BOARD ----------------------------------------------------------------------------------------

NAMELESS = {'name': None}       # the board has a problem? The game goes on like this.


class Board:
    """The file {"key": "...", "solved": {"ada": ["steps", "puzzle"]}}, opened when first needed."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / 'steps.json'
        self.new = self.path.with_name('steps.json.new')        # being written
        self.spare = self.path.with_name('steps.json.last')     # the file before the last change
        self.lock = threading.RLock()                           # one thread at a time
        self.held = None                                        # keeps a second process away
        self.content = None
        self.own_key = secrets.token_hex(16)

    def open(self):
        """What is in the file."""
        with self.lock, disk('the class board cannot be opened'):
            if not self.held:
                self.held = hold(self.path.with_name('steps.lock'), HELD, fix=NAMELESS)
            if not self.content:
                fresh = {'key': secrets.token_hex(16), 'solved': {}}
                self.content = self.load() or self.write(fresh)
        return self.content

    def close(self):
        """Let another process have the file."""
        with self.lock:
            if self.held:
                self.held.close()
            self.held = self.content = None

    def key(self, name):
        """The secret for seals. Where the file cannot be used, a player without a name goes on with
        a passing one."""
        try:
            return self.open()['key']
        except Refusal:
            if name:
                raise
            return self.own_key

    def steps(self, name):
        """The name as it stands on the board (Ada and ada are one), and what it has solved."""
        solved, key = self.open()['solved'], key_of(name)
        name = next((known for known in solved if key_of(known) == key), name)
        return name, [step for step in LADDER if step in solved.get(name, [])]

    def solve(self, name, step):
        """Write it down, then it is true."""
        with self.lock, disk('right! But it could not be written down'):
            name, steps = self.steps(name)
            solved = self.content['solved']
            if step in steps:
                return
            if name not in solved and len(solved) >= MOST_NAMES:
                raise Refusal(f'right! But the board is full, with {MOST_NAMES} names on it; '
                              'play on without yours', AWAY, fix=NAMELESS)
            solved = {**solved, name: [*solved.get(name, []), step]}
            self.content = self.write({**self.content, 'solved': solved})
            log(f'{name} solved {step}')

    def forget(self, name, new=''):
        """A name is gone from the board, and from the file before the last change as well. With a
        new name, what was solved is kept under that, and what is there already stays."""
        with self.lock, disk('the name could not be taken off the class board'):
            solved = dict(self.open()['solved'])
            steps = solved.pop(self.steps(name)[0], [])
            if not steps:
                return
            if new:
                known = solved.pop(self.steps(new)[0], [])
                solved[new] = list(dict.fromkeys(steps + known))
            for _ in range(2):          # the second time for the file before the last change
                self.content = self.write({**self.content, 'solved': solved})

    def write(self, content):
        """A whole new file beside the old one, safely on the disk, and only then in its place."""
        write_new(self.new, json.dumps(content, ensure_ascii=False, indent=1))
        if self.content and self.path.exists():
            shutil.copyfile(self.path, self.spare)
        os.replace(self.new, self.path)
        sync_folder(self.path.parent)
        return content

    def load(self):
        """What the file holds; if that cannot be read, what it held before the last change. None if
        a new class begins: there is no file, or neither can be read."""
        if not self.path.exists():
            return None
        content = self.read()
        if not content and self.spare.exists():
            os.replace(self.spare, self.path)
            content = self.read()
        return content

    def read(self):
        """The content of the file. One that cannot be read is kept under another name."""
        try:
            return content_of(self.path.read_text('utf-8'))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            shutil.copyfile(self.path, self.new)        # a copy: there is always a steps.json
            aside = self.new.rename(dated(self.path))
            log(f'steps: steps.json cannot be read ({error!r}), it is kept as {aside.name}')
        return None


HELD = ('another program has the class board open (steps.json); stop one of the two, '
        'or play on without a name')


def content_of(text):
    """The content of a steps.json, if it has the right form."""
    content = json.loads(text)
    lists = content['solved'].values()
    texts = [content['key'], *content['solved'], *(step for steps in lists for step in steps)]
    if not all(isinstance(steps, list) for steps in lists):
        raise TypeError('the steps of a name are a list')
    ','.join(texts).encode()            # all of it is text, and can be written again
    return content


@contextlib.contextmanager
def disk(trouble):
    """What the disk refuses becomes one sentence for the player and a line for the teacher."""
    try:
        yield
    except OSError as error:
        log(f'steps: {trouble}: {error}')
        raise Refusal(f'{trouble}: {error.strerror or "disk error"}; tell your teacher, '
                      'or play on without a name', AWAY, fix=NAMELESS) from None


# --- ROUTES ---------------------------------------------------------------------------------------
# What a URL does: it returns the answer as words, as facts for JSON, and perhaps as a page.

def make_app(folder=None):
    """The Steps game as a fresh Bottle app; steps.json lies in `folder`."""
    app = bottle.Bottle()
    app.board = board = Board(folder or os.environ.get('STATE_DIRECTORY') or HERE)
    app.install(Wire())
    app.get('/', callback=on_home, takes=('format',), changes=False)
    app.get('/progress', callback=functools.partial(on_progress, board), takes=('format',),
            changes=False)
    for name, puzzle in LADDER.items():
        app.get(f'/{name}', callback=functools.partial(on_step, board, puzzle),
                takes=(*puzzle.takes, 'name', 'format'), changes=True)
    for status in (UNKNOWN, NOT_GET):
        app.error(status)(functools.partial(lost, app))
    return app


def on_home():
    """Where to begin."""
    words = f'A ladder of {len(LADDER)} puzzles, climbed with messages.'
    page = (f'<p>{words}<p><a href="/steps">Begin here</a>, '
            'or see <a href="/progress">who is where</a>.')
    return f'{words}\ntry: {url("steps")}', {'reply': words, 'try': url('steps')}, page


def on_progress(board):
    """The class board: name and how many steps, the furthest first. Steps are numbers here: their
    names would give them away."""
    players = []
    for name, steps in board.open()['solved'].items():
        numbers = [number for number, step in enumerate(LADDER, 1) if step in steps]
        players.append({'name': name, 'solved': len(numbers), 'steps': numbers})
    players.sort(key=lambda one: (-one['solved'], one['name'].casefold()))
    words = '\n'.join(f'{one["name"]},{one["solved"]}' for one in players)
    return words, {'players': players}, progress_page(players)


def progress_page(players):
    """The class board for a browser: a column for each step."""
    rungs = range(1, len(LADDER) + 1)
    heads = ''.join(f'<th scope="col">{rung}' for rung in rungs)
    page = f'<table><tr><td>{heads}'
    for one in players:
        page += f'<tr><th scope="row">{html.escape(one["name"])}'
        for rung in rungs:
            page += '<td>&#10003;' if rung in one['steps'] else '<td>'
    page += '</table>'
    if not players:
        page += '<p>Nobody yet: solve a step with &amp;name= and your name in the call.'
    return page + KEEP_FRESH


def on_step(board, puzzle, name='', looks=False, **sent):
    """One message to one puzzle: its question, a hint, or its prize and the way to the next. Who
    only looks changes nothing."""
    this = puzzle.__name__
    if not all(sent.get(key, '').strip() for key in puzzle.needs):
        return tell_question(board, puzzle, name)
    try:
        prize = puzzle(**sent, **handed_to(puzzle, board, name))
    except Hint as hint:
        return str(hint), {'step': this, 'solved': False, 'reply': str(hint), **hint.facts}
    if prize is None:
        raise TypeError(f'{this} returned nothing; a puzzle returns its prize')
    if name and not looks:
        board.solve(name, this)
    return tell_prize(this, prize, name)


def handed_to(puzzle, board, name):
    """What the server hands to a puzzle that asks for it (the parameters behind its *)."""
    hand = {'name': name, 'now': time.time()}
    if 'key' in puzzle.handed:
        hand['key'] = board.key(name)
    return {what: hand[what] for what in puzzle.handed}


def tell_prize(this, prize, name):
    """The prize, and the way to the next step; from the last one it goes to the ocean."""
    ladder = list(LADDER)
    if this == ladder[-1]:
        prize += '\nThat was the last step of the ladder. Beyond the pond lies an ocean ...'
        way = ocean()
    else:
        way = url(ladder[ladder.index(this) + 1], name=name)
    facts = {'step': this, 'solved': True, 'reply': prize, 'next': way}
    return (f'{prize}\nnext: {way}' if way else prize), facts


def tell_question(board, puzzle, name):
    """The question, a call that works, and where the player stands."""
    example = url(puzzle.__name__, **puzzle.example, name=name)
    words = f'{puzzle.question}\ntry: {example}'
    facts = {'step': puzzle.__name__, 'solved': False, 'reply': puzzle.question, 'try': example}
    if name:
        name, steps = board.steps(name)
        left = [step for step in LADDER if step not in steps]
        way = url(left[0], name=name) if left else ocean()
        done = ', '.join(steps) or 'none yet'
        words += f'\n{name} has solved {len(steps)} of {len(LADDER)}: {done}'
        words += f'\nnext: {way}' if way else ''
        facts.update(name=name, steps=steps, next=way)
    return words, facts


# --- WIRE -----------------------------------------------------------------------------------------
# HTTP is spoken here and nowhere else: what came, what was meant, what goes back.

class Lines:
    """Lines for the log, about what players send. Of those that are too many in one second only
    the number is told."""

    def __init__(self, ticks=time.monotonic):
        self.ticks = ticks        # seconds that pass, counted from anywhere
        self.lock, self.second, self.count = threading.Lock(), 0, 0

    def say(self, text):
        with self.lock:
            second, left_out = int(self.ticks()), self.count - LOG_LINES_PER_S
            if second != self.second:
                if left_out > 0:
                    log(f'steps: ({left_out} lines are left out here: too many for one second)')
                self.second, self.count = second, 0
            self.count += 1
            if self.count <= LOG_LINES_PER_S:
                log(text)


say = Lines().say


class Wire:
    """The Bottle plugin through which every request comes in and every answer goes out."""
    name, api = 'wire', 2

    def apply(self, callback, route):
        return lambda: serve(Call(route.rule, route.config), callback)


class Call:
    """A request: its route, the texts that came with it, and the form of answer that it wants."""

    def __init__(self, rule, config):
        self.environ = bottle.request.environ
        self.page = rule.strip('/')                     # 'puzzle'; '' is the front page
        self.takes = config['takes']                    # the parameters of this route
        self.changes = config['changes']                # something may be written down
        self.texts = read_query(self.environ.get('QUERY_STRING', ''))
        self.form = wanted_form(self.environ, self.texts)


def serve(call, callback):
    """One request. What a player can get wrong becomes a Refusal; all else is a bug, and is logged
    as one."""
    try:
        return tell(call.form, *callback(**read_values(call)))
    except Refusal as refusal:
        say(f'steps: /{call.page} {refusal.status} {refusal.words}')
        return error_form(refusal, works(call, refusal), call.form)
    except (Exception, SystemExit):     # the one place: uWSGI would let an exit() hang
        log(f'steps: /{call.page} broke:\n{traceback.format_exc()}')
        return error_form(Refusal(MISTAKE, BUG), url('steps'), call.form)


def tell(form, words, facts, markup=''):
    """The same facts as text, as JSON, or (some) as a page."""
    if form == 'json':
        return answer(json.dumps(facts, ensure_ascii=False), JSON)
    if form == 'html' and markup:
        return answer(PAGE + markup, HTML)
    return large_type(words) if form == 'html' else answer(words)


def read_query(query):
    """The parameters as text. solution= is another name of message=; where one name comes several
    times, its texts get commas between them."""
    texts = {}
    for key, text in pairs_of(query):
        key = 'message' if key == 'solution' else one_line(key)
        texts[key] = f'{texts[key]},{text}' if key in texts else text
    if 'name' in texts:
        texts['name'] = unicodedata.normalize('NFKC', texts['name'].strip())
    return {key: one_line(text) for key, text in texts.items()}


def one_line(text):
    """Without line breaks and other control characters."""
    return re.sub(r'[\x00-\x1f\x7f-\x9f\u2028\u2029]', ' ', text)


def read_values(call):
    """{'message': 'leaf'}: what the puzzle gets. What the route does not know is refused."""
    nobody = sent_by_nobody(call.environ)
    if nobody:
        raise Refusal(nobody, AWAY)
    for key in call.texts:
        if key not in call.takes:
            raise unknown(key, call)
    values = dict(call.texts)
    form = values.pop('format', 'text')
    if form.strip().casefold() not in ('text', 'json'):
        raise Refusal(f'format was {shown(form)}; it is text or json')
    name = values.get('name', '')
    if name != tidy_name(name):
        raise Refusal(f'name was {shown(name)}; a name is {NAME_RULE}')
    if call.changes:
        values['looks'] = call.environ['REQUEST_METHOD'] == 'HEAD'
    return values


def unknown(key, call):
    """The Refusal of a parameter that the route does not know."""
    other = meant(key, call.takes, call.texts)
    advice = f'did you mean {other}?' if other else f'it knows {", ".join(call.takes)}'
    page = call.page or 'the front page'
    name = bare(one_line(key))
    return Refusal(f'{page} has no parameter {name}; {advice}')


def meant(key, takes, texts):
    """The parameter that an unknown one stands for: the nearest name; or else what the puzzle waits
    for, if that is missing; or nothing."""
    for likely in difflib.get_close_matches(key[:40].lower(), takes, 1, 0.7):
        return likely
    return takes[0] if takes[0] not in texts and takes[0] != 'format' else ''


def works(call, refusal):
    """A call that works: the asker's own, corrected. Where there is none, the first step."""
    texts = corrected(call.texts, call.takes)
    if refusal.fix == NAMELESS and 'name' not in texts:
        return url('steps')
    return url(call.page, **{**texts, **refusal.fix})


def corrected(texts, takes):
    """The texts as they should have been."""
    right = {}
    for key, text in texts.items():
        known = key if key in takes else meant(key, takes, texts)
        if not text and known != key:                   # ?leaf and ?message:leaf are ?message=leaf
            text = re.sub(rf'{known}\W+', '', key[:40])
        if known and known not in right:
            right[known] = text
    if right.get('format', 'text').strip().casefold() != 'text':
        right['format'] = 'json'
    if right.get('name'):
        right['name'] = tidy_name(right['name']) or 'ada'
    return right


def lost(app, error):
    """No such route, or not by GET: the same form as every error."""
    environ = bottle.request.environ
    texts = read_query(environ.get('QUERY_STRING', ''))
    routes = {route.rule: route.config['takes'] for route in app.routes}
    rule = environ['PATH_INFO']
    if error.status_code == NOT_GET:
        method = bare(one_line(environ['REQUEST_METHOD']))
        words = f'{method} is not spoken here, only GET: requests.get(url, params={{...}})'
    else:
        rule, texts, words = untangled(rule, texts)
        likely = difflib.get_close_matches(rule.lower(), routes, 1)
        advice = f'did you mean {likely[0]}?' if likely else 'begin at /steps'
        words = words or f'there is no {bare(one_line(rule))} here; {advice}'
        rule = likely[0] if likely else '/steps'
    better = url(rule.strip('/'), **corrected(texts, routes[rule]))
    return error_form(Refusal(words, error.status_code), better, wanted_form(environ, texts))


def untangled(rule, texts):
    """/steps&message=leaf has another sign for the ?: the route, the texts, and words for it."""
    sentence = re.fullmatch(r'(/\w+)[^\w=]+(\w+=.*)', rule, re.DOTALL)
    if not sentence:
        return rule, texts, ''
    rule, query = sentence.groups()
    texts = {**read_query(urllib.parse.quote(query, safe='=&+')), **texts}
    return rule, texts, f'the sign behind {bare(rule)} is ?; the & comes between parameters'


def url(page, /, **texts):
    """A whole URL on this server, as the asker reached it. Texts that are empty stay away."""
    texts = {key: text for key, text in texts.items() if text}
    return call_of(base_of(bottle.request.environ), page, texts)


def ocean():
    """Where the ocean is, when mocean.py serves these routes."""
    rules = [route.rule for route in bottle.request.app.routes]
    return url('mocean') if '/mocean' in rules else ''


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Steps</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark;
  --ink: #0b2b3a; --sea: #f4fafc; --line: #bcd9e3; --link: #00607f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dcecf2; --sea: #08202b; --line: #21485a; --link: #7fd4f0; } }
body { font: 20px/1.5 system-ui, sans-serif; margin: 2em;
  color: var(--ink); background: var(--sea); }
a { color: var(--link); } table { border-collapse: collapse; font-size: 1.2em; }
th, td { padding: .2em .7em; border-bottom: 1px solid var(--line); }</style>
<main><h1>Steps</h1>
"""
KEEP_FRESH = """</main><script>
setInterval(async () => {                  // where nothing is new nothing is replaced
  const reply = await fetch('', {headers: {Accept: 'text/html'}}).catch(() => null);
  const page = new DOMParser().parseFromString(reply ? await reply.text() : '', 'text/html');
  const [old, now] = [document, page].map(one => one.querySelector('main'));
  if (now && now.innerHTML !== old.innerHTML) old.replaceWith(now);
}, 5000);
</script>
"""


# --- START ----------------------------------------------------------------------------------------

def ride(game, sea):
    """Ride along with mocean.py: these routes, and steps.json in the folder of its sea."""
    app = make_app(sea.folder)
    return game.Rider(app.routes, end=app.board.close, forget=app.board.forget,
                      rename=app.board.forget)


application = wsgi(make_app())

if __name__ == '__main__':
    launch('Steps', '/steps')
    bottle.run(app=application, host='0.0.0.0', port=port(), reloader=True, quiet=True,
               server_class=ThreadedServer)
