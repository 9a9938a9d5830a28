"""Two whole games over a real uWSGI, on a clock that nobody has to wait for (fast_sea.py): one with a kill -9 in the
middle, which ends with the right score; and a student's path through the twelve quests."""
import math
import re

import pytest
from conftest import Server, also, begin_ocean

import mocean

WIDTH, HEIGHT, SIDE = mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS, mocean.SECTOR_CELLS
MOST_STEPS = int(mocean.HULL_CELLS_PER_S * mocean.SAVED_S)


def patiently(server, path):
    """Ask; where the server says too early, wait as long as it says, and ask again."""
    path = path if 'format=json' in path else also(path, 'format=json')       # a `try` has it already
    while (answer := server.say(path)).status == 429:
        server.say(f'/wind?seconds={answer.json()["wait_s"]}')
    return answer.json()


class Player:
    """One who keeps his own book of points, to compare it with the server's."""

    def __init__(self, server, name, charted):
        self.server, self.name = server, name
        self.charted = charted                            # sectors that somebody has entered, as this test counts them
        self.own = set()                                  # home sectors that this player has entered
        self.id, _, x, y, _ = server.say(f'/join?name={name}').split(',')
        self.x, self.y, self.points = int(x), int(y), 0
        self.enter(self.x, self.y)

    def __call__(self, path):
        return patiently(self.server, also(path, f'id={self.id}'))

    def text(self, path):
        return self.server.say(also(path, f'id={self.id}'))

    def enter(self, x, y):
        sector = int(x % WIDTH) // SIDE, int(y % HEIGHT) // SIDE
        known = self.own if f'{sector[0]},{sector[1]}' in mocean.Seafloor(7).home_bits() else self.charted
        self.points += sector not in known
        known.add(sector)

    def row(self, heading, cells, stride):
        dx, dy = mocean.HEADINGS[heading]
        for start in range(0, cells, stride):
            steps = min(stride, cells - start)
            answer = self(f'/move?heading={heading}&steps={steps}')
            for step in range(1, steps + 1):
                self.enter(self.x + dx * step, self.y + dy * step)
            self.x, self.y = (self.x + dx * steps) % WIDTH, (self.y + dy * steps) % HEIGHT
            assert (answer['x'], answer['y'], answer['z']) == (self.x, self.y, 0)

    def take_the_treasure_in_sight(self):
        """Look, dive, get, and come up again."""
        seen = next(thing for thing in self('/look')['things'] if thing['kind'] == 'treasure')
        assert seen['distance'] < 10
        for _ in range(math.ceil(seen['z'] / 5)):
            answer = self('/dive?direction=down')
        assert answer['z'] == pytest.approx(seen['z'], abs=5)
        got = self('/get?item=treasure')
        assert (got['got'], got['points']) == (seen['name'], 40)
        self.points += 40
        while self('/dive?direction=up')['z']:
            pass
        return seen['name']

    def quests(self):
        """How many have been met: ten points each."""
        number = self('/quest')['number']
        return number if number == len(mocean.QUESTS) else number - 1

    def score(self):
        return int(self.server.say(f'/score?name={self.name}').split(',')[2])


def sail(ada):
    """North for a while; the boat goes on by itself."""
    for _ in range(5):
        ada('/accel?ctrl=w')
    speed = ada('/velocity')
    assert (speed['vx'], speed['vy']) == (0, 10) and speed['heading'] == pytest.approx(math.pi / 2, abs=1e-4)
    ada.server.say('/wind?seconds=3')
    end = ada('/stop')
    assert (end['x'], end['z'], end['vx'], end['vy']) == (ada.x, 0, 0, 0)
    assert 30 < (end['y'] - ada.y) % HEIGHT < 40
    for step in range(int((end['y'] - ada.y) % HEIGHT) + 1):
        ada.enter(end['x'], (ada.y + step) % HEIGHT)
    ada.enter(end['x'], end['y'])


