"""Drive a boat by keyboard: type n, se, west, ... and Enter. New here: a function and a loop.

Type a heading wrong on purpose and read what the server answers.
"""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat


def ask(route, **parameters):
    """ask('move', id=..., heading='n') asks for /move?id=...&heading=n"""
    reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    return reply


joined = ask('join', name=NAME, id=ID)
print(joined.text)
if not joined.ok:
    sys.exit(1)
my_id = joined.text.split(',')[0]
print('Type a heading (n, ne, east, ...), l to look around, p to ping the sea floor, q to quit.')

while True:
    key = input('> ').strip()
    if key in ('q', 'quit'):
        break
    if key == 'l':
        print(ask('look', id=my_id).text or 'nothing but water')
    elif key == 'p':
        print(ask('ping', id=my_id).text, 'metres deep')
    elif key:
        print(ask('move', id=my_id, heading=key, steps=5).text)
