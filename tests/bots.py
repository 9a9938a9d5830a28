"""A class of bots, so that the map has something to show: surveyors, seekers and sailors."""
import itertools
import random
import threading

NAMES = ['ada', 'grace', 'linus', 'hedy', 'kofi', 'mei', 'tomás', 'noor', 'björk', 'ravi', 'lena', 'omar']
WIDTH, HEIGHT = 600, 400
PAUSE_S = 5                # between two calls of somebody who reads the answers
HEADINGS = {(0, 1): 'n', (1, 1): 'ne', (1, 0): 'e', (1, -1): 'se',          # clockwise: `wander` turns by one
            (0, -1): 's', (-1, -1): 'sw', (-1, 0): 'w', (-1, 1): 'nw'}


def shortest(step, size):
    return (step + size // 2) % size - size // 2


class Bot(threading.Thread):
    """One boat that plays until `stop` is set. Each waits as long as the server says."""

    def __init__(self, server, number, stop):
        super().__init__(daemon=True)
        self.server, self.number, self.stop, self.dice = server, number, stop, random.Random(number)
        joined = server(f'/join?name={NAMES[number]}&format=json').json()
        self.id, self.x, self.y = joined['id'], joined['x'], joined['y']

    def ask(self, route, **parameters):
        query = ''.join(f'&{name}={value}' for name, value in parameters.items())
        while not self.stop.is_set():
            reply = self.server(f'/{route}?id={self.id}&format=json{query}')
            if reply.status != 429:
                return reply.json() if reply.status == 200 else None
            self.stop.wait(reply.json()['wait_s'])
        return None

    def move(self, heading, steps):
        moved = self.ask('move', heading=heading, steps=steps)
        if moved:
            self.x, self.y = moved['x'], moved['y']

    def run(self):
        play = [self.survey, self.seek, self.wander, self.sail][self.number % 4]
        play()

    def survey(self):
        """Row after row of soundings."""
        along = ['e', 'w'][self.number // 4 % 2]
        for number in itertools.count(1):
            if self.stop.is_set():
                return
            self.ask('ping')
            self.move('n' if number % 60 == 0 else along, 10)
            self.stop.wait(PAUSE_S)

    def seek(self):
        """From place to place; what is seen on the way is taken."""
        while not self.stop.is_set():
            goal = self.dice.randrange(WIDTH), self.dice.randrange(HEIGHT)
            while not self.stop.is_set() and not self.near(*goal):
                self.towards(*goal)
                self.ask('ping')
                for thing in (self.ask('look') or {'things': []})['things']:
                    if thing['kind'] == 'treasure':
                        self.take(thing)
                self.stop.wait(PAUSE_S)

    def near(self, x, y):
        return abs(shortest(x - self.x, WIDTH)) < 5 and abs(shortest(y - self.y, HEIGHT)) < 5

    def towards(self, x, y):
        dx, dy = round(shortest(x - self.x, WIDTH)), round(shortest(y - self.y, HEIGHT))
        sign = (dx > 0) - (dx < 0), (dy > 0) - (dy < 0)
        if any(sign):
            self.move(HEADINGS[sign], min(7 if all(sign) else 10, min(abs(d) for d in (dx, dy) if d)))

    def take(self, treasure):
        if treasure['name'] in {found['name'] for found in (self.ask('inventory') or {'things': []}).get('things', [])}:
            return
        for _ in range(12):
            if self.near(treasure['x'], treasure['y']):
                break
            self.towards(treasure['x'], treasure['y'])
        for _ in range(6):
            if self.ask('get', item='treasure'):
                break
            self.ask('dive', direction='down')
        for _ in range(6):
            self.ask('dive', direction='up')

    def wander(self):
        heading = self.dice.randrange(8)
        while not self.stop.is_set():
            heading += self.dice.choice([-1, 0, 0, 0, 0, 0, 1])
            self.move(list(HEADINGS.values())[heading % 8], 7)
            if self.dice.random() < 0.7:
                self.ask('ping')
            self.stop.wait(PAUSE_S)

    def sail(self):
        for _ in range(1 + self.number // 4):
            self.ask('accel', ctrl='w')
        while not self.stop.is_set():
            self.ask('accel', ctrl=self.dice.choice('adws'))
            for _ in range(8):
                self.stop.wait(PAUSE_S / 2)
                self.ask('ping')


def set_out(server, stop):
    bots = [Bot(server, number, stop) for number in range(len(NAMES))]
    for bot in bots:
        bot.start()
    return bots