def test_a_whole_game(quiet_whale):
    server, charted = quiet_whale, set()
    ada, bob = Player(server, 'ada', charted), Player(server, 'bob', charted)
    assert ada.take_the_treasure_in_sight() == 'crash alert'
    assert ada.text('/use?item=crash alert').startswith('Old Molar,')
    sail(ada)
    assert ada('/ping')['depth'] > 0
    ada.points += 1                                       # the first sounding in that sector

    assert bob.take_the_treasure_in_sight() == 'iron dust'
    assert bob.text('/get?item=whale').status == 409      # not without a bloom
    assert bob('/use?item=iron dust')['used'] == 'the plankton blooms here for 10 minutes'
    got = bob('/get?item=whale')
    assert (got['got'], got['points']) == ('a ride on Quincy', 10)
    bob.points += 10
    assert ada('/sendchat?name=bob&message=hey, wait for me!')['sent'] == 'sent to 1 player'
    bob.row('east', 300, 20)                              # as many as a whale goes in a second
    before = [server.say('/score'), server.say('/news'), bob.text('/inventory')]

    server.kill()                                         # kill -9, half way round
    server.start()

    assert [server.say('/score'), server.say('/news'), bob.text('/inventory')] == before
    assert 'without a goodbye' in server.say('/health')
    assert bob.text('/location').split(',')[:2] == [str(bob.x), str(bob.y)]
    bob.row('east', 300, 20)
    bob.row('north', HEIGHT, 20)
    bob.points += 50 + 50                                 # all the way round, both ways
    assert bob.text('/location').split(',')[3:5] == ['1', '1']     # over a seam, and a message waits
    assert bob.text('/popchat') == 'ada,hey, wait for me!'

    for player in (ada, bob):
        player.points += 10 * player.quests()
    assert (ada.score(), bob.score()) == (ada.points, bob.points)
    assert server.say('/who') == f'bob,{bob.points}\nada,{ada.points}'
    inventory = bob.text('/inventory').lines
    assert {'whale,Quincy', 'quest,First stroke', 'quest,Lookout', 'quest,Looper'} <= set(inventory)
    assert 'treasure,iron dust' not in inventory
    news = server.say('/news')
    for text in ('ada joined', 'bob joined', 'ada found the crash alert', 'bob found the iron dust',
                 'bob made the plankton bloom', 'bob rides the whale Quincy',
                 'bob went all the way round, east-west', 'bob went all the way round, north-south',
                 'bob met quest 3: Looper'):
        assert text in news
    assert bob('/quit?sure=yes')['farewell'].startswith(f'farewell, bob! You scored {bob.points}.')
    assert server.say('/who') == f'ada,{ada.points}'


@pytest.fixture
def quiet_whale(tmp_path):
    """A fresh ocean, with a whale asleep where the second player will start."""
    _, x, y, _ = mocean.Seafloor(7).treasures[1]
    server = Server('tests/fast_sea', begin_ocean(tmp_path, whales={'Quincy': mocean.Whale(x, y, 0, 0, at=0)}))
    yield server.start()
    server.kill()


# --- a student ------------------------------------------------------------------------------------------------------

