"""A boat that looks first, and rows to what it sees. New here: reading a reply, deciding.

It takes one treasure, then it stops. Run it again, and it looks for the next one.
"""
import sys
import time

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat


def ask(route, **parameters):
    """Ask; when it is too early, wait as long as the server says and ask again."""
    while True:
        reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
        if reply.text.lstrip().startswith('<'):
            sys.exit('A web page came, not the game: does this network want a login?')
        print(route, parameters.get('heading', ''), '->', reply.text.replace('\n', ' | '))
        if 'Retry-After' not in reply.headers:      # 429: too early; 503: the sea is frozen
            return reply
        time.sleep(float(reply.headers['Retry-After']))


def shortest(step, size):
    """The short way round: -590 cells are the same as 10, on a torus of 600."""
    return (step + size // 2) % size - size // 2


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
        dx, dy = shortest(float(there_x) - x, 600), shortest(float(there_y) - y, 400)
        north = 'n' if dy >= 1 else 's' if dy <= -1 else ''
        east = 'e' if dx >= 1 else 'w' if dx <= -1 else ''
        if north + east == '':
            break
        ask('move', id=my_id, heading=north + east)
    else:
        time.sleep(1)        # a boat goes 10 cells a second
        ask('move', id=my_id, heading='e', steps=10)

while z < 50 and not ask('get', id=my_id, item='treasure').ok:
    ask('dive', id=my_id, direction='down')
    z = z + 5
