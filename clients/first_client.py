"""The first client: join the game, then move once. New here: requests.get with params."""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat

reply = requests.get(f'{SERVER}/join', params={'name': NAME, 'id': ID}, timeout=10)
if reply.text.lstrip().startswith('<'):
    sys.exit('A web page came, not the game: does this network want a login?')
if reply.ok:
    print('joined:', reply.text)
    my_id = reply.text.split(',')[0]
    reply = requests.get(f'{SERVER}/move', params={'id': my_id, 'heading': 'north'}, timeout=10)
    print('moved to:', reply.text)
else:
    print(reply.text)    # what was wrong, and what to try instead