class Student:
    """Knows only what the replies say, how to send what stands behind `try:`, and that the ocean has no edge."""

    def __init__(self, server, name):
        self.server, self.told = server, []               # what was refused, and why
        joined = server.say(f'/join?name={name}&format=json').json()
        self.id, self.x, self.y = joined['id'], joined['x'], joined['y']

    def send(self, url):
        """Paste a whole URL, as `try` has it; wait where told to. What is refused is read."""
        answer = patiently(self.server, url.removeprefix(self.server.url))
        if 'error' in answer:
            self.told.append(answer['error'])
        self.x, self.y = answer.get('x', self.x), answer.get('y', self.y)
        return answer

    def call(self, route, **parameters):
        query = ''.join(f'&{name}={value}' for name, value in parameters.items())
        return self.send(f'/{route}?id={self.id}{query}')

    def quest(self):
        """The next quest: its title, and the call that begins it."""
        quest = self.call('quest')
        return quest['title'], quest['try']

    def way(self, x, y):
        return (x - self.x + WIDTH // 2) % WIDTH - WIDTH // 2, (y - self.y + HEIGHT // 2) % HEIGHT - HEIGHT // 2

    def row(self, x, y, foresees=False):
        while (self.x, self.y) != (x, y):
            dx, dy = self.way(x, y)
            north, east = 'n' * (dy > 0) + 's' * (dy < 0), 'e' * (dx > 0) + 'w' * (dx < 0)
            steps = min(5, min(abs(dx), abs(dy)) or max(abs(dx), abs(dy)))
            told = {}
            if foresees:
                there = self.x + steps * ((dx > 0) - (dx < 0)), self.y + steps * ((dy > 0) - (dy < 0))
                told = {'expect': f'{there[0] % WIDTH},{there[1] % HEIGHT}'}
            assert self.call('move', heading=north + east, steps=steps, **told).get('expected', True)

    # One method for each quest; each is handed the call that begins it.

    def first_stroke(self, begin):
        self.send(begin)

    def lookout(self, begin):
        self.seen = next(thing for thing in self.send(begin)['things'] if thing['kind'] == 'treasure')

    def looper(self, begin):
        for _ in range(10):
            self.send(begin)

    def phoenix(self, begin):
        self.send(self.send(begin)['try'])

    def over_the_seam(self, begin):
        x = self.x
        while self.x <= x:
            self.send(begin)

    def reader(self, begin):
        """What it had seen at first lies where it lay."""
        self.row(self.seen['x'], self.seen['y'])
        assert self.seen['name'] in {thing['name'] for thing in self.send(begin)['things']}
        while 'error' in (answer := self.call('get', item='treasure')):
            self.send(answer['try'])
        assert answer['got'] == self.seen['name']

    def cartographer(self, begin):
        for _ in range(20):
            self.send(begin)
            self.call('move', heading='east')

    def patient(self, begin):
        for _ in range(50):
            self.send(begin)

    def navigator(self, begin):
        """It tries out what is told, goes up, and rows to and fro over the nearest seam."""
        assert self.send(begin)['expected'] is False
        while self.call('location')['z']:
            self.call('dive', direction='up')
        self.row(0, self.y)
        for _ in range(10):
            for heading, x in (('west', WIDTH - 1), ('east', 0)):
                assert self.call('move', heading=heading, expect=f'{x},{self.y}')['expected']

    def racer(self, begin):
        """In the order given; what refuses the race leads to its start."""
        marks = [(mark['x'], mark['y']) for mark in self.send(begin)['marks']]
        while 'error' in (answer := self.call('race')):
            self.send(answer['try'])
        self.took = self.round(marks[1:] + marks[:1])

    def champion(self, begin):
        """Always to the nearest mark, knowing where each move will end."""
        while 'error' in (answer := self.send(begin)):
            self.send(answer['try'])
        start, *marks = [(mark['x'], mark['y']) for mark in self.call('course')['marks']]
        order = []
        while marks:
            order.append(min(marks, key=lambda mark: math.dist((0, 0), self.gap([start, *order][-1], mark))))
            marks.remove(order[-1])
        assert self.round([*order, start], foresees=True) < self.took

    def gap(self, here, there):
        return [mocean.gap(*ends, size) for *ends, size in zip(here, there, (WIDTH, HEIGHT), strict=True)]

    def round(self, places, foresees=False):
        for place in places:
            self.row(*place, foresees)
        return next(time['seconds'] for time in self.server.say('/regatta?format=json').json()['times'])

    def magellan(self, begin):
        for _ in range(HEIGHT // 10):
            self.send(begin)
        for _ in range(WIDTH // 10):
            self.call('move', heading='east', steps=10)


def met(server):
    """How many quests the only boat has met."""
    return server('/chart').json()['boats'][0]['quests']


@pytest.mark.parametrize('ocean', [7, 8, 9], indirect=True)
def test_a_student_goes_from_the_first_stroke_through_all_twelve_quests(ocean):
    nia = Student(ocean, 'nia')
    for number, quest in enumerate(mocean.QUESTS):
        if met(ocean) > number:                           # two races may lead all the way round
            assert quest.name == 'Magellan'
            continue
        title, begin = nia.quest()
        assert title == quest.name, nia.told
        assert f"TASK = '{quest.task}'" in ocean(f'/client.py?id={nia.id}')
        getattr(nia, quest.name.lower().replace(' ', '_'))(begin)
        assert met(ocean) > number, (title, nia.told)
    assert nia.quest()[0] == 'Done'
    expected = re.compile("heading was 'nroth'|the crash alert lies|(you sailed .*)?course [01] starts at")
    assert [words for words in nia.told if not expected.match(words)] == []            # no other stumble
    news = ocean('/news')
    assert all(f'nia met quest {number}: {quest.name}' in news for number, quest in enumerate(mocean.QUESTS, 1))


@pytest.fixture
def ocean(request, tmp_path):
    """A fresh ocean of this seed."""
    server = Server('tests/fast_sea', begin_ocean(tmp_path, request.param))
    yield server.start()
    server.kill()
