"""A dialog with the Steps game. Each answer comes with the time that it took.

    hello       send this
    /puzzle     go to another route (or paste its whole URL)
    location=   from now on, send what is typed as location= instead of message=
    name=ada    from now on, send this along
    quit        the end
"""
import re
import sys
import time

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
session = requests.Session()
route, key, along = '/steps', 'message', {}
print(__doc__)

while True:
    pairs = ''.join(f'{name}={value}&' for name, value in along.items())
    line = input(f'{route}?{pairs}{key}=').strip()
    if line == 'quit':
        break
    setting = re.fullmatch(r'([a-z]+)=(.*)', line)
    if setting and setting[2]:
        along[setting[1]] = setting[2]
        continue
    if setting:
        key = setting[1]
        along.pop(key, None)
        continue
    if line.startswith(('/', SERVER)):
        route, key, line = line.removeprefix(SERVER).partition('?')[0], 'message', ''
        along = {name: value for name, value in along.items() if name == 'name'}
    start = time.perf_counter()
    reply = session.get(SERVER + route, params={**along, key: line} if line else along, timeout=10)
    seconds = time.perf_counter() - start
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    print(reply.text)
    print(f'({reply.status_code} after {seconds:.3f} seconds)\n')
