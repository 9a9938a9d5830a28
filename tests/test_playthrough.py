"""One whole game over a real uWSGI, in real time, with a kill -9 in the middle. It ends with the right score."""
import json
import math
import time

import pytest
from conftest import also, poll

import mocean

WIDTH, HEIGHT, SIDE = mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS, mocean.SECTOR_CELLS
CHARTED = set()                                           # sectors that somebody has entered, as this test counts them


class Player:
    """One who keeps his own book of points, to compare it with the server's."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.id, _, x, y, _ = server.say(f'/join?name={name}').split(',')
        self.x, self.y, self.points = int(x), int(y), 0
        self.enter(self.x, self.y)

    def __call__(self, path):
        """Ask; where the server says too early, wait as long as it says, and ask again."""
        path = also(path, f'id={self.id}')
        while (answer := self.server.say(path)).status == 429:
            time.sleep(self.server.say(path + '&format=json').json().get('wait_s', 0))
        return answer

    def enter(self, x, y):
        sector = int(x % WIDTH) // SIDE, int(y % HEIGHT) // SIDE
        self.points += sector not in CHARTED
        CHARTED.add(sector)

    def row(self, heading, cells, stride):
        dx, dy = mocean.HEADINGS[heading]
        for start in range(0, cells, stride):
            steps = min(stride, cells - start)
            answer = self(f'/move?heading={heading}&steps={steps}')
            for step in range(1, steps + 1):
                self.enter(self.x + dx * step, self.y + dy * step)
            self.x, self.y = (self.x + dx * steps) % WIDTH, (self.y + dy * steps) % HEIGHT
            assert answer == f'{self.x},{self.y},0'

    def take_the_treasure_in_sight(self):
        """Look, dive, get, and come up again."""
        kind, name, x, y, z, away = next(line for line in self('/look').lines if line.startswith('treasure')).split(',')
        assert float(away) < 10
        for _ in range(math.ceil(float(z) / 5)):
            answer = self('/dive?direction=down')
        assert float(answer.split(',')[2]) == pytest.approx(float(z), abs=5)
        assert self('/get?item=treasure') == f'{name},25'
        self.points += 25
        while not self('/dive?direction=up').endswith(',0'):
            pass
        return name

    def score(self):
        return int(self.server.say(f'/score?name={self.name}').split(',')[2])


def prepare(folder):
    """A fresh ocean, with a whale asleep where the second player will start."""
    planet = mocean.new_planet(7, time.time())
    _, x, y, _ = mocean.Seafloor(7).treasures[1]
    planet['whales']['Quincy'].update(x=x, y=y, vx=0, vy=0)
    (folder / 'mocean.json').write_text(json.dumps({'number': 0, 'last': '', **planet}))


def sail(ada):
    """North for a while; the boat goes on by itself."""
    for _ in range(5):
        ada('/accel?ctrl=w')
    vx, vy, heading = map(float, ada('/velocity').split(','))
    assert (vx, vy) == (0, 10) and heading == pytest.approx(math.pi / 2, abs=1e-4)
    start = ada('/location')
    poll(lambda: ada('/location') != start)
    x, y, z, vx, vy, _ = map(float, ada('/stop').split(','))
    assert (x, z, vx, vy) == (ada.x, 0, 0, 0)
    for step in range(int((y - ada.y) % HEIGHT) + 1):
        ada.enter(x, (ada.y + step) % HEIGHT)
    ada.enter(x, y)


def test_a_whole_game(server_on_a_prepared_ocean):
    server = server_on_a_prepared_ocean
    ada, bob = Player(server, 'ada'), Player(server, 'bob')
    assert ada.take_the_treasure_in_sight() == 'crash alert'
    assert ada('/use?item=crash alert').startswith('Old Molar,')
    sail(ada)
    assert float(ada('/ping')) > 0
    ada.points += 1                                       # the first sounding in that sector

    assert bob.take_the_treasure_in_sight() == 'iron dust'
    assert bob('/get?item=whale').status == 409           # not without a bloom
    assert bob('/use?item=iron dust') == 'the plankton blooms here for 10 minutes'
    assert bob('/get?item=whale') == 'a ride on Quincy,10'
    bob.points += 10
    assert ada('/sendchat?name=bob&message=hey, wait for me!') == 'sent to 1 player'
    bob.row('east', 300, 80)
    before = [server.say('/score'), server.say('/news'), bob('/inventory')]

    server.kill()                                         # kill -9, half way round
    server.start()

    assert [server.say('/score'), server.say('/news'), bob('/inventory')] == before
    assert 'without a goodbye' in server.say('/health')
    assert bob('/location').split(',')[:2] == [str(bob.x), str(bob.y)]
    bob.row('east', 300, 80)
    bob.row('north', HEIGHT, 80)
    bob.points += 50 + 50                                 # all the way round, both ways
    assert bob('/location').split(',')[3:5] == ['1', '1']  # over a seam, and a message waits
    assert bob('/popchat') == 'ada,hey, wait for me!'

    assert (ada.score(), bob.score()) == (ada.points, bob.points)
    assert server.say('/who') == f'bob,{bob.points}\nada,{ada.points}'
    inventory = bob('/inventory').lines
    assert {'whale,Quincy', 'badge,Magellan', 'badge,Reader'} <= set(inventory)
    assert 'treasure,iron dust' not in inventory
    news = server.say('/news')
    for text in ('ada joined', 'bob joined', 'ada found the crash alert', 'bob found the iron dust',
                 'bob made the plankton bloom', 'bob rides the whale Quincy',
                 'bob went all the way round, east-west', 'bob went all the way round, north-south',
                 'bob earned the badge Magellan: all the way round, both ways'):
        assert text in news
    assert bob('/quit') == f'farewell, bob! You scored {bob.points}.'
    assert server.say('/who') == f'ada,{ada.points}'


@pytest.fixture
def server_on_a_prepared_ocean(tmp_path, request):
    prepare(tmp_path)
    CHARTED.clear()
    return request.getfixturevalue('server')
