"""A boat that looks first, and rows to what it sees. New here: reading a reply, deciding.

It takes one treasure, then it stops. Run it again, and it looks for the next one.
"""
import sys
import time

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:8080'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat
WIDTH, HEIGHT = 600, 400
HEADINGS = {(-1, 1): 'nw', (0, 1): 'n', (1, 1): 'ne',
            (-1, 0): 'w',                (1, 0): 'e',
            (-1, -1): 'sw', (0, -1): 's', (1, -1): 'se'}


def ask(route, **parameters):
    reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
    print(route, parameters.get('heading', ''), '->', reply.text.replace('\n', ' | '))
    return reply


def shortest(step, size):
    """The short way round: -590 cells are the same as 10, on a torus of 600."""
    return (step + size // 2) % size - size // 2


def sign(number):
    return (number > 0) - (number < 0)


joined = ask('join', name=NAME, id=ID)
if not joined.ok:
    sys.exit(1)
my_id = joined.text.split(',')[0]
mine = ask('inventory', id=my_id).text
while float(ask('location', id=my_id).text.split(',')[2]):
    ask('dive', id=my_id, direction='up')            # under water one sees little

for number in range(100):
    x, y, z = [float(number) for number in ask('location', id=my_id).text.split(',')[:3]]
    seen = [line.split(',') for line in ask('look', id=my_id).text.split('\n')]
    treasures = [line for line in seen if line[0] == 'treasure' and line[1] not in mine]
    if treasures:
        kind, name, there_x, there_y, depth, distance = treasures[0]
        dx, dy = shortest(float(there_x) - x, WIDTH), shortest(float(there_y) - y, HEIGHT)
        if abs(dx) < 1 and abs(dy) < 1:
            break
        ask('move', id=my_id, heading=HEADINGS[sign(round(dx)), sign(round(dy))])
    else:
        time.sleep(1)        # a boat goes 10 cells a second
        ask('move', id=my_id, heading='e', steps=10)

while z < 50 and not ask('get', id=my_id, item='treasure').ok:
    ask('dive', id=my_id, direction='down')
    z = z + 5
