"""Talk with the other boats. New here: sending and fetching, because nobody can ring at your door.

Type a message for all, or a name, a colon and a message: `grace: where are you?`.
Enter alone fetches what the others wrote.
"""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat
if hasattr(sys.stdout, 'reconfigure'):           # some terminals do not know every letter:
    sys.stdout.reconfigure(errors='replace')     # they print ? instead


def ask(route, **parameters):
    reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    return reply


def fetch():
    """The server keeps our messages until we ask. Each call brings the oldest one."""
    while (reply := ask('popchat', id=my_id)).ok and reply.text:
        print('   ', reply.text.replace(',', ': ', 1))


joined = ask('join', name=NAME, id=ID)
print(joined.text)
if not joined.ok:
    sys.exit(1)
my_id = joined.text.split(',')[0]
print('Type a message and Enter; q ends.')

while True:
    typed = input('> ').strip()
    if typed in ('q', 'quit'):
        break
    name, colon, message = [part.strip() for part in typed.partition(':')]
    if colon and name.isalnum() and not name.isdigit():          # but not 10:30
        print(ask('sendchat', id=my_id, name=name, message=message).text)
    elif typed:
        print(ask('sendchat', id=my_id, name='all', message=typed).text)
    fetch()
